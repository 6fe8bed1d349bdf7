// SPDX-License-Identifier: Apache-2.0
#include "analysis/count.h"

#include <inttypes.h>
#include <stdio.h>

char *count_words(uint64_t n, char *buf)
{
	char digits[COUNT_WORDS];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *p = buf;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}
