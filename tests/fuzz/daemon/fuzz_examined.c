// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "daemon/examined_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is written and read again as the same bytes: nothing in it is left open. */
static void check_round_trip(const struct examined *e, const uint8_t *data, size_t size)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);

	if (!out || examined_write(e, out) < 0)
		abort();
	fclose(out);
	if (len != size || memcmp(bytes, data, len) != 0)
		abort();
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct examined *e;

	if (examined_read(data, size, &e) < 0)
		return 0;
	for (uint32_t i = 0; i < e->n_findings; i++)
		if (strlen(e->findings[i].summary) > EXAMINED_STRING ||
		    e->findings[i].n_evidence > EXAMINED_EVIDENCE)
			abort();
	check_round_trip(e, data, size);
	examined_free(e);
	return 0;
}
