/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of wait, a file each, behind waits.h. Each returns whether the object was confirmed. */
#pragma once

#include "goruntime/waits.h"

struct wait_query {
	struct waits *w;
	const struct go_walk *walk;
	const char *reason;
	const struct stack *frames;
	struct wait_hint *hint;
};

/* Room for a sudog or an hchan of any release; a layout with larger ones is not read. */
#define WAIT_RECORD_BYTES 192

/* runtime.sudog (runtime2.go): a goroutine in a queue of a channel, a semaphore or a notifyList. */
struct sudog {
	uint64_t g, next, prev, elem, c, waitlink;
	uint32_t ticket;
};

/* chans.c; false: absent */
bool sudog_read(struct go_runtime *rt, uint64_t addr, struct sudog *ret);
bool wait_for_chan(const struct wait_query *q, struct wait_chan *ret);
bool wait_for_select(const struct wait_query *q, struct wait_object *ret);
/* syncs.c: sets ret->kind too, for the frames tell a Mutex from an RWMutex. */
bool wait_for_sema(const struct wait_query *q, struct wait_object *ret);
bool wait_for_cond(const struct wait_query *q, struct wait_sync *ret);
/* polls.c */
bool wait_for_fd(const struct wait_query *q, struct wait_fd *ret);
bool wait_for_sleep(const struct wait_query *q, int64_t *left_ns);

/* runtime.timer.when at `timer` against now; TIME_UNKNOWN without a now. False: unreadable. */
bool timer_left(struct go_runtime *rt, uint64_t timer, int64_t *left_ns);

/*
 * The first word on the goroutine's stack that `is_it` accepts, looking where *hint says, then in
 * the innermost frames up to the first that is not of package runtime, and two more (arguments
 * that sync and internal/poll spilled). 0 when there is none; *hint is set on success.
 */
uint64_t search_stack(const struct wait_query *q, int32_t *hint,
		      bool (*is_it)(const struct wait_query *q, uint64_t word, void *arg),
		      void *arg);

/* Reads through the chase cache; false when absent. */
bool chase(struct go_runtime *rt, uint64_t addr, void *buf, size_t len);
