// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/retain.h"

/* A graph out of pairs: nodes of 10 bytes, inner ones first. */
struct graph {
	struct edges e;
	struct node_run run;
	uint32_t *first, *to;
};

static void graph_make(struct graph *g, uint32_t nodes, uint32_t inner, const uint32_t (*pairs)[2],
		       size_t n)
{
	uint32_t at = 0;

	g->first = calloc(inner + 1, sizeof(*g->first));
	g->to = calloc(n + 1, sizeof(*g->to));
	assert_non_null(g->first);
	assert_non_null(g->to);
	for (uint32_t node = 0; node < inner; node++) {
		g->first[node] = at;
		for (size_t i = 0; i < n; i++)
			if (pairs[i][0] == node)
				g->to[at++] = pairs[i][1];
	}
	g->first[inner] = at;
	g->run = (struct node_run){ .each = 10, .first = 0, .n = nodes };
	g->e = (struct edges){ nodes, inner, g->first, g->to, &g->run, 1, NULL };
}

static void graph_drop(struct graph *g)
{
	free(g->first);
	free(g->to);
}

#define PAIRS(...) ((const uint32_t[][2]){ __VA_ARGS__ })
#define N_PAIRS(...) ARRAY_SIZE(PAIRS(__VA_ARGS__))
#define GRAPH(g, nodes, inner, ...) \
	graph_make(g, nodes, inner, PAIRS(__VA_ARGS__), N_PAIRS(__VA_ARGS__))

static struct retain *run(const struct graph *g, struct retain_root *roots, size_t n_roots,
			  const struct root_edge *seeds, size_t n_seeds, struct retain_totals *t)
{
	struct retain *r = NULL;

	assert_int_equal(retain_run(&g->e, roots, n_roots, seeds, n_seeds, true, t, &r), 0);
	return r;
}

static void a_chain_is_held_by_its_root(void **state)
{
	struct retain_root roots[1] = { { 0 } };
	const struct root_edge seeds[] = { { 0, 0 } };
	struct retain_totals t;
	struct retain_step way[8];
	struct retain *r;
	struct graph g;

	(void)state;
	GRAPH(&g, 5, 4, { 0, 1 }, { 1, 2 }, { 2, 4 });
	r = run(&g, roots, 1, seeds, 1, &t);
	assert_int_equal(roots[0].bytes, 40);
	assert_int_equal(roots[0].objects, 4);
	assert_int_equal(roots[0].exclusive_bytes, 40);
	assert_int_equal(t.live_bytes, 40);
	assert_int_equal(t.unreached_bytes, 10);
	assert_int_equal(retain_way(r, 0, way, 8), 4);
	assert_int_equal(way[0].node, 0);
	assert_int_equal(way[0].bytes, 40);
	assert_int_equal(way[3].node, 4);
	assert_int_equal(way[3].bytes, 10);
	retain_free(r);
	graph_drop(&g);
}

static void a_cycle_ends(void **state)
{
	struct retain_root roots[1] = { { 0 } };
	const struct root_edge seeds[] = { { 0, 1 } };
	struct retain_totals t;
	struct retain_step way[8];
	struct retain *r;
	struct graph g;

	(void)state;
	GRAPH(&g, 3, 3, { 0, 1 }, { 1, 2 }, { 2, 0 }, { 2, 2 });
	r = run(&g, roots, 1, seeds, 1, &t);
	assert_int_equal(roots[0].exclusive_bytes, 30);
	assert_int_equal(retain_way(r, 0, way, 8), 3);
	retain_free(r);
	graph_drop(&g);
}

/* 0 holds 2 and 3, 1 holds 3 and 4, 3 holds 5. */
static void what_two_reach_is_exclusive_to_none(void **state)
{
	struct retain_root roots[2] = { { 0 }, { 0 } };
	const struct root_edge seeds[] = { { 0, 0 }, { 1, 1 } };
	struct retain_totals t;
	struct retain *r;
	struct graph g;
	bool shared = false;

	(void)state;
	GRAPH(&g, 6, 4, { 0, 2 }, { 0, 3 }, { 1, 3 }, { 1, 4 }, { 3, 5 });
	r = run(&g, roots, 2, seeds, 2, &t);
	assert_int_equal(roots[0].bytes + roots[1].bytes, 60);
	assert_int_equal(roots[0].exclusive_bytes, 20);
	assert_int_equal(roots[1].exclusive_bytes, 20);
	assert_int_equal(t.shared_bytes, 20);
	assert_int_equal(t.live_bytes, 60);
	retain_owner(r, 5, &shared);
	assert_true(shared);
	assert_int_equal(retain_owner(r, 4, &shared), 1);
	assert_false(shared);
	retain_free(r);
	graph_drop(&g);
}

/* Two roots point to one node, and behind a back edge into the first one's own part. */
static void sharing_reaches_back(void **state)
{
	struct retain_root roots[2] = { { 0 }, { 1 } };
	const struct root_edge seeds[] = { { 0, 0 }, { 1, 1 } };
	struct retain_totals t;
	struct graph g;

	(void)state;
	GRAPH(&g, 4, 4, { 0, 1 }, { 1, 2 }, { 2, 0 }, { 0, 3 });
	retain_free(run(&g, roots, 2, seeds, 2, &t));
	assert_int_equal(roots[0].bytes, 40);
	assert_int_equal(roots[1].bytes, 0);
	assert_int_equal(roots[0].exclusive_bytes, 0);
	assert_int_equal(t.shared_bytes, 40);
	graph_drop(&g);
}

static void a_lower_rank_comes_first_however_near_the_other_is(void **state)
{
	struct retain_root roots[2] = { { 1 }, { 0 } };
	const struct root_edge seeds[] = { { 0, 2 }, { 1, 0 } };
	struct retain_totals t;
	struct graph g;

	(void)state;
	GRAPH(&g, 3, 3, { 0, 1 }, { 1, 2 });
	retain_free(run(&g, roots, 2, seeds, 2, &t));
	assert_int_equal(roots[1].bytes, 30);
	assert_int_equal(roots[0].bytes, 0);
	assert_int_equal(roots[1].exclusive_bytes, 20);
	graph_drop(&g);
}

static void the_nearest_root_of_one_rank_counts_it(void **state)
{
	struct retain_root roots[2] = { { 0 }, { 0 } };
	const struct root_edge seeds[] = { { 0, 0 }, { 1, 3 } };
	struct retain_totals t;
	struct graph g;

	(void)state;
	GRAPH(&g, 5, 4, { 0, 1 }, { 1, 2 }, { 2, 4 }, { 3, 4 });
	retain_free(run(&g, roots, 2, seeds, 2, &t));
	assert_int_equal(roots[0].bytes, 30);
	assert_int_equal(roots[1].bytes, 20);
	assert_int_equal(roots[1].exclusive_bytes, 10);
	graph_drop(&g);
}

static void closed_nodes_are_entered_by_roots_alone(void **state)
{
	const uint64_t closed[] = { 1u << 1 };
	struct retain_root roots[2] = { { 0 }, { 1 } };
	const struct root_edge seeds[] = { { 0, 0 }, { 1, 1 } };
	struct retain_totals t;
	struct graph g;

	(void)state;
	GRAPH(&g, 3, 2, { 0, 1 }, { 1, 2 });
	g.e.closed = closed;
	retain_free(run(&g, roots, 2, seeds, 2, &t));
	assert_int_equal(roots[0].exclusive_bytes, 10);
	assert_int_equal(roots[1].exclusive_bytes, 20);
	assert_int_equal(t.shared_bytes, 0);
	graph_drop(&g);
}

static void the_way_goes_where_most_is(void **state)
{
	struct retain_root roots[1] = { { 0 } };
	const struct root_edge seeds[] = { { 0, 0 }, { 0, 1 } };
	struct retain_totals t;
	struct retain_step way[8];
	struct retain *r;
	struct graph g;

	(void)state;
	/* An object that names another twice counts it once. */
	GRAPH(&g, 7, 3, { 0, 3 }, { 1, 2 }, { 1, 2 }, { 1, 6 }, { 2, 4 }, { 2, 5 });
	r = run(&g, roots, 1, seeds, 2, &t);
	assert_int_equal(retain_way(r, 0, way, 8), 3);
	assert_int_equal(way[0].node, 1);
	assert_int_equal(way[0].siblings, 2);
	assert_int_equal(way[0].siblings_bytes, 70);
	assert_int_equal(way[1].node, 2);
	assert_int_equal(way[1].bytes, 30);
	assert_int_equal(way[1].siblings, 2);
	assert_int_equal(way[2].siblings, 2);
	assert_int_equal(way[2].siblings_bytes, 20);
	retain_free(r);
	graph_drop(&g);
}

static void a_list_of_a_million_needs_no_stack(void **state)
{
	const uint32_t n = 1000000;
	struct node_run run_ = { .each = 16, .first = 0, .n = n };
	uint32_t *first = calloc(n + 1, sizeof(*first)), *to = calloc(n, sizeof(*to));
	struct edges e = { n, n, first, to, &run_, 1, NULL };
	struct retain_root roots[2] = { { 0 }, { 0 } };
	const struct root_edge seeds[] = { { 0, 0 }, { 1, n / 2 } };
	struct retain_totals t;
	struct retain_step way[4];
	struct retain *r = NULL;

	(void)state;
	assert_non_null(first);
	assert_non_null(to);
	for (uint32_t i = 0; i < n; i++) {
		first[i] = i;
		to[i] = (i + 1) % n;
	}
	first[n] = n;
	assert_int_equal(retain_run(&e, roots, 2, seeds, 2, true, &t, &r), 0);
	/* A ring: each of the two reaches all of it, and half of it first. */
	assert_int_equal(roots[0].bytes, 16ull * n / 2);
	assert_int_equal(roots[1].bytes, 16ull * n / 2);
	assert_int_equal(t.shared_bytes, 16ull * n);
	assert_int_equal(retain_way(r, 0, way, 4), 4);
	retain_free(r);
	free(first);
	free(to);
}

static void without_ways_there_are_the_same_sums(void **state)
{
	struct retain_root roots[1] = { { 0 } };
	const struct root_edge seeds[] = { { 0, 0 }, { 0, 99 } };
	struct retain_totals t;
	struct retain_step way[2];
	struct retain *r = NULL;
	struct graph g;

	(void)state;
	GRAPH(&g, 3, 2, { 0, 1 }, { 1, 2 });
	assert_int_equal(retain_run(&g.e, roots, 1, seeds, 2, false, &t, &r), 0);
	assert_int_equal(roots[0].exclusive_bytes, 30);
	assert_int_equal(retain_way(r, 0, way, 2), 0);
	retain_free(r);
	graph_drop(&g);
}

static void roots_that_do_not_exist_are_refused(void **state)
{
	struct retain_root roots[1] = { { RETAIN_RANKS } };
	const struct root_edge seeds[] = { { 1, 0 } };
	struct retain_totals t;
	struct retain *r = NULL;
	struct graph g;

	(void)state;
	GRAPH(&g, 2, 1, { 0, 1 });
	assert_int_equal(retain_run(&g.e, roots, 1, seeds, 0, true, &t, &r), -EINVAL);
	roots[0].rank = 0;
	assert_int_equal(retain_run(&g.e, roots, 1, seeds, 1, true, &t, &r), -EINVAL);
	assert_null(r);
	graph_drop(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_is_held_by_its_root),
		cmocka_unit_test(a_cycle_ends),
		cmocka_unit_test(what_two_reach_is_exclusive_to_none),
		cmocka_unit_test(sharing_reaches_back),
		cmocka_unit_test(a_lower_rank_comes_first_however_near_the_other_is),
		cmocka_unit_test(the_nearest_root_of_one_rank_counts_it),
		cmocka_unit_test(closed_nodes_are_entered_by_roots_alone),
		cmocka_unit_test(the_way_goes_where_most_is),
		cmocka_unit_test(a_list_of_a_million_needs_no_stack),
		cmocka_unit_test(without_ways_there_are_the_same_sums),
		cmocka_unit_test(roots_that_do_not_exist_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
