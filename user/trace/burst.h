/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that switches a collector's probes on and off, because taking probes off takes 30 ms
 * and more, in which nobody else should have to wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct burst;

struct burst_ops {
	int (*arm)(void *arg, struct diag *d);
	void (*disarm)(void *arg);
	void *arg;
	bool slow;		/* to arm and to disarm: longer and rarer bursts */
	/*
	 * Asked every 5 to 30 ms while it is on: true ends the burst, and there is none until the
	 * next burst_set_duty(). May be NULL.
	 */
	bool (*enough)(void *arg);
	void *enough_arg;
};

/*
 * Starts the thread, with nothing on. It goes before those of the target where that is allowed: a
 * burst that overstays because its thread waits for a CPU costs the target. seed: of the jitter;
 * from getrandom(2), another for each, so that two loiters do not keep time. -ENOMEM, -EAGAIN.
 */
int burst_start(const struct burst_ops *ops, uint64_t seed, struct burst **ret);
/* Ends the burst that is on, if any, and the thread. Accepts NULL. */
void burst_stop(struct burst *b);
DEFINE_CLEANUP(struct burst, burst_stop)

/*
 * From now on bursts come by governor_burst(duty); 0: none, 1: on for good. A change takes effect
 * at once where the pause would be another, and never lengthens a burst that is on.
 */
void burst_set_duty(struct burst *b, double duty);
/* One burst of that length, now, whatever the duty; for a first measurement. */
void burst_once(struct burst *b, double on_s);

struct burst_state {
	uint64_t bursts;	/* that have ended */
	uint64_t switch_ns;	/* CPU time that arming and disarming took, of all of them */
	bool on;
	int failed;		/* errno (negative) of the last arming, which ends all bursts; or 0 */
	struct diag why;	/* with failed */
};
void burst_state(struct burst *b, struct burst_state *ret);
/* Waits until `bursts` bursts have ended, or arming has failed. 0; -ETIMEDOUT. */
int burst_wait(struct burst *b, uint64_t bursts, unsigned int timeout_ms);
