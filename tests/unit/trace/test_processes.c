// SPDX-License-Identifier: Apache-2.0
/* Processes that come and go, by the real programs. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit.h"

#include "trace/processes.h"

static struct processes_trace *trace;
static struct arena *arena;

static bool has(const struct traced_processes *p, pid_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->pids[i] == pid)
			return true;
	return false;
}

static struct traced_processes collect(void)
{
	struct traced_processes p;

	assert_int_equal(processes_trace_collect(trace, arena, &p), 0);
	for (size_t i = 1; i < p.n; i++)
		assert_true(p.pids[i - 1] < p.pids[i]);
	return p;
}

/* One that says by a pipe that it has come so far, and goes on when it is told to. */
static void a_fork_an_exec_and_an_end_are_each_told(void **state)
{
	struct traced_processes p;
	int go[2];
	char byte;
	pid_t pid;

	(void)state;
	collect();
	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		dup2(go[0], 0);
		execl("/bin/cat", "cat", (char *)NULL);
		_exit(1);
	}
	close(go[0]);
	p = collect();
	assert_true(has(&p, pid));
	p = collect();
	assert_false(has(&p, pid));
	assert_int_equal(write(go[1], "x", 1), 1);
	/* The exec comes when it comes. */
	do
		p = collect();
	while (!has(&p, pid));
	close(go[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	p = collect();
	assert_true(has(&p, pid));
	assert_int_equal(p.lost, 0);
}

static void more_than_there_is_room_for_is_counted(void **state)
{
	struct traced_processes p;
	uint64_t lost = 0, events = 0;

	(void)state;
	collect();
	/* Two events each, where the ring has room for 8,192 in all. */
	for (unsigned int i = 0; i < 4500; i++) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(0);
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	p = collect();
	lost += p.lost;
	events += p.events;
	assert_true(lost > 0);
	assert_true(events + lost >= 9000);
	/* And what comes later is told again. */
	collect();
	a_fork_an_exec_and_an_end_are_each_told(NULL);
}

static int open_it(void **state)
{
	struct diag d = DIAG_INIT;
	int r = processes_trace_open(&trace, &d);

	(void)state;
	arena = arena_new();
	if (r == -EPERM || r == -EOPNOTSUPP) {
		fprintf(stderr, "skipped: %s\n", d.why);
		exit(77);
	}
	return r;
}

static int close_it(void **state)
{
	(void)state;
	processes_trace_close(trace);
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fork_an_exec_and_an_end_are_each_told),
		cmocka_unit_test(more_than_there_is_room_for_is_counted),
	};

	return cmocka_run_group_tests(tests, open_it, close_it);
}
