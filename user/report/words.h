/* SPDX-License-Identifier: Apache-2.0 */
/* How the text report writes numbers, ages, places and wait objects. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "analysis/count.h"
#include "model/goroutine.h"
#include "model/memory.h"

enum { WORDS_NUMBER = COUNT_WORDS, WORDS_CELL = 512 };

/* "12,031". Each returns buf, which has WORDS_NUMBER bytes. */
static inline char *words_count(uint64_t n, char *buf)
{
	return count_words(n, buf);
}
/* "1.9 GiB" */
char *words_bytes(uint64_t n, char *buf);
/* Rounded down, for it is a lower bound: "45s", "20m", "3h", "9d"; "-" when WAIT_UNKNOWN. */
char *words_age(int64_t ns, char *buf);
/* Two units: "3d04h", "4h12m", "12m30s", "45s". */
char *words_uptime(double seconds, char *buf);
/* "15:04:05", of the local clock; "--:--:--" for what no calendar has. */
char *words_clock(const struct timespec *t, char *buf);

/* To two digits: "340 ns", "12 µs", "1.2 ms", "3.4 s", "2m10s". */
char *words_span(double seconds, char *buf);
/* "1,200/s", "0.4/s" */
char *words_per_s(double per_s, char *buf);

/*
 * "main.fetch.func1 fetch.go:48", escaped, in at most `columns`: first without the directories of
 * the import path, then without the start of the function's name. buf has WORDS_CELL bytes.
 */
char *words_place(const struct frame *f, unsigned int columns, char *buf);

/* "chan error 0/0, 1 tx"; "" when it waits for nothing. buf has WORDS_CELL bytes. */
char *words_wait(const struct wait_object *w, char *buf);

/* "stacks of goroutines": what a part of memory is. */
const char *words_part(enum memory_part part);
