// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/reach.h"
#include "base/cleanup.h"

#define MAX_NODES 16
#define MAX_EDGES 32
#define NONE EDGES_NO_NODE

/* A world in the order that it is written down: edges, seeds, then each goroutine. */
struct world {
	uint32_t first[MAX_NODES + 1], to[MAX_EDGES];
	uint64_t closed;
	struct node_run run;
	struct edges e;
	uint32_t nodes[MAX_EDGES], seeds[MAX_NODES];
	struct reach_blocked blocked[MAX_NODES];
	struct reach_graph g;
	uint64_t site_bytes[MAX_NODES];
	struct reach_totals totals;
};

/* Nodes of 10 bytes; those from `inner` on are leaves. */
static void world_init(struct world *w, uint32_t nodes, uint32_t inner, const uint32_t (*pairs)[2],
		       size_t n)
{
	uint32_t at = 0;

	*w = (struct world){ .run = { .each = 10, .n = nodes } };
	for (uint32_t node = 0; node < inner; node++) {
		w->first[node] = at;
		for (size_t i = 0; i < n; i++)
			if (pairs[i][0] == node)
				w->to[at++] = pairs[i][1];
	}
	w->first[inner] = at;
	w->e = (struct edges){ nodes, inner, w->first, w->to, &w->run, 1, &w->closed };
	w->g = (struct reach_graph){
		.edges = &w->e, .nodes = w->nodes, .seeds = w->seeds, .blocked = w->blocked,
		.n_sites = MAX_NODES,
	};
}
#define WORLD(w, nodes, inner, ...)                                      \
	world_init(w, nodes, inner, (const uint32_t[][2]){ __VA_ARGS__ }, \
		   ARRAY_SIZE(((const uint32_t[][2]){ __VA_ARGS__ })))

static void seed(struct world *w, uint32_t node)
{
	w->seeds[w->g.n_seeds++] = node;
}

static void put(struct world *w, uint32_t *count, uint32_t node)
{
	w->nodes[w->g.n_nodes++] = node;
	++*count;
}

/* A goroutine of its own site that waits on `wait`; its stack points to `stack`. */
static struct reach_blocked *park(struct world *w, uint32_t wait, uint32_t stack)
{
	struct reach_blocked *b = &w->blocked[w->g.n_blocked];

	b->site = w->g.n_blocked++;
	b->first = w->g.n_nodes;
	put(w, &b->n_waits, wait);
	put(w, &b->n_stack, stack);
	return b;
}

static void run(struct world *w)
{
	assert_int_equal(reach_run(&w->g, w->site_bytes, &w->totals, NULL), 0);
}

static void assert_alive(const struct world *w, uint32_t i)
{
	assert_true(w->blocked[i].alive);
}

static void assert_dead(const struct world *w, uint32_t i)
{
	assert_false(w->blocked[i].alive);
}

static void who_waits_on_something_alive_is_alive(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 3, 3, { 0, 1 });
	seed(&w, 0);
	park(&w, 1, NONE);
	park(&w, 2, NONE);
	run(&w);
	assert_alive(&w, 0);
	assert_dead(&w, 1);
	assert_int_equal(w.totals.dead, 1);
	assert_int_equal(w.totals.live_bytes, 20);
	assert_int_equal(w.totals.dead_bytes, 10);
}

/* Each one's stack holds what the next waits on: written backwards, so that no order helps. */
static void life_goes_along_a_chain_of_stacks(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 5, 5, { 4, 3 });
	seed(&w, 4);
	park(&w, 0, NONE);
	park(&w, 1, 0);
	park(&w, 2, 1);
	park(&w, 3, 2);
	run(&w);
	for (uint32_t i = 0; i < 4; i++)
		assert_alive(&w, i);
	assert_int_equal(w.totals.live_bytes, 50);
}

static void a_chain_that_hangs_on_nothing_is_dead(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 5, 5, { 4, 3 });
	park(&w, 0, NONE);
	park(&w, 1, 0);
	park(&w, 2, 1);
	park(&w, 3, 2);
	run(&w);
	assert_int_equal(w.totals.dead, 4);
	assert_int_equal(w.totals.live_bytes, 0);
	assert_int_equal(w.totals.dead_bytes, 40);
}

static void two_that_hold_what_the_other_waits_on_are_dead(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 3, 3, { 2, 2 });
	seed(&w, 2);
	park(&w, 0, 1);
	park(&w, 1, 0);
	run(&w);
	assert_dead(&w, 0);
	assert_dead(&w, 1);
}

static void its_own_stack_keeps_nobody_alive(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 3, 3, { 0, 1 }, { 1, 0 });
	park(&w, 1, 0);
	run(&w);
	assert_dead(&w, 0);
	assert_int_equal(w.site_bytes[0], 20);
}

static void what_it_waits_on_beyond_the_heap_is_alive(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 2, 2, { 0, 1 });
	park(&w, NONE, 0);
	park(&w, 1, NONE);
	run(&w);
	assert_alive(&w, 0);
	assert_alive(&w, 1);	/* by the stack of the first */
}

static void an_unknown_wait_is_alive(void **state)
{
	struct world w;
	struct reach_blocked *b;

	(void)state;
	WORLD(&w, 2, 2, { 0, 1 });
	b = &w.blocked[w.g.n_blocked++];
	put(&w, &b->n_stack, 0);
	b = park(&w, 1, NONE);
	b->site = 1;
	run(&w);
	assert_alive(&w, 0);
	assert_alive(&w, 1);
}

static void one_known_to_be_alive_stays_so(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 3, 3, { 0, 1 });
	park(&w, 2, 0)->alive = true;
	park(&w, 1, NONE);
	run(&w);
	assert_alive(&w, 0);
	assert_alive(&w, 1);
}

static void one_case_of_a_select_is_enough(void **state)
{
	struct world w;
	struct reach_blocked *b;

	(void)state;
	WORLD(&w, 4, 4, { 3, 1 });
	seed(&w, 3);
	b = &w.blocked[w.g.n_blocked++];
	put(&w, &b->n_waits, 0);
	put(&w, &b->n_waits, 1);
	put(&w, &b->n_waits, 2);
	b = &w.blocked[w.g.n_blocked++];
	b->first = w.g.n_nodes;
	put(&w, &b->n_waits, 0);
	put(&w, &b->n_waits, 2);
	b->site = 1;
	run(&w);
	/* Then what it waits on is reached too, by its stack: as the second one needs. */
	assert_alive(&w, 0);
	assert_alive(&w, 1);
}

/*
 * A channel's queue leads to the sudogs (2, 3) of those that wait, and those to the other channels
 * of a select: closed, they lead nobody anywhere.
 */
static void a_queue_is_no_reason_to_live(void **state)
{
	struct world w;
	struct reach_blocked *b;

	(void)state;
	WORLD(&w, 5, 5, { 0, 2 }, { 2, 3 }, { 3, 1 }, { 1, 3 }, { 4, 3 });
	w.closed = 1 << 2 | 1 << 3;
	seed(&w, 0);
	seed(&w, 4);		/* a cache of sudogs */
	b = &w.blocked[w.g.n_blocked++];
	put(&w, &b->n_waits, 1);
	put(&w, &b->n_records, 3);
	run(&w);
	assert_dead(&w, 0);
	/* The channel counts, its record does not. */
	assert_int_equal(w.site_bytes[0], 10);
}

static void the_records_of_one_alive_are_followed(void **state)
{
	struct world w;
	struct reach_blocked *b;

	(void)state;
	WORLD(&w, 5, 4, { 0, 2 }, { 2, 3 }, { 3, 4 });
	w.closed = 1 << 2;
	seed(&w, 0);
	b = &w.blocked[w.g.n_blocked++];
	put(&w, &b->n_waits, 0);
	put(&w, &b->n_records, 2);	/* its element in flight: 3, with a leaf */
	park(&w, 4, NONE)->site = 1;
	run(&w);
	assert_alive(&w, 0);
	assert_alive(&w, 1);
}

static void a_leaf_can_be_waited_on(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 4, 1, { 0, 2 });	/* channels without pointers */
	seed(&w, 0);
	park(&w, 2, NONE);
	park(&w, 3, 3);
	run(&w);
	assert_alive(&w, 0);
	assert_dead(&w, 1);
	assert_int_equal(w.site_bytes[1], 10);
}

static void who_waits_for_nothing_is_dead_and_holds_what_it_holds(void **state)
{
	struct world w;
	struct reach_blocked *b;

	(void)state;
	WORLD(&w, 2, 2, { 0, 1 });
	b = &w.blocked[w.g.n_blocked++];
	b->forever = true;
	put(&w, &b->n_stack, 0);
	park(&w, 1, NONE)->site = 1;
	run(&w);
	assert_dead(&w, 0);
	assert_dead(&w, 1);
	assert_int_equal(w.site_bytes[0], 20);
	assert_int_equal(w.site_bytes[1], 0);
}

static void bytes_of_the_dead_are_counted_once_and_not_those_of_the_living(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 6, 6, { 0, 2 }, { 1, 2 }, { 2, 3 }, { 4, 3 }, { 4, 5 });
	seed(&w, 5);
	seed(&w, 3);
	park(&w, 0, 4);
	park(&w, 1, 5);
	run(&w);
	assert_int_equal(w.totals.dead, 2);
	assert_int_equal(w.site_bytes[0], 30);	/* 0, 4 and the shared 2 */
	assert_int_equal(w.site_bytes[1], 10);	/* 1 */
	assert_int_equal(w.totals.dead_bytes, 40);
	assert_int_equal(w.totals.live_bytes, 20);
}

static void bits_of_the_living_are_handed_out(void **state)
{
	uint64_t *live = NULL;
	struct world w;

	(void)state;
	WORLD(&w, 4, 4, { 0, 1 });
	seed(&w, 0);
	park(&w, 2, 3);
	assert_int_equal(reach_run(&w.g, w.site_bytes, &w.totals, &live), 0);
	assert_int_equal(live[0], 3);
	free(live);
}

static void a_range_beyond_the_nodes_is_refused(void **state)
{
	struct world w;

	(void)state;
	WORLD(&w, 2, 2, { 0, 1 });
	park(&w, 1, NONE)->n_stack = 2;
	assert_int_equal(reach_run(&w.g, w.site_bytes, &w.totals, NULL), -EINVAL);
	w.blocked[0].n_stack = UINT32_MAX;
	assert_int_equal(reach_run(&w.g, w.site_bytes, &w.totals, NULL), -EINVAL);
	w.blocked[0].n_stack = 1;
	w.blocked[0].site = MAX_NODES;
	assert_int_equal(reach_run(&w.g, w.site_bytes, &w.totals, NULL), -EINVAL);
}

/* A million on one list: neither recursion nor a search for each may be in it. */
static void a_long_list_and_many_waiters_are_linear(void **state)
{
	enum { N = 1000000 };
	uint32_t *first = malloc((N + 1) * sizeof(*first)), *to = malloc(N * sizeof(*to));
	struct reach_blocked *b = calloc(N, sizeof(*b));
	struct node_run run = { .each = 8, .n = N };
	struct edges e = { N, N, first, to, &run, 1, NULL };
	const uint32_t seeds[] = { 0 };
	struct reach_graph g = { .edges = &e, .nodes = to, .n_nodes = N, .seeds = seeds, .n_seeds = 1,
				 .blocked = b, .n_blocked = N, .n_sites = 1 };
	struct reach_totals totals;
	uint64_t bytes;

	(void)state;
	assert_true(first && to && b);
	for (uint32_t i = 0; i < N; i++) {
		first[i] = i;
		to[i] = i + 1 < N ? i + 1 : 0;
		b[i] = (struct reach_blocked){ .first = i, .n_waits = 1 };
	}
	first[N] = N;
	assert_int_equal(reach_run(&g, &bytes, &totals, NULL), 0);
	assert_int_equal(totals.dead, 0);
	g.n_seeds = 0;
	for (uint32_t i = 0; i < N; i++)
		b[i].alive = false;
	assert_int_equal(reach_run(&g, &bytes, &totals, NULL), 0);
	assert_int_equal(totals.dead, N);
	assert_int_equal(bytes, 8 * (uint64_t)N);
	free(first);
	free(to);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_on_something_alive_is_alive),
		cmocka_unit_test(life_goes_along_a_chain_of_stacks),
		cmocka_unit_test(a_chain_that_hangs_on_nothing_is_dead),
		cmocka_unit_test(two_that_hold_what_the_other_waits_on_are_dead),
		cmocka_unit_test(its_own_stack_keeps_nobody_alive),
		cmocka_unit_test(what_it_waits_on_beyond_the_heap_is_alive),
		cmocka_unit_test(an_unknown_wait_is_alive),
		cmocka_unit_test(one_known_to_be_alive_stays_so),
		cmocka_unit_test(one_case_of_a_select_is_enough),
		cmocka_unit_test(a_queue_is_no_reason_to_live),
		cmocka_unit_test(the_records_of_one_alive_are_followed),
		cmocka_unit_test(a_leaf_can_be_waited_on),
		cmocka_unit_test(who_waits_for_nothing_is_dead_and_holds_what_it_holds),
		cmocka_unit_test(bytes_of_the_dead_are_counted_once_and_not_those_of_the_living),
		cmocka_unit_test(bits_of_the_living_are_handed_out),
		cmocka_unit_test(a_range_beyond_the_nodes_is_refused),
		cmocka_unit_test(a_long_list_and_many_waiters_are_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
