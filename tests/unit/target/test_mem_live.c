// SPDX-License-Identifier: Apache-2.0
#include "target/mem_live.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/process.h"

enum { PAGE = 4096, PAGES = 64 };

/* Shared layout: the child maps PAGES pages and unmaps those whose bit is set in the mask. */
#define BASE 0x500000000000ull

static void map_with_holes(void *arg)
{
	uint64_t holes = *(uint64_t *)arg;
	uint8_t *base = mmap((void *)BASE, PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (base != (void *)BASE)
		_exit(1);
	for (size_t i = 0; i < PAGES * PAGE; i += 8)
		memcpy(base + i, &(uint64_t){ BASE + i }, 8);
	for (int i = 0; i < PAGES; i++)
		if (holes & 1ull << i)
			munmap(base + i * PAGE, PAGE);
}

struct fixture {
	pid_t pid;
	struct process *process;
	struct mem *mem;
};

static struct fixture start(uint64_t holes)
{
	struct fixture f = { .pid = child_start(map_with_holes, &holes) };

	assert_int_equal(process_open(f.pid, &f.process, NULL), 0);
	assert_int_equal(mem_live_open(f.process, &f.mem), 0);
	return f;
}

static void stop(struct fixture *f)
{
	mem_close(f->mem);
	process_close(f->process);
	child_stop(f->pid);
}

static void a_read_gives_all_or_efault(void **state)
{
	struct fixture f = start(1ull << 2);
	uint64_t v, words[PAGE / 8];

	(void)state;
	assert_int_equal(mem_read_u64(f.mem, BASE + 16, &v), 0);
	assert_int_equal(v, BASE + 16);
	assert_int_equal(mem_read(f.mem, BASE + PAGE, words, PAGE), 0);
	assert_int_equal(words[PAGE / 8 - 1], BASE + 2 * PAGE - 8);
	assert_int_equal(mem_read(f.mem, BASE + PAGE + 8, words, PAGE), -EFAULT);
	assert_int_equal(mem_read(f.mem, BASE + 2 * PAGE, words, 1), -EFAULT);
	assert_int_equal(mem_read(f.mem, BASE + 3 * PAGE, words, PAGE), 0);
	assert_int_equal(mem_read(f.mem, 0, words, 8), -EFAULT);
	assert_int_equal(mem_read(f.mem, UINT64_MAX - 3, words, 8), -EFAULT);
	assert_int_equal(mem_read(f.mem, 1ull << 47, words, 8), -EFAULT);
	assert_int_equal(mem_read(f.mem, BASE, words, 0), 0);
	stop(&f);
}

/* Every piece must be as the holes say, whatever the batch looks like. */
static void check_batch(uint64_t holes, size_t n, unsigned int seed)
{
	struct fixture f = start(holes);
	struct mem_req *reqs = calloc(n, sizeof(*reqs));
	uint64_t *bufs = calloc(n, 64);

	assert_true(reqs && bufs);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = (uint64_t)(rand_r(&seed) % (PAGES * PAGE / 8 - 8)) * 8;

		reqs[i] = (struct mem_req){ BASE + at, &bufs[i * 8],
					    (uint32_t)(rand_r(&seed) % 9) * 8, 1 };
	}
	assert_int_equal(mem_read_many(f.mem, reqs, n), 0);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = reqs[i].addr - BASE;
		bool bad = reqs[i].len && ((holes >> (at / PAGE) & 1) ||
					   (holes >> ((at + reqs[i].len - 1) / PAGE) & 1));

		assert_int_equal(reqs[i].err, bad ? -EFAULT : 0);
		for (uint32_t k = 0; !bad && k < reqs[i].len / 8; k++)
			assert_int_equal(bufs[i * 8 + k], reqs[i].addr + k * 8);
	}
	free(bufs);
	free(reqs);
	stop(&f);
}

static void a_batch_resumes_after_each_bad_piece(void **state)
{
	(void)state;
	check_batch(0, 5000, 1);
	check_batch(1ull << 7, 5000, 2);
	check_batch(0x5555555555555555ull, 5000, 3);
	check_batch(0xffffffffffff0000ull, 5000, 4);
	check_batch(~0ull, 3000, 5);
	check_batch(0xf0, 1023, 6);
	check_batch(0xf0, 1024, 7);
	check_batch(0xf0, 1025, 8);
	check_batch(0xf0, 1, 9);
}

static void an_empty_batch_is_fine(void **state)
{
	struct fixture f = start(0);

	(void)state;
	assert_int_equal(mem_read_many(f.mem, NULL, 0), 0);
	stop(&f);
}

static void pieces_larger_than_one_call_takes_are_split(void **state)
{
	/* 300 MiB of the zero page: nothing is written, so neither side pays for it. */
	enum { BIG = 300 << 20 };
	void *zeros = mmap(NULL, BIG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(mem_close_p) struct mem *m = NULL;
	uint64_t word = 42, copy = 0;
	struct mem_req reqs[] = {
		{ (uint64_t)(uintptr_t)&word, &copy, 8, 1 },
		{ (uint64_t)(uintptr_t)zeros, buf, BIG, 1 },
		{ (uint64_t)(uintptr_t)zeros + 8, buf, BIG, 1 },
		{ (uint64_t)(uintptr_t)&word, &copy, 8, 1 },
	};

	(void)state;
	assert_true(zeros != MAP_FAILED && buf != MAP_FAILED);
	/* What follows the mapping is not known, so make it a hole. */
	assert_int_equal(munmap((char *)zeros + BIG - PAGE, PAGE), 0);
	reqs[1].len -= PAGE;
	assert_int_equal(process_open(getpid(), &p, NULL), 0);
	assert_int_equal(mem_live_open(p, &m), 0);
	assert_int_equal(mem_read_many(m, reqs, 4), 0);
	assert_int_equal(reqs[0].err, 0);
	assert_int_equal(reqs[1].err, 0);
	assert_int_equal(reqs[2].err, -EFAULT);
	assert_int_equal(reqs[3].err, 0);
	assert_int_equal(copy, 42);
	munmap(zeros, BIG - PAGE);
	munmap(buf, BIG);
}

static void a_target_that_exited_is_gone(void **state)
{
	struct fixture f = start(0);
	uint64_t v = 7;
	struct mem_req req = { BASE, &v, 8, 1 };

	(void)state;
	child_stop(f.pid);
	assert_int_equal(mem_read_u64(f.mem, BASE, &v), -ESRCH);
	assert_int_equal(mem_read_many(f.mem, &req, 1), -ESRCH);
	assert_int_equal(v, 7);
	mem_close(f.mem);
	process_close(f.process);
}

static int lose_permission(void *arg)
{
	struct process *p = NULL;
	struct mem *m = NULL;
	uint64_t v;
	struct mem_req req = { BASE, &v, 8, 1 };

	if (process_open(*(pid_t *)arg, &p, NULL) < 0 || mem_live_open(p, &m) < 0)
		return 2;
	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 3;
	return mem_read_u64(m, BASE, &v) == -EPERM && mem_read_many(m, &req, 1) == -EPERM ? 0 : 1;
}

static void refusal_is_eperm_and_not_a_bad_page(void **state)
{
	uint64_t holes = 0;
	pid_t pid = child_start(map_with_holes, &holes);

	(void)state;
	if (geteuid() == 0)
		assert_int_equal(child_judge(lose_permission, &pid), 0);
	child_stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_gives_all_or_efault),
		cmocka_unit_test(a_batch_resumes_after_each_bad_piece),
		cmocka_unit_test(an_empty_batch_is_fine),
		cmocka_unit_test(pieces_larger_than_one_call_takes_are_split),
		cmocka_unit_test(a_target_that_exited_is_gone),
		cmocka_unit_test(refusal_is_eperm_and_not_a_bad_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
