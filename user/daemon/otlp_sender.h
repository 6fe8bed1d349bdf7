/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue and the thread behind otlp.h. One request is on its way at a time, and those behind it
 * wait with it: they go to the same collector.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/otlp.h"
#include "report/otlp.h"

enum {
	OTLP_QUEUE = 64,		/* requests that wait; the oldest gives way */
	OTLP_QUEUE_BYTES = 16 << 20,
};

struct otlp_sender;

/* As otlp_open(). */
int otlp_sender_start(const struct otlp_config *c, struct otlp_sender **ret, struct diag *d);
/* As otlp_close_within(). */
void otlp_sender_stop(struct otlp_sender *s, double linger_s);

/* An otlp_sink's put(); ctx is the sender. -ENOMEM. */
int otlp_sender_put(void *ctx, struct otlp_request *r);

/* Requests with a ticket that came out, since the last call: settle() for each. Never waits. */
void otlp_sender_settle(struct otlp_sender *s,
			void (*settle)(void *ctx, uint64_t ticket, bool arrived), void *ctx);

struct otlp_counts {
	uint64_t sent;		/* requests that were taken */
	uint64_t failed;	/* tries that came to nothing */
	uint64_t dropped;	/* requests: too old, refused for good, or pushed out */
	uint64_t rejected;	/* points and records of requests that were taken */
	uint32_t waiting;	/* requests in the queue or on their way */
};
void otlp_sender_counts(struct otlp_sender *s, struct otlp_counts *ret);

/*
 * Seconds to wait before the next try, after so many in a row that failed: doubled each time, and
 * of that between a half and all of it, by chance (0 to 1), so that a thousand daemons do not come
 * back in the same moment. after_s is what the collector asked for; negative: nothing.
 */
double otlp_backoff(double min_s, double max_s, uint32_t failed, double after_s, double chance);
