// SPDX-License-Identifier: Apache-2.0
#include "collect/lock_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "collect/collector.h"
#include "model/traced_futex.h"
#include "native/lock_look.h"
#include "native/modules.h"
#include "native/symbols.h"
#include "native/unwind.h"
#include "trace/futex.h"
#include "trace/pace.h"

struct lock_watch {
	const struct process *process;
	struct mem *live;
	struct modules *modules;
	struct futex_trace *trace;	/* NULL: refused */
	struct diag refused;
	const struct traced_futex *fed;	/* for the next look */
	struct arena *arena;		/* of the last look */
	struct lock_interval now;
	int64_t looked_ns;		/* 0: never */
};

static int open_trace(struct lock_watch *w, const struct trace_target *t)
{
	int r = futex_trace_open(t, FUTEX_THRESHOLD_NS, &w->trace, &w->refused);

	return r == -ENOMEM ? r : 0;
}

int lock_watch_open_fed(const struct collector_source *src, struct lock_watch **ret,
			struct diag *d)
{
	struct lock_watch *w = calloc(1, sizeof(*w));

	(void)d;
	if (!w)
		return -ENOMEM;
	w->process = src->process;
	w->live = src->live;
	w->modules = src->modules;
	*ret = w;
	return 0;
}

void lock_watch_feed(struct lock_watch *w, const struct traced_futex *t)
{
	w->fed = t;
}

int lock_watch_open(const struct collector_source *src, struct lock_watch **ret, struct diag *d)
{
	CLEANUP(lock_watch_close_p) struct lock_watch *w = NULL;
	int r = lock_watch_open_fed(src, &w, d);

	if (r == 0)
		r = open_trace(w, src->target);
	if (r < 0)
		return r;
	*ret = TAKE(w);
	return 0;
}

void lock_watch_close(struct lock_watch *w)
{
	if (!w)
		return;
	futex_trace_close(w->trace);
	arena_free(w->arena);
	free(w);
}

const struct diag *lock_watch_refused(const struct lock_watch *w)
{
	return w->trace ? NULL : &w->refused;
}

static int make_hints(const struct traced_futex *t, struct arena *a, struct lock_hint **ret)
{
	struct lock_hint *hints = arena_alloc(a, t->n_now + 1, sizeof(*hints));

	if (!hints)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_now; i++) {
		const struct traced_futex_now *n = &t->now[i];

		hints[i].tid = n->tid;
		hints[i].switches = n->switches;
		hints[i].waited_ns = n->waited_ns ? (int64_t)n->waited_ns : WAIT_UNKNOWN;
		memcpy(hints[i].regs, n->regs, sizeof(hints[i].regs));
	}
	*ret = hints;
	return 0;
}

static int fill_side(struct lock_watch *w, struct arena *a, const struct traced_futex_side *t,
		     struct lock_side *ret)
{
	struct cfi_regs regs;
	struct unwound u;
	int r;

	if (!t->tid)
		return 0;
	unwind_all_regs(t->stack.regs, &regs);
	r = unwind_copy(w->modules, &regs, t->stack.bytes, t->stack.n_bytes, NULL, &u);
	if (r < 0)
		return r;
	ret->tid = t->tid;
	return symbols_stack(w->modules, u.pcs, u.n, u.truncated, true, a, &ret->stack);
}

static int fill_contended(struct lock_watch *w, struct arena *a, const struct traced_futex *t,
			  struct lock_interval *ret)
{
	struct lock_contention *all = arena_alloc(a, t->n_locks + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_locks; i++) {
		const struct traced_futex_lock *l = &t->locks[i];
		int r;

		all[i] = (struct lock_contention){
			.futex = l->uaddr,
			.waits = l->waits,
			.total_ns = l->total_ns,
			.longest_ns = l->longest_ns,
			.wakes = l->wakes,
			.timed = l->timed,
			.at_least = l->at_least,
		};
		r = fill_side(w, a, &l->waiter, &all[i].waiter);
		if (r == 0)
			r = fill_side(w, a, &l->waker, &all[i].waker);
		if (r < 0)
			return r;
	}
	ret->contended = all;
	ret->n_contended = (uint32_t)t->n_locks;
	ret->long_waits = t->waits;
	ret->lost = t->lost;
	ret->blind = t->blind;
	return 0;
}

/* A wait that is still the one of the look before is older than what lies between the two. */
static int add_ages(const struct lock_look *before, struct lock_look *now, int64_t span_ns,
		    struct arena *a)
{
	struct lock_wait *waits = arena_alloc(a, (size_t)now->n_waits + 1, sizeof(*waits));

	if (!waits)
		return -ENOMEM;
	for (uint32_t i = 0; i < now->n_waits; i++) {
		struct lock_wait *w = &waits[i];
		const struct lock_wait *old = lock_look_wait(before, now->waits[i].tid);
		int64_t age;

		*w = now->waits[i];
		if (!lock_wait_same(old, w))
			continue;
		age = span_ns + (old->waited_ns > 0 ? old->waited_ns : 0);
		if (age > w->waited_ns)
			w->waited_ns = age;
	}
	now->waits = waits;
	return 0;
}

static int take_interval(struct lock_watch *w, struct arena *a, struct lock_interval *ret,
			 struct diag *d)
{
	struct traced_futex t = { .n_locks = 0 };
	struct lock_hint *hints = NULL;
	int r = 0;

	if (w->fed)
		t = *w->fed;
	else if (w->trace)
		r = futex_trace_collect(w->trace, a, &t);
	if (r == 0)
		r = make_hints(&t, a, &hints);
	if (r == 0)
		r = lock_look_take(w->process, w->modules, w->live, hints, t.n_now, a, &ret->look,
				   d);
	if (r == 0)
		r = fill_contended(w, a, &t, ret);
	return r;
}

int lock_watch_arm(struct lock_watch *w, struct diag *d)
{
	if (!w->trace)
		return diag_fail(d, -EOPNOTSUPP, "%s", w->refused.why);
	return futex_trace_arm(w->trace, d);
}

int lock_watch_look(struct lock_watch *w, const struct lock_interval **ret, struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct lock_interval now = { .span_ns = 0 };
	int64_t began = (int64_t)clock_now_ns(CLOCK_MONOTONIC);
	int r;

	if (!a)
		return -ENOMEM;
	r = take_interval(w, a, &now, d);
	if (r == 0 && w->looked_ns) {
		now.span_ns = began - w->looked_ns;
		r = add_ages(&w->now.look, &now.look, now.span_ns, a);
		if (r == 0)
			r = lock_cycle_judge(&w->now.look, &now.look, now.span_ns, LOCK_STALL_NS,
					     a, &now.verdicts);
	}
	if (r < 0)
		return r;
	/* When this look ends, all waits that it has seen have begun: a span is never too long. */
	w->looked_ns = (int64_t)clock_now_ns(CLOCK_MONOTONIC);
	arena_free(w->arena);
	w->arena = TAKE(a);
	w->fed = NULL;
	w->now = now;
	*ret = &w->now;
	return 0;
}

/* --- As a collector --- */

static int collector_open(const struct collector_source *src, void **ret, struct diag *d)
{
	struct lock_watch *w;
	int r = lock_watch_open(src, &w, d);

	if (r < 0)
		return r;
	if (lock_watch_refused(w))
		*d = *lock_watch_refused(w);
	*ret = w;
	return 0;
}

static void collector_close(void *w)
{
	lock_watch_close(w);
}

static bool collector_paced(void *arg, struct pace_collector *ret)
{
	struct lock_watch *w = arg;

	if (!w->trace)
		return false;
	futex_trace_collector(w->trace, ret);
	return true;
}

static int collector_look(void *arg, const struct collector_span *span, struct activity *ret,
			  struct diag *d)
{
	struct lock_watch *w = arg;
	struct lock_activity *locks = arena_alloc(span->arena, 1, sizeof(*locks));
	const struct lock_interval *now;
	int r = locks ? lock_watch_look(w, &now, d) : -ENOMEM;

	if (r < 0)
		return r;
	*locks = (struct lock_activity){
		.contended = now->contended,
		.n_contended = now->n_contended,
		.long_waits = now->long_waits,
		.blind = now->blind,
		.sleepers = now->look.n_waits,
	};
	for (uint32_t i = 0; i < now->look.n_crowds; i++)
		locks->sleepers += now->look.crowds[i].others;
	ret->locks = locks;
	ret->collectors[COLLECTOR_FUTEX].lost += now->lost;
	return 0;
}

static int collector_findings(void *arg, const struct activity *now, struct arena *a,
			      const struct finding **ret, uint32_t *n)
{
	const struct lock_verdicts *v = &((struct lock_watch *)arg)->now.verdicts;
	struct finding *all = arena_alloc(a, (size_t)v->n_cycles + v->n_stalls + 1, sizeof(*all));

	(void)now;
	if (!all)
		return -ENOMEM;
	*n = 0;
	for (uint32_t i = 0; i < v->n_cycles; i++)
		all[(*n)++] = v->cycles[i].finding;
	for (uint32_t i = 0; i < v->n_stalls; i++)
		all[(*n)++] = v->stalls[i].finding;
	*ret = all;
	return 0;
}

const struct collector_ops lock_watch_collector = {
	.which = COLLECTOR_FUTEX,
	.open = collector_open,
	.close = collector_close,
	.paced = collector_paced,
	.look = collector_look,
	.findings = collector_findings,
};
