// SPDX-License-Identifier: Apache-2.0
/* Traces the futex sleeps of a child, with the real programs. */
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit.h"

#include "sleeper.h"
#include "target/maps.h"
#include "target/process.h"
#include "trace/futex.h"
#include "trace/pace.h"
#include "trace/target.h"

#define THRESHOLD_NS 20000000ull

struct child {
	struct process *process;
	struct futex_trace *trace;
	struct arena *arena;
	pid_t pid;
};

static void start(void (*run)(void), struct child *c)
{
	struct trace_target t;
	struct diag d = DIAG_INIT;
	int r;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		pause();
		_exit(1);
	}
	c->arena = arena_new();
	assert_non_null(c->arena);
	assert_int_equal(process_open(c->pid, &c->process, &d), 0);
	assert_int_equal(trace_target_fill(c->process, &t, &d), 0);
	r = futex_trace_open(&t, THRESHOLD_NS, &c->trace, &d);
	if (r < 0)
		fprintf(stderr, "# %s; %s\n", d.why, d.hint);
	assert_int_equal(r, 0);
}

static void stop(struct child *c)
{
	futex_trace_close(c->trace);
	process_close(c->process);
	arena_free(c->arena);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	munmap(shared, sizeof(*shared));
}

static struct traced_futex collect(struct child *c)
{
	struct traced_futex t;

	assert_int_equal(futex_trace_collect(c->trace, c->arena, &t), 0);
	return t;
}

/* The child sleeps on words[0] in the kernel: no event says so, the iterator does. */
static struct traced_futex_now asleep(struct child *c)
{
	for (int tries = 0; tries < 2000; tries++) {
		struct traced_futex t = collect(c);

		if (t.n_now == 1 && t.now[0].uaddr == (uint64_t)&shared->words[0])
			return t.now[0];
		usleep(1000);
	}
	fail();
	return (struct traced_futex_now){ 0 };
}

static void arm(struct child *c)
{
	struct diag d = DIAG_INIT;

	assert_int_equal(futex_trace_arm(c->trace, &d), 0);
}

static void more_words_than_there_is_room_for_are_counted_as_lost(void **state)
{
	struct child c = { 0 };
	struct traced_futex t;
	uint64_t kept = 0;

	(void)state;
	start(sleeper_many, &c);
	arm(&c);
	sleeper_tell(&shared->go, 1);
	sleeper_await(&shared->done, 1);
	t = collect(&c);
	/* A sleeper that lost its CPU on the way in may have slept too shortly to be among them. */
	assert_true(t.lost > 0);
	assert_int_equal(t.blind, 0);
	for (size_t i = 0; i < t.n_locks; i++) {
		assert_true(t.locks[i].longest_ns >= THRESHOLD_NS);
		kept += t.locks[i].waits;
	}
	assert_int_equal(t.waits, kept + t.lost);
	/* The next interval has room again. */
	t = collect(&c);
	assert_int_equal(t.n_locks + t.lost, 0);
	stop(&c);
}

/* It wakes, and sleeps again for the next round. */
static void wake(uint32_t round)
{
	sleeper_tell(&shared->words[0], round);
	sleeper_await(&shared->done, round);
}

/* Waits until it sleeps, in a way that takes nothing of what is counted. */
static void await_sleep(struct child *c)
{
	char path[64], text[8];

	snprintf(path, sizeof(path), "/proc/%d/syscall", c->pid);
	for (int tries = 0; tries < 2000; tries++) {
		FILE *f = fopen(path, "re");

		assert_non_null(f);
		if (fgets(text, sizeof(text), f) && strncmp(text, "202 ", 4) == 0) {
			fclose(f);
			return;
		}
		fclose(f);
		usleep(1000);
	}
	fail();
}

static const unsigned int long_us = 2 * THRESHOLD_NS / 1000;

static void a_sleep_that_began_before_has_a_least_age_and_one_that_began_now_its_own(void **state)
{
	struct child c = { 0 };
	struct traced_futex_now now;

	(void)state;
	start(sleeper_rounds, &c);
	now = asleep(&c);
	assert_int_equal(now.tid, c.pid);
	assert_int_equal(now.waited_ns, 0);
	assert_false(now.timed);
	assert_true(now.at_least);
	arm(&c);
	assert_true(asleep(&c).waited_ns > 0);
	assert_true(asleep(&c).at_least);
	wake(1);
	assert_true(asleep(&c).waited_ns > 0);
	assert_false(asleep(&c).at_least);
	stop(&c);
}

/* Its sleep of round 2 is seen to begin, and has been long when nobody looks. */
static void sleep_into_a_pause(struct child *c)
{
	start(sleeper_rounds, c);
	arm(c);
	wake(1);
	await_sleep(c);
	/* Its sleep of round 1 may have been a long one as well. */
	collect(c);
	futex_trace_disarm(c->trace);
	usleep(long_us);
}

static void a_sleep_that_ended_unseen_is_not_told_later(void **state)
{
	struct child c = { 0 };
	struct traced_futex t;

	(void)state;
	sleep_into_a_pause(&c);
	wake(2);
	await_sleep(&c);
	arm(&c);
	wake(3);
	await_sleep(&c);
	t = collect(&c);
	/* Its sleep of round 2 ended between bursts. That of round 3 began there. */
	for (size_t i = 0; i < t.n_locks; i++)
		assert_true(t.locks[i].at_least && t.locks[i].waits == 1);
	stop(&c);
}

static void a_sleep_that_outlasts_a_pause_is_told_whole(void **state)
{
	struct child c = { 0 };
	struct traced_futex t;

	(void)state;
	sleep_into_a_pause(&c);
	arm(&c);
	wake(2);
	t = collect(&c);
	assert_int_equal(t.waits, 1);
	assert_int_equal(t.n_locks, 1);
	assert_true(t.locks[0].longest_ns >= (uint64_t)long_us * 1000);
	assert_false(t.locks[0].at_least);
	assert_int_equal(t.locks[0].uaddr, (uint64_t)&shared->words[0]);
	assert_int_equal(t.locks[0].waiter.tid, c.pid);
	assert_true(t.locks[0].waiter.stack.n_bytes > 0);
	stop(&c);
}

static void a_sleep_that_began_unseen_is_told_with_what_was_seen_of_it(void **state)
{
	struct child c = { 0 };
	struct traced_futex t;

	(void)state;
	start(sleeper_rounds, &c);
	await_sleep(&c);
	arm(&c);
	usleep(long_us);
	wake(1);
	t = collect(&c);
	assert_int_equal(t.waits, 1);
	assert_true(t.locks[0].at_least);
	assert_true(t.locks[0].longest_ns >= (uint64_t)long_us * 1000);
	assert_int_equal(t.locks[0].waiter.stack.n_bytes, 0);
	/* One that began since is known from its beginning, and then it has a stack too. */
	await_sleep(&c);
	usleep(long_us);
	wake(2);
	t = collect(&c);
	assert_int_equal(t.waits, 1);
	assert_false(t.locks[0].at_least);
	assert_true(t.locks[0].waiter.stack.n_bytes > 0);
	stop(&c);
}

/* A number in a file of the kernel's description of its probes. */
static unsigned int about_probes(const char *name, const char *format)
{
	unsigned int value;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/uprobe/%s", name);
	f = fopen(path, "re");
	if (!f)
		skip();
	assert_int_equal(fscanf(f, format, &value), 1);
	fclose(f);
	return value;
}

/* Another tool's probe on the return of a function of this file. perf_event_open(2). */
static int probe_return(const struct child *c, void (*function)(uint32_t))
{
	CLEANUP(maps_free_p) struct maps *maps = NULL;
	uint64_t addr = (uint64_t)function;
	const struct mapping *m;
	struct diag d = DIAG_INIT;
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = about_probes("type", "%u"),
		.config = 1ull << about_probes("format/retprobe", "config:%u"),
		.uprobe_path = (uint64_t)"/proc/self/exe",
	};

	assert_int_equal(maps_read(c->process, &maps, &d), 0);
	m = maps_find(maps, addr);
	assert_non_null(m);
	attr.probe_offset = addr - m->start + m->offset;
	return (int)syscall(SYS_perf_event_open, &attr, c->pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t word_of(const struct child *c, uint64_t addr)
{
	uint64_t word;
	struct iovec to = { &word, sizeof(word) }, from = { (void *)addr, sizeof(word) };

	assert_int_equal(process_vm_readv(c->pid, &to, 1, &from, 1, 0), sizeof(word));
	return word;
}

static void a_stack_has_the_caller_that_a_probe_on_a_return_took_away(void **state)
{
	const struct stack_copy *stack;
	struct child c = { 0 };
	struct traced_futex t;
	uint64_t caller;
	int probe;

	(void)state;
	start(sleeper_rounds_below, &c);
	asleep(&c);
	probe = probe_return(&c, sleeper_on_words);
	assert_true(probe >= 0);
	arm(&c);
	wake(1);
	await_sleep(&c);
	assert_int_not_equal(word_of(&c, shared->return_at), shared->caller);
	usleep(long_us);
	wake(2);
	t = collect(&c);
	assert_int_equal(t.n_locks, 1);
	stack = &t.locks[0].waiter.stack;
	assert_in_range(shared->return_at - stack->regs[STACK_COPY_SP], 0, stack->n_bytes - 8);
	memcpy(&caller, stack->bytes + (shared->return_at - stack->regs[STACK_COPY_SP]), 8);
	assert_int_equal(caller, shared->caller);
	close(probe);
	stop(&c);
}

static struct pace_load load_of(struct child *c)
{
	struct pace_collector pc;
	struct pace_load l;

	futex_trace_collector(c->trace, &pc);
	assert_int_equal(pc.load(pc.ops.arg, &l), 0);
	return l;
}

static void hits_are_counted_with_their_cost_while_it_is_armed(void **state)
{
	struct child c = { 0 };
	struct pace_load before, after;
	uint32_t done;

	(void)state;
	start(sleeper_ping_pong, &c);
	before = load_of(&c);
	assert_int_equal(before.hits, 0);
	assert_int_equal(before.armed_ns, 0);
	arm(&c);
	done = shared->done;
	usleep(100000);
	done = shared->done - done;
	futex_trace_disarm(c.trace);
	before = load_of(&c);
	/* Of a round at least two sleeps and two wakes, but for those that met awake. */
	assert_true(before.hits > done / 4);
	assert_true(before.armed_ns >= 100000000);
	assert_true(before.trap_ns > 50 && before.trap_ns < 20000);
	usleep(20000);
	after = load_of(&c);
	assert_int_equal(after.hits, before.hits);
	assert_int_equal(after.armed_ns, before.armed_ns);
	stop(&c);
}

struct flicker {
	struct futex_trace *trace;
	bool stop;
	uint32_t times;
};

static void *flicker(void *arg)
{
	struct flicker *f = arg;
	struct diag d = DIAG_INIT;

	while (!__atomic_load_n(&f->stop, __ATOMIC_SEQ_CST)) {
		if (futex_trace_arm(f->trace, &d) < 0)
			return NULL;
		futex_trace_disarm(f->trace);
		__atomic_add_fetch(&f->times, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void bursts_come_and_go_while_another_thread_collects(void **state)
{
	struct child c = { 0 };
	struct flicker f = { 0 };
	uint64_t armed_ns = 0;
	pthread_t t;

	(void)state;
	start(sleeper_ping_pong, &c);
	f.trace = c.trace;
	assert_int_equal(pthread_create(&t, NULL, flicker, &f), 0);
	while (__atomic_load_n(&f.times, __ATOMIC_SEQ_CST) < 10) {
		struct traced_futex found = collect(&c);
		struct pace_load l = load_of(&c);

		assert_true(found.n_now <= 2);
		assert_true(l.armed_ns >= armed_ns);
		armed_ns = l.armed_ns;
		usleep(1000);
	}
	__atomic_store_n(&f.stop, true, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
	stop(&c);
}

static void every_process_is_seen_when_none_is_named(void **state)
{
	CLEANUP(futex_trace_close_p) struct futex_trace *all = NULL;
	struct child c = { 0 };
	struct diag d = DIAG_INIT;
	struct traced_futex t;
	bool found = false;

	(void)state;
	start(sleeper_rounds, &c);
	assert_int_equal(futex_trace_open(NULL, THRESHOLD_NS, &all, &d), 0);
	assert_int_equal(futex_trace_arm(all, &d), 0);
	asleep(&c);
	assert_int_equal(futex_trace_collect(all, c.arena, &t), 0);
	for (size_t i = 0; i < t.n_now; i++) {
		assert_int_not_equal(t.now[i].tgid, getpid());
		found |= t.now[i].tgid == c.pid;
	}
	assert_true(found);
	stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_words_than_there_is_room_for_are_counted_as_lost),
		cmocka_unit_test(
			a_sleep_that_began_before_has_a_least_age_and_one_that_began_now_its_own),
		cmocka_unit_test(a_sleep_that_ended_unseen_is_not_told_later),
		cmocka_unit_test(a_sleep_that_outlasts_a_pause_is_told_whole),
		cmocka_unit_test(a_sleep_that_began_unseen_is_told_with_what_was_seen_of_it),
		cmocka_unit_test(a_stack_has_the_caller_that_a_probe_on_a_return_took_away),
		cmocka_unit_test(hits_are_counted_with_their_cost_while_it_is_armed),
		cmocka_unit_test(bursts_come_and_go_while_another_thread_collects),
		cmocka_unit_test(every_process_is_seen_when_none_is_named),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
