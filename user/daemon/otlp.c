// SPDX-License-Identifier: Apache-2.0
#include "daemon/otlp.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/otlp_sender.h"
#include "model/node_self.h"
#include "report/otlp.h"

struct otlp {
	struct otlp_sender *sender;
	struct otlp_book *book;	/* of the looking thread alone, as all below */
	double interval_s;
	double due_s;		/* CLOCK_MONOTONIC: when metrics go again */
};

int otlp_open(const struct otlp_config *c, struct otlp **ret, struct diag *d)
{
	struct otlp *o = calloc(1, sizeof(*o));
	int r = -ENOMEM;

	if (!o)
		return -ENOMEM;
	o->interval_s = c->interval_s > 0 ? c->interval_s : 0;
	o->book = otlp_book_new();
	if (o->book)
		r = otlp_sender_start(c, &o->sender, d);
	if (r < 0) {
		otlp_book_free(o->book);
		free(o);
		return r;
	}
	*ret = o;
	return 0;
}

static void settle(void *ctx, uint64_t ticket, bool arrived)
{
	otlp_settle(ctx, ticket, arrived);
}

/*
 * By the clock and not by the count of looks, whose times are not even. A look that comes a moment
 * before the time is the one that was meant.
 */
static bool metrics_are_due(struct otlp *o, double now_s)
{
	if (now_s < o->due_s - o->interval_s / 20)
		return false;
	o->due_s = now_s + o->interval_s;
	return true;
}

void otlp_look(struct otlp *o, const struct openmetrics_book *b, const struct node_look *n,
	       const struct node_self *s)
{
	const struct otlp_sink sink = { otlp_sender_put, o->sender };

	otlp_sender_settle(o->sender, settle, o->book);
	/* What memory was short for is not sent: the next look has both again. */
	if (metrics_are_due(o, clock_now_s(CLOCK_MONOTONIC)))
		otlp_metrics(b, s, &sink);
	otlp_findings(o->book, n, s, &sink);
}

void otlp_tell(struct otlp *o, struct node_self *ret)
{
	struct otlp_counts counts;

	otlp_sender_counts(o->sender, &counts);
	ret->otlp = true;
	ret->otlp_sent = counts.sent;
	ret->otlp_failed = counts.failed;
	ret->otlp_dropped = counts.dropped;
}

uint64_t otlp_rejected(struct otlp *o)
{
	struct otlp_counts counts;

	otlp_sender_counts(o->sender, &counts);
	return counts.rejected;
}

bool otlp_is_idle(struct otlp *o)
{
	struct otlp_counts counts;

	otlp_sender_counts(o->sender, &counts);
	return counts.waiting == 0;
}

void otlp_close_within(struct otlp *o, double linger_s)
{
	if (!o)
		return;
	otlp_sender_stop(o->sender, linger_s);
	otlp_book_free(o->book);
	free(o);
}

void otlp_close(struct otlp *o)
{
	otlp_close_within(o, 0);
}
