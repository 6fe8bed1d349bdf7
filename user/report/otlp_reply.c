// SPDX-License-Identifier: Apache-2.0
#include "report/otlp_reply.h"

#include <errno.h>
#include <stdlib.h>

#include "otlp.pb-c.h"
#include "report/line.h"

/*
 * What reading may allocate. The library takes some dozens of bytes for each field that it does not
 * know, of which two bytes may be one.
 */
enum { REPLY_MEMORY = 4 << 20 };

struct purse {
	size_t left;
};

static void *bounded_alloc(void *data, size_t size)
{
	struct purse *p = data;

	if (size > p->left)
		return NULL;
	p->left -= size;
	return malloc(size ? size : 1);
}

static void bounded_free(void *data, void *p)
{
	(void)data;
	free(p);
}

static void say(struct otlp_reply *ret, const char *message)
{
	text_escape(message ? message : "", ret->message, sizeof(ret->message));
}

static bool read_reply(ProtobufCAllocator *a, size_t n, const uint8_t *bytes,
		       struct otlp_reply *ret)
{
	Otlp__Reply *reply = otlp__reply__unpack(a, n, bytes);

	if (reply && reply->partial_success) {
		int64_t rejected = reply->partial_success->rejected;

		ret->rejected = rejected > 0 ? (uint64_t)rejected : 0;
		say(ret, reply->partial_success->error_message);
	}
	if (reply)
		otlp__reply__free_unpacked(reply, a);
	return reply;
}

static bool read_status(ProtobufCAllocator *a, size_t n, const uint8_t *bytes,
			struct otlp_reply *ret)
{
	Otlp__Status *status = otlp__status__unpack(a, n, bytes);

	if (status)
		say(ret, status->message);
	if (status)
		otlp__status__free_unpacked(status, a);
	return status;
}

int otlp_reply_read(const void *bytes, size_t n, bool accepted, struct otlp_reply *ret)
{
	struct purse purse = { .left = REPLY_MEMORY };
	ProtobufCAllocator a = { .alloc = bounded_alloc, .free = bounded_free,
				 .allocator_data = &purse };

	*ret = (struct otlp_reply){ 0 };
	if (n > OTLP_REPLY_BYTES)
		return -EBADMSG;
	if (!(accepted ? read_reply(&a, n, bytes, ret) : read_status(&a, n, bytes, ret)))
		return -EBADMSG;
	return 0;
}
