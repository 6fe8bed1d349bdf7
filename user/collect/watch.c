// SPDX-License-Identifier: Apache-2.0
#include "collect/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/growth.h"
#include "analysis/verdict.h"
#include "base/clock.h"
#include "base/self.h"
#include "collect/describe.h"
#include "collect/gather.h"
#include "collect/ledger_growth.h"
#include "collect/snapshot.h"
#include "collect/subject.h"
#include "collect/timer_watch.h"
#include "collect/tracing.h"
#include "goruntime/goruntime.h"
#include "image/pclntab.h"
#include "target/sockets.h"

/* What the groups may take before they begin anew: old wait objects are never given back singly. */
#define ARENA_MAX (16u << 20)
/* Less CPU time of the target than this is no measure for a share of it. */
#define TARGET_CPU_MIN_S 0.1

struct watch {
	struct subject *subject;
	struct arena *arena;		/* what lives as long as the watch */
	struct go_runtime *rt;		/* NULL: not a Go process */
	struct arena *group_arena;
	struct arena *old_arena;	/* the group_arena that `last` still points into */
	size_t arena_max;		/* of group_arena */
	struct gather *gather;
	struct growth *growth;
	struct timer_watch *timers;	/* NULL: not Go, or they cannot be read */
	struct tracing_args *tracing_args;	/* NULL: nothing is to be traced */
	struct tracing *tracing;	/* NULL: not yet, or refused */
	struct activity untraced;	/* what is said then */
	struct diag refused;
	bool is_refused;
	bool accounted;
	struct ledger_growth *ledger;	/* NULL: not asked for, or not cheap */
	double share;			/* of the CPU time of loiter's other threads */
	double others_ms;		/* theirs, when we last looked */
	struct process_info process;
	struct snapshot *last;		/* of the last look that was had */
	struct snapshot *closing;
	struct interval good;		/* that look's */
	struct interval now;
	struct diag why;		/* now.reason */
	bool looked;
	double start_s;			/* by CLOCK_MONOTONIC: of the first look; 0 none yet */
	double before_s;		/* when the last one began */
	double cpu_ms;			/* ours, for this target so far, with */
	double setup_ms;
	double target_start_s;		/* its CPU time when we began; negative unknown */
	double traced_s;		/* of that since then, what tracing has cost */
};

static const struct snapshot_options options;

/* Of this thread, which does all but bursts, and so only what is for this target. */
static double own_cpu_ms(void)
{
	return clock_now_s(CLOCK_THREAD_CPUTIME_ID) * 1e3;
}

/* Of all others, those that have ended too. */
static double others_cpu_ms(void)
{
	double all = clock_now_s(CLOCK_PROCESS_CPUTIME_ID) * 1e3;

	return all - own_cpu_ms();
}

/* --- Opening --- */

static int open_go(struct watch *w, struct diag *d)
{
	struct subject *subject = w->subject;
	int r = subject_find_go(subject, w->arena, d);

	if (r == -ENODATA) {
		/* No failure, and no reason for a later one. */
		*d = (struct diag)DIAG_INIT;
		return 0;
	}
	if (r < 0)
		return r;
	describe_binary(subject, &w->process, w->arena);
	r = subject_open_runtime(subject, w->arena, &w->rt, d);
	if (r == 0)
		r = timer_watch_open(w->rt, &w->timers);
	return r < 0 ? r : gather_open(w->rt, &options, w->group_arena, &w->gather);
}

static int open_all(struct watch *w, pid_t pid, struct diag *d)
{
	struct process_facts facts;
	int r;

	w->arena = arena_new();
	w->group_arena = arena_new();
	w->growth = growth_new();
	w->arena_max = ARENA_MAX;
	if (!w->arena || !w->group_arena || !w->growth)
		return -ENOMEM;
	r = subject_open_process(pid, &w->subject, d);
	if (r == 0)
		r = describe_process(w->subject, &w->process, w->arena, &facts);
	if (r < 0)
		return r;
	w->target_start_s = facts.cpu_s;
	return open_go(w, d);
}

int watch_open(pid_t pid, struct tracing_args *args, struct watch **ret, struct diag *d)
{
	CLEANUP(watch_close_p) struct watch *w = calloc(1, sizeof(*w));
	double cpu = own_cpu_ms();
	int r;

	if (!w)
		return -ENOMEM;
	w->tracing_args = args;
	w->share = 1;
	r = open_all(w, pid, d);
	if (r < 0 && w->subject) {
		struct diag gone = DIAG_INIT;
		int check = process_check(w->subject->process, &gone);

		/* That it went away explains whatever could not be read. */
		if (check < 0) {
			*d = gone;
			r = check == -ESTALE ? -ESRCH : check;
		}
	}
	if (r < 0)
		return diag_what(d, r, "pid %d", (int)pid);
	w->cpu_ms = w->setup_ms = own_cpu_ms() - cpu;
	w->others_ms = others_cpu_ms();
	*ret = TAKE(w);
	return 0;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	tracing_close(w->tracing);
	ledger_growth_free(w->ledger);
	snapshot_free(w->closing);
	snapshot_free(w->last);
	growth_free(w->growth);
	timer_watch_close(w->timers);
	gather_close(w->gather);
	go_runtime_close(w->rt);
	arena_free(w->group_arena);
	arena_free(w->old_arena);
	arena_free(w->arena);
	subject_close(w->subject);
	free(w);
}

void watch_set_share(struct watch *w, double share)
{
	w->share = share;
}

int watch_pidfd(const struct watch *w)
{
	return w->subject->process->pidfd;
}

const struct process_info *watch_process(const struct watch *w)
{
	return &w->process;
}

void watch_focus(struct watch *w)
{
	growth_focus(w->growth);
}

void watch_rest(struct watch *w)
{
	if (!w->rt)
		return;
	memcache_rest(w->rt->chase);
	memcache_rest(w->rt->constant);
	pclntab_rest(w->rt->tab);
}

bool watch_glance(const struct watch *w, uint64_t *ret_addr, uint64_t *ret_in_use)
{
	if (!w->rt || !w->last)
		return false;
	/* The length in the slice header. */
	*ret_addr = w->rt->globals.allgs + sizeof(uint64_t);
	*ret_in_use = w->last->quality.goroutines_read;
	return true;
}

/* --- One look --- */

/* How it is, with the reason when it does not run. */
static enum watch_state fate(struct watch *w)
{
	switch (process_check(w->subject->process, &w->why)) {
	case 0:
		return WATCH_RUNNING;
	case -ESTALE:
		return WATCH_EXECED;
	case -ESRCH:
		return WATCH_EXITED;
	default:
		return WATCH_FAILED;
	}
}

/* The last snapshot's groups point into the arena, so it stays until there is a new one. */
static int renew_arena(struct watch *w)
{
	struct arena *fresh;

	if (!w->gather || w->old_arena || arena_bytes(w->group_arena) <= w->arena_max)
		return 0;
	fresh = arena_new();
	if (!fresh)
		return -ENOMEM;
	w->old_arena = w->group_arena;
	w->group_arena = fresh;
	/* Its stacks may take most of the old bound by themselves. */
	w->arena_max = 0;
	return gather_renew(w->gather, fresh);
}

/* A process's memory goes before it does: what is left of it by then is no look at it. */
static int check_read(const struct snapshot *s, struct diag *d)
{
	if (s->quality.unreadable <= s->quality.goroutines_read)
		return 0;
	return diag_fail(d, -EFAULT, "most of its goroutines could not be read");
}

/*
 * The counts are of the time when runtime.allgs is read, now: on a busy machine that is long after
 * the look began, and a rate that is taken of the beginnings is wrong.
 */
static void time_counts(struct watch *w, struct interval *i)
{
	double now_s = clock_now_s(CLOCK_MONOTONIC);

	/* The very first one is where time begins. */
	if (i->elapsed_s <= 0)
		w->start_s = now_s;
	i->elapsed_s = now_s - w->start_s;
}

static int take(struct watch *w, struct interval *i, struct snapshot *s,
		const struct group_past **past, struct diag *d)
{
	CLEANUP(sockets_close_p) struct sockets *sockets = NULL;
	struct look look = growth_next(w->growth);
	int r;

	*past = NULL;
	if (!w->gather)
		return 0;
	r = sockets_open(w->subject->process, &sockets);
	time_counts(w, i);
	if (r == 0)
		r = gather_take(w->gather, sockets, &look, s, past, d);
	if (r == 0 && w->timers)
		r = timer_watch_look(w->timers, i->elapsed_s);
	if (r == 0)
		r = check_read(s, d);
	if (!w->arena_max)
		w->arena_max = ARENA_MAX + 2 * arena_bytes(w->group_arena);
	return r;
}

static void measure(struct watch *w, const struct process_facts *f, struct interval *i)
{
	w->process.uptime_s = f->uptime_s;
	w->process.rss_bytes = f->rss_bytes;
	w->process.threads = f->threads;
	i->rss_bytes = f->rss_bytes;
	i->threads = f->threads;
	i->cpus = f->cpus;
}

/* Everything of a look but its cost. What cannot be had is a state with its reason. */
static int look(struct watch *w, struct interval *i, struct process_facts *facts)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = snapshot_new();
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	const struct group_past *past;
	double begun_s = clock_now_s(CLOCK_MONOTONIC);
	struct diag failed;
	int r;

	if (!s || !scratch)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME, &s->time);
	r = process_facts_read(w->subject->process, scratch, facts);
	if (r == -ENOMEM)
		return r;
	if (r == 0)
		measure(w, facts, i);
	if (r == 0 && facts->stopped && fate(w) == WATCH_RUNNING) {
		i->state = WATCH_STOPPED;
		diag_fail(&w->why, 0, "a signal or a debugger has stopped it");
		return 0;
	}
	s->process = w->process;
	if (r == 0 && w->rt)
		w->rt->now_ns = describe_nanotime(facts);
	if (r == 0)
		r = renew_arena(w);
	if (r == 0)
		r = take(w, i, s, &past, &w->why);
	if (r == -ENOMEM)
		return r;
	/* It may be another program's memory that was read; and an end explains any error. */
	failed = w->why;
	i->state = fate(w);
	if (i->state == WATCH_RUNNING && r < 0) {
		w->why = failed;
		i->state = WATCH_FAILED;
	}
	if (i->state != WATCH_RUNNING)
		return 0;
	s->duration_ms = s->quality.span_s * 1e3;
	verdict_mark(s);
	r = growth_add(w->growth, s, past, i);
	if (r < 0)
		return r;
	w->before_s = begun_s;
	snapshot_free(w->last);
	arena_free(TAKE(w->old_arena));
	w->last = TAKE(s);
	w->good = *i;
	w->looked = true;
	return 0;
}

/* --- Memory --- */

int watch_account(struct watch *w)
{
	struct diag ignored = DIAG_INIT;
	double cpu = own_cpu_ms();
	int r;

	if (w->accounted || !w->last || w->now.state != WATCH_RUNNING)
		return 0;
	w->accounted = true;
	r = ledger_growth_begin(w->subject, w->rt, w->last, &w->ledger, &ignored);
	cpu = own_cpu_ms() - cpu;
	w->cpu_ms += cpu;
	w->setup_ms += cpu;
	/* Whoever went away meanwhile is found to have at the next look. */
	return r == -ENOMEM ? r : 0;
}

/* --- Tracing --- */

/* That none of them could be had. */
static void say_why(struct watch *w, const char *why)
{
	for (int c = 0; c < COLLECTORS; c++) {
		struct collector_report *r = &w->untraced.collectors[c];

		r->asked = w->tracing_args->collectors & 1u << c;
		r->refused = r->asked ? why : NULL;
	}
}

int watch_trace(struct watch *w)
{
	double cpu = own_cpu_ms(), others = others_cpu_ms(), spent;
	int r;

	if (w->tracing || w->is_refused || !w->tracing_args || !w->looked || w->now.state != WATCH_RUNNING)
		return 0;
	r = tracing_open(w->subject->process, w->subject->mem, w->rt, w->subject->elf,
			 w->tracing_args, &w->tracing, &w->refused);
	/* Calibration has threads of its own. */
	spent = own_cpu_ms() - cpu + others_cpu_ms() - others;
	w->others_ms += others_cpu_ms() - others;
	w->cpu_ms += spent;
	w->setup_ms += spent;
	if (r < 0) {
		say_why(w, w->refused.why[0] ? w->refused.why : strerror(-r));
		w->is_refused = true;
	}
	return r == -ENOMEM || r == -ECANCELED ? r : 0;
}

static int trace(struct watch *w, struct interval *i)
{
	const struct activity *now;
	struct tracing_cost cost;
	int r;

	i->activity = w->is_refused ? &w->untraced : NULL;
	if (!w->tracing)
		return 0;
	r = tracing_look(w->tracing, w->share, &now, &cost, &w->why);
	if (r < 0) {
		/* The next look finds out where the process is. */
		say_why(w, w->why.why[0] ? w->why.why : strerror(-r));
		i->activity = &w->untraced;
		return r == -ENOMEM ? r : 0;
	}
	i->activity = now;
	i->lost_events = now->lost;
	if (i->rss_climbs_alone && now->memory)
		i->rss_climbs_by = now->memory->climbs;
	w->good.activity = now;
	w->good.rss_climbs_by = i->rss_climbs_by;
	w->traced_s = cost.target_s;
	return 0;
}

static void count_cost(struct watch *w, double cpu_ms, const struct process_facts *f,
		       struct interval *i)
{
	struct overhead *o = &i->overhead;
	double others = others_cpu_ms();
	double used = f->cpu_s >= 0 && w->target_start_s >= 0 ? f->cpu_s - w->target_start_s : -1;

	o->target_cpu = -1;
	if (w->tracing && used >= TARGET_CPU_MIN_S)
		o->target_cpu = w->traced_s / used;
	o->budget_percent = w->tracing ? w->tracing_args->budget_percent : 0;

	w->cpu_ms += cpu_ms + w->share * (others - w->others_ms);
	w->others_ms = others;
	o->cpu_ms = cpu_ms;
	o->setup_ms = w->setup_ms;
	if (i->elapsed_s > 0)
		o->core_percent = w->cpu_ms / 10 / i->elapsed_s;
	o->target_percent = used >= TARGET_CPU_MIN_S ? w->cpu_ms / 10 / used : -1;
	o->rss_bytes = self_rss_bytes();
}

int watch_look(struct watch *w, const struct interval **ret)
{
	struct process_facts facts = { .cpu_s = -1 };
	struct interval *i = &w->now;
	double cpu = own_cpu_ms();
	double now_s = clock_now_s(CLOCK_MONOTONIC);
	int r;

	if (!w->start_s)
		w->start_s = now_s;
	*i = (struct interval){ .number = growth_next(w->growth).number,
				.elapsed_s = now_s - w->start_s };
	clock_gettime(CLOCK_REALTIME, &i->time);
	if (w->looked)
		i->span_s = now_s - w->before_s;
	w->why = (struct diag)DIAG_INIT;
	r = look(w, i, &facts);
	if (r == 0 && i->state == WATCH_RUNNING)
		r = trace(w, i);
	if (r < 0)
		return r;
	if (i->state != WATCH_RUNNING)
		i->reason = w->why.why;
	count_cost(w, own_cpu_ms() - cpu, &facts, i);
	if (w->looked)
		w->good.overhead = i->overhead;
	*ret = i;
	return 0;
}

/* --- The end --- */

/* A whole snapshot, for which everything is read anew. */
static int take_whole(struct watch *w, struct snapshot **ret, struct diag *d)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = snapshot_new();
	CLEANUP(gather_close_p) struct gather *gather = NULL;
	CLEANUP(sockets_close_p) struct sockets *sockets = NULL;
	struct timespec start, end;
	struct process_facts facts;
	int r;

	if (!s)
		return -ENOMEM;
	clock_gettime(CLOCK_MONOTONIC, &start);
	clock_gettime(CLOCK_REALTIME, &s->time);
	s->process = w->process;
	r = describe_process(w->subject, &s->process, s->arena, &facts);
	if (r == 0 && w->rt) {
		w->rt->now_ns = describe_nanotime(&facts);
		r = sockets_open(w->subject->process, &sockets);
		if (r == 0)
			r = gather_open(w->rt, &options, s->arena, &gather);
		if (r == 0)
			r = gather_take(gather, sockets, NULL, s, NULL, d);
		if (r == 0)
			r = check_read(s, d);
	}
	if (r == 0)
		r = process_check(w->subject->process, d);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &end);
	s->duration_ms = clock_between_s(start, end) * 1e3;
	*ret = TAKE(s);
	return 0;
}

/* What the collectors found goes beside what the goroutines show. */
static int add_found(struct watch *w, struct snapshot *s)
{
	const struct finding *found = NULL;
	uint32_t n = 0;
	int r;

	if (w->tracing)
		tracing_findings(w->tracing, &found, &n);
	r = snapshot_reserve_findings(s, n);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = finding_copy(s->arena, &found[i], &s->findings[s->n_findings++]);
	return r;
}

int watch_finish(struct watch *w, const struct snapshot **ret, struct diag *d)
{
	struct diag ignored = DIAG_INIT;
	double cpu = own_cpu_ms();
	struct snapshot *s;
	int r = take_whole(w, &w->closing, &ignored);

	if (r == -ENOMEM)
		return r;
	if (r < 0 && !w->last)
		return diag_fail(d, -ENODATA, "it ended before it could be read");
	s = r < 0 ? w->last : w->closing;
	if (r < 0)
		snapshot_note(s, "the process was gone at the end: this is what the last look saw");
	r = verdict_judge(s);
	if (r == 0 && w->timers && s == w->closing)
		r = timer_watch_end(w->timers, clock_now_s(CLOCK_MONOTONIC) - w->start_s, s);
	if (r == 0 && w->looked)
		r = growth_judge(s, &w->good);
	if (r == 0)
		r = add_found(w, s);
	/* It may go away just then, and the rest stays true. */
	if (r == 0 && w->ledger && s == w->closing &&
	    ledger_growth_end(w->ledger, w->subject, w->rt, s, &ignored) == -ENOMEM)
		r = -ENOMEM;
	if (r == 0)
		r = verdict_sort(s);
	w->cpu_ms += own_cpu_ms() - cpu;
	*ret = s;
	return r;
}
