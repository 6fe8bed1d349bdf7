/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends what each look says to an OpenTelemetry collector, by OTLP over HTTP. A thread of its own
 * does; whoever looks hands over bytes and never waits. What does not arrive is tried again for a
 * while, and then dropped and counted; findings that were dropped are told again as they are then.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct node_look;
struct node_self;
struct openmetrics_book;
struct otlp;

/* Strings are borrowed for the call of otlp_open(). 0 is the default in brackets. */
struct otlp_config {
	/* "http://127.0.0.1:4318": to it, /v1/metrics and /v1/logs are added. */
	const char *url;
	const char *const *headers;	/* "Name: value" */
	uint32_t n_headers;
	const char *ca_file;		/* of certificates in PEM; NULL: the system's */
	double interval_s;		/* between two requests of metrics [with each look] */
	double timeout_s;		/* of one try [10] */
	double retry_min_s, retry_max_s;	/* between tries [1, 60]; doubled, with jitter */
	double give_up_s;		/* age at which a request is dropped [300] */
	/*
	 * Told when sending begins to fail, when it works again, and when something was refused for
	 * good: a sentence. Called by the sending thread. NULL: nobody is told.
	 */
	void (*say)(void *ctx, bool good, const char *sentence);
	void *ctx;
};

/*
 * Starts the thread, with all signals blocked. Nothing is sent yet, and nothing is looked up.
 * -EINVAL what the configuration says cannot be; -ENOMEM, -EAGAIN.
 */
int otlp_open(const struct otlp_config *c, struct otlp **ret, struct diag *d);

/* What a look says is put in the queue. Never waits. Called by one thread only. */
void otlp_look(struct otlp *o, const struct openmetrics_book *b, const struct node_look *n,
	       const struct node_self *s);

/* Fills otlp, otlp_sent, otlp_failed and otlp_dropped. Any thread. */
void otlp_tell(struct otlp *o, struct node_self *ret);

/* Points and records that a collector took the request of, and did not accept all the same. */
uint64_t otlp_rejected(struct otlp *o);
/* Nothing is in the queue or on its way. */
bool otlp_is_idle(struct otlp *o);

/* Tries for linger_s at most to send what is left, once each; then ends. Accepts NULL. */
void otlp_close_within(struct otlp *o, double linger_s);
/* At once. */
void otlp_close(struct otlp *o);
DEFINE_CLEANUP(struct otlp, otlp_close)
