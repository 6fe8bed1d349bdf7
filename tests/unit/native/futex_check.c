// SPDX-License-Identifier: Apache-2.0
/*
 * futex_check PID INTERVAL_MS: traces the long futex waits of a process for one interval and prints
 * them with both sides' stacks, one fact a line, for tests/live/test_futex.py.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "native/modules.h"
#include "native/symbols.h"
#include "native/unwind.h"
#include "target/mem_live.h"
#include "target/process.h"
#include "trace/futex.h"
#include "trace/target.h"

static int fail(const char *what, int r, const struct diag *d)
{
	fprintf(stderr, "%s: %s (%s)\n", what, d->why, strerror(-r));
	return r == -EPERM || r == -EOPNOTSUPP ? 77 : 2;
}

static void print_walk(struct modules *m, const struct unwound *u, struct arena *a)
{
	struct stack s;

	if (symbols_stack(m, u->pcs, u->n, u->truncated, true, a, &s) < 0)
		return;
	for (uint32_t i = 0; i < s.n; i++)
		printf("frame\t%#" PRIx64 "\t%s\t%s\t%u\n", s.frames[i].pc,
		       s.frames[i].function ? s.frames[i].function : "-",
		       s.frames[i].file ? s.frames[i].file : "-", s.frames[i].line);
}

static void print_side(const char *what, const struct traced_futex_side *t, struct modules *m,
		       struct arena *a)
{
	struct cfi_regs regs;
	struct unwound u;

	if (!t->tid)
		return;
	unwind_all_regs(t->stack.regs, &regs);
	printf("%s\t%d\n", what, t->tid);
	if (unwind_copy(m, &regs, t->stack.bytes, t->stack.n_bytes, NULL, &u) == 0)
		print_walk(m, &u, a);
}

static void print_now(const struct traced_futex_now *n, struct modules *m, struct mem *live,
		      struct arena *a)
{
	struct cfi_regs regs;
	struct unwound u;

	printf("now\t%d\t%#" PRIx64 "\t%" PRIu64 "\n", n->tid, n->uaddr, n->waited_ns);
	unwind_all_regs(n->regs, &regs);
	if (unwind_live(m, &regs, live, &u) == 0)
		print_walk(m, &u, a);
}

static void print_all(const struct traced_futex *t, struct modules *m, struct mem *live,
		      struct arena *a)
{
	printf("counts\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", t->waits, t->lost, t->blind);
	for (size_t i = 0; i < t->n_locks; i++) {
		const struct traced_futex_lock *l = &t->locks[i];

		printf("lock\t%d\t%#" PRIx64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
		       "\t%d\n",
		       l->tgid, l->uaddr, l->waits, l->total_ns, l->longest_ns, l->wakes, l->timed);
		print_side("waiter", &l->waiter, m, a);
		print_side("waker", &l->waker, m, a);
	}
	for (size_t i = 0; i < t->n_now; i++)
		print_now(&t->now[i], m, live, a);
}

static int run(pid_t pid, long ms)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(modules_close_p) struct modules *m = NULL;
	CLEANUP(mem_close_p) struct mem *live = NULL;
	CLEANUP(futex_trace_close_p) struct futex_trace *f = NULL;
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
	struct diag d = DIAG_INIT;
	struct traced_futex t;
	struct trace_target target;
	int r = process_open(pid, &p, &d);

	if (r == 0)
		r = mem_live_open(p, &live);
	if (r == 0)
		r = modules_open(p, &m, &d);
	if (r == 0)
		r = trace_target_fill(p, &target, &d);
	if (r == 0)
		r = futex_trace_open(&target, FUTEX_THRESHOLD_NS, &f, &d);
	if (r == 0)
		r = futex_trace_arm(f, &d);
	if (r < 0 || !a)
		return fail("open", r, &d);
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	r = futex_trace_collect(f, a, &t);
	if (r < 0)
		return fail("collect", r, &d);
	print_all(&t, m, live, a);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: futex_check PID INTERVAL_MS\n");
		return 2;
	}
	return run(atoi(argv[1]), atol(argv[2]));
}
