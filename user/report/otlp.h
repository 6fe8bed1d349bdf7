/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP: each look at the node as requests to a collector. Metrics are those of /metrics, in the
 * same words. Findings are log records, one for each that is new, has changed much, or has ended;
 * what was told stands in a book, and only what a collector has taken was told.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct node_look;
struct node_self;
struct openmetrics_book;

enum {
	OTLP_FINDINGS = 4096,	/* that the book keeps; those beyond are not told */
	OTLP_REQUEST = 1 << 20,	/* bytes that close one; its last resource is whole */
};

enum otlp_kind { OTLP_METRICS, OTLP_LOGS };

/* An ExportMetricsServiceRequest or ExportLogsServiceRequest, not compressed. */
struct otlp_request {
	enum otlp_kind kind;
	uint64_t ticket;	/* to be settled with the book; 0: nothing depends on it */
	uint64_t items;		/* points or records */
	uint8_t *bytes;		/* of malloc() */
	size_t len;
};

/* Takes request->bytes, by setting them to NULL; or a negative errno, and the request is lost. */
struct otlp_sink {
	int (*put)(void *ctx, struct otlp_request *r);
	void *ctx;
};

/* The last look of the book as metrics. -ENOMEM: a part of it may be missing. */
int otlp_metrics(const struct openmetrics_book *b, const struct node_self *s,
		 const struct otlp_sink *sink);

/* The findings that were told, and those on their way. */
struct otlp_book;

/* NULL when memory is short. */
struct otlp_book *otlp_book_new(void);
/* Accepts NULL. */
void otlp_book_free(struct otlp_book *b);
DEFINE_CLEANUP(struct otlp_book, otlp_book_free)

/*
 * Puts what there is to tell of a look's findings into the sink. Each look is to be given once and
 * in order. -ENOMEM: a part of it may be missing, and comes with the next look.
 */
int otlp_findings(struct otlp_book *b, const struct node_look *n, const struct node_self *s,
		  const struct otlp_sink *sink);

/* How a request came out: what did not arrive is told again with the next look, as it is then. */
void otlp_settle(struct otlp_book *b, uint64_t ticket, bool arrived);

/* Findings that are not told yet, or are on their way; and those that found no room in the book. */
uint64_t otlp_untold(const struct otlp_book *b);
uint64_t otlp_left_out(const struct otlp_book *b);
