// SPDX-License-Identifier: Apache-2.0
#include "collect/memory_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "goruntime/goruntime.h"
#include "target/maps.h"
#include "target/process.h"
#include "target/procfile.h"

enum { STATUS_BYTES = 64 << 10, GOROUTINES_ASKED = 64 };

/* glibc's malloc/arena.c: HEAP_MAX_SIZE, and heaps begin at a multiple of it. */
#define C_ARENA (64u << 20)
/* A thread's guard is a page; pthread_attr_setguardsize() may ask for more. */
#define GUARD_MAX (64u << 10)

static uint64_t status_bytes(const char *text, const char *key)
{
	const char *line = strstr(text, key);
	unsigned long kib;

	return line && sscanf(line + strlen(key), " %lu kB", &kib) == 1 ? (uint64_t)kib << 10 : 0;
}

static int read_status(const struct process *p, struct memory_map *ret)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	size_t len;
	int r = procfile_read(p->proc_fd, "status", STATUS_BYTES, &text, &len);

	if (r < 0)
		return r;
	/* The name of the process comes first: the kernel escapes a line break in it. */
	ret->parts.rss_anon = status_bytes(text, "\nRssAnon:");
	ret->parts.rss_file = status_bytes(text, "\nRssFile:");
	ret->parts.rss_shared = status_bytes(text, "\nRssShmem:");
	ret->peak_rss_bytes = status_bytes(text, "\nVmHWM:");
	return 0;
}

/* --- Whose a mapping is --- */

static bool is_anonymous(const struct mapping *m)
{
	/* Shared memory without a file shows as this one, which nobody can open. */
	return !m->ino || (m->deleted && strcmp(m->path, "/dev/zero") == 0);
}

static bool is_plain(const struct mapping *m)
{
	return !m->ino && !m->shared && (!m->path[0] || strncmp(m->path, "[anon", 5) == 0);
}

static bool follows(const struct maps *maps, size_t i)
{
	return i > 0 && maps->all[i - 1].end == maps->all[i].start && is_plain(&maps->all[i - 1]);
}

/* Go's heap is a row of arenas: what holds a goroutine, and all that adjoins it. */
static void mark_go(const struct maps *maps, const uint64_t *g, size_t n, bool *is_go)
{
	for (size_t i = 0; i < maps->n; i++)
		/* Linux 5.17, Go 1.25: the runtime names what it maps. */
		is_go[i] = strncmp(maps->all[i].path, "[anon: Go", 9) == 0;
	for (size_t k = 0; k < n; k++) {
		const struct mapping *m = maps_find(maps, g[k]);

		if (m && is_plain(m))
			is_go[m - maps->all] = true;
	}
	for (size_t i = 1; i < maps->n; i++)
		if (is_go[i - 1] && is_plain(&maps->all[i]) && follows(maps, i))
			is_go[i] = true;
	for (size_t i = maps->n; i-- > 1;)
		if (is_go[i] && follows(maps, i))
			is_go[i - 1] = true;
}

/* Begins where such heaps do, and the rest of it has no access yet. */
static bool is_c_arena(const struct maps *maps, size_t i)
{
	const struct mapping *m = &maps->all[i], *rest = m + 1;

	if (m->start % C_ARENA || m->end - m->start > C_ARENA)
		return false;
	if (m->end - m->start == C_ARENA)
		return true;
	return i + 1 < maps->n && rest->start == m->end && is_plain(rest) && !rest->readable &&
	       !rest->writable && rest->end >= m->start + C_ARENA;
}

static bool is_thread_stack(const struct maps *maps, size_t i)
{
	const struct mapping *guard = i ? &maps->all[i - 1] : NULL;

	return follows(maps, i) && !guard->readable && !guard->writable && !guard->executable &&
	       guard->end - guard->start <= GUARD_MAX;
}

void memory_map_sort(const struct maps *maps, const uint64_t *g, size_t n, bool *is_go,
		     struct memory_parts *ret)
{
	mark_go(maps, g, n, is_go);
	ret->go = ret->c_heap = ret->stacks = ret->other = ret->files = 0;
	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->all[i];
		uint64_t bytes = m->end - m->start;

		if (m->ino && !is_anonymous(m))
			ret->files += bytes;
		else if (!m->writable)
			continue;
		else if (strcmp(m->path, "[heap]") == 0)
			ret->c_heap += bytes;
		else if (strcmp(m->path, "[stack]") == 0)
			ret->stacks += bytes;
		else if (is_go[i])
			ret->go += bytes;
		else if (is_plain(m) && is_c_arena(maps, i))
			ret->c_heap += bytes;
		else if (is_plain(m) && is_thread_stack(maps, i))
			ret->stacks += bytes;
		else if (is_anonymous(m))
			ret->other += bytes;
	}
}

/* --- Reading --- */

/* Some of all goroutines, from the first to the last. */
static size_t some_goroutines(struct go_runtime *rt, struct mem *live, uint64_t *g)
{
	uint64_t array, len;
	size_t n = 0;

	if (!rt || !live || go_runtime_allgs(rt, &array, &len, NULL) < 0)
		return 0;
	for (uint64_t i = 0; i < len && n < GOROUTINES_ASKED; i += len / GOROUTINES_ASKED + 1)
		if (mem_read_u64(live, array + 8 * i, &g[n]) == 0)
			n++;
	return n;
}

static int list_anonymous(const struct maps *maps, struct arena *a, struct memory_map *ret)
{
	struct address_range *all = arena_alloc(a, maps->n + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->all[i];

		if (!is_anonymous(m))
			continue;
		if (n && all[n - 1].end == m->start)
			all[n - 1].end = m->end;
		else
			all[n++] = (struct address_range){ m->start, m->end };
	}
	ret->anonymous = all;
	ret->n_anonymous = n;
	return 0;
}

int memory_map_read(const struct process *p, struct go_runtime *rt, struct mem *live,
		    struct arena *a, struct memory_map *ret, struct diag *d)
{
	CLEANUP(maps_free_p) struct maps *maps = NULL;
	uint64_t g[GOROUTINES_ASKED];
	struct memory_map map = { 0 };
	bool *is_go;
	int r = maps_read(p, &maps, d);

	if (r == 0)
		r = read_status(p, &map);
	if (r < 0)
		return r;
	is_go = arena_alloc(a, maps->n + 1, sizeof(*is_go));
	if (!is_go)
		return -ENOMEM;
	memory_map_sort(maps, g, some_goroutines(rt, live, g), is_go, &map.parts);
	r = list_anonymous(maps, a, &map);
	if (r == 0)
		*ret = map;
	return r;
}
