// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <errno.h>
#include <stdatomic.h>

#include "trace/burst.h"

#define PATIENCE_MS 30000

struct probes {
	_Atomic int on, arms;
	int fails_at;		/* this arming fails */
};

static int arm(void *arg, struct diag *d)
{
	struct probes *p = arg;

	assert_int_equal(p->on, 0);
	if (++p->arms == p->fails_at)
		return diag_fail(d, -ESRCH, "gone");
	p->on = 1;
	return 0;
}

static void disarm(void *arg)
{
	struct probes *p = arg;

	assert_int_equal(p->on, 1);
	p->on = 0;
}

static struct burst *start(struct probes *p)
{
	const struct burst_ops ops = { .arm = arm, .disarm = disarm, .arg = p };
	struct burst *b;

	assert_int_equal(burst_start(&ops, 1, &b), 0);
	return b;
}

static void bursts_come_while_there_is_a_duty(void **state)
{
	struct probes p = { 0 };
	CLEANUP(burst_stop_p) struct burst *b = start(&p);
	struct burst_state s;

	(void)state;
	assert_int_equal(burst_wait(b, 1, 20), -ETIMEDOUT);
	burst_set_duty(b, 0.5);
	assert_int_equal(burst_wait(b, 5, PATIENCE_MS), 0);
	burst_set_duty(b, 0);
	burst_state(b, &s);
	assert_int_equal(s.failed, 0);
	assert_true(s.bursts >= 5);
	assert_true((uint64_t)p.arms >= s.bursts);
}

static void a_stream_of_changes_does_not_put_a_burst_off(void **state)
{
	struct probes p = { 0 };
	CLEANUP(burst_stop_p) struct burst *b = start(&p);
	int changes = 0;

	(void)state;
	/* Pauses of 100 ms or so; were they begun anew at each change, none would ever end. */
	while (burst_wait(b, 3, 1) == -ETIMEDOUT && changes < PATIENCE_MS)
		burst_set_duty(b, 0.3 + 0.0001 * (++changes % 2));
	assert_true(changes < PATIENCE_MS);
}

static void one_burst_is_one(void **state)
{
	struct probes p = { 0 };
	CLEANUP(burst_stop_p) struct burst *b = start(&p);

	(void)state;
	burst_once(b, 0.005);
	assert_int_equal(burst_wait(b, 1, PATIENCE_MS), 0);
	assert_int_equal(burst_wait(b, 2, 50), -ETIMEDOUT);
	assert_int_equal(p.arms, 1);
	assert_int_equal(p.on, 0);
}

static void full_duty_is_one_long_burst_until_it_changes(void **state)
{
	struct probes p = { 0 };
	CLEANUP(burst_stop_p) struct burst *b = start(&p);
	struct burst_state s;

	(void)state;
	burst_set_duty(b, 1);
	assert_int_equal(burst_wait(b, 1, 50), -ETIMEDOUT);
	do
		burst_state(b, &s);
	while (!s.on);
	burst_set_duty(b, 0);
	assert_int_equal(burst_wait(b, 1, PATIENCE_MS), 0);
	assert_int_equal(p.on, 0);
}

static bool after_three(void *arg)
{
	_Atomic int *asked = arg;

	return ++*asked >= 3;
}

static void what_has_cost_enough_ends_at_once_and_waits_for_a_new_duty(void **state)
{
	_Atomic int asked = 0;
	struct probes p = { 0 };
	const struct burst_ops ops = { .arm = arm, .disarm = disarm, .arg = &p,
				       .enough = after_three, .enough_arg = &asked };
	CLEANUP(burst_stop_p) struct burst *b = NULL;

	(void)state;
	assert_int_equal(burst_start(&ops, 1, &b), 0);
	burst_set_duty(b, 1);
	assert_int_equal(burst_wait(b, 1, PATIENCE_MS), 0);
	assert_int_equal(asked, 3);
	assert_int_equal(burst_wait(b, 2, 50), -ETIMEDOUT);
	assert_int_equal(p.on, 0);
	/* The same as before, but said anew. */
	asked = 0;
	burst_set_duty(b, 1);
	assert_int_equal(burst_wait(b, 2, PATIENCE_MS), 0);
}

static void the_end_takes_the_probes_off(void **state)
{
	struct probes p = { 0 };
	struct burst *b = start(&p);
	struct burst_state s;

	(void)state;
	burst_set_duty(b, 1);
	do
		burst_state(b, &s);
	while (!s.on);
	burst_stop(b);
	assert_int_equal(p.on, 0);
	burst_stop(NULL);
}

static void what_cannot_be_armed_says_so_and_is_left_alone(void **state)
{
	struct probes p = { .fails_at = 2 };
	CLEANUP(burst_stop_p) struct burst *b = start(&p);
	struct burst_state s;

	(void)state;
	burst_set_duty(b, 0.9);
	assert_int_equal(burst_wait(b, 2, PATIENCE_MS), 0);
	burst_state(b, &s);
	assert_int_equal(s.failed, -ESRCH);
	assert_string_equal(s.why.why, "gone");
	assert_int_equal(s.bursts, 1);
	burst_set_duty(b, 0.8);
	burst_once(b, 0.001);
	assert_int_equal(burst_wait(b, 2, 20), 0);
	assert_int_equal(p.arms, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts_come_while_there_is_a_duty),
		cmocka_unit_test(a_stream_of_changes_does_not_put_a_burst_off),
		cmocka_unit_test(one_burst_is_one),
		cmocka_unit_test(full_duty_is_one_long_burst_until_it_changes),
		cmocka_unit_test(what_has_cost_enough_ends_at_once_and_waits_for_a_new_duty),
		cmocka_unit_test(the_end_takes_the_probes_off),
		cmocka_unit_test(what_cannot_be_armed_says_so_and_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
