// SPDX-License-Identifier: Apache-2.0
#include "native/glibc_heap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/limits.h"
#include "native/allocator.h"
#include "native/c_heap.h"
#include "native/c_ranges.h"
#include "native/glibc_arena.h"
#include "native/glibc_fastbins.h"
#include "native/glibc_lists.h"
#include "native/glibc_mmapped.h"
#include "native/glibc_tally.h"
#include "native/glibc_walk.h"
#include "target/maps.h"
#include "target/pagemap.h"

enum {
	SMALL_ARENA = 1 << 20,	/* walked also in a heap that is large */
	CACHE_BLOCK = 16384, CACHE_BLOCKS = 64, LIST_TRIES = 4, WALK_TRIES = 2,
	WAITS = 64,	/* half a millisecond each, of all arenas together */
};

/* One look at one heap. */
struct look {
	const struct c_heap_source *src;
	struct glibc_source s;
	struct glibc_params params;
	struct arena *a;
	struct c_memory *out;
	struct c_ranges *ranges;
	struct glibc_walker *walker;
	struct glibc_lists lists;
	unsigned int waits;
	struct glibc_fastbins fastbins;
	struct c_arena *arenas;
	struct c_range *busy;	/* the arenas' memory */
	size_t n_busy, size_busy;
	uint64_t walk_bytes;	/* that all arenas have together */
	bool with_tcache;
};

static int add_busy(struct look *l, uint64_t start, uint64_t end)
{
	if (l->n_busy == l->size_busy) {
		size_t size = l->size_busy ? l->size_busy * 2 : 64;
		struct c_range *busy = realloc(l->busy, size * sizeof(*busy));

		if (!busy)
			return -ENOMEM;
		l->busy = busy;
		l->size_busy = size;
	}
	l->busy[l->n_busy++] = (struct c_range){ start, end, C_RANGE_UNKNOWN };
	return 0;
}

/* The free chunks between the used ones, by the bins' lists alone. */
static int tally_lists(struct look *l, const struct glibc_arena *av, struct glibc_tally *t)
{
	const struct glibc_free *f = l->lists.all, *end = f ? f + l->lists.n : f;

	t->sum->how = C_ARENA_LISTED;
	t->sum->used_chunks = t->sum->tcache_bytes = UINT64_MAX;
	for (size_t i = 0; i < av->n_segments; i++) {
		const struct glibc_segment *s = &av->segments[i];
		uint64_t at = s->start, last = s->has_top ? av->top : s->end;
		int r;

		for (; f < end && f->addr + f->bytes <= last; f++) {
			if (f->addr > at)
				glibc_tally_used(t, at, f->addr);
			glibc_tally_free(t, f->addr, f->addr + f->bytes, f->fastbin);
			at = f->addr + f->bytes;
		}
		if (last > at)
			glibc_tally_used(t, at, last);
		if (s->has_top)
			glibc_tally_top(t, av->top, s->end);
		r = glibc_tally_end(t);
		if (r < 0)
			return r;
	}
	return 0;
}

/* All of its memory is there, and no more is known of it. */
static int tally_nothing(const struct glibc_arena *av, struct glibc_tally *t)
{
	t->sum->how = C_ARENA_UNREAD;
	t->sum->used_chunks = t->sum->tcache_bytes = UINT64_MAX;
	for (size_t i = 0; i < av->n_segments; i++) {
		const struct glibc_segment *s = &av->segments[i];

		glibc_tally_unknown(t, s->start, s->has_top ? av->top : s->end);
		if (s->has_top)
			glibc_tally_top(t, av->top, s->end);
	}
	return glibc_tally_end(t);
}

/* Another look at an arena whose chains changed while they were followed: 0, or what ends it. */
static int look_again(struct look *l, struct glibc_arena *av)
{
	l->out->torn++;
	return glibc_arena_read(&l->s, av->addr, av->is_main, &l->params, l->a, av);
}

static int read_lists(struct look *l, struct glibc_arena *av)
{
	int r = -EAGAIN;

	for (int i = 0; i < LIST_TRIES; i++) {
		r = glibc_lists_read(&l->s, av, &l->fastbins, &l->lists);
		if (r != -EAGAIN && !(r == 0 && l->fastbins.torn))
			return r;
		r = look_again(l, av);
		if (r < 0)
			return r;
		r = -EAGAIN;
	}
	return r;
}

static int read_fastbins(struct look *l, struct glibc_arena *av, struct glibc_fast_set *ret)
{
	for (int i = 0;; i++) {
		int r = glibc_fast_set_read(&l->s, av, &l->fastbins, ret);

		/* Each chunk was seen to be one: those before a tear stand. */
		if (r < 0 || !l->fastbins.torn || i == LIST_TRIES)
			return r;
		glibc_fast_set_done(ret);
		r = look_again(l, av);
		if (r < 0)
			return r;
	}
}

/* What is walked and changes faster than that is walked again, from a new look at the arena. */
static int walk_arena(struct look *l, struct glibc_arena *av, struct glibc_tally *t)
{
	struct c_ranges_mark start = c_ranges_mark(l->ranges);
	struct c_arena before = *t->sum;
	int r;

	for (int i = 0;; i++) {
		struct glibc_fast_set fast = { 0 };

		r = read_fastbins(l, av, &fast);
		if (r < 0)
			break;
		r = glibc_walk(l->walker, av, &l->params, &l->fastbins, &fast, l->with_tcache, t);
		glibc_fast_set_done(&fast);
		if (r < 0 || t->sum->unknown_bytes <= av->system_bytes / 256 || i == WALK_TRIES ||
		    l->fastbins.cut || glibc_walk_cost(l->walker).over_budget ||
		    !glibc_wait(&l->s) || !c_ranges_back(l->ranges, &start))
			return r;
		*t->sum = before;
		r = look_again(l, av);
		if (r < 0)
			break;
	}
	return glibc_fatal(r) ? r : tally_nothing(av, t);
}

static int tally_arena(struct look *l, struct glibc_arena *av, struct glibc_tally *t)
{
	uint64_t small = av->system_bytes <= SMALL_ARENA ? LIMIT_C_WALK_BYTES : LIMIT_C_SMALL_HEAP;

	/* A large heap is most often little fragmented. */
	if (l->walk_bytes > small || l->walk_bytes > l->src->max_walk_bytes) {
		int r = read_lists(l, av);

		if (r == 0)
			return tally_lists(l, av, t);
		if (glibc_fatal(r))
			return r;
	}
	return walk_arena(l, av, t);
}

static uint64_t mapped_bytes(const struct look *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->s.maps->n; i++)
		if (l->s.maps->all[i].writable)
			sum += l->s.maps->all[i].end - l->s.maps->all[i].start;
	return sum;
}

/*
 * What the walk saw and what the arena says that it has differ when another one has moved the
 * break, and when it has grown meanwhile.
 */
static void close_sums(struct c_arena *c, uint64_t system, uint64_t mapped)
{
	uint64_t seen = c->used_bytes + c->free_bytes + c->fastbin_bytes + c->top_bytes +
			c->unknown_bytes;

	/* More than there is: not to be believed. */
	if (system > mapped)
		system = seen;
	if (seen < system)
		c->unknown_bytes += system - seen;
	c->system_bytes = seen < system ? system : seen;
	if (c->how == C_ARENA_PARTLY)
		c->used_chunks = UINT64_MAX;
}

static int read_arena(struct look *l, struct glibc_arena *av, struct c_arena *c)
{
	struct glibc_tally t = { .sum = c, .out = l->ranges };
	int r = tally_arena(l, av, &t);

	if (r < 0)
		return r;
	c->n_heaps = (uint32_t)av->n_segments;
	c->threads = av->threads;
	close_sums(c, av->system_bytes, mapped_bytes(l));
	for (size_t i = 0; i < av->n_segments && r == 0; i++)
		r = add_busy(l, av->segments[i].start, av->segments[i].end);
	return r;
}

/*
 * What the threads keep, of arenas that were not walked: known when there are as many tcaches at
 * their beginnings as threads that use them.
 */
static int find_tcaches(struct look *l, const struct glibc_arena *avs, size_t n)
{
	uint64_t found = 0, threads = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct c_arena *c = &l->arenas[i];
		uint64_t bytes = 0;

		if (c->how != C_ARENA_LISTED)
			continue;
		threads += avs[i].threads;
		r = glibc_walk_for_tcaches(l->walker, &avs[i], &l->params, &bytes, &found);
		c->tcache_bytes = bytes;
	}
	for (size_t i = 0; i < n; i++)
		if (found != threads && l->arenas[i].how == C_ARENA_LISTED)
			l->arenas[i].tcache_bytes = UINT64_MAX;
	return r;
}

static void add_known(uint64_t *sum, uint64_t n)
{
	*sum = *sum == UINT64_MAX || n == UINT64_MAX ? UINT64_MAX : *sum + n;
}

static void sum_arenas(struct c_memory *m)
{
	m->system_bytes = m->used_bytes = m->free_bytes = m->fastbin_bytes = m->top_bytes =
		m->unknown_bytes = m->tcache_bytes = m->trimmable_bytes = m->fragmented_bytes = 0;
	for (size_t i = 0; i < m->n_arenas; i++) {
		const struct c_arena *c = &m->arenas[i];

		m->system_bytes += c->system_bytes;
		m->used_bytes += c->used_bytes;
		m->free_bytes += c->free_bytes;
		m->fastbin_bytes += c->fastbin_bytes;
		m->top_bytes += c->top_bytes;
		m->unknown_bytes += c->unknown_bytes;
		m->trimmable_bytes += c->trimmable_bytes;
		m->fragmented_bytes += c->fragmented_bytes;
		add_known(&m->tcache_bytes, c->tcache_bytes);
	}
}

static int read_arenas(struct look *l, uint64_t *addrs, size_t n)
{
	struct glibc_arena *avs = calloc(n, sizeof(*avs));
	int r = avs ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++) {
		l->arenas[i] = (struct c_arena){ .addr = addrs[i], .is_main = i == 0 };
		r = glibc_arena_read(&l->s, addrs[i], i == 0, &l->params, l->a, &avs[i]);
		if (r < 0 && !glibc_fatal(r)) {
			/* Not even its size is to be believed. */
			l->arenas[i].how = C_ARENA_UNREAD;
			l->arenas[i].tcache_bytes = l->arenas[i].used_chunks = UINT64_MAX;
			avs[i].addr = 0;
			c_memory_note(l->out, "an arena could not be read: what it has is not in "
					      "the sums");
			r = 0;
		}
		l->walk_bytes += avs[i].system_bytes;
	}
	for (size_t i = 0; i < n && r == 0; i++)
		if (avs[i].addr)
			r = read_arena(l, &avs[i], &l->arenas[i]);
	if (r == 0 && l->with_tcache)
		r = find_tcaches(l, avs, n);
	for (size_t i = 0; i < n && !l->with_tcache; i++)
		l->arenas[i].tcache_bytes = UINT64_MAX;
	free(avs);
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct c_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

struct page_visit {
	int (*visit)(void *walk, uint64_t start, uint64_t end);
	void *walk;
};

static int visit_run(void *arg, const struct page_run *run)
{
	struct page_visit *v = arg;

	/* A header was written, so its page is the process's own. */
	if (run->kind != PAGE_ANON && run->kind != PAGE_DOUBTFUL)
		return 0;
	return v->visit(v->walk, run->start, run->end);
}

static int each_page(void *arg, uint64_t start, uint64_t end,
		     int (*visit)(void *walk, uint64_t start, uint64_t end), void *walk)
{
	struct page_visit v = { visit, walk };

	return pagemap_scan(arg, start, end, visit_run, &v, NULL);
}

static int find_mmapped(struct look *l)
{
	CLEANUP(pagemap_close_p) struct pagemap *pm = NULL;
	struct glibc_mmapped found;
	struct glibc_pages pages = { .each = each_page };
	size_t n = l->src->n_others;
	int r = 0;

	if (!l->params.found) {
		l->out->mmapped_bytes = l->out->mmapped_chunks = l->out->mmapped_found_bytes =
			UINT64_MAX;
		c_memory_note(l->out, "malloc's own count of mappings was not found");
		return 0;
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_busy(l, l->src->others[i].start, l->src->others[i].end);
	if (r < 0)
		return r;
	if (l->n_busy)
		qsort(l->busy, l->n_busy, sizeof(*l->busy), by_start);
	/* It was read before the walk. */
	r = glibc_read_params(&l->s, &l->params);
	if (glibc_fatal(r))
		return r;
	if (l->src->process && pagemap_open(l->src->process, &pm, NULL) == 0)
		pages.arg = pm;
	r = glibc_mmapped_find(&l->s, &l->params, l->busy, l->n_busy, pm ? &pages : NULL, l->ranges,
			       &found);
	l->out->mmapped_bytes = l->params.mmapped_bytes;
	l->out->mmapped_chunks = l->params.mmapped_chunks;
	l->out->mmapped_found_bytes = found.bytes;
	l->out->reads += found.reads;
	if (r == 0 && found.bytes != l->params.mmapped_bytes)
		c_memory_note(l->out, "not every chunk with a mapping of its own was found");
	return r;
}

static void tell_cost(struct look *l)
{
	struct glibc_walk_cost c = glibc_walk_cost(l->walker);

	l->out->bytes_read += c.bytes + memcache_misses(l->s.cache) * CACHE_BLOCK;
	l->out->reads += c.reads + memcache_misses(l->s.cache);
	l->out->torn += c.torn;
	l->out->ranges_by_page = c_ranges_by_page(l->ranges);
	if (l->out->unknown_bytes && (c.over_budget || !l->lists.left ||
				      !l->fastbins.left || !l->fastbins.misses_left))
		c_memory_note(l->out, "the heap is too large and too fragmented to see all of it");
	else if (l->out->unknown_bytes > l->out->system_bytes / 1024)
		c_memory_note(l->out,
			      arena_printf(l->a, "%" PRIu64 " bytes of the heap changed, or made "
						 "no sense, when they were read",
					   l->out->unknown_bytes));
	if (c_ranges_lost(l->ranges))
		c_memory_note(l->out, "the heap has too many pieces to keep the place of each");
}

static int read_heap(struct look *l, uint64_t main_arena)
{
	uint64_t *addrs;
	size_t n;
	int r = glibc_ring(&l->s, main_arena, l->a, &addrs, &n);

	if (r == -EBADMSG) {
		c_memory_note(l->out, "the ring of its arenas does not close");
		return 0;
	}
	if (r < 0)
		return r;
	l->arenas = arena_alloc(l->a, n, sizeof(*l->arenas));
	if (!l->arenas)
		return -ENOMEM;
	r = read_arenas(l, addrs, n);
	if (r < 0)
		return r;
	l->out->counted = true;
	l->out->arenas = l->arenas;
	l->out->n_arenas = n;
	sum_arenas(l->out);
	r = find_mmapped(l);
	tell_cost(l);
	return r;
}

/* The file's writable mappings: .data is in one of them. 1 when main_arena was found. */
static int find_root(struct look *l, const struct mapping *file, uint64_t *main_arena)
{
	int found = 0;

	for (size_t i = 0; file && i < l->s.maps->n; i++) {
		const struct mapping *m = &l->s.maps->all[i];
		uint64_t at;
		int r;

		if (!m->writable || m->shared || strcmp(m->path, file->path) != 0 ||
		    m->ino != file->ino || m->dev != file->dev)
			continue;
		r = glibc_find_main(&l->s, m, &at);
		if (r < 0)
			return r;
		if (r) {
			found += r;
			*main_arena = at;
			r = glibc_find_params(&l->s, m, &l->params);
		}
		if (r < 0)
			return r;
	}
	return found == 1;
}

int glibc_heap_read(const struct c_heap_source *src, const struct allocator *allocator,
		    struct arena *a, struct c_ranges *ranges, struct c_memory *ret)
{
	CLEANUP(mem_close_p) struct mem *cache = NULL;
	CLEANUP(glibc_walker_free_p) struct glibc_walker *walker = NULL;
	unsigned int minor = allocator->glibc_minor;
	struct look l = { .src = src, .a = a, .out = ret, .ranges = ranges,
			  .waits = src->process ? WAITS : 0 };
	uint64_t main_arena = 0;
	int r = memcache_open(src->mem, CACHE_BLOCK, CACHE_BLOCKS, &cache);

	l.s = (struct glibc_source){ .mem = src->mem, .cache = cache, .maps = src->maps,
				     .waits = &l.waits };
	l.lists.left = src->max_list_chunks ? src->max_list_chunks : LIMIT_C_LIST_CHUNKS;
	l.fastbins.left = src->max_list_chunks ? src->max_list_chunks : LIMIT_C_FASTBIN_CHUNKS;
	l.fastbins.misses_left = LIMIT_C_FASTBIN_READS;
	l.with_tcache = !minor || minor >= GLIBC_MINOR_TCACHE;
	if (minor)
		l.fastbins.linking = minor >= GLIBC_MINOR_SAFE_LINKING ? GLIBC_LINKS_SAFE :
								       GLIBC_LINKS_PLAIN;
	l.walker = walker = glibc_walker_new(&l.s, src->max_walk_bytes);
	if (r < 0 || !walker)
		return -ENOMEM;
	r = find_root(&l, allocator->file, &main_arena);
	if (r == 1)
		r = read_heap(&l, main_arena);
	else if (r == 0)
		r = -ENODATA;
	glibc_lists_done(&l.lists);
	free(l.busy);
	return r;
}
