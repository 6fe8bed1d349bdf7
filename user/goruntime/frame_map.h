/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which words of a frame are live pointers, by the stack maps that the compiler left in the pc
 * table's funcdata (runtime/stkframe.go, getStackMap). One for each pc, kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "goruntime/goruntime.h"

/* A local whose address was taken: alive only when something points to it. */
struct frame_object {
	int32_t off;		/* from the locals' end when negative, else from the arguments */
	uint32_t bytes;
	uint32_t ptr_words;
	const uint64_t *bits;	/* of ptr_words words */
};

struct frame_map {
	int32_t delta;		/* from sp to the return address */
	bool unknown;		/* no map: each word may be a pointer, the arguments' too */
	bool frees_caller;	/* an interrupted frame: its caller may hold pointers anywhere */
	uint32_t n_locals;	/* words that end where the saved frame pointer begins */
	uint32_t n_args;	/* words from behind the return address on */
	const uint64_t *locals, *args;
	const struct frame_object *objects;	/* ascending by place */
	uint32_t n_objects;
};

struct frame_maps;
int frame_maps_open(struct go_runtime *rt, struct frame_maps **ret);
void frame_maps_free(struct frame_maps *m);
DEFINE_CLEANUP(struct frame_maps, frame_maps_free)

/*
 * The map at pc, a return address or, with `exact`, an instruction. NULL when memory is short.
 * Valid until the next call. Asks rt->tab under its lock.
 */
const struct frame_map *frame_maps_get(struct frame_maps *m, uint64_t pc, bool exact);
