// SPDX-License-Identifier: Apache-2.0
#include "analysis/leak_findings.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "analysis/amount.h"
#include "analysis/count.h"
#include "analysis/site.h"
#include "base/cleanup.h"
#include "model/leaks.h"

enum { EVIDENCE_MAX = 8, CASES_SHOWN = 4 };

/* What they wait on, with a verb that fits one and each of many. */
static const char *chan_words(struct arena *a, const struct wait_chan *c)
{
	const char *type = c->type ? c->type : "of an unknown type";
	const char *queue = "";
	char n[COUNT_WORDS];

	if (c->addr == 0)
		return arena_printf(a, "a nil channel");
	if (c->senders > 1)
		queue = arena_printf(a, ", %s%s senders", c->senders_more ? "at least " : "",
				     count_words((uint64_t)c->senders, n));
	else if (c->receivers > 1)
		queue = arena_printf(a, ", %s%s receivers", c->receivers_more ? "at least " : "",
				     count_words((uint64_t)c->receivers, n));
	if (!queue)
		return NULL;
	if (c->cap && c->len == c->cap)
		return arena_printf(a, "a chan %s (cap %" PRIu64 ", full%s)", type, c->cap, queue);
	if (c->cap && c->len)
		return arena_printf(a, "a chan %s (cap %" PRIu64 ", %" PRIu64 " in it%s)", type,
				    c->cap, c->len, queue);
	return arena_printf(a, "a chan %s (cap %" PRIu64 "%s)", type, c->cap, queue);
}

static const char *select_words(struct arena *a, const struct wait_object *o)
{
	const char *list = "";
	uint32_t shown = o->select.n < CASES_SHOWN ? o->select.n : CASES_SHOWN;

	if (!o->known || !shown)
		return arena_printf(a, "waits in a select, and nothing alive can reach a channel of it");
	for (uint32_t i = 0; list && i < shown; i++) {
		const struct wait_chan *c = &o->select.cases[i];
		const char *words = chan_words(a, c);

		list = words ? arena_printf(a, "%s%s%s %s", list, i ? ", " : "",
					    c->dir == CHAN_SEND ? "send on" : "receive from", words)
			     : NULL;
	}
	if (!list)
		return NULL;
	return arena_printf(a, "waits in a select of %" PRIu32 " case%s that nothing alive can reach: "
			    "%s%s", o->select.n_all, o->select.n_all == 1 ? "" : "s", list,
			    shown < o->select.n_all ? ", ..." : "");
}

static const char *mutex_words(struct arena *a, const struct wait_object *o, bool reached)
{
	const struct wait_sync *m = &o->sync;
	bool rw = o->kind == WAIT_RWMUTEX;
	const char *what = rw ? m->for_read ? "the read lock of a sync.RWMutex"
					    : "the write lock of a sync.RWMutex"
			      : "a sync.Mutex";
	const char *state = "", *readers = "";
	char n[COUNT_WORDS];

	if (rw && m->counter > 0)
		readers = arena_printf(a, ", %s reading", count_words((uint64_t)m->counter, n));
	if (m->state_known)
		state = arena_printf(a, ": its state is 0x%" PRIx64 ", %s%s, %s waiting", m->state,
				     m->locked ? rw ? "a writer has it or waits" : "locked"
					       : "not locked",
				     readers ? readers : "",
				     count_words(m->waiters > 0 ? (uint64_t)m->waiters : 0, n));
	return readers && state ? arena_printf(a, "waits for %s%s%s", what,
					       reached ? "" : " that nothing alive can reach",
					       state) : NULL;
}

static const char *sync_words(struct arena *a, const struct wait_object *o)
{
	const struct wait_sync *w = &o->sync;
	char n[COUNT_WORDS];

	switch (o->kind) {
	case WAIT_WAITGROUP:
		if (w->counter <= 0)
			return arena_printf(a, "waits for a sync.WaitGroup that nothing alive can reach");
		return arena_printf(a, "waits for a sync.WaitGroup that nothing alive can reach: %s more "
				    "Done() are wanted (state 0x%" PRIx64 ")",
				    count_words((uint64_t)w->counter, n), w->state);
	case WAIT_COND:
		if (w->waiters <= 0)
			return arena_printf(a, "waits on a sync.Cond that nothing alive can reach");
		return arena_printf(a, "waits on a sync.Cond that nothing alive can reach: %s waiting",
				    count_words((uint64_t)w->waiters, n));
	case WAIT_MUTEX:
	case WAIT_RWMUTEX:
		return mutex_words(a, o, false);
	default:
		return arena_printf(a, "waits for a semaphore that nothing alive can reach");
	}
}

/* A kind that is known, and the object is not, is described by its zeros. */
static const char *wait_words(struct arena *a, const struct group *g)
{
	const struct wait_object *o = &g->blocked_on;
	const char *chan;

	if (o->kind == WAIT_SELECT)
		return select_words(a, o);
	if (!o->known || o->kind == WAIT_NONE)
		return arena_printf(a, "waits for something that nothing alive can reach (%s)",
				    g->wait_reason ? g->wait_reason : "no wait reason");
	if (o->kind != WAIT_CHAN)
		return sync_words(a, o);
	chan = chan_words(a, &o->chan);
	return chan ? arena_printf(a, "%s %s that nothing alive can reach",
				   o->chan.dir == CHAN_SEND ? "sends on" : "receives from", chan)
		    : NULL;
}

/* Is there one object that all of them wait for, as far as the samples tell? */
static const char *object_line(struct arena *a, const struct group *g, const struct leak_tally *t)
{
	const char *words = t->stuck ? mutex_words(a, &g->blocked_on, true) : wait_words(a, g);

	if (!words || t->count == 1)
		return words;
	if (g->objects_seen == 1 && g->n_samples > 1)
		return arena_printf(a, "each %s, the same for all", words);
	return arena_printf(a, "each %s", words);
}

static const char *grade_line(struct arena *a, const struct snapshot *s, enum verdict grade)
{
	const struct leak_set *l = s->leaks;
	const char *passes = l->passes == 1 ?
		"1 pass" : arena_printf(a, "each of %" PRIu32 " passes over %.1f s", l->passes,
					l->span_s);
	const char *stop = "";

	if (!passes)
		return NULL;
	if (grade == VERDICT_PROVEN && l->stopped_ms > 0)
		return arena_printf(a, "shown by one exact pass, for which the process was stopped for "
				    "%.0f ms", l->stopped_ms);
	if (grade == VERDICT_PROVEN)
		return arena_printf(a, "shown by one exact pass over memory that did not change");
	if (grade == VERDICT_SUSPECT)
		return arena_printf(a, "unreachable in %s, which is not enough to be sure%s%s", passes,
				    l->why_not ? ": " : "", l->why_not ? l->why_not : "");
	if (s->process.core_file)
		return arena_printf(a, "unreachable in %s", passes);
	if (l->estimated_stop_ms >= 1)
		stop = arena_printf(a, " and would stop the process for about %.0f ms",
				    l->estimated_stop_ms);
	return stop ? arena_printf(a, "unreachable in %s; `--prove` makes it certain%s", passes, stop)
		    : NULL;
}

/* What in the creator's code may be the reason; NULL nothing. Words of a guess, all of them. */
static const char *probable_cause(const struct leak_clues *c, const struct leak_pattern *p)
{
	bool sends = strcmp(p->name, "orphan-send") == 0 || strcmp(p->name, "ncast") == 0 ||
		     strcmp(p->name, "buffer-full") == 0;
	bool receives = strcmp(p->name, "orphan-recv") == 0 ||
			strcmp(p->name, "range-unclosed") == 0;

	if (!c)
		return NULL;
	if (sends && c->creator_selects && c->creator_timer)
		return "which also selects on a timer: probably a timeout leak";
	if (sends && c->creator_selects && c->creator_context)
		return "which also selects, with a context of its own: probably a timeout leak";
	if (sends && c->creator_selects)
		return "which selects: it has probably left by another case";
	/* With several channels, who knows which one it leaves? */
	if (!c->made_at)
		return NULL;
	if (sends && c->creator_receives && c->creator_returns)
		return "which may return before its receive: probably a premature return";
	if (receives && c->creator_sends && c->creator_returns)
		return "which may return before it sends or closes: probably a premature return";
	return NULL;
}

static const char *creator_line(struct arena *a, const struct group *g, const struct leak_pattern *p)
{
	const char *by = site_string(a, &g->created_by);
	const char *cause = probable_cause(g->clues, p);

	return by ? arena_printf(a, "created by %s%s%s", by, cause ? ", " : "", cause ? cause : "")
		  : NULL;
}

static const char *holder_line(struct arena *a, const struct leak_clues *c)
{
	if (!c->holder_goid)
		return arena_printf(a, "no goroutine refers to it but those that wait: whoever locked it "
				    "has probably returned without unlocking, or is one of them");
	return arena_printf(a, "probably held by goroutine %" PRIu64 "%s%s, which refers to it and "
			    "does not wait for it", c->holder_goid, c->holder_site ? " in " : "",
			    c->holder_site ? c->holder_site : "");
}

/* "parked for at least 3 h; they hold 47 MiB of stacks and 612 MiB of heap" */
static const char *held_line(struct arena *a, const struct leak_tally *t)
{
	const char *parked = t->wait_ns >= 1000000000 ? amount_parked(a, t->wait_ns) : "";
	const char *stacks = amount_bytes(a, (double)t->stack_bytes);
	const char *heap = amount_bytes(a, (double)t->heap_bytes);

	if (!parked || !stacks || !heap)
		return NULL;
	return arena_printf(a, "%s%s%s %s of stack%s and %s of heap", parked, *parked ? "; " : "",
			    t->count == 1 ? "it holds" : "they hold", stacks,
			    t->count == 1 ? "" : "s", heap);
}

static int add_evidence(struct snapshot *s, const struct leak_tally *t, struct finding *f)
{
	const struct group *g = &s->groups[t->group];
	const char **lines = arena_alloc(s->arena, EVIDENCE_MAX, sizeof(*lines));
	uint32_t n = 0;

	if (!lines)
		return -ENOMEM;
	lines[n++] = object_line(s->arena, g, t);
	lines[n++] = t->stuck ? "something alive can still reach the lock, so this proves nothing: "
				"`loiter attach` shows whether it is ever released"
			      : grade_line(s->arena, s, t->grade);
	if (g->clues && g->clues->holder_sought)
		lines[n++] = holder_line(s->arena, g->clues);
	if (g->created_by.function)
		lines[n++] = creator_line(s->arena, g, t->pattern);
	if (!t->stuck)
		lines[n++] = held_line(s->arena, t);
	else
		lines[n++] = amount_parked(s->arena, t->wait_ns);
	return finding_evidence(f, lines, n);
}

static const char *summary(struct arena *a, const struct leak_tally *t)
{
	char n[COUNT_WORDS];
	bool one = t->count == 1;

	if (t->explained)
		return "main's own wait, which keeps the program running";
	count_words(t->count, n);
	if (t->stuck)
		return arena_printf(a, "%s goroutine%s for a lock that is not released", n,
				    one ? " waits" : "s wait");
	if (t->grade == VERDICT_SUSPECT)
		return arena_printf(a, "%s goroutine%s for what nothing alive was seen to reach", n,
				    one ? " waits" : "s wait");
	return arena_printf(a, "%s goroutine%s can never run again", n, one ? "" : "s");
}

/* The channel is named where there is but one that it can be. */
static const char *advice(struct arena *a, const struct leak_tally *t, const struct leak_clues *c)
{
	if (t->explained)
		return NULL;
	if (c && c->made_at && strcmp(t->pattern->name, "orphan-send") == 0)
		return arena_printf(a, "give the channel made at %s a buffer of 1", c->made_at);
	return t->pattern->advice;
}

int leak_finding(struct snapshot *s, const struct leak_tally *t, struct finding *ret)
{
	const struct group *g = &s->groups[t->group];
	uint64_t bytes;

	if (__builtin_add_overflow(t->stack_bytes, t->heap_bytes, &bytes) || bytes > INT64_MAX)
		bytes = INT64_MAX;
	*ret = (struct finding){
		.pattern = t->pattern->name,
		.verdict = t->explained ? VERDICT_EXPLAINED : t->grade,
		.count = t->count,
		.bytes = bytes ? (int64_t)bytes : WAIT_UNKNOWN,
		.site = site_string(s->arena, site_frame(&g->stack, s->process.module)),
		.group = t->group,
		.summary = summary(s->arena, t),
		.advice = advice(s->arena, t, g->clues),
	};
	if (!ret->summary || (!ret->site && g->stack.n))
		return -ENOMEM;
	return add_evidence(s, t, ret);
}
