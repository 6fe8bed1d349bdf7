// SPDX-License-Identifier: Apache-2.0
/* Samples children that spin, wait or call into the kernel, with the real programs. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit.h"

#include "target/process.h"
#include "trace/oncpu.h"
#include "trace/target.h"

static volatile uint64_t sink;

__attribute__((noinline)) static void spin_inner(void)
{
	/* Asking for the frame's address is what makes a leaf function have a frame. */
	for (int i = 0; i < 1000; i++)
		sink += (uint64_t)__builtin_frame_address(0);
}

__attribute__((noinline)) static void spin_outer(void)
{
	for (;;)
		spin_inner();
}

__attribute__((noinline)) static void call_kernel(void)
{
	/* The call of a C library would be a frame without a frame pointer. */
	for (;;) {
		long nr = SYS_getppid;

		__asm__ volatile("syscall" : "+a"(nr) : : "rcx", "r11", "memory");
	}
}

__attribute__((noinline)) static void wait_for_ever(void)
{
	for (;;)
		pause();
}

struct child {
	struct process *process;
	struct oncpu_trace *trace;
	struct arena *arena;
	pid_t pid;
};

static int start(void (*run)(void), struct child *c)
{
	struct trace_target t;
	struct diag d = DIAG_INIT;
	int r;

	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(1);
	}
	c->arena = arena_new();
	assert_non_null(c->arena);
	assert_int_equal(process_open(c->pid, &c->process, &d), 0);
	assert_int_equal(trace_target_fill(c->process, &t, &d), 0);
	r = oncpu_trace_open(&t, &c->trace, &d);
	if (r == 0)
		r = oncpu_trace_arm(c->trace, &d);
	if (r < 0)
		fprintf(stderr, "# %s; %s\n", d.why, d.hint);
	return r;
}

static void stop(struct child *c)
{
	oncpu_trace_close(c->trace);
	process_close(c->process);
	arena_free(c->arena);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
}

/* Adds up intervals until `want` samples are in, or gives up after `tries` of them. */
static uint64_t sample_until(struct child *c, uint64_t want, int tries, struct traced_oncpu *last)
{
	uint64_t sum = 0, seen = 0;

	while (sum < want && tries-- > 0) {
		usleep(100 * 1000);
		assert_int_equal(oncpu_trace_collect(c->trace, c->arena, last), 0);
		sum += last->samples;
		seen = last->lost;
		for (size_t i = 0; i < last->n_sites; i++)
			seen += last->sites[i].samples;
		/* A sample between the swap and the counters belongs to the next interval. */
		assert_true(seen + 2 >= last->samples && last->samples + 2 >= seen);
	}
	return sum;
}

static bool is_in(uint64_t pc, void (*function)(void))
{
	return pc >= (uint64_t)function && pc < (uint64_t)function + 256;
}

static void a_spinning_function_is_seen_with_its_caller(void **state)
{
	struct child c = { 0 };
	struct traced_oncpu t;
	bool both = false;

	(void)state;
	assert_int_equal(start(spin_outer, &c), 0);
	for (int tries = 0; tries < 100 && !both; tries++) {
		sample_until(&c, 3, 100, &t);
		for (size_t i = 0; i < t.n_sites; i++) {
			const struct traced_oncpu_site *s = &t.sites[i];

			assert_int_equal(s->goid, 0);
			both |= s->n_pcs >= 2 && is_in(s->pcs[0], spin_inner) &&
				is_in(s->pcs[1], spin_outer) && s->tid == c.pid;
		}
	}
	assert_true(both);
	stop(&c);
}

static void time_in_the_kernel_is_given_to_the_caller_in_user_space(void **state)
{
	struct child c = { 0 };
	struct traced_oncpu t;
	bool in_kernel = false;

	(void)state;
	assert_int_equal(start(call_kernel, &c), 0);
	for (int tries = 0; tries < 100 && !in_kernel; tries++) {
		sample_until(&c, 3, 100, &t);
		for (size_t i = 0; i < t.n_sites; i++)
			for (size_t f = 0; f < t.sites[i].n_pcs; f++)
				in_kernel |= t.sites[i].in_kernel &&
					     is_in(t.sites[i].pcs[f], call_kernel);
	}
	assert_true(in_kernel);
	stop(&c);
}

static void a_waiting_process_has_no_samples(void **state)
{
	struct child c = { 0 };
	struct traced_oncpu t;

	(void)state;
	assert_int_equal(start(wait_for_ever, &c), 0);
	/* On its way to pause() it may be met once. */
	assert_true(sample_until(&c, 5, 3, &t) < 5);
	stop(&c);
}

static void a_disarmed_trace_samples_nothing_until_it_is_armed_again(void **state)
{
	struct child c = { 0 };
	struct diag d = DIAG_INIT;
	struct traced_oncpu t;

	(void)state;
	assert_int_equal(start(spin_outer, &c), 0);
	assert_true(sample_until(&c, 3, 100, &t) >= 3);
	oncpu_trace_disarm(c.trace);
	sample_until(&c, 1000, 1, &t);
	assert_int_equal(sample_until(&c, 1, 3, &t), 0);
	assert_int_equal(oncpu_trace_arm(c.trace, &d), 0);
	assert_true(sample_until(&c, 3, 100, &t) >= 3);
	stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spinning_function_is_seen_with_its_caller),
		cmocka_unit_test(time_in_the_kernel_is_given_to_the_caller_in_user_space),
		cmocka_unit_test(a_waiting_process_has_no_samples),
		cmocka_unit_test(a_disarmed_trace_samples_nothing_until_it_is_armed_again),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
