/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a server, by what they are at, so that nobody who is slow takes the place of
 * somebody who is not. Each stage has its time; and where places run out, the oldest of the
 * largest crowd goes, be they 500 who never end their request or 500 who never take their answer.
 * A connection is sent away by shutdown(), whereupon the server's own loop ends it. Any thread
 * may call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

enum guest_stage {
	GUEST_NEW,		/* has not yet sent a whole request, or a whole handshake */
	GUEST_IDLE,		/* between two requests */
	GUEST_WAITING,		/* for an answer of ours: never in the way of anybody */
	GUEST_TAKING,		/* takes its answer */
	GUEST_LEAVING,		/* has been sent away */
	GUEST_STAGES
};

struct guest {
	struct guest *next, *prev;	/* in its stage, oldest first */
	enum guest_stage stage;
	double since_s;		/* when it came to it, CLOCK_MONOTONIC */
	int fd;
	void *waits_for;	/* while GUEST_WAITING: what `late` is called with */
};

struct guests;

struct guests_limits {
	size_t places;		/* connections; from seven eighths on, room is made */
	double stage_s[GUEST_STAGES];	/* longest time at a stage; 0: any */
};

/*
 * With a thread that sends away who is late. late: of who waits for us too long, with its
 * waits_for; the guests are locked, so that it stays. NULL when memory is short, or there is no
 * thread.
 */
struct guests *guests_new(const struct guests_limits *limits, void (*late)(void *waits_for));
/* All have left. Accepts NULL. */
void guests_free(struct guests *g);
DEFINE_CLEANUP(struct guests, guests_free)

/* One more, which may send another away. NULL when memory is short. */
struct guest *guests_admit(struct guests *g, int fd);
/* fd is not yet closed, and will be. Accepts NULL. */
void guests_leave(struct guests *g, struct guest *one);

/* Who was sent away stays so. */
void guests_move(struct guests *g, struct guest *one, enum guest_stage stage);
/*
 * To GUEST_WAITING. False: too many wait already, and it stays where it is; the last quarter of the
 * places is for those who need not wait.
 */
bool guests_wait(struct guests *g, struct guest *one, void *waits_for);

/* Those between two requests, or before the first one. */
void guests_send_idle_away(struct guests *g);

/* Until nobody waits for an answer or takes one, but no longer than that. */
void guests_drain(struct guests *g, double limit_s);

/* Sent away so far. */
size_t guests_sent_away(struct guests *g);
