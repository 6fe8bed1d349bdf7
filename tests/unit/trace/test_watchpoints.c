// SPDX-License-Identifier: Apache-2.0
/* Watches memory of a child that does as it is told, with the real registers. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit.h"

#include "sleeper.h"
#include "target/process.h"
#include "trace/watchpoint_cost.h"
#include "trace/watchpoints.h"

/* What the child does in one round. */
enum deed { NOTHING, READ, WRITE, FREE, READ_BESIDE, BY_SECOND, BY_NEWBORN, BY_KERNEL, BY_FORKED,
	    HAMMER, CROWD };
enum { OBJECTS = 5, CROWD_SIZE = WATCHPOINTS_THREADS + 8, HAMMERED = 2000000 };

struct told {
	enum deed deed;
	int object;
	volatile uint64_t *objects[OBJECTS];
};

static struct told *told;

static void *touch(void *arg)
{
	(void)arg;
	(void)*told->objects[told->object];
	return NULL;
}

static void *second(void *arg)
{
	pthread_t newborn;

	for (uint32_t round = 1;; round++) {
		sleeper_await(&shared->words[0], round);
		if (told->deed == BY_SECOND)
			touch(NULL);
		if (told->deed == BY_NEWBORN) {
			pthread_create(&newborn, NULL, touch, NULL);
			pthread_join(newborn, NULL);
		}
		sleeper_tell(&shared->words[1], round);
	}
	return arg;
}

static void *stay(void *arg)
{
	pause();
	return arg;
}

static void in_main(void)
{
	volatile uint64_t *at = told->objects[told->object];
	pthread_attr_t small;
	pthread_t t;
	int pipes[2];
	pid_t pid;

	switch (told->deed) {
	case READ:
		(void)*at;
		break;
	case WRITE:
		((volatile char *)at)[7] = 1;
		break;
	case FREE:
		free((void *)at);
		break;
	case READ_BESIDE:
		(void)at[1];
		break;
	case BY_KERNEL:
		if (pipe(pipes) < 0 || write(pipes[1], (const void *)at, 8) != 8)
			_exit(1);
		break;
	case BY_FORKED:
		pid = fork();
		if (pid == 0) {
			touch(NULL);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		break;
	case HAMMER:
		for (int i = 0; i < HAMMERED; i++)
			(void)*at;
		break;
	case CROWD:
		pthread_attr_init(&small);
		pthread_attr_setstacksize(&small, 32 * 1024);
		for (int i = 0; i < CROWD_SIZE; i++)
			pthread_create(&t, &small, stay, NULL);
		break;
	default:
		break;
	}
}

static void obey(void)
{
	pthread_t t;

	pthread_create(&t, NULL, second, NULL);
	for (int i = 0; i < OBJECTS; i++)
		told->objects[i] = calloc(1, 100);
	sleeper_tell(&shared->done, UINT32_MAX);
	for (uint32_t round = 1;; round++) {
		sleeper_await(&shared->words[0], round);
		in_main();
		sleeper_await(&shared->words[1], round);
		sleeper_tell(&shared->done, round);
	}
}

struct fixture {
	pid_t pid;
	uint32_t round;
	struct process *process;
	struct watchpoints *w;
	struct diag d;
};

static void *share(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	shared = share(sizeof(*shared));
	told = share(sizeof(*told));
	f->pid = fork();
	if (f->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		obey();
	}
	sleeper_await(&shared->done, UINT32_MAX);
	assert_int_equal(process_open(f->pid, &f->process, &f->d), 0);
	if (watchpoints_open(f->process, &f->w, &f->d) < 0)
		fprintf(stderr, "# %s\n", f->d.why);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	watchpoints_close(f->w);
	process_close(f->process);
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	munmap(shared, sizeof(*shared));
	munmap(told, sizeof(*told));
	free(f);
	return 0;
}

static void tell(struct fixture *f, enum deed deed, int object)
{
	told->deed = deed;
	told->object = object;
	sleeper_tell(&shared->words[0], ++f->round);
	sleeper_await(&shared->done, f->round);
}

static struct fixture *ready(void **state)
{
	struct fixture *f = *state;

	if (!f->w)
		skip();
	return f;
}

static int set(struct fixture *f, int object)
{
	return watchpoints_set(f->w, (uintptr_t)told->objects[object], &f->d);
}

static struct watchpoint_state after(struct fixture *f, enum deed deed, int object, int which)
{
	struct watchpoint_state s;

	tell(f, deed, object);
	watchpoints_state(f->w, which, &s);
	return s;
}

static void every_kind_of_access_is_seen(void **state)
{
	static const enum deed deeds[] = { READ, WRITE, FREE, BY_SECOND, BY_NEWBORN, BY_KERNEL };
	struct fixture *f = ready(state);

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		int object = deeds[i] == FREE ? 1 : 0, which = set(f, object);
		struct watchpoint_state s;

		assert_true(which >= 0);
		s = after(f, NOTHING, object, which);
		assert_true(s.set_ns > 0);
		assert_int_equal(s.touched_ns, 0);
		s = after(f, deeds[i], object, which);
		if (s.touched_ns < s.set_ns)
			fail_msg("deed %d was not seen", (int)deeds[i]);
		watchpoints_clear(f->w, which);
	}
}

static void what_is_beside_it_or_another_process_is_nobody(void **state)
{
	struct fixture *f = ready(state);
	int which = set(f, 2);

	assert_true(which >= 0);
	assert_int_equal(after(f, READ_BESIDE, 2, which).touched_ns, 0);
	assert_int_equal(after(f, READ, 3, which).touched_ns, 0);
	assert_int_equal(after(f, BY_FORKED, 2, which).touched_ns, 0);
	assert_int_equal(after(f, READ, 2, which).hits, 1);
}

static void four_at_a_time_are_told_apart(void **state)
{
	struct fixture *f = ready(state);
	struct watchpoint_state s;

	for (int i = 0; i < WATCHPOINTS_MAX; i++)
		assert_int_equal(set(f, i), i);
	assert_int_equal(set(f, 4), -EBUSY);
	assert_true(after(f, READ, 2, 2).touched_ns > 0);
	for (int i = 0; i < WATCHPOINTS_MAX; i++) {
		watchpoints_state(f->w, i, &s);
		assert_int_equal(s.touched_ns != 0, i == 2);
	}
	watchpoints_clear(f->w, 2);
	assert_int_equal(set(f, 4), 2);
	assert_true(after(f, FREE, 4, 2).touched_ns > 0);
}

/* A trap each would take the child some seconds. */
static void one_that_is_hit_all_the_time_is_off_at_once(void **state)
{
	struct fixture *f = ready(state);
	int which = set(f, 0);
	struct watchpoint_state s = after(f, HAMMER, 0, which);

	assert_true(s.touched_ns > 0);
	assert_in_range(s.hits, 1, HAMMERED / 2);
}

static size_t descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void nothing_is_open_after_the_close(void **state)
{
	struct fixture *f = ready(state);
	size_t before = descriptors();

	assert_true(set(f, 0) >= 0);
	assert_true(set(f, 1) >= 0);
	/* Two threads each. */
	assert_int_equal(descriptors(), before + 4);
	watchpoints_clear(f->w, 1);
	assert_int_equal(descriptors(), before + 2);
	watchpoints_close(f->w);
	f->w = NULL;
	assert_int_equal(descriptors(), before);
}

static void too_many_threads_are_refused(void **state)
{
	struct fixture *f = ready(state);
	size_t before = descriptors();

	tell(f, CROWD, 0);
	assert_int_equal(set(f, 0), -E2BIG);
	assert_non_null(strstr(f->d.why, "threads"));
	assert_int_equal(descriptors(), before);
	assert_int_equal(watchpoints_set(f->w, 0x1001, &f->d), -EINVAL);
}

static void a_target_that_is_gone_is_said_to_be(void **state)
{
	struct fixture *f = ready(state);
	struct watchpoint_state s;
	int which = set(f, 0);

	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	assert_int_equal(set(f, 1), -ESRCH);
	watchpoints_state(f->w, which, &s);
	assert_int_equal(s.touched_ns, 0);
}

static void what_one_costs_at_a_switch_is_measured_once(void **state)
{
	struct fixture *f = ready(state);
	size_t before = descriptors();
	double ns = watchpoint_switch_ns();

	(void)f;
	/* A register or two: less than any system call of a slow machine. */
	assert_true(ns > 0 && ns < 1e6);
	assert_true(watchpoint_switch_ns() == ns);
	assert_int_equal(descriptors(), before);
	fprintf(stderr, "# %.0f ns\n", ns);
}

#define WATCHED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHED(every_kind_of_access_is_seen),
		WATCHED(what_is_beside_it_or_another_process_is_nobody),
		WATCHED(four_at_a_time_are_told_apart),
		WATCHED(one_that_is_hit_all_the_time_is_off_at_once),
		WATCHED(nothing_is_open_after_the_close),
		WATCHED(too_many_threads_are_refused),
		WATCHED(a_target_that_is_gone_is_said_to_be),
		WATCHED(what_one_costs_at_a_switch_is_measured_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
