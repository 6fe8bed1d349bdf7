// SPDX-License-Identifier: Apache-2.0
#include "goruntime/type_walk.h"

#include <string.h>

#include "goruntime/constant.h"
#include "goruntime/gotypes.h"

/* abi.Type, and what follows it in the descriptions of some kinds. The same in Go 1.18 to 1.27. */
enum {
	TYPE_SIZE = 0,
	TYPE_KIND = 23,
	TYPE_ELEM = 48,		/* arrays, channels, pointers, slices */
	MAP_SLOTS = 64,		/* Bucket up to Go 1.23, then Group */
	STRUCT_FIELDS = 56,	/* a slice */
	FIELD_BYTES = 24,	/* name, type, offset */
	ITAB_TYPE = 8,
};

/* abi.Kind. */
enum {
	KIND_ARRAY = 17,
	KIND_CHAN,
	KIND_FUNC,
	KIND_INTERFACE,
	KIND_MAP,
	KIND_POINTER,
	KIND_SLICE,
	KIND_STRING,
	KIND_STRUCT,
	KIND_UNSAFE_POINTER,
	KIND_MASK = 31,
};

/*
 * runtime.hmap: buckets and oldbuckets. Go 1.24, internal/runtime/maps: Map.dirPtr and dirLen,
 * table.groups.data.
 */
enum { HMAP_BUCKETS = 16, HMAP_OLD_BUCKETS = 24 };
enum { MAP_DIR = 16, MAP_DIR_LEN = 24, TABLE_GROUPS = 16 };
enum { HCHAN_BUF = 16 };

/* Structs in structs; and fields of one. */
#define MAX_DEPTH 32
#define MAX_FIELDS 4096

static uint64_t word_of(struct go_runtime *rt, uint64_t addr)
{
	uint64_t v = 0;

	return constant_read(rt, addr, &v, sizeof(v)) < 0 ? 0 : v;
}

static int kind_of(struct go_runtime *rt, uint64_t type)
{
	uint8_t kind = 0;

	return !type || constant_read(rt, type + TYPE_KIND, &kind, 1) < 0 ? 0 : kind & KIND_MASK;
}

static struct typed typed(enum typed_kind kind, uint64_t type)
{
	return (struct typed){ type ? kind : TYPED_UNKNOWN, type };
}

/* The field of a struct that covers *off; *off becomes the place in it. 0: none. */
static uint64_t field_at(struct go_runtime *rt, uint64_t type, uint64_t *off)
{
	uint64_t fields = word_of(rt, type + STRUCT_FIELDS), n = word_of(rt, type + STRUCT_FIELDS + 8);
	uint64_t best = 0, start = 0;

	if (n > MAX_FIELDS)
		return 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = word_of(rt, fields + i * FIELD_BYTES + 16);

		/* Go 1.18: offsetAnon, the lowest bit says whether it is embedded. */
		if (rt->minor < 19)
			at >>= 1;
		if (at > *off)
			break;
		/* Of several at one place the last one has a size. */
		best = word_of(rt, fields + i * FIELD_BYTES + 8);
		start = at;
	}
	*off -= start;
	return best;
}

static struct typed what_is_at(struct go_runtime *rt, uint64_t type, uint64_t addr, uint64_t off);

/* The type that an interface at addr holds: its own word, or the itab's that stands there. */
static uint64_t type_in_interface(struct go_runtime *rt, uint64_t addr)
{
	uint64_t word;

	if (mem_read_u64(rt->chase, addr, &word) < 0 || !word)
		return 0;
	if (gotype_name(rt, word))
		return word;
	word = word_of(rt, word + ITAB_TYPE);
	return gotype_name(rt, word) ? word : 0;
}

/* What the data word of an interface at addr leads to. */
static struct typed behind_interface(struct go_runtime *rt, uint64_t addr)
{
	uint64_t type = type_in_interface(rt, addr);
	int kind;

	kind = kind_of(rt, type);
	/* What is a pointer itself stands in the word. */
	if (kind == KIND_POINTER || kind == KIND_MAP || kind == KIND_CHAN || kind == KIND_FUNC)
		return what_is_at(rt, type, 0, 0);
	return kind ? typed(TYPED_VALUE, type) : (struct typed){ 0 };
}

/* What the pointer leads to that stands `off` bytes into a value of the type at addr. */
static struct typed what_is_at(struct go_runtime *rt, uint64_t type, uint64_t addr, uint64_t off)
{
	for (int depth = 0; depth < MAX_DEPTH && type; depth++) {
		uint64_t elem, size;

		switch (kind_of(rt, type)) {
		case KIND_POINTER:
			return typed(TYPED_VALUE, word_of(rt, type + TYPE_ELEM));
		case KIND_SLICE:
			return typed(TYPED_SLICE, word_of(rt, type + TYPE_ELEM));
		case KIND_STRING:
			return typed(TYPED_STRING, type);
		case KIND_FUNC:
			return typed(TYPED_FUNC, type);
		case KIND_MAP:
			return typed(TYPED_MAP, type);
		case KIND_CHAN:
			return typed(TYPED_CHAN, type);
		case KIND_INTERFACE:
			return off == 8 ? behind_interface(rt, addr + off - 8) : (struct typed){ 0 };
		case KIND_ARRAY:
			elem = word_of(rt, type + TYPE_ELEM);
			size = word_of(rt, elem + TYPE_SIZE);
			if (!size)
				return (struct typed){ 0 };
			addr += off / size * size;
			off %= size;
			type = elem;
			break;
		case KIND_STRUCT:
			elem = off;
			type = field_at(rt, type, &off);
			addr += elem - off;
			break;
		default:
			return (struct typed){ 0 };
		}
	}
	return (struct typed){ 0 };
}

/* One of the values side by side that the word lies in. */
static struct typed in_array(struct go_runtime *rt, uint64_t type, uint64_t addr, uint64_t off)
{
	uint64_t size = word_of(rt, type + TYPE_SIZE);

	if (!size)
		return (struct typed){ 0 };
	return what_is_at(rt, type, addr + off / size * size, off % size);
}

static struct typed in_map(struct go_runtime *rt, uint64_t type, uint64_t addr, uint64_t off)
{
	uint64_t slots = word_of(rt, type + MAP_SLOTS), dirs;

	if (rt->minor < 24)
		return off == HMAP_BUCKETS || off == HMAP_OLD_BUCKETS
			       ? typed(TYPED_MAP_SLOTS, slots)
			       : (struct typed){ 0 };
	if (off != MAP_DIR || mem_read_u64(rt->chase, addr + MAP_DIR_LEN, &dirs) < 0)
		return (struct typed){ 0 };
	/* A small map has one group and no tables. */
	return dirs ? typed(TYPED_MAP_TABLES, type) : typed(TYPED_MAP_SLOTS, slots);
}

struct typed type_walk(struct go_runtime *rt, struct typed of, uint64_t addr, uint64_t off)
{
	uint64_t elem;

	switch (of.kind) {
	case TYPED_VALUE:
	case TYPED_SLICE:
	case TYPED_MAP_SLOTS:
	case TYPED_CHAN_BUFFER:
		return in_array(rt, of.type, addr, off);
	case TYPED_MAP:
		return in_map(rt, of.type, addr, off);
	case TYPED_MAP_TABLES:
		return typed(TYPED_MAP_TABLE, of.type);
	case TYPED_MAP_TABLE:
		return off == TABLE_GROUPS ? typed(TYPED_MAP_SLOTS, word_of(rt, of.type + MAP_SLOTS))
					   : (struct typed){ 0 };
	case TYPED_CHAN:
		elem = word_of(rt, of.type + TYPE_ELEM);
		if (off == HCHAN_BUF)
			return typed(TYPED_CHAN_BUFFER, elem);
		return off >= (uint32_t)rt->layout.hchan_size
			       ? in_array(rt, elem, addr + (uint32_t)rt->layout.hchan_size,
					  off - (uint32_t)rt->layout.hchan_size)
			       : (struct typed){ 0 };
	default:
		return (struct typed){ 0 };
	}
}

struct typed type_walk_guess(struct go_runtime *rt, uint64_t addr, uint64_t off)
{
	return off >= 8 ? behind_interface(rt, addr + off - 8) : (struct typed){ 0 };
}

struct typed type_walk_own(struct go_runtime *rt, uint64_t type, uint64_t bytes)
{
	const char *name = type ? gotype_name(rt, type) : NULL;
	uint64_t size = name ? word_of(rt, type + TYPE_SIZE) : 0;

	if (!size)
		return (struct typed){ 0 };
	/* cmd/compile: what maps are made of inside. */
	if (strncmp(name, "map.group[", 10) == 0 || strncmp(name, "map.bucket[", 11) == 0)
		return (struct typed){ TYPED_MAP_SLOTS, type };
	return (struct typed){ bytes / size >= 2 ? TYPED_SLICE : TYPED_VALUE, type };
}

const char *type_walk_name(struct go_runtime *rt, struct typed t)
{
	const char *name = t.type ? gotype_name(rt, t.type) : NULL;

	switch (t.kind) {
	case TYPED_STRING:
		return "string";
	case TYPED_FUNC:
		return "func";
	case TYPED_MAP:
		return "map";
	case TYPED_CHAN:
		return "chan";
	case TYPED_VALUE:
		return name ? arena_printf(rt->arena, "*%s", name) : NULL;
	case TYPED_SLICE:
		return name ? arena_printf(rt->arena, "[]%s", name) : NULL;
	default:
		return NULL;
	}
}
