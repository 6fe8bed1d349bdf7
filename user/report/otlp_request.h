/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests in the making. A repeated field that is cut in pieces means the same as the whole, so
 * each resource is packed as soon as it is known, and a request leaves when it is large enough.
 */
#pragma once

#include "report/otlp.h"
#include "report/otlp_message.h"

struct otlp_writer {
	const struct otlp_sink *sink;
	struct otlp_request r;
	size_t room;
	uint64_t *tickets;	/* the last ticket given; NULL: these requests need none */
};

/* Packs a MetricsRequest or LogsRequest of one resource behind the others. -ENOMEM. */
int otlp_write(struct otlp_writer *w, const ProtobufCMessage *request, uint64_t items);
/* Hands over what there is. 1: it was taken; 0: there was nothing; or the sink's negative errno. */
int otlp_write_end(struct otlp_writer *w);
void otlp_writer_done(struct otlp_writer *w);
