// SPDX-License-Identifier: Apache-2.0
/* Work that ends, work that does not, and what becomes of it. */
#include "../unit.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "collect/crew.h"

struct job {
	bool busy;
	int gate[2];		/* it ends when a byte comes */
	pthread_t ran_on;
	unsigned int done;
};

static void quick(void *arg)
{
	struct job *j = arg;

	j->ran_on = pthread_self();
	j->done++;
}

static void waits(void *arg)
{
	struct job *j = arg;
	char byte;

	if (read(j->gate[0], &byte, 1) == 1)
		j->done++;
}

static void works(void *arg)
{
	struct job *j = arg;
	struct timespec t;

	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < 20000000);
	j->done++;
}

static struct job job(void)
{
	struct job j = { 0 };

	assert_int_equal(pipe(j.gate), 0);
	return j;
}

static void finish(struct job *j)
{
	assert_int_equal(write(j->gate[1], "x", 1), 1);
	while (crew_busy(&j->busy))
		usleep(1000);
	assert_int_equal(j->done, 1);
	close(j->gate[0]);
	close(j->gate[1]);
}

static void work_is_done_by_another_thread_and_its_cpu_time_is_told(void **state)
{
	struct crew *c = crew_new();
	struct job j = { 0 };
	double ms;

	(void)state;
	assert_non_null(c);
	assert_int_equal(crew_run(c, quick, &j, &j.busy, 60, &ms), 0);
	assert_int_equal(j.done, 1);
	assert_false(pthread_equal(j.ran_on, pthread_self()));
	assert_false(crew_busy(&j.busy));
	assert_int_equal(crew_run(c, works, &j, &j.busy, 60, &ms), 0);
	assert_true(ms >= 20 * 0.9);
	assert_int_equal(j.done, 2);
	assert_true(crew_free(c));
}

static void what_does_not_end_is_left_and_the_next_one_goes_on(void **state)
{
	struct crew *c = crew_new();
	struct job stuck = job(), next = { 0 };
	double ms;

	(void)state;
	assert_int_equal(crew_run(c, waits, &stuck, &stuck.busy, 0.01, &ms), -ETIMEDOUT);
	assert_true(crew_busy(&stuck.busy));
	assert_int_equal(crew_lost(c), 1);
	assert_int_equal(crew_run(c, quick, &next, &next.busy, 60, &ms), 0);
	assert_int_equal(next.done, 1);
	assert_int_equal(stuck.done, 0);
	finish(&stuck);
	while (crew_lost(c))
		usleep(1000);
	assert_true(crew_free(c));
}

static void there_is_an_end_to_patience(void **state)
{
	struct crew *c = crew_new();
	struct job stuck[CREW_LOST], one_more = { 0 };
	double ms;

	(void)state;
	for (int i = 0; i < CREW_LOST; i++) {
		stuck[i] = job();
		assert_int_equal(crew_run(c, waits, &stuck[i], &stuck[i].busy, 0.001, &ms),
				 -ETIMEDOUT);
	}
	assert_int_equal(crew_run(c, quick, &one_more, &one_more.busy, 60, &ms), -EBUSY);
	assert_int_equal(one_more.done, 0);
	assert_false(crew_busy(&one_more.busy));
	for (int i = 0; i < CREW_LOST; i++)
		finish(&stuck[i]);
	while (crew_lost(c))
		usleep(1000);
	assert_int_equal(crew_run(c, quick, &one_more, &one_more.busy, 60, &ms), 0);
	assert_true(crew_free(c));
}

static void a_crew_with_work_that_goes_on_is_not_freed(void **state)
{
	struct crew *c = crew_new();
	static struct job stuck;
	double ms;

	(void)state;
	stuck = job();
	assert_int_equal(crew_run(c, waits, &stuck, &stuck.busy, 0.001, &ms), -ETIMEDOUT);
	assert_false(crew_free(c));
	finish(&stuck);
	assert_true(crew_free(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_is_done_by_another_thread_and_its_cpu_time_is_told),
		cmocka_unit_test(what_does_not_end_is_left_and_the_next_one_goes_on),
		cmocka_unit_test(there_is_an_end_to_patience),
		cmocka_unit_test(a_crew_with_work_that_goes_on_is_not_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
