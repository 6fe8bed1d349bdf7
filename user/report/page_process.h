/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the page of one process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/snapshot.h"

/* The groups of goroutines, each with its stack; at most `most` of them. */
void page_groups(const struct snapshot *s, uint32_t most, FILE *out);
/* How many threads, and which groups of goroutines stand on some. */
void page_threads(const struct snapshot *s, FILE *out);
/* Where the memory is: a bar and a table of all parts; who holds the heap. */
void page_memory(const struct snapshot *s, FILE *out);
/* What can be had of this process besides; nothing of one without an identity, as in a core. */
bool page_has_downloads(const struct snapshot *s);
void page_downloads(const struct snapshot *s, FILE *out);
