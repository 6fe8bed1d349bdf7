// SPDX-License-Identifier: Apache-2.0
#include "target/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/discover.h"
#include "target/process.h"

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void start_threads(void *arg)
{
	pthread_t t;

	for (int i = 0; i < *(int *)arg; i++)
		pthread_create(&t, NULL, wait_for_ever, NULL);
}

static void every_thread_is_listed_in_order(void **state)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	pid_t *tids = NULL, pid = child_start(start_threads, &(int){ 100 });
	size_t n = 0;

	(void)state;
	assert_int_equal(process_open(pid, &p, NULL), 0);
	assert_int_equal(threads_list(p, &tids, &n, NULL), 0);
	assert_int_equal(n, 101);
	assert_int_equal(tids[0], pid);
	for (size_t i = 1; i < n; i++)
		assert_true(tids[i - 1] < tids[i]);
	free(tids);

	child_stop(pid);
	tids = NULL;
	assert_int_equal(threads_list(p, &tids, &n, NULL), -ESRCH);
	assert_null(tids);
}

static bool holds(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static void discovery_finds_processes_but_no_zombies_and_not_us(void **state)
{
	pid_t child = child_start(NULL, NULL), zombie = child_zombie(), *pids = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(discover_pids(&pids, &n, NULL), 0);
	assert_true(holds(pids, n, child));
	assert_false(holds(pids, n, zombie));
	assert_false(holds(pids, n, getpid()));
	for (size_t i = 1; i < n; i++)
		assert_true(pids[i - 1] < pids[i]);
	free(pids);
	child_stop(child);
	child_stop(zombie);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_thread_is_listed_in_order),
		cmocka_unit_test(discovery_finds_processes_but_no_zombies_and_not_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
