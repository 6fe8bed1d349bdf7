// SPDX-License-Identifier: Apache-2.0
#include "target/stopper.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/process.h"
#include "target/procfile.h"

enum { THREADS = 3, SECOND_US = 1000000, STOPS = 50, SIGNALS = 1000, KILLS = 30 };

/* What child and test share. */
static struct shared {
	_Atomic uint64_t turns[THREADS];
	_Atomic uint64_t signals;
	_Atomic uint64_t births;
} *shared;

/* A word that only registers hold: no memory of the child has it. */
#define SECRET 0x123456789abcull

static int share(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED ? -1 : 0;
}

static int forget(void **state)
{
	(void)state;
	return munmap(shared, sizeof(*shared));
}

static void *turn(void *arg)
{
	_Atomic uint64_t *count = arg;

	for (;;) {
		atomic_fetch_add(count, 1);
		__asm__ volatile("mov $0x123456789abc, %%r13" ::: "r13");
		__asm__ volatile("movq %%r13, %%xmm9" ::: "xmm9");
	}
	return NULL;
}

static void start_turning(void *arg)
{
	pthread_t t;

	(void)arg;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t, NULL, turn, &shared->turns[i]);
}

static uint64_t sum(void)
{
	uint64_t n = 0;

	for (int i = 0; i < THREADS; i++)
		n += atomic_load(&shared->turns[i]);
	return n;
}

static void await_progress(void)
{
	uint64_t before[THREADS];

	for (int i = 0; i < THREADS; i++)
		before[i] = atomic_load(&shared->turns[i]);
	for (int i = 0; i < THREADS; i++)
		while (atomic_load(&shared->turns[i]) == before[i])
			sched_yield();
}

static long status_number(pid_t pid, const char *line)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	char path[40], *at;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	assert_int_equal(procfile_read(-1, path, 1 << 16, &text, &len), 0);
	at = strstr(text, line);
	assert_non_null(at);
	return strtol(at + strlen(line), NULL, 10);
}

static struct process *open_it(pid_t pid)
{
	struct process *p = NULL;

	assert_int_equal(process_open(pid, &p, NULL), 0);
	return p;
}

static void nothing_runs_while_it_is_stopped_and_all_of_it_after(void **state)
{
	pid_t pid = child_start(start_turning, NULL);
	CLEANUP(process_close_p) struct process *p = open_it(pid);

	(void)state;
	for (int i = 0; i < STOPS; i++) {
		CLEANUP(stopper_close_p) struct stopper *s = NULL;
		struct stopped_registers regs;
		uint64_t then;
		double ms = -1;

		await_progress();
		assert_int_equal(stopper_stop(p, SECOND_US, &s, NULL), 0);
		then = sum();
		stopper_registers(s, &regs);
		assert_int_equal(regs.n_threads, THREADS + 1);
		for (size_t k = 0; k < regs.n_threads; k++)
			assert_true(regs.threads[k].sp && regs.threads[k].pc);
		usleep(200);
		assert_int_equal(sum(), then);
		assert_true(stopper_time_left(s) > 0);
		assert_int_equal(stopper_release(s, &ms), 0);
		assert_true(ms > 0 && ms < 1000);
	}
	await_progress();
	assert_int_equal(status_number(pid, "\nTracerPid:\t"), 0);
	child_stop(pid);
}

static void general_and_vector_registers_are_among_the_words(void **state)
{
	pid_t pid = child_start(start_turning, NULL);
	CLEANUP(process_close_p) struct process *p = open_it(pid);
	CLEANUP(stopper_close_p) struct stopper *s = NULL;
	struct stopped_registers regs;
	size_t found = 0;

	(void)state;
	await_progress();
	assert_int_equal(stopper_stop(p, SECOND_US, &s, NULL), 0);
	stopper_registers(s, &regs);
	for (size_t i = 0; i < regs.n_words; i++)
		found += regs.words[i] == SECRET;
	/* Each thread but the first has it twice; one may not have come so far. */
	assert_true(found >= THREADS);
	assert_true(found <= 2 * THREADS);
	stopper_close(TAKE(s));
	child_stop(pid);
}

static void it_is_let_go_when_the_time_is_over_whatever_the_caller_does(void **state)
{
	pid_t pid = child_start(start_turning, NULL);
	CLEANUP(process_close_p) struct process *p = open_it(pid);
	CLEANUP(stopper_close_p) struct stopper *s = NULL;

	(void)state;
	assert_int_equal(stopper_stop(p, SECOND_US / 4, &s, NULL), 0);
	await_progress();
	assert_int_equal(stopper_time_left(s), 0);
	assert_int_equal(stopper_release(s, NULL), -ETIMEDOUT);
	child_stop(pid);
}

static void count_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&shared->signals, 1);
}

static void start_counting(void *arg)
{
	struct sigaction a = { .sa_handler = count_signal, .sa_flags = SA_RESTART };

	sigaction(SIGRTMIN, &a, NULL);
	start_turning(arg);
}

/* Real-time signals are queued: each one counts. */
static void *send_signals(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	for (int i = 0; i < SIGNALS;) {
		if (sigqueue(pid, SIGRTMIN, (union sigval){ 0 }) == 0)
			i++;
		usleep(10);
	}
	return NULL;
}

static void no_signal_is_lost(void **state)
{
	pid_t pid;
	CLEANUP(process_close_p) struct process *p = NULL;
	pthread_t sender;

	(void)state;
	atomic_store(&shared->signals, 0);
	pid = child_start(start_counting, NULL);
	p = open_it(pid);
	assert_int_equal(pthread_create(&sender, NULL, send_signals, &pid), 0);
	while (atomic_load(&shared->signals) < SIGNALS / 2) {
		CLEANUP(stopper_close_p) struct stopper *s = NULL;

		assert_int_equal(stopper_stop(p, SECOND_US, &s, NULL), 0);
	}
	pthread_join(sender, NULL);
	while (atomic_load(&shared->signals) < SIGNALS)
		sched_yield();
	assert_int_equal(atomic_load(&shared->signals), SIGNALS);
	child_stop(pid);
}

static void *be_born(void *arg)
{
	atomic_fetch_add(&shared->births, 1);
	return arg;
}

static void *bear(void *arg)
{
	for (;;) {
		pthread_t t[4];
		int n = 0;

		while (n < 4 && pthread_create(&t[n], NULL, be_born, NULL) == 0)
			n++;
		while (n--)
			pthread_join(t[n], NULL);
	}
	return arg;
}

static void start_bearing(void *arg)
{
	pthread_t t;

	(void)arg;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t, NULL, bear, NULL);
}

static void threads_that_come_and_go_are_stopped_too(void **state)
{
	pid_t pid = child_start(start_bearing, NULL);
	CLEANUP(process_close_p) struct process *p = open_it(pid);

	(void)state;
	for (int i = 0; i < STOPS; i++) {
		CLEANUP(stopper_close_p) struct stopper *s = NULL;
		uint64_t births = atomic_load(&shared->births);

		while (atomic_load(&shared->births) == births)
			sched_yield();
		assert_int_equal(stopper_stop(p, SECOND_US, &s, NULL), 0);
		births = atomic_load(&shared->births);
		usleep(200);
		assert_int_equal(atomic_load(&shared->births), births);
	}
	child_stop(pid);
}

static void what_is_traced_already_is_refused_by_name(void **state)
{
	pid_t pid = child_start(start_turning, NULL);
	CLEANUP(process_close_p) struct process *p = open_it(pid);
	CLEANUP(stopper_close_p) struct stopper *s = NULL;
	struct diag d = DIAG_INIT;
	char name[32];

	(void)state;
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	assert_int_equal(stopper_stop(p, SECOND_US, &s, &d), -EBUSY);
	snprintf(name, sizeof(name), "pid %d traces it", getpid());
	assert_non_null(strstr(d.why, name));
	await_progress();
	child_stop(pid);
}

static void a_process_stopped_by_a_signal_stays_so(void **state)
{
	pid_t pid = child_start(start_turning, NULL);
	CLEANUP(process_close_p) struct process *p = open_it(pid);
	CLEANUP(stopper_close_p) struct stopper *s = NULL;
	uint64_t then;

	(void)state;
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	assert_int_equal(stopper_stop(p, SECOND_US, &s, NULL), 0);
	assert_int_equal(stopper_release(s, NULL), 0);
	then = sum();
	usleep(2000);
	assert_int_equal(sum(), then);
	kill(pid, SIGCONT);
	await_progress();
	child_stop(pid);
}

static void one_that_is_gone_is_gone(void **state)
{
	pid_t pid = child_start(NULL, NULL);
	CLEANUP(process_close_p) struct process *p = open_it(pid);
	CLEANUP(stopper_close_p) struct stopper *s = NULL;

	(void)state;
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	assert_int_equal(stopper_stop(p, SECOND_US, &s, NULL), -ESRCH);
	child_stop(pid);
	assert_int_equal(stopper_stop(p, SECOND_US, &s, NULL), -ESRCH);
}

static void one_that_is_killed_while_stopped_ends_with_the_stop(void **state)
{
	pid_t pid = child_start(start_turning, NULL);
	CLEANUP(process_close_p) struct process *p = open_it(pid);
	CLEANUP(stopper_close_p) struct stopper *s = NULL;

	(void)state;
	assert_int_equal(stopper_stop(p, 60 * SECOND_US, &s, NULL), 0);
	kill(pid, SIGKILL);
	assert_int_equal(stopper_release(s, NULL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The tool itself, in the child's place: stops for ever, tells, and is killed by us. */
static void hold(pid_t pid, int told)
{
	struct process *p = open_it(pid);
	struct stopper *s = NULL;

	if (stopper_stop(p, 60 * SECOND_US, &s, NULL) < 0 || write(told, "s", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void killed_in_the_pause_we_leave_it_running(void **state)
{
	pid_t pid = child_start(start_turning, NULL);

	(void)state;
	for (int i = 0; i < KILLS; i++) {
		int told[2];
		char byte;
		pid_t tool;

		assert_int_equal(pipe(told), 0);
		tool = fork();
		if (tool == 0)
			hold(pid, told[1]);
		close(told[1]);
		/* Killed at the latest when all is stopped; most times on the way there. */
		if (i % 2)
			assert_int_equal(read(told[0], &byte, 1), 1);
		else
			usleep((useconds_t)(i * 20));
		child_stop(tool);
		close(told[0]);
		await_progress();
		assert_int_equal(status_number(pid, "\nTracerPid:\t"), 0);
	}
	child_stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nothing_runs_while_it_is_stopped_and_all_of_it_after, share, forget),
		cmocka_unit_test_setup_teardown(general_and_vector_registers_are_among_the_words,
						share, forget),
		cmocka_unit_test_setup_teardown(
			it_is_let_go_when_the_time_is_over_whatever_the_caller_does, share, forget),
		cmocka_unit_test_setup_teardown(no_signal_is_lost, share, forget),
		cmocka_unit_test_setup_teardown(threads_that_come_and_go_are_stopped_too, share,
						forget),
		cmocka_unit_test_setup_teardown(what_is_traced_already_is_refused_by_name, share,
						forget),
		cmocka_unit_test_setup_teardown(a_process_stopped_by_a_signal_stays_so, share,
						forget),
		cmocka_unit_test_setup_teardown(one_that_is_gone_is_gone, share, forget),
		cmocka_unit_test_setup_teardown(one_that_is_killed_while_stopped_ends_with_the_stop,
						share, forget),
		cmocka_unit_test_setup_teardown(killed_in_the_pause_we_leave_it_running, share,
						forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
