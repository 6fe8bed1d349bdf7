/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of one process, and the way it is asked of whoever can look at it (cells; in tests:
 * nobody). Who asks neither waits nor knows how a process is looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

enum ask_what {
	ASK_SNAPSHOT,		/* loiter.snapshot/1 */
	ASK_PAGE,		/* HTML, for people */
	ASK_FLAMEGRAPH,		/* SVG */
	/* As runtime/pprof writes them; these four alone have `debug`. */
	ASK_GOROUTINE,
	ASK_GOROUTINELEAK,
	ASK_HEAP,
	ASK_THREADCREATE,
};

/* Equal asks are answered by one look. */
struct ask {
	enum ask_what what;
	int pid;
	uint64_t start_time;	/* clock ticks after boot */
	unsigned int debug;	/* 0 profile.proto, gzip'ed; 1 and, of goroutines, 2: text */
	uint32_t prove_max_ms;	/* ASK_SNAPSHOT: the process may be stopped so long; 0: not */
};

static inline bool ask_equal(const struct ask *a, const struct ask *b)
{
	return a->what == b->what && a->pid == b->pid && a->start_time == b->start_time &&
	       a->debug == b->debug && a->prove_max_ms == b->prove_max_ms;
}

/*
 * The answer: 0 and bytes, of malloc(), which are the callee's; or a negative errno and the reason,
 * and bytes is NULL. d is borrowed and may be NULL.
 */
typedef void cell_done(void *done_arg, int err, const struct diag *d, char *bytes, size_t len);

struct cell_port {
	void *arg;
	/*
	 * Begins, and does not wait. 0: done is called exactly once, from any thread, also before
	 * this returns, and at last when the port is closed. Negative, with the reason: it is never
	 * called. -EBUSY too many at work, -ESRCH no such process.
	 */
	int (*start)(void *arg, const struct ask *ask, cell_done *done, void *done_arg,
		     struct diag *d);
	/* Whether there is such a process, as far as is known without a look. NULL: cannot say. */
	bool (*known)(void *arg, int pid, uint64_t start_time);
};
