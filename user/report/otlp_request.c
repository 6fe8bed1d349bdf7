// SPDX-License-Identifier: Apache-2.0
#include "report/otlp_request.h"

#include <errno.h>
#include <stdlib.h>

int otlp_write(struct otlp_writer *w, const ProtobufCMessage *request, uint64_t items)
{
	size_t n = protobuf_c_message_get_packed_size(request);

	if (n > w->room - w->r.len) {
		size_t room = 2 * w->room > w->r.len + n ? 2 * w->room : w->r.len + n;
		uint8_t *bytes = realloc(w->r.bytes, room);

		if (!bytes)
			return -ENOMEM;
		w->r.bytes = bytes;
		w->room = room;
	}
	w->r.len += protobuf_c_message_pack(request, w->r.bytes + w->r.len);
	w->r.items += items;
	return 0;
}

int otlp_write_end(struct otlp_writer *w)
{
	int r;

	if (!w->r.len)
		return 0;
	if (w->tickets)
		w->r.ticket = ++*w->tickets;
	r = w->sink->put(w->sink->ctx, &w->r);
	if (!w->r.bytes)
		w->room = 0;
	w->r.len = 0;
	w->r.items = 0;
	return r < 0 ? r : 1;
}

void otlp_writer_done(struct otlp_writer *w)
{
	free(w->r.bytes);
	*w = (struct otlp_writer){ 0 };
}
