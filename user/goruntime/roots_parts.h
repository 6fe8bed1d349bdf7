/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of goruntime/roots share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "goruntime/heap_state.h"
#include "goruntime/roots.h"

struct roots {
	struct go_heap *h;
	int (*visit)(void *arg, enum go_root_kind kind, uint64_t word);
	void *arg;
	struct go_roots_stats *stats;
	bool stopped;
	const uint64_t *words;	/* registers; none of a running process */
	size_t n_words;
};

/* Hands on one word, if it can be an address at all. What visit returned. */
int roots_word(struct roots *r, enum go_root_kind kind, uint64_t word);
/* Each of the n words at bytes. */
int roots_words(struct roots *r, enum go_root_kind kind, const uint8_t *bytes, size_t n);
/*
 * Each word of [start, end), which is read in pieces; what cannot be read is counted, or ends it
 * without a word where `ends` says that memory may end there.
 */
int roots_range(struct roots *r, enum go_root_kind kind, uint64_t start, uint64_t end, bool ends);

/* The parts. What cannot be read or makes no sense is counted; what else is wrong is returned. */
int roots_specials(struct roots *r, struct diag *d);
int roots_queues(struct roots *r, struct diag *d);
int roots_threads(struct roots *r, struct diag *d);
int roots_modules(struct roots *r);

/* Kinds of specials, numbered anew. */
enum special_kind {
	SPECIAL_UNKNOWN,
	SPECIAL_FINALIZER,
	SPECIAL_WEAK,
	SPECIAL_PIN,
	SPECIAL_CLEANUP,
	SPECIAL_OTHER,		/* points to nothing */
};
/* What a special's number means in Go 1.minor. */
enum special_kind special_kind_of(int minor, uint8_t number);
