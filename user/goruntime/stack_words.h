/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pointers on a goroutine's stack: precise where it stands at a call, by its frames' maps, and
 * each word of a frame that was interrupted or has no map. Variables whose address was taken count
 * when something on the stack points to them, as in the collector (runtime/mgcmark.go, scanstack).
 * Deferred calls count too: their records may lie on the stack, where no map tells of them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "goruntime/frame_map.h"
#include "goruntime/goroutines.h"

struct stack_words;
int stack_words_open(struct go_runtime *rt, struct stack_words **ret);
void stack_words_free(struct stack_words *s);
DEFINE_CLEANUP(struct stack_words, stack_words_free)

struct stack_found {
	const uint64_t *words;	/* what may be pointers: not 0, and not into this stack */
	size_t n;
	bool conservative;	/* some frames had to be taken word by word */
	bool cut;		/* the copy of the stack ends before the stack does */
	bool lost;		/* a deferred call could not be read, or there are too many */
};

/* The words of a walked stack; valid until the next call. A walk that broke off: all words. */
int stack_words_walk(struct stack_words *s, const struct go_walk *w, struct stack_found *ret);
/* Every word of a stack, as it is. */
int stack_words_all(struct stack_words *s, struct span stack, uint64_t lo, uint64_t hi,
		    struct stack_found *ret);
