// SPDX-License-Identifier: Apache-2.0
#include "collect/holders.h"

#include <errno.h>
#include <stdlib.h>

#include "collect/holder_sweep.h"

/* A sudog is 96 to 104 bytes, a g 376 and more (runtime/runtime2.go). */
#define SUDOG_MAX 256
/* Of an object, to see what it holds now; a larger one counts as it was. */
#define REREAD 4096

/* What was garbage when the pass looked, and swept since, may be another object by now. */
static bool leads_on(struct sweep *s, const struct target *t)
{
	struct graph_object o = object_graph_object(s->src->pass->graph, t->node);
	uint64_t words[REREAD / 8];
	struct go_slots now;

	if (t->wait || o.bytes > sizeof(words) ||
	    !go_heap_slots_now(s->src->heap, o.span, &now) ||
	    now.span.alloc_bits == o.span->alloc_bits ||
	    mem_read(s->src->rt->live, o.addr, words, o.bytes) < 0)
		return true;
	for (size_t i = 0; i < o.bytes / 8; i++)
		if (targets_find(&s->targets, words[i]) != TARGET_NONE)
			return true;
	return false;
}

static void hold(struct sweep *s, uint32_t at)
{
	struct target *t = &s->targets.all[at];

	t->held = t->held || leads_on(s, t);
}

void sweep_root(struct sweep *s, uint64_t value)
{
	uint32_t to = targets_find(&s->targets, value);

	if (to != TARGET_NONE)
		hold(s, to);
}

/* The record of a queue, or of a goroutine that is dead: a link, and no reason to live. */
static bool is_link(const struct sweep *s, uint64_t at)
{
	const struct object_graph *g = s->src->pass->graph;
	uint32_t node = object_graph_find(g, at), ignored;
	struct graph_object o;

	if (node == EDGES_NO_NODE || !edges_closed(&g->edges, node))
		return false;
	o = object_graph_object(g, node);
	/* Where a stack ends is no pointer, but it may be where the next object begins. */
	if (at - o.addr == (uint64_t)s->src->rt->layout.g_stack_hi)
		return true;
	return o.bytes <= SUDOG_MAX || addrmap_get(s->dead_gs, o.addr, &ignored) == 0;
}

/*
 * In a slot that was free when the spans were listed: has it been used since, and the word gone?
 * What was read there was of before.
 */
static bool is_overwritten(struct sweep *s, const struct go_span *span, uint64_t at, uint64_t value)
{
	struct go_slots then;
	uint64_t now;

	return go_heap_slots_read(s->src->rt->live, span, &then) == 0 &&
	       go_heap_slots_free(&then, at) &&
	       mem_read_u64(s->src->rt->live, at, &now) == 0 && now != value;
}

/* Did it stand there before, in a slot that nobody uses, or has its span but come with it? */
static int is_old(struct sweep *s, const struct go_span *span, uint64_t at, uint64_t value,
		  bool *ret)
{
	struct go_slots now;
	int r;

	*ret = is_overwritten(s, span, at, value);
	if (*ret || !go_heap_slots_now(s->src->heap, span, &now) || !go_heap_slots_free(&now, at))
		return 0;
	s->met_stale = true;
	r = stale_words_add(s->src->stale, at, value, ret);
	if (r == 0 && !stale_words_had_span(s->src->stale, span->base, span->elem_size))
		*ret = true;
	return r == -E2BIG ? 0 : r;
}

/*
 * Numbers are no holders: from Go 1.25 on a P has a queue of spans and objects for the collector that
 * look like pointers (spanQueue, runtime/mgcmark_greenteagc.go), and that nobody clears.
 */
int sweep_word(struct sweep *s, const struct go_span *span, uint64_t at, uint64_t value)
{
	uint32_t to = targets_find(&s->targets, value), from;
	bool old;
	int r;

	if (to == TARGET_NONE)
		return 0;
	from = targets_find(&s->targets, at);
	if (from != TARGET_NONE) {
		r = targets_link(&s->targets, from, to);
		if (r == 0)
			r = stale_words_add(s->src->stale, at, value, &old);
		if (r != -E2BIG)
			return r;
		/* No room to remember by whom: then it is held. */
		s->targets.all[to].held = true;
	} else if (!is_link(s, at) && object_graph_may_point(s->src->pass->graph, s->src->rt, at)) {
		r = is_old(s, span, at, value, &old);
		if (r < 0)
			return r;
		if (!old)
			hold(s, to);
	}
	return 0;
}

static int index_parked(struct sweep *s)
{
	const struct reach_pass *p = s->src->pass;
	int r = 0;

	s->parked = addrmap_new();
	s->dead_gs = addrmap_new();
	if (!s->parked || !s->dead_gs)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n_parked && r == 0; i++) {
		r = addrmap_put(s->parked, p->parked[i].park, i);
		if (r == 0 && p->parked[i].dead)
			r = addrmap_put(s->dead_gs, p->parked[i].g_addr, i);
	}
	return r;
}

static int run(struct sweep *s, struct diag *d)
{
	CLEANUP(hot_roots_free_p) struct hot_roots *hot = NULL;
	int r = hot_roots_open(&hot);

	if (r == 0)
		r = hot_roots_sweep(hot, s, d);
	if (r == 0)
		r = sweep_heap(s, d);
	if (r == 0)
		r = hot_roots_sweep(hot, s, d);
	if (r == 0)
		r = targets_spread(&s->targets);
	return r;
}

static bool is_held(const struct sweep *s, uint32_t parked)
{
	uint32_t n = 0;
	const uint64_t *waits = reach_pass_waits(s->src->pass, parked, &n);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = targets_find(&s->targets, waits[i]);

		/* What is no target cannot be looked for. */
		if (at == TARGET_NONE || s->targets.all[at].held)
			return true;
	}
	return n == 0;
}

static int sum_up(const struct sweep *s, struct holders_found *ret)
{
	const struct reach_pass *p = s->src->pass;

	ret->held = calloc(p->n_parked + 1, sizeof(*ret->held));
	if (!ret->held)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n_parked; i++) {
		ret->held[i] = s->src->wanted[i] && is_held(s, i);
		ret->n_held += ret->held[i];
	}
	ret->targets = s->targets.n;
	ret->bytes = s->bytes;
	ret->late_bytes = s->late_bytes;
	ret->fresh_bytes = s->fresh_bytes;
	ret->blind = s->met_stale && stale_words_first(s->src->stale);
	ret->why_not = s->why_not;
	if (!ret->why_not && s->unreadable_bytes)
		ret->why_not = "some of the heap could not be read";
	return 0;
}

int holders_search(const struct holders_source *src, struct holders_found *ret, struct diag *d)
{
	struct sweep s = { .src = src };
	int r;

	*ret = (struct holders_found){ 0 };
	r = targets_init(&s.targets, src);
	if (r == 0)
		r = stale_words_begin(src->stale);
	if (r == 0)
		r = index_parked(&s);
	if (r == 0)
		r = run(&s, d);
	if (r == 0)
		r = sum_up(&s, ret);
	addrmap_free(s.parked);
	addrmap_free(s.dead_gs);
	if (r == -E2BIG)
		diag_fail(d, r, "to look for whoever holds %u objects takes more than %llu MiB of memory",
			  s.targets.n, (unsigned long long)(src->max_bytes >> 20));
	targets_done(&s.targets);
	return r;
}

void holders_done(struct holders_found *f)
{
	free(f->held);
	*f = (struct holders_found){ 0 };
}
