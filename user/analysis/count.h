/* SPDX-License-Identifier: Apache-2.0 */
/* How a count is written in a sentence. */
#pragma once

#include <stdint.h>

enum { COUNT_WORDS = 32 };

/* "12,031". Returns buf, which has COUNT_WORDS bytes. */
char *count_words(uint64_t n, char *buf);
