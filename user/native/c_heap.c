// SPDX-License-Identifier: Apache-2.0
#include "native/c_heap.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/limits.h"
#include "native/allocator.h"
#include "native/c_ranges.h"
#include "native/glibc_heap.h"
#include "native/glibc_layout.h"
#include "target/maps.h"

/* Of all that is mapped, when what was read shows that it has changed meanwhile. */
enum { LOOKS = 3 };

void c_memory_note(struct c_memory *m, const char *text)
{
	if (!text || m->n_notes == ARRAY_SIZE(m->notes))
		return;
	for (size_t i = 0; i < m->n_notes; i++)
		if (strcmp(m->notes[i], text) == 0)
			return;
	m->notes[m->n_notes++] = text;
}

static void unknown_numbers(struct c_memory *m)
{
	m->system_bytes = m->used_bytes = m->free_bytes = m->fastbin_bytes = m->top_bytes =
		m->unknown_bytes = m->tcache_bytes = m->trimmable_bytes = m->fragmented_bytes =
			m->mmapped_bytes = m->mmapped_chunks = m->mmapped_found_bytes = UINT64_MAX;
}

static const char *not_read(enum c_allocator which)
{
	switch (which) {
	case C_ALLOCATOR_NONE:
		return "there is no C library in the process";
	case C_ALLOCATOR_MUSL:
		return "musl's heap is not read";
	case C_ALLOCATOR_JEMALLOC:
		return "jemalloc's heap is not read; ask the program by malloc_stats_print()";
	case C_ALLOCATOR_TCMALLOC:
		return "tcmalloc's heap is not read; ask the program by MallocExtension";
	case C_ALLOCATOR_MIMALLOC:
		return "mimalloc's heap is not read";
	case C_ALLOCATOR_SANITIZER:
		return "a sanitizer's heap is not read";
	default:
		return NULL;
	}
}

/* What is known without reading memory; false when the rest is not to be read. */
static bool tell_allocator(const struct allocator *l, struct arena *a, struct c_memory *m)
{
	unsigned int minor = l->glibc_minor;

	m->allocator = l->which;
	m->evidence = l->evidence;
	if (l->also != C_ALLOCATOR_UNKNOWN)
		c_memory_note(m, arena_printf(a, "%s is in the program as well, under names of its "
						 "own; its heap is not read",
					      c_allocator_name(l->also)));
	if (minor)
		m->version = arena_printf(a, "2.%u", minor);
	if (not_read(m->allocator)) {
		c_memory_note(m, not_read(m->allocator));
		return false;
	}
	if (minor && (minor < GLIBC_MINOR_OLDEST || minor > GLIBC_MINOR_NEWEST)) {
		c_memory_note(m, arena_printf(a, "glibc 2.%u is not one whose heap is known "
						 "(2.%d to 2.%d)", minor, GLIBC_MINOR_OLDEST,
					      GLIBC_MINOR_NEWEST));
		return false;
	}
	return true;
}

static bool has_unread(const struct c_memory *m)
{
	for (size_t i = 0; i < m->n_arenas; i++)
		if (m->arenas[i].how == C_ARENA_UNREAD && !m->arenas[i].system_bytes)
			return true;
	return false;
}

/* 1: the mappings may be older than the heap; else 0 or -errno. */
static int look(const struct c_heap_source *src, struct arena *a, struct c_ranges *out,
		struct c_memory *ret)
{
	struct c_memory m = { .allocator = C_ALLOCATOR_UNKNOWN };
	struct allocator allocator;
	int r = allocator_find(src->process, src->maps, a, &allocator);

	if (r < 0)
		return r;
	unknown_numbers(&m);
	if (!tell_allocator(&allocator, a, &m)) {
		*ret = m;
		return 0;
	}
	r = glibc_heap_read(src, &allocator, a, out, &m);
	if (r == -ENODATA) {
		c_memory_note(&m, m.allocator == C_ALLOCATOR_GLIBC ?
					  "malloc's main arena was not found: it may never have "
					  "been used" : "no allocator was recognised");
		r = m.allocator == C_ALLOCATOR_GLIBC;
	} else if (r == 0) {
		m.allocator = C_ALLOCATOR_GLIBC;
		r = !m.counted || has_unread(&m);
	}
	*ret = m;
	return r;
}

/* With src->maps and, where those do not fit what is there, with new ones of our own. */
static int look_until_it_fits(const struct c_heap_source *src, struct arena *a,
			      struct c_ranges *out, struct c_memory *ret, struct diag *d)
{
	struct c_ranges_mark start = c_ranges_mark(out);
	CLEANUP(maps_free_p) struct maps *maps = NULL;
	struct c_heap_source mine = *src;
	int r = look(&mine, a, out, ret);

	for (int i = 1; r == 1 && i < LOOKS && src->process; i++) {
		if (!c_ranges_back(out, &start))
			break;
		maps_free(maps);
		maps = NULL;
		r = maps_read(src->process, &maps, d);
		if (r < 0)
			return r;
		mine.maps = maps;
		r = look(&mine, a, out, ret);
	}
	return r < 0 ? r : 0;
}

int c_heap_read(const struct c_heap_source *src, struct arena *a, struct c_memory *ret,
		const struct c_range **ranges, size_t *n, struct diag *d)
{
	CLEANUP(c_ranges_free_p) struct c_ranges *out = c_ranges_new(0);
	struct c_heap_source mine = *src;
	struct c_memory m;
	int r;

	if (!out)
		return -ENOMEM;
	if (!mine.max_walk_bytes)
		mine.max_walk_bytes = LIMIT_C_WALK_BYTES;
	r = look_until_it_fits(&mine, a, out, &m, d);
	if (r == 0)
		r = c_ranges_take(out, a, ranges, n);
	if (r < 0)
		return diag_what(d, r, "C heap");
	*ret = m;
	return 0;
}
