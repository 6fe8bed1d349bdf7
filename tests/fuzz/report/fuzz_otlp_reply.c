// SPDX-License-Identifier: Apache-2.0
/* Answers of a collector: the first byte says whether it took the request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/otlp_reply.h"
#include "report/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otlp_reply reply;
	int r;

	if (size == 0)
		return 0;
	r = otlp_reply_read(data + 1, size - 1, data[0] & 1, &reply);
	if (r != 0 && (r != -EBADMSG || reply.rejected || reply.message[0]))
		abort();
	if (reply.rejected > INT64_MAX || !memchr(reply.message, 0, sizeof(reply.message)))
		abort();
	for (const char *s = reply.message; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
	if (!utf8_valid(reply.message, strlen(reply.message)))
		abort();
	return 0;
}
