// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include "base/cleanup.h"
#include "collect/leak_join.h"
#include "goruntime/park.h"

static struct go_g parked(uint64_t goid)
{
	return (struct go_g){ .goid = goid, .stack_lo = 0x1000, .stack_hi = 0x1800, .sp = 0x1700,
			      .pc = 0x401000, .state = GO_WAITING, .tracking_seq = 3 };
}

static struct leaked_goroutine leaked(const struct go_g *g, uint32_t site, enum verdict grade)
{
	return (struct leaked_goroutine){ g->goid, go_park_id(g), site, grade };
}

static void a_goroutine_is_found_in_the_park_that_was_judged(void **state)
{
	struct go_g g[] = { parked(3), parked(7), parked(40) }, other = parked(8);
	struct leaked_goroutine all[3];
	const struct leak_set set = { .all = all, .n = 3 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		all[i] = leaked(&g[i], 0, VERDICT_LIKELY);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(leak_join_find(&set, &g[i]), &all[i]);
	assert_null(leak_join_find(&set, &other));
	assert_null(leak_join_find(NULL, &g[0]));
	assert_null(leak_join_find(&(struct leak_set){ 0 }, &g[0]));
	/* The collector has moved the stack: it is the same wait. */
	g[1].stack_lo += 0x10000;
	g[1].stack_hi += 0x10000;
	g[1].sp += 0x10000;
	assert_non_null(leak_join_find(&set, &g[1]));
	/* It has run: whatever it waits for now was not judged. */
	g[1].tracking_seq++;
	assert_null(leak_join_find(&set, &g[1]));
}

static void leaked_ones_are_the_first_samples_and_the_rest_makes_way(void **state)
{
	struct gathered e = { 0 };
	struct group *g = &e.group;

	(void)state;
	for (uint64_t id = 1; id <= LIMIT_SAMPLES; id++)
		g->sample_ids[g->n_samples++] = id;
	g->objects_seen = 4;
	for (uint64_t id = 101; id <= 100 + LIMIT_SAMPLES; id++) {
		g->sample_ids[leak_join_place(&e)] = id;
		assert_int_equal(g->n_samples, LIMIT_SAMPLES);
		assert_int_equal(e.leaked_samples, id - 100);
	}
	for (uint32_t i = 0; i < LIMIT_SAMPLES; i++)
		assert_int_equal(g->sample_ids[i], 101 + i);
	assert_int_equal(g->objects_seen, 0);
}

static void while_there_is_room_nobody_makes_way(void **state)
{
	struct gathered e = { 0 };
	struct group *g = &e.group;

	(void)state;
	g->sample_ids[0] = 1;
	g->sample_ids[1] = 2;
	g->n_samples = 2;
	g->sample_ids[leak_join_place(&e)] = 101;
	assert_int_equal(g->n_samples, 3);
	assert_int_equal(g->sample_ids[0], 101);
	assert_int_equal(g->sample_ids[1], 2);
	assert_int_equal(g->sample_ids[2], 1);
}

static void a_group_has_its_part_of_each_sites_bytes(void **state)
{
	const struct leak_site sites[] = { { .count = 10, .heap_bytes = 1000 },
					   { .count = 3, .heap_bytes = ~0ull } };
	const struct leak_set set = { .sites = sites, .n_sites = 2 };
	struct go_g g = parked(3);
	struct leaked_goroutine of[] = { leaked(&g, 0, VERDICT_LIKELY), leaked(&g, 1, VERDICT_PROVEN),
					 leaked(&g, 9, VERDICT_SUSPECT) };
	struct gathered e = { 0 };

	(void)state;
	g.waitsince = 50;
	for (int i = 0; i < 4; i++)
		leak_join_count(&e, &set, &of[0], &g);
	leak_join_finish(&e, &set);
	assert_int_equal(e.group.leaked_heap_bytes, 400);
	assert_int_equal(e.group.leaked_stack_bytes, 4 * 0x800);
	assert_int_equal(e.group.n_likely, 4);
	assert_int_equal(e.leaked_waitsince, 50);
	g.waitsince = 20;
	leak_join_count(&e, &set, &of[1], &g);
	/* A site that is not there has no bytes. */
	leak_join_count(&e, &set, &of[2], &g);
	leak_join_finish(&e, &set);
	assert_int_equal(e.group.leaked_heap_bytes, 400 + ~0ull / 3);
	assert_int_equal(e.group.n_proven, 1);
	assert_int_equal(e.group.n_leak_suspect, 1);
	assert_int_equal(e.leaked_waitsince, 20);
	assert_true(e.group.leaked_heap_known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_goroutine_is_found_in_the_park_that_was_judged),
		cmocka_unit_test(leaked_ones_are_the_first_samples_and_the_rest_makes_way),
		cmocka_unit_test(while_there_is_room_nobody_makes_way),
		cmocka_unit_test(a_group_has_its_part_of_each_sites_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
