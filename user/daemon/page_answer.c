// SPDX-License-Identifier: Apache-2.0
#include "daemon/page_answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/past.h"
#include "report/page.h"

void page_answer_fill(struct past *past, int pid, uint64_t start_time, char **bytes, size_t *len)
{
	CLEANUP(past_look_free_p) struct past_look *look = past_get(past);
	char *page = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&page, &n);
	int r;

	if (!out)
		return;
	r = page_fill(*bytes, *len, past_find(look, pid, start_time), out);
	if (ferror(out))
		r = -1;
	if (fclose(out) != 0 || r < 0) {
		free(page);
		return;
	}
	free(*bytes);
	*bytes = page;
	*len = n;
}
