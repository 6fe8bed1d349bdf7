// SPDX-License-Identifier: Apache-2.0
/* The release's minor number, then the table's bytes: its magic is made to fit. */
#include <stdlib.h>
#include <string.h>

#include "../../unit/image/fake_pclntab.h"
#include "walk_tab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pclntab_where w = { .header = FAKE_TAB, .text = FAKE_TEXT, .etext = FAKE_ETEXT };
	CLEANUP(pclntab_close_p) struct pclntab *t = NULL;
	CLEANUP(mem_close_p) struct mem *m = NULL;
	struct diag d = DIAG_INIT;
	uint64_t first;
	uint8_t *bytes;

	if (size < 80 || size > 1u << 16)
		return 0;
	w.minor = 18 + data[0] % 10;
	size--;
	/* A copy of just that size, so that ASan sees a read beyond it. */
	bytes = malloc(size);
	if (!bytes)
		return 0;
	memcpy(bytes, data + 1, size);
	first = 0x0801000000000000ull | (w.minor < 20 ? 0xfffffff0 : 0xfffffff1);
	memcpy(bytes, &first, sizeof(first));
	/* Where the builder puts it: after the table, whose last 32 or 40 bytes are the tree. */
	w.gofunc = FAKE_TAB + size - (w.minor < 20 ? 40 : 32);
	if (mem_array_open(&(struct mem_range){ FAKE_TAB, bytes, size }, 1, &m) == 0 &&
	    pclntab_open(m, &w, &t, &d) == 0)
		walk_tab(t, w.text, w.etext);
	free(bytes);
	return 0;
}
