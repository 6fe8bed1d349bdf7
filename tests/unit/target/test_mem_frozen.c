// SPDX-License-Identifier: Apache-2.0
#include "target/mem_frozen.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/process.h"

enum { PAGE = 4096, PAGES = 4096, SPARE = 64 * PAGE };

/* The child's, at the same address in both; each page begins with its number. */
static uint8_t *area;

static int map_area(void **state)
{
	(void)state;
	area = mmap(NULL, PAGES * (size_t)PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return area == MAP_FAILED ? -1 : 0;
}

static int unmap_area(void **state)
{
	(void)state;
	return munmap(area, PAGES * (size_t)PAGE);
}

static uint64_t page(size_t n)
{
	return (uint64_t)(uintptr_t)area + n * PAGE;
}

static void fill(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < PAGES; i++)
		*(uint64_t *)(area + i * PAGE) = i;
	/* A hole of 3 pages, which a copy meets in the middle. */
	munmap(area + 100 * PAGE, 3 * PAGE);
	kill(getpid(), SIGSTOP);
}

struct frozen {
	pid_t pid;
	struct process *p;
	struct mem_frozen *f;
	struct mem *m;
};

static void freeze(struct frozen *x, const struct frozen_range *plan, size_t n,
		   const struct frozen_range *more, size_t n_more)
{
	uint64_t copied;
	double s;

	assert_int_equal(process_open(x->pid, &x->p, NULL), 0);
	assert_int_equal(mem_frozen_open(x->p, plan, n, SPARE, 1 << 30, &x->f, NULL), 0);
	assert_int_equal(mem_frozen_rehearse(x->f, 1 << 20, &copied, &s), 0);
	assert_true(s > 0);
	mem_frozen_start(x->f);
	for (size_t i = 0; i < n_more; i++)
		assert_int_equal(mem_frozen_more(x->f, more[i].start, more[i].end), 0);
	assert_int_equal(mem_frozen_finish(x->f, 10000000), 0);
	assert_int_equal(mem_frozen_mem(x->f, NULL, 0, &x->m), 0);
}

static void thaw(struct frozen *x)
{
	mem_close(x->m);
	mem_frozen_close(x->f);
	process_close(x->p);
	child_stop(x->pid);
}

/* The child stops itself when it is filled; child_start() would wait for more. */
static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		fill(NULL);
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WSTOPPED), 0);
	return pid;
}

static void assert_page(struct mem *m, size_t n)
{
	uint64_t v = 0;

	assert_int_equal(mem_read_u64(m, page(n), &v), 0);
	assert_int_equal(v, n);
}

static void what_was_planned_and_added_reads_as_it_stood(void **state)
{
	const struct frozen_range plan[] = {
		{ page(2000), page(3000) }, { page(10), page(20) + 1 }, { page(15), page(90) },
	};
	const struct frozen_range more[] = {
		{ page(2990), page(3010) }, { page(4000) + 8, page(4000) + 16 },
		{ page(5), page(12) }, { page(4000), page(4001) },
	};
	struct frozen x = { .pid = start_child() };
	uint8_t *bytes = malloc(1000 * PAGE);
	uint64_t first, v;

	(void)state;
	freeze(&x, plan, 3, more, 4);
	kill(x.pid, SIGKILL);
	for (size_t i = 5; i < 90; i++)
		assert_page(x.m, i);
	for (size_t i = 2000; i < 3010; i++)
		assert_page(x.m, i);
	assert_page(x.m, 4000);
	/* Over the seam between what was planned and what came later. */
	assert_int_equal(mem_read(x.m, page(2500), bytes, 505 * PAGE), 0);
	assert_int_equal(*(uint64_t *)(bytes + 504 * PAGE), 3004);
	assert_int_equal(mem_frozen_misses(x.f, &first), 0);

	assert_int_equal(mem_read_u64(x.m, page(3010), &v), -EFAULT);
	assert_int_equal(mem_read_u64(x.m, page(90) - 4, &v), -EFAULT);
	assert_int_equal(mem_frozen_misses(x.f, &first), 2);
	assert_int_equal(first, page(3010));
	free(bytes);
	thaw(&x);
}

static void pages_that_are_not_there_are_left_out_and_the_rest_is_copied(void **state)
{
	const struct frozen_range plan[] = { { page(0), page(PAGES) } };
	struct frozen x = { .pid = start_child() };
	uint64_t v, first;

	(void)state;
	freeze(&x, plan, 1, NULL, 0);
	for (size_t i = 0; i < PAGES; i++)
		if (i < 100 || i >= 103)
			assert_page(x.m, i);
	assert_int_equal(mem_frozen_copied(x.f), (PAGES - 3) * (uint64_t)PAGE);
	for (size_t i = 100; i < 103; i++)
		assert_int_equal(mem_read_u64(x.m, page(i), &v), -EFAULT);
	assert_int_equal(mem_frozen_misses(x.f, &first), 3);
	thaw(&x);
}

static void what_one_may_do_without_is_not_counted(void **state)
{
	const struct frozen_range plan[] = { { page(0), page(10) } };
	const struct frozen_range without[] = { { page(20), page(30) }, { page(40), page(50) } };
	struct frozen x = { .pid = start_child() };
	uint64_t v, first;

	(void)state;
	freeze(&x, plan, 1, NULL, 0);
	mem_frozen_do_without(x.f, without, 2);
	assert_int_equal(mem_read_u64(x.m, page(25), &v), -EFAULT);
	assert_int_equal(mem_read_u64(x.m, page(49), &v), -EFAULT);
	assert_int_equal(mem_frozen_misses(x.f, &first), 0);
	assert_int_equal(mem_read_u64(x.m, page(30), &v), -EFAULT);
	assert_int_equal(mem_frozen_misses(x.f, &first), 1);
	mem_frozen_forget_misses(x.f);
	assert_int_equal(mem_frozen_misses(x.f, &first), 0);
	thaw(&x);
}

static void what_was_forgotten_fails_and_its_neighbours_stay(void **state)
{
	const struct frozen_range plan[] = { { page(0), page(50) } };
	struct frozen x = { .pid = start_child() };
	uint64_t v, first;

	(void)state;
	freeze(&x, plan, 1, NULL, 0);
	/* Of the last page a part is left. */
	mem_forget(x.m, page(10), page(20) + 8);
	/* It does not follow: what was to be given back is, now. */
	mem_forget(x.m, page(30), page(60));
	for (size_t i = 0; i < 30; i++) {
		bool gone = i >= 10 && i < 20;

		assert_int_equal(mem_read_u64(x.m, page(i), &v), gone ? -EFAULT : 0);
		if (!gone)
			assert_int_equal(v, i);
	}
	assert_int_equal(mem_read_u64(x.m, page(30), &v), -EFAULT);
	assert_int_equal(mem_read_u64(x.m, page(49), &v), -EFAULT);
	assert_int_equal(mem_frozen_misses(x.f, &first), 12);
	thaw(&x);
}

static void a_plan_beyond_the_limit_and_spare_room_that_is_used_up(void **state)
{
	const struct frozen_range plan[] = { { page(0), page(50) } };
	struct frozen x = { .pid = start_child() };
	struct diag d = DIAG_INIT;

	(void)state;
	assert_int_equal(process_open(x.pid, &x.p, NULL), 0);
	assert_int_equal(mem_frozen_open(x.p, plan, 1, 0, 49 * PAGE, &x.f, &d), -E2BIG);
	assert_non_null(strstr(d.why, "MiB"));
	assert_int_equal(mem_frozen_open(x.p, plan, 1, 2 * PAGE, 1 << 30, &x.f, &d), 0);
	mem_frozen_start(x.f);
	assert_int_equal(mem_frozen_more(x.f, page(50), page(52)), 0);
	assert_int_equal(mem_frozen_more(x.f, page(52), page(53)), -ENOSPC);
	assert_int_equal(mem_frozen_finish(x.f, 10000000), 0);
	thaw(&x);
}

static void a_process_that_is_gone_and_time_that_is_over(void **state)
{
	const struct frozen_range plan[] = { { page(0), page(90) } };
	struct frozen x = { .pid = start_child() };

	(void)state;
	assert_int_equal(process_open(x.pid, &x.p, NULL), 0);
	assert_int_equal(mem_frozen_open(x.p, plan, 1, 0, 1 << 30, &x.f, NULL), 0);
	kill(x.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)x.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	mem_frozen_start(x.f);
	assert_int_equal(mem_frozen_finish(x.f, 10000000), -ESRCH);
	mem_frozen_close(x.f);
	x.f = NULL;
	assert_int_equal(mem_frozen_open(x.p, plan, 1, PAGE, 1 << 30, &x.f, NULL), 0);
	/* Nobody has begun: given up at once. */
	thaw(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_planned_and_added_reads_as_it_stood, map_area, unmap_area),
		cmocka_unit_test_setup_teardown(
			pages_that_are_not_there_are_left_out_and_the_rest_is_copied, map_area,
			unmap_area),
		cmocka_unit_test_setup_teardown(what_one_may_do_without_is_not_counted, map_area,
						unmap_area),
		cmocka_unit_test_setup_teardown(
			what_was_forgotten_fails_and_its_neighbours_stay, map_area, unmap_area),
		cmocka_unit_test_setup_teardown(
			a_plan_beyond_the_limit_and_spare_room_that_is_used_up, map_area,
			unmap_area),
		cmocka_unit_test_setup_teardown(a_process_that_is_gone_and_time_that_is_over,
						map_area, unmap_area),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
