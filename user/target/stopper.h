/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every thread of a process stopped at once, its registers read, and let go again: the one thing in
 * loiter that a target can feel, and only --prove does it. By PTRACE_SEIZE and PTRACE_INTERRUPT: no
 * signal is sent and nothing is written. A thread of ours is the tracer; whatever becomes of it or
 * of us, the kernel lets the target go when it ends (there is no PTRACE_O_EXITKILL), and it ends by
 * itself when the time is over, whatever the caller is at.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct process;
struct stopper;

/*
 * A stopped thread. words[first .. first + n) of all are what its registers hold, zeros left out.
 */
struct stopped_thread {
	pid_t tid;		/* as we call it */
	uint64_t sp, pc;
	uint64_t blocked;	/* signals; not 0 in most handlers */
	uint32_t first, n;
};

/* Words outside of these are no addresses, and are left out: mmap_min_addr, and 47 bits. */
#define STOPPED_WORD_LEAST 4096ull
#define STOPPED_WORD_END (1ull << 47)

struct stopped_registers {
	const struct stopped_thread *threads;
	size_t n_threads;
	const uint64_t *words;	/* general and vector registers of all threads */
	size_t n_words;
};

/*
 * Stops every thread, those too that begin meanwhile, and reads their registers. When it returns 0
 * nothing of the process runs, until stopper_release() or until max_us are over, counted from the
 * first of its threads that could feel something.
 *
 * -EPERM another user's, no CAP_SYS_PTRACE, or a rule of the system (named); -EBUSY something
 * traces it already (named); -EOPNOTSUPP 32-bit code runs in it; -ESRCH it is gone or a zombie;
 * -EAGAIN its threads come faster than they can be stopped; -ETIMEDOUT some thread did not stop in
 * time, as one in uninterruptible sleep or in vfork(2) does not (named); -ENOMEM. On errors nothing
 * is left stopped or traced, and each signal that was on its way to a thread has reached it.
 */
int stopper_stop(const struct process *p, uint64_t max_us, struct stopper **ret, struct diag *d);
/* Of a stopped process; borrowed, until the stopper is closed. */
void stopper_registers(const struct stopper *s, struct stopped_registers *ret);
/* Microseconds until it is let go of itself; 0: it was. */
uint64_t stopper_time_left(const struct stopper *s);

/*
 * Lets go of all threads, each with the signal that was on its way to it. *ret_ms: how long it
 * took, from the first thread that could feel something to the last one's release. 0, and all that
 * was read before the call is of one instant; -ETIMEDOUT the time had been over before, and it is
 * not.
 */
int stopper_release(struct stopper *s, double *ret_ms);
/* Releases, too. Accepts NULL. */
void stopper_close(struct stopper *s);
DEFINE_CLEANUP(struct stopper, stopper_close)
