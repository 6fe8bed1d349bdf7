/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector answers: anybody's bytes, read inside bounds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	OTLP_REPLY_BYTES = 64 << 10,	/* of an answer, and no more are read */
	OTLP_REPLY_TEXT = 256,
};

struct otlp_reply {
	/* Points or records of the request that were not accepted, and are not to be sent again. */
	uint64_t rejected;
	/* What it says of that, or of why it refused all of it; fit for any output; "": nothing. */
	char message[OTLP_REPLY_TEXT];
};

/*
 * Reads the body of an answer: of one with 200, where `accepted`, or with 4xx or 5xx. -EBADMSG: it
 * is not of OTLP, or too large; then *ret is empty.
 */
int otlp_reply_read(const void *bytes, size_t n, bool accepted, struct otlp_reply *ret);
