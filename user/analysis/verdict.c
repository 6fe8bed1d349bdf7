// SPDX-License-Identifier: Apache-2.0
#include "analysis/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/amount.h"
#include "analysis/count.h"
#include "analysis/site.h"
#include "base/cleanup.h"

/*
 * The waits that the runtime itself parks for ever: gopark() without an unlock function and with
 * traceBlockForever (runtime/chan.go chansend, chanrecv; runtime/select.go block; Go 1.18 to 1.27).
 */
static const struct endless {
	const char *reason;
	const char *function;	/* that parks with it */
	const char *pattern;
	const char *one, *many;	/* what they do */
	const char *why;
	const char *advice;
} endless_waits[] = {
	{ "chan send (nil chan)", "runtime.chansend", "nil-chan-send",
	  "sends on a nil channel, for ever",
	  "send on a nil channel, for ever",
	  "nothing can receive from a nil channel",
	  "make() the channel before this line; in a select, a nil channel only disables its case" },
	{ "chan receive (nil chan)", "runtime.chanrecv", "nil-chan-recv",
	  "receives from a nil channel, for ever",
	  "receive from a nil channel, for ever",
	  "nothing can send on or close a nil channel",
	  "make() the channel before this line; in a select, a nil channel only disables its case" },
	{ "select (no cases)", "runtime.block", "select-forever",
	  "waits in a select without cases",
	  "wait in a select without cases",
	  "a select without cases has nothing that could end it",
	  "return from the goroutine, or wait for a context or a stop channel" },
};

/* Go 1.25: inside a testing/synctest bubble a wait reason may end in this (runtime/runtime2.go). */
static const char durable[] = " (durable)";

static const struct endless *endless_find(const char *reason)
{
	size_t n = strlen(reason);
	size_t suffix = sizeof(durable) - 1;

	if (n > suffix && strcmp(reason + n - suffix, durable) == 0)
		n -= suffix;
	for (size_t i = 0; i < ARRAY_SIZE(endless_waits); i++) {
		const char *want = endless_waits[i].reason;

		if (strlen(want) == n && memcmp(want, reason, n) == 0)
			return &endless_waits[i];
	}
	return NULL;
}

/* Is `function` among the runtime's frames at the stack's inner end? */
static bool parked_in(const struct stack *s, const char *function)
{
	for (uint32_t i = 0; i < s->n && site_is_runtime(s->frames[i].function); i++)
		if (strcmp(s->frames[i].function, function) == 0)
			return true;
	return false;
}

/* Goroutine 1 runs runtime.main, which calls main.main (runtime/proc.go). */
static bool is_main_goroutine(const struct group *g)
{
	const struct frame *outermost = g->stack.n ? &g->stack.frames[g->stack.n - 1] : NULL;

	return g->count == 1 && g->n_samples == 1 && g->sample_ids[0] == 1 &&
	       outermost && outermost->function && strcmp(outermost->function, "runtime.main") == 0;
}

static const struct endless *judge_group(struct group *g)
{
	const struct endless *e = NULL;

	g->verdict = VERDICT_UNKNOWN;
	g->pattern = NULL;
	if (g->system) {
		g->verdict = VERDICT_OK;
		return NULL;
	}
	/* Go 1.26: a goroutine that the runtime's own detector found is "leaked" and still waits. */
	if (go_state_is_parked(g->state) && g->wait_reason)
		e = endless_find(g->wait_reason);
	if (!e || !parked_in(&g->stack, e->function))
		return NULL;
	g->pattern = e->pattern;
	if (strcmp(e->pattern, "select-forever") == 0 && is_main_goroutine(g))
		g->verdict = VERDICT_OK;
	else
		g->verdict = VERDICT_PROVEN;
	/* The wait says so of all of them; what reachability says of some is less. */
	g->n_proven = g->verdict == VERDICT_PROVEN ? g->count : 0;
	g->n_likely = g->n_leak_suspect = 0;
	g->leaked_stack_bytes = g->n_proven ? g->stack_bytes : 0;
	return e;
}

static int add_evidence(struct snapshot *s, const struct group *g, const struct endless *e,
			struct finding *f)
{
	const char **lines = arena_alloc(s->arena, 3, sizeof(*lines));
	uint32_t n = 0;

	if (!lines)
		return -ENOMEM;
	lines[n++] = arena_printf(s->arena, "the wait reason is \"%s\", the stack ends in %s: %s",
				  g->wait_reason, e->function, e->why);
	if (g->oldest_wait_ns >= 1000000000)
		lines[n++] = amount_parked(s->arena, g->oldest_wait_ns);
	if (g->created_by.function && f->verdict == VERDICT_PROVEN) {
		const char *site = site_string(s->arena, &g->created_by);

		lines[n++] = site ? arena_printf(s->arena, "created by %s", site) : NULL;
	}
	return finding_evidence(f, lines, n);
}

static int add_finding(struct snapshot *s, uint32_t group, const struct endless *e)
{
	const struct group *g = &s->groups[group];
	struct finding *f = &s->findings[s->n_findings];
	uint64_t bytes = g->stack_bytes + g->leaked_heap_bytes;
	char count[COUNT_WORDS];

	*f = (struct finding){
		.pattern = e->pattern,
		.verdict = g->verdict == VERDICT_OK ? VERDICT_EXPLAINED : g->verdict,
		.count = g->count,
		.bytes = bytes ? (int64_t)bytes : WAIT_UNKNOWN,
		.site = site_string(s->arena, site_frame(&g->stack, s->process.module)),
		.group = group,
	};
	if (g->verdict == VERDICT_OK)
		f->summary = "main's own select {}, which keeps the program running";
	else if (g->count == 1)
		f->summary = arena_printf(s->arena, "1 goroutine %s", e->one);
	else
		f->summary = arena_printf(s->arena, "%s goroutines %s",
					  count_words(g->count, count), e->many);
	if (g->verdict == VERDICT_PROVEN)
		f->advice = e->advice;
	if (!f->summary || !f->site)
		return -ENOMEM;
	s->n_findings++;
	return add_evidence(s, g, e, f);
}

/* ok ranks with unknown: neither asks anybody to do anything. */
static int severity(const struct group *g)
{
	return g->verdict > VERDICT_OK ? (int)g->verdict : 0;
}

#define DESCENDING(a, b) (((a) < (b)) - ((a) > (b)))

static int by_severity(const void *a, const void *b)
{
	const struct group *x = *(const struct group *const *)a;
	const struct group *y = *(const struct group *const *)b;
	int r = (int)x->system - (int)y->system;

	if (!r)
		r = DESCENDING(severity(x), severity(y));
	if (!r)
		r = DESCENDING(x->count, y->count);
	if (!r)
		r = DESCENDING(x->oldest_wait_ns, y->oldest_wait_ns);
	/* The rest only keeps the order the same from run to run. */
	if (!r)
		r = -DESCENDING(x->id, y->id);
	if (!r)
		r = -DESCENDING((uintptr_t)x, (uintptr_t)y);
	return r;
}

static int worst_first(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int r = DESCENDING(x->verdict, y->verdict);

	if (!r)
		r = -DESCENDING(x->group, y->group);
	/* Those without a group. */
	if (!r)
		r = strcmp(x->pattern, y->pattern);
	if (!r)
		r = DESCENDING(x->count, y->count);
	return r ? r : strcmp(x->site ? x->site : "", y->site ? y->site : "");
}

static int sort_groups(struct snapshot *s)
{
	struct group *sorted = arena_alloc(s->arena, s->n_groups, sizeof(*sorted));
	const struct group **order = calloc(s->n_groups, sizeof(struct group *));
	uint32_t *place = calloc(s->n_groups, sizeof(*place));
	int r = -ENOMEM;

	if (!sorted || !order || !place)
		goto out;
	for (uint32_t i = 0; i < s->n_groups; i++)
		order[i] = &s->groups[i];
	qsort(order, s->n_groups, sizeof(struct group *), by_severity);
	for (uint32_t i = 0; i < s->n_groups; i++) {
		sorted[i] = *order[i];
		place[order[i] - s->groups] = i;
	}
	for (uint64_t i = 0; i < s->n_goroutines; i++)
		if (s->goroutines[i].group < s->n_groups)
			s->goroutines[i].group = place[s->goroutines[i].group];
	for (uint32_t i = 0; i < s->n_findings; i++)
		if (s->findings[i].group < s->n_groups)
			s->findings[i].group = place[s->findings[i].group];
	s->groups = sorted;
	r = 0;
out:
	free(order);
	free(place);
	return r;
}

int verdict_sort(struct snapshot *s)
{
	int r = s->n_groups ? sort_groups(s) : 0;

	if (r == 0 && s->n_findings)
		qsort(s->findings, s->n_findings, sizeof(*s->findings), worst_first);
	return r;
}

void verdict_mark(struct snapshot *s)
{
	for (uint32_t i = 0; i < s->n_groups; i++)
		judge_group(&s->groups[i]);
}

int verdict_judge(struct snapshot *s)
{
	uint32_t n = 0;
	int r;

	s->findings = NULL;
	s->n_findings = 0;
	if (s->n_groups == 0)
		return 0;
	for (uint32_t i = 0; i < s->n_groups; i++)
		n += judge_group(&s->groups[i]) != NULL;
	r = verdict_sort(s);
	if (r < 0 || n == 0)
		return r;

	s->findings = arena_alloc(s->arena, n, sizeof(*s->findings));
	if (!s->findings)
		return -ENOMEM;
	/*
	 * In the order of the groups: most severe first already. Judging again is cheaper than
	 * carrying the answer through the sort.
	 */
	for (uint32_t i = 0; i < s->n_groups; i++) {
		const struct endless *e = judge_group(&s->groups[i]);

		r = e ? add_finding(s, i, e) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
