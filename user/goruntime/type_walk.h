/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object is, from what points to it: the runtime's descriptions of types say of each word of
 * a value what kind of pointer it is, and so what stands at its end (internal/abi/type.go; before
 * Go 1.21 runtime/type.go). Maps and channels are known inside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "goruntime/goruntime.h"

enum typed_kind {
	TYPED_UNKNOWN,
	TYPED_VALUE,		/* one of that type, or several side by side */
	TYPED_SLICE,		/* the array behind a slice of that type */
	TYPED_STRING,		/* the bytes of a string */
	TYPED_FUNC,		/* a closure */
	TYPED_MAP,		/* the head of a map of that type */
	TYPED_MAP_TABLES,	/* Go 1.24: a map's directory */
	TYPED_MAP_TABLE,	/* and what that one leads to */
	TYPED_MAP_SLOTS,	/* where a map's keys and values stand, groups of that type */
	TYPED_CHAN,		/* a channel of that type, its buffer behind it */
	TYPED_CHAN_BUFFER,	/* its buffer, of values of that type */
};

/* What is known of an object; {0}: nothing. */
struct typed {
	enum typed_kind kind;
	uint64_t type;		/* address of the description; 0 unknown */
};

/*
 * What a pointer at `off` of the object `of`, which stands at addr, leads to. Chases memory for what
 * only the value knows: the type in an interface, the form of a map.
 */
struct typed type_walk(struct go_runtime *rt, struct typed of, uint64_t addr, uint64_t off);

/*
 * The same where nothing is known of the object: what looks like an interface, a type or an itab of
 * this module in the word before, is taken for one.
 */
struct typed type_walk_guess(struct go_runtime *rt, uint64_t addr, uint64_t off);

/* The type that an object has in front of it, as many of it as fit into bytes. */
struct typed type_walk_own(struct go_runtime *rt, uint64_t type, uint64_t bytes);

/*
 * How a Go programmer calls it ("[]uint8", "map", "*main.node"), in rt->arena; NULL for what is
 * unknown, and for the inner parts of maps, which have no name.
 */
const char *type_walk_name(struct go_runtime *rt, struct typed t);
