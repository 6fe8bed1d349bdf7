// SPDX-License-Identifier: Apache-2.0
#include "collect/exact_pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/self.h"
#include "collect/exact_parts.h"
#include "collect/reach_pass.h"
#include "collect/subject.h"
#include "goruntime/goruntime.h"
#include "goruntime/heap.h"
#include "model/limits.h"
#include "target/stopper.h"

enum {
	/* Of the plan, what is copied once to know how fast that goes: some 20 ms. */
	REHEARSED = 64 << 20,
	/* The same, where only the estimate is asked for. */
	SAMPLED = 16 << 20,
	/* For what comes into being between plan and pause, at least; and a share of the plan. */
	SPARE = 64 << 20,
	SPARE_SHARE = 4,
	/* Of a heap that has grown by more than this since the plan, more of that is expected. */
	GROWTH = 16 << 20,
	/* And by more than this, and half of it, is more than we keep up with. */
	GROWTH_MAX = 256 << 20,
	/* Of a thread's stack that is not Go's, in the pause. */
	C_STACK = 1 << 20,
	C_STACK_UNMAPPED = 64 << 10,
	/* Below a stack pointer: what registers point to there, nobody uses any more. */
	BELOW_STACK = 1 << 20,
};

/* Assembly may use what lies below the stack pointer. */
#define RED_ZONE 128
/* Seizing, interrupting and reading the registers of a thread; reading a span's record. */
#define THREAD_S 40e-6
#define SPAN_S 0.2e-6
#define STOP_S 1e-3

struct exact_copy {
	struct mem_frozen *frozen;
	struct mem *mem;
	struct exact_ranges constants, without;
	struct arena *arena;	/* of the heap's looks */
};

struct exact {
	const struct exact_source *src;
	struct exact_copy *copy;
	struct exact_pass *ret;
	struct exact_ranges plan;
	struct go_heap *heap;		/* of the running process */
	struct go_heap *look;		/* the same in the pause */
	struct go_runtime *look_rt;
	struct stopper *stopper;
	struct stopped_registers regs;
	struct exact_words words;
	uint64_t max_us;
	uint64_t growth;		/* that is expected between plan and pause */
	size_t n_spans;
};

/* --- Before --- */

static int make_plan(struct exact *x, struct diag *d)
{
	const struct exact_source *s = x->src;
	const struct go_span *spans;
	int r = go_heap_open(s->rt, x->copy->arena, &x->heap, d);

	if (r == 0)
		r = exact_plan_heap(x->heap, &x->plan, d);
	if (r == 0)
		r = go_heap_spans(x->heap, &spans, &x->n_spans, d);
	if (r == 0)
		r = exact_plan_variables(s->subject->maps, &x->plan);
	if (r == 0)
		r = exact_plan_constants(s->subject->maps, &x->copy->constants);
	return r;
}

static double overhead_s(const struct exact *x)
{
	return STOP_S + (double)x->src->subject->n_tids * THREAD_S + (double)x->n_spans * SPAN_S;
}

static int estimate(struct exact *x, struct diag *d)
{
	uint64_t bytes, all = mem_frozen_bytes(x->copy->frozen);
	double s, again;
	int before = self_hurry();
	int r = mem_frozen_rehearse(x->copy->frozen, REHEARSED, &bytes, &s);

	/*
	 * Others may have had the processors: the target, for one, which will not have them then.
	 */
	if (r == 0)
		r = mem_frozen_rehearse(x->copy->frozen, REHEARSED, &bytes, &again);
	self_calm(before);
	if (r < 0)
		return diag_fail(d, r, "its memory cannot be read");
	s = again < s ? again : s;
	all += x->growth;
	s = bytes ? s * (double)all / (double)bytes : 0;
	x->ret->estimated_ms = (s + overhead_s(x)) * 1e3;
	if (x->ret->estimated_ms * 1e3 <= (double)x->max_us)
		return 0;
	diag_fail(d, -ETIMEDOUT,
		  "to copy the %llu MiB that may hold pointers would stop it for about %.0f ms, "
		  "longer than %.0f ms", (unsigned long long)(all >> 20), x->ret->estimated_ms,
		  (double)x->max_us / 1e3);
	return diag_hint(d, -ETIMEDOUT, "--prove=%.0fms allows it",
			 x->ret->estimated_ms * 1.5 + 10);
}

static int make_room(struct exact *x, struct diag *d)
{
	const struct exact_source *s = x->src;
	uint64_t most = s->max_copy_bytes ? s->max_copy_bytes : EXACT_MAX_COPY_BYTES;
	uint64_t spare = SPARE + x->plan.bytes / SPARE_SHARE;
	int r;

	/* What is not used takes no memory. */
	if (spare < 2 * x->growth && x->plan.bytes + 2 * x->growth < most)
		spare = 2 * x->growth;
	else if (spare < x->growth)
		spare = x->growth;
	r = mem_frozen_open(s->subject->process, x->plan.all, x->plan.n, spare, most,
			    &x->copy->frozen, d);
	if (r == -E2BIG)
		return diag_hint(d, r, "without --prove it is looked at as it runs, without a copy");
	return r < 0 ? r : mem_frozen_expect(x->copy->frozen, x->growth);
}

static int plan_and_estimate(struct exact *x, struct diag *d)
{
	int r;

	x->plan.n = x->plan.bytes = 0;
	r = make_plan(x, d);
	if (r == 0)
		r = exact_plan_waits(x->src->rt, &x->plan, d);
	if (r == 0)
		r = make_room(x, d);
	return r < 0 ? r : estimate(x, d);
}

/* While room is made the target goes on: what has come into being meanwhile, will come again. */
static int prepare(struct exact *x, struct diag *d)
{
	const struct exact_source *s = x->src;
	uint64_t growth;
	int r = plan_and_estimate(x, d);

	if (r == 0)
		r = exact_plan_growth(x->heap, &x->plan, &growth, d);
	if (r == 0 && growth > GROWTH_MAX + x->plan.bytes / 2)
		return diag_fail(d, -EAGAIN, "its heap grew by %llu MiB while room was made for a "
				 "copy: faster than it can be prepared for",
				 (unsigned long long)(growth >> 20));
	if (r == 0 && growth > GROWTH) {
		x->growth = 2 * growth;
		mem_frozen_close(x->copy->frozen);
		x->copy->frozen = NULL;
		r = plan_and_estimate(x, d);
	}
	if (r == 0)
		r = go_runtime_over(s->rt, s->subject->mem, &x->look_rt);
	return r < 0 ? r : go_heap_over(x->heap, x->look_rt, x->copy->arena, &x->look);
}

/* --- In the pause --- */

static int copy_more(void *arg, uint64_t start, uint64_t end)
{
	return mem_frozen_more(arg, start, end);
}

/* From the stack pointer up. Of Go's own stacks, which are spans, there is nothing to add. */
static int add_stack(struct exact *x, uint64_t sp)
{
	const struct mapping *m = maps_find(x->src->subject->maps, sp);
	uint64_t from = sp > RED_ZONE ? sp - RED_ZONE : 0;
	uint64_t room = m ? m->end - from : C_STACK_UNMAPPED;

	uint64_t start = from > BELOW_STACK ? from - BELOW_STACK : 0;
	int r = exact_ranges_add(&x->copy->without, m && m->start > start ? m->start : start, from);

	if (r < 0)
		return r;
	return mem_frozen_more(x->copy->frozen, from, from + (room < C_STACK ? room : C_STACK));
}

static int add_system_stack(void *arg, uint64_t start, uint64_t end)
{
	struct exact *x = arg;

	(void)end;
	return add_stack(x, start + RED_ZONE);
}

/* Of threads on stacks of the system's, as g0 is in a program with C; and interrupted ones. */
static int add_c_stacks(struct exact *x)
{
	int r = exact_words_add(&x->words, x->regs.words, x->regs.n_words);

	if (r == 0)
		r = go_heap_system_stacks(x->look, add_system_stack, x);
	for (size_t i = 0; i < x->regs.n_threads && r == 0; i++) {
		const struct stopped_thread *t = &x->regs.threads[i];
		uint64_t interrupted;

		r = add_stack(x, t->sp);
		if (r == 0)
			r = exact_signal_frame(x->src->subject->mem, t, &x->words, &interrupted);
		if (r == 0 && interrupted)
			r = add_stack(x, interrupted);
	}
	return r;
}

static bool heap_is_whole(const struct go_heap *h)
{
	const struct go_heap_dropped *d = go_heap_dropped(h);

	return !d->unreadable && !d->absurd && !d->overlapping && !d->beyond;
}

static int copy_all(struct exact *x, struct diag *d)
{
	struct mem_frozen *f = x->copy->frozen;
	int r, finished;

	mem_frozen_start(f);
	r = go_heap_footprint(x->look, copy_more, f, d);
	if (r == 0)
		r = add_c_stacks(x);
	if (r == -ENOSPC)
		diag_fail(d, -EAGAIN, "its heap grows faster than it can be prepared for");
	finished = mem_frozen_finish(f, stopper_time_left(x->stopper));
	x->ret->copied_bytes = mem_frozen_copied(f);
	if (r == -ENOSPC)
		return -EAGAIN;
	return r < 0 ? r : finished;
}

static int say_late(const struct exact *x, struct diag *d)
{
	diag_fail(d, -ETIMEDOUT,
		  "it was let go after %.0f ms, before all was copied (estimated: %.0f ms)",
		  x->ret->stopped_ms, x->ret->estimated_ms);
	return diag_hint(d, -ETIMEDOUT, "try again, or allow more by --prove=%.0fms",
			 (double)x->max_us / 500);
}

static int stop_and_copy(struct exact *x, struct diag *d)
{
	int before = self_hurry(), late = 0;
	int r = stopper_stop(x->src->subject->process, x->max_us, &x->stopper, d);

	if (r == 0) {
		stopper_registers(x->stopper, &x->regs);
		r = copy_all(x, d);
		late = stopper_release(x->stopper, &x->ret->stopped_ms);
	}
	self_calm(before);
	if (!x->stopper)
		return r;
	x->ret->threads = (uint32_t)x->regs.n_threads;
	if (late < 0 || r == -ETIMEDOUT)
		return say_late(x, d);
	return r;
}

/* --- After --- */

static int do_without(struct exact *x, struct diag *d)
{
	struct exact_copy *c = x->copy;
	int r = exact_without_mappings(x->src->subject, &c->without, d);

	if (r == 0)
		r = exact_without_pointers(x->ret->frozen_heap, &c->without, d);
	if (r < 0)
		return r;
	exact_ranges_join(&c->without);
	mem_frozen_do_without(c->frozen, c->without.all, c->without.n);
	return 0;
}

static int open_copy(struct exact *x, struct diag *d)
{
	struct exact_copy *c = x->copy;
	int r = mem_frozen_mem(c->frozen, c->constants.all, c->constants.n, &c->mem);

	if (r == 0)
		r = go_runtime_over(x->src->rt, c->mem, &x->ret->frozen_rt);
	if (r == 0)
		r = go_heap_over(x->heap, x->ret->frozen_rt, c->arena, &x->ret->frozen_heap);
	return r < 0 ? r : do_without(x, d);
}

static int search(struct exact *x, struct diag *d)
{
	uint64_t *sps = calloc(x->regs.n_threads + 1, sizeof(*sps));
	const struct reach_source src = {
		.rt = x->ret->frozen_rt,
		.heap = x->ret->frozen_heap,
		.arena = x->src->arena,
		.max_bytes = x->src->max_bytes,
		.words = x->words.all,
		.n_words = x->words.n,
		.sps = sps,
		.n_sps = x->regs.n_threads,
		.stopped = true,
	};
	int r;

	if (!sps)
		return -ENOMEM;
	for (size_t i = 0; i < x->regs.n_threads; i++)
		sps[i] = x->regs.threads[i].sp;
	r = reach_pass_take(&src, &x->ret->reach, d);
	free(sps);
	return r;
}

/* Once is enough: who has been chosen to be woken stands in no queue any more (goruntime/park.c). */
static int search_whole(struct exact *x, struct diag *d)
{
	uint64_t missed, first = 0;
	int r;

	if (x->copy->frozen)
		mem_frozen_forget_misses(x->copy->frozen);
	r = search(x, d);
	if (r < 0)
		return r;
	missed = x->copy->frozen ? mem_frozen_misses(x->copy->frozen, &first) : 0;
	if (x->ret->reach->why_not)
		x->ret->why_not = x->ret->reach->why_not;
	else if (missed)
		x->ret->why_not = arena_printf(x->src->arena,
			"%llu reads were of memory that was not copied in the pause "
			"(first: 0x%llx)",
			(unsigned long long)missed, (unsigned long long)first);
	else if ((x->look && !heap_is_whole(x->look)) || !heap_is_whole(x->ret->frozen_heap))
		x->ret->why_not = "some of the Go heap's spans could not be told";
	else
		return 0;
	return x->ret->why_not ? 0 : -ENOMEM;
}

static int take(struct exact *x, struct diag *d)
{
	int r = prepare(x, d);

	if (r == 0)
		r = stop_and_copy(x, d);
	if (r == 0)
		r = open_copy(x, d);
	if (r == 0)
		r = exact_words_of_working(&x->words, &x->regs, x->src->subject,
					   x->ret->frozen_heap, d);
	return r < 0 ? r : search_whole(x, d);
}

/* A core stands still by itself; what it left out cannot be read, and the search says so. */
static int take_core(struct exact *x, struct diag *d)
{
	const struct subject *subject = x->src->subject;
	bool whole = core_registers(subject->core, &x->regs);
	uint64_t interrupted;
	int r = go_runtime_over(x->src->rt, subject->mem, &x->ret->frozen_rt);

	if (r == 0)
		r = go_heap_open(x->ret->frozen_rt, x->copy->arena, &x->ret->frozen_heap, d);
	if (r == 0)
		r = exact_words_add(&x->words, x->regs.words, x->regs.n_words);
	for (size_t i = 0; i < x->regs.n_threads && r == 0; i++)
		r = exact_signal_frame(subject->mem, &x->regs.threads[i], &x->words, &interrupted);
	x->ret->threads = (uint32_t)x->regs.n_threads;
	if (r == 0)
		r = search_whole(x, d);
	if (r == 0 && !whole && !x->ret->why_not)
		x->ret->why_not = "the core lacks registers of some threads";
	return r;
}

static void exact_copy_free(struct exact_copy *c)
{
	if (!c)
		return;
	mem_close(c->mem);
	mem_frozen_close(c->frozen);
	exact_ranges_done(&c->constants);
	exact_ranges_done(&c->without);
	arena_free(c->arena);
	free(c);
}

void exact_pass_done(struct exact_pass *p)
{
	reach_pass_free(p->reach);
	go_runtime_close(p->frozen_rt);
	exact_copy_free(p->copy);
	*p = (struct exact_pass){ 0 };
}

static struct exact_copy *exact_copy_new(void)
{
	struct exact_copy *c = calloc(1, sizeof(*c));

	if (c)
		c->arena = arena_new();
	if (c && !c->arena) {
		free(c);
		return NULL;
	}
	return c;
}

static void exact_done(struct exact *x)
{
	stopper_close(x->stopper);
	go_runtime_close(x->look_rt);
	exact_ranges_done(&x->plan);
	free(x->words.all);
}

int exact_pass_take(const struct exact_source *src, struct exact_pass *ret, struct diag *d)
{
	struct exact x = { .src = src, .ret = ret };
	int r;

	*ret = (struct exact_pass){ .estimated_ms = -1 };
	x.max_us = src->max_pause_us ? src->max_pause_us : EXACT_MAX_PAUSE_US;
	x.copy = ret->copy = exact_copy_new();
	if (!x.copy)
		return -ENOMEM;
	r = src->subject->core ? take_core(&x, d) : take(&x, d);
	exact_done(&x);
	if (r < 0)
		exact_pass_done(ret);
	return r;
}

double exact_pass_estimate(const struct exact_source *src)
{
	struct exact_pass p = { 0 };
	struct exact x = { .src = src, .ret = &p };
	struct exact_ranges sample = { 0 };
	uint64_t bytes = 0;
	double s = 0, ms = -1;
	int r;

	if (!src->subject->process)
		return -1;
	x.copy = p.copy = exact_copy_new();
	r = x.copy ? make_plan(&x, NULL) : -ENOMEM;
	for (size_t i = 0; i < x.plan.n && sample.bytes < SAMPLED && r == 0; i++)
		r = exact_ranges_add(&sample, x.plan.all[i].start,
				     x.plan.all[i].end - x.plan.all[i].start < SAMPLED
					     ? x.plan.all[i].end
					     : x.plan.all[i].start + SAMPLED);
	if (r == 0)
		r = mem_frozen_open(src->subject->process, sample.all, sample.n, 0, 4 * SAMPLED,
				    &x.copy->frozen, NULL);
	if (r == 0)
		r = mem_frozen_rehearse(x.copy->frozen, UINT64_MAX, &bytes, &s);
	if (r == 0 && bytes)
		ms = (s * (double)x.plan.bytes / (double)bytes + overhead_s(&x)) * 1e3;
	exact_ranges_done(&sample);
	exact_done(&x);
	exact_pass_done(&p);
	return ms;
}
