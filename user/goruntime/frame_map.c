// SPDX-License-Identifier: Apache-2.0
#include "goruntime/frame_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addrmap.h"
#include "base/arena.h"
#include "goruntime/constant.h"
#include "model/limits.h"

/* internal/abi/symtab.go (runtime/symtab.go before Go 1.21): the same in Go 1.18 to 1.27. */
enum { PCDATA_STACK_MAP_INDEX = 1 };
enum { FUNCDATA_ARGS = 0, FUNCDATA_LOCALS = 1, FUNCDATA_STACK_OBJECTS = 2 };
/* runtime._func: entryOff, nameOff, args, ... (runtime/runtime2.go). */
#define FUNC_ARGS 8
/* abi.ArgsSizeUnknown: reflect's stubs, whose callers say what they are handed. */
#define ARGS_UNKNOWN INT32_MIN

#define FRAME_WORDS (LIMIT_STACK_BYTES / 8)
/* Variables of one frame whose address is taken. */
#define MAX_OBJECTS 4096
/* Different pcs of which maps are kept; a program parks at some thousands. */
#define MAX_MAPS (1u << 17)

struct frame_maps {
	struct go_runtime *rt;
	struct arena *arena;
	struct addrmap *by_pc;
	struct frame_map **all;
	uint32_t n, room;
};

void frame_maps_free(struct frame_maps *m)
{
	if (!m)
		return;
	addrmap_free(m->by_pc);
	arena_free(m->arena);
	free(m->all);
	free(m);
}

int frame_maps_open(struct go_runtime *rt, struct frame_maps **ret)
{
	struct frame_maps *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->rt = rt;
	m->arena = arena_new();
	m->by_pc = addrmap_new();
	if (!m->arena || !m->by_pc) {
		frame_maps_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

static const uint64_t *read_bits(struct frame_maps *m, uint64_t addr, uint32_t n)
{
	uint64_t *bits = arena_alloc(m->arena, n / 64 + 1, sizeof(*bits));

	if (!bits || constant_read(m->rt, addr, bits, (n + 7) / 8) < 0)
		return NULL;
	if (n % 64)
		bits[n / 64] &= (1ull << n % 64) - 1;
	return bits;
}

/* Bitmap `at` of a runtime.stackmap: how many, bits of each, the bits. False: unknown. */
static bool read_map(struct frame_maps *m, const struct func *f, uint32_t funcdata, int32_t at,
		     uint32_t *n, const uint64_t **bits)
{
	int32_t head[2];
	uint64_t addr;

	if (pclntab_funcdata(m->rt->tab, f, funcdata, &addr) < 0 ||
	    constant_read(m->rt, addr, head, sizeof(head)) < 0 || head[0] <= 0 || head[1] < 0 ||
	    (uint32_t)head[1] > FRAME_WORDS)
		return false;
	*n = (uint32_t)head[1];
	if (*n == 0)
		return true;
	if (at < 0 || at >= head[0])
		return false;
	*bits = read_bits(m, addr + sizeof(head) + (uint64_t)at * ((*n + 7) / 8), *n);
	return *bits;
}

/* runtime.stackObjectRecord; up to Go 1.23 a negative ptrBytes meant a program and no bits. */
static bool read_object(struct frame_maps *m, uint64_t addr, struct frame_object *ret)
{
	struct {
		int32_t off, size, ptr_bytes;
		uint32_t gcdata;
	} record;

	if (constant_read(m->rt, addr, &record, sizeof(record)) < 0 || record.size < 0 ||
	    (uint32_t)record.size > LIMIT_STACK_BYTES || record.off % 8)
		return false;
	*ret = (struct frame_object){ .off = record.off, .bytes = (uint32_t)record.size };
	if (record.ptr_bytes < 0 || record.ptr_bytes > record.size)
		return false;
	ret->ptr_words = (uint32_t)record.ptr_bytes / 8;
	if (ret->ptr_words)
		ret->bits = read_bits(m, m->rt->md.rodata + record.gcdata, ret->ptr_words);
	return ret->bits || !ret->ptr_words;
}

static bool read_objects(struct frame_maps *m, const struct func *f, struct frame_map *map)
{
	struct frame_object *objects;
	uint64_t addr, n;

	if (pclntab_funcdata(m->rt->tab, f, FUNCDATA_STACK_OBJECTS, &addr) < 0)
		return true;
	if (constant_read(m->rt, addr, &n, sizeof(n)) < 0 || n > MAX_OBJECTS)
		return false;
	objects = arena_alloc(m->arena, n + 1, sizeof(*objects));
	if (!objects)
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (!read_object(m, addr + 8 + i * 16, &objects[i]))
			return false;
	map->objects = objects;
	map->n_objects = (uint32_t)n;
	return true;
}

/* False: the frame's words must be taken as they are. */
static bool read_maps(struct frame_maps *m, const struct func *f, uint64_t pc, bool exact,
		      struct frame_map *map)
{
	int32_t at = -1, args;

	/* At its entry a function has its entry map, else that of the call. */
	if (pc != f->entry &&
	    pclntab_pcdata(m->rt->tab, f, PCDATA_STACK_MAP_INDEX, exact ? pc : pc - 1, &at) < 0)
		at = -1;
	if (at == -1)
		at = 0;
	if (map->delta > 0 && !read_map(m, f, FUNCDATA_LOCALS, at, &map->n_locals, &map->locals))
		return false;
	if (constant_read(m->rt, f->at + FUNC_ARGS, &args, sizeof(args)) < 0 ||
	    args == ARGS_UNKNOWN || args < 0)
		return false;
	if (args >= 8 && !read_map(m, f, FUNCDATA_ARGS, at, &map->n_args, &map->args))
		return false;
	return read_objects(m, f, map);
}

static void learn(struct frame_maps *m, uint64_t pc, bool exact, struct frame_map *map)
{
	struct func f;

	map->unknown = true;
	if (pclntab_find(m->rt->tab, exact ? pc : pc - 1, &f) < 0)
		return;
	/* As the walk does: there may be no value at a return address behind a call that never returns. */
	if (pclntab_sp_delta(m->rt->tab, &f, pc, &map->delta) < 0 || map->delta < 0)
		map->delta = 0;
	map->frees_caller = f.kind == FUNC_ASYNC_PREEMPT || f.kind == FUNC_DEBUG_CALL ||
			    f.kind == FUNC_SIGPANIC;
	if (f.kind == FUNC_ASYNC_PREEMPT || f.kind == FUNC_DEBUG_CALL)
		return;
	if (read_maps(m, &f, pc, exact, map)) {
		map->unknown = false;
		return;
	}
	*map = (struct frame_map){ .delta = map->delta, .unknown = true, .frees_caller = true };
}

const struct frame_map *frame_maps_get(struct frame_maps *m, uint64_t pc, bool exact)
{
	uint64_t key = pc << 1 | exact;
	struct frame_map *map;
	uint32_t at;

	if (addrmap_get(m->by_pc, key, &at) == 0)
		return m->all[at];
	if (m->n == MAX_MAPS) {
		addrmap_clear(m->by_pc);
		arena_free(m->arena);
		m->n = 0;
		m->arena = arena_new();
		if (!m->arena)
			return NULL;
	}
	if (m->n == m->room) {
		uint32_t room = m->room ? m->room * 2 : 256;
		struct frame_map **all = realloc(m->all, room * sizeof(struct frame_map *));

		if (!all)
			return NULL;
		m->all = all;
		m->room = room;
	}
	map = arena_alloc(m->arena, 1, sizeof(*map));
	if (!map || addrmap_put(m->by_pc, key, m->n) < 0)
		return NULL;
	m->all[m->n++] = map;
	pthread_mutex_lock(&m->rt->tab_lock);
	learn(m, pc, exact, map);
	pthread_mutex_unlock(&m->rt->tab_lock);
	return map;
}
