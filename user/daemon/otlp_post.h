/* SPDX-License-Identifier: Apache-2.0 */
/* One try to post a request, through libcurl. Inside of otlp.h. */
#pragma once

#include <stdbool.h>

#include "daemon/otlp.h"
#include "report/otlp.h"
#include "report/otlp_reply.h"

enum otlp_outcome {
	OTLP_ACCEPTED,
	OTLP_LATER,		/* no answer, or one that says to try again */
	OTLP_REFUSED,		/* to try again would be no use */
	OTLP_ABORTED,		/* by otlp_post_abort() */
};

struct otlp_answer {
	enum otlp_outcome outcome;
	double after_s;		/* not before; negative: it did not say */
	struct otlp_reply reply;
	char why[OTLP_REPLY_TEXT + 128];	/* it is not accepted, as a part of a sentence */
};

struct otlp_post;

/* -EINVAL, -ENOMEM. */
int otlp_post_new(const struct otlp_config *c, struct otlp_post **ret, struct diag *d);
/* Accepts NULL. */
void otlp_post_free(struct otlp_post *p);
DEFINE_CLEANUP(struct otlp_post, otlp_post_free)

/* Posts bytes, which are compressed by gzip. */
void otlp_post(struct otlp_post *p, enum otlp_kind kind, const void *bytes, size_t len,
	       struct otlp_answer *ret);
/* From any thread: ends the try at hand, and each one after it. */
void otlp_post_abort(struct otlp_post *p);
/* The collector's, without a path of ours; for sentences. */
const char *otlp_post_url(const struct otlp_post *p);
