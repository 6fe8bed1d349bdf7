// SPDX-License-Identifier: Apache-2.0
/*
 * runtime.MemStats as readmemstats_m() (runtime/mstats.go) makes it, out of the same variables.
 *
 * ReadMemStats() stops the world and flushes the caches of allocation first; from outside the sums
 * lack what these still hold, or (Go 1.18) are ahead of it. The spans' own counts have neither
 * fault, so they are what is told while the sums stand still; while they move, the sums are.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "goruntime/heap_state.h"

/* runtime.mstats has 10 to 15 KiB, gcControllerState 0.4. */
#define STRUCT_MAX (32u << 10)
/* Readings that a moving target may cost us. */
#define TRIES 8
#define TRIES_EXACT 108
#define PAUSE_US 500
#define GENERATIONS 3
/* defaultHeapMinimum, and that of GOEXPERIMENT=heapminimum512kib (runtime/mgcpacer.go). */
#define HEAP_MINIMUM (4ull << 20)
#define HEAP_MINIMUM_SMALL (512ull << 10)
/* memoryLimitMinHeapGoalHeadroom, memoryLimitHeapGoalHeadroomPercent, minRunway */
#define LIMIT_HEADROOM (1ull << 20)
#define LIMIT_HEADROOM_PERCENT 3
#define MIN_RUNWAY (64ull << 10)
/* A goal that no heap comes to: GOGC off, and the limit that stands for none less its headroom. */
#define NEVER (1ull << 62)
/* Two readings of a moving heap, of the same thing, may differ by so much. */
#define SLACK (16ull << 20)

static uint64_t word(struct span *s, int32_t off)
{
	return off < 0 ? 0 : span_u64(s, (uint32_t)off);
}

static bool is_size(uint64_t bytes)
{
	return bytes < GO_ADDRESS_END;
}

static void sum_generations(const struct go_heap_layout *l, const void *bytes, size_t len,
			    struct heap_delta *ret)
{
	struct heap_delta d = { 0 };

	for (size_t g = 0; g < GENERATIONS; g++) {
		struct span s = span_of((const uint8_t *)bytes + g * (size_t)l->stats_size,
					len - g * (size_t)l->stats_size);

		d.committed += word(&s, l->stats_committed);
		d.released += word(&s, l->stats_released);
		d.in_heap += word(&s, l->stats_in_heap);
		d.in_stacks += word(&s, l->stats_in_stacks);
		d.in_work_bufs += word(&s, l->stats_in_work_bufs);
		d.in_scalar_bits += word(&s, l->stats_in_scalar_bits);
		d.tiny_allocs += word(&s, l->stats_tiny_allocs);
		d.large_alloc += word(&s, l->stats_large_alloc);
		d.large_allocs += word(&s, l->stats_large_allocs);
		d.large_free += word(&s, l->stats_large_free);
		d.large_frees += word(&s, l->stats_large_frees);
		for (int32_t c = 0; c < GO_SIZE_CLASSES; c++) {
			d.small_allocs[c] += word(&s, l->stats_small_allocs + 8 * c);
			d.small_frees[c] += word(&s, l->stats_small_frees + 8 * c);
		}
	}
	*ret = d;
}

/* Sums that a heap can have. Allocations are counted before they may be freed. */
static bool sane_delta(const struct heap_delta *d)
{
	uint64_t taken = d->in_stacks + d->in_work_bufs + d->in_scalar_bits;

	if (!is_size(d->committed) || !is_size(d->released) || !is_size(d->in_heap) ||
	    !is_size(d->in_stacks) || !is_size(d->in_work_bufs) || !is_size(d->in_scalar_bits) ||
	    d->in_heap % GO_PAGE || d->in_stacks % GO_PAGE || d->in_work_bufs % GO_PAGE ||
	    d->committed < taken || d->committed - taken < d->in_heap)
		return false;
	if (d->large_free > d->large_alloc || d->large_frees > d->large_allocs)
		return false;
	for (int c = 1; c < GO_SIZE_CLASSES; c++)
		if (d->small_frees[c] > d->small_allocs[c])
			return false;
	return true;
}

int heap_delta_read(struct go_heap *h, struct heap_delta *ret, bool *stable)
{
	uint64_t at = h->at.memstats + (uint32_t)h->layout.memstats_heap_stats;
	size_t len = GENERATIONS * (size_t)h->layout.stats_size;
	uint8_t bytes[2][STRUCT_MAX / 4];
	struct heap_delta d;
	int r;

	if (!h->at.memstats || h->layout.stats_size <= 0 || len > sizeof(bytes[0]))
		return -EBADMSG;
	r = mem_read(h->rt->live, at, bytes[0], len);
	*stable = false;
	for (int i = 1; r == 0 && i < TRIES && !*stable; i++) {
		r = mem_read(h->rt->live, at, bytes[i % 2], len);
		*stable = r == 0 && memcmp(bytes[0], bytes[1], len) == 0;
	}
	if (r < 0)
		return r;
	sum_generations(&h->layout, bytes[0], len, &d);
	if (!sane_delta(&d))
		return -EBADMSG;
	*ret = d;
	return 0;
}

/* a and b, of which each may be read a little later than the other. */
static bool about(uint64_t a, uint64_t b)
{
	uint64_t more = a > b ? a : b;

	return more - (a > b ? b : a) <= more / 8 + SLACK;
}

/*
 * mheap_.pagesInUse is kept apart from the sums, and must agree with them; not to the byte, for a
 * thread may be kept waiting between writing one and the other. Go 1.18: heapStatsDelta shrank in
 * one of the patch releases 1.18.1 to 1.18.10, we do not know which, so there a moment must come in
 * which they do to the byte. -EBADMSG: they do not agree.
 */
static int read_agreed(struct go_heap *h, struct heap_delta *ret, bool *stable)
{
	uint64_t at = h->at.mheap + (uint32_t)h->layout.heap_pages_in_use, pages;
	int tries = h->layout.minor == 18 ? TRIES_EXACT : TRIES;

	for (int i = 0; i < tries; i++) {
		int r = heap_delta_read(h, ret, stable);

		r = r < 0 ? r : mem_read_u64(h->rt->live, at, &pages);
		if (r < 0)
			return r;
		if (*stable && pages << GO_PAGE_SHIFT == ret->in_heap)
			return 0;
		if (i >= TRIES)
			usleep(PAUSE_US);
	}
	*stable = false;
	return tries == TRIES && is_size(pages << GO_PAGE_SHIFT) &&
			       about(pages << GO_PAGE_SHIFT, ret->in_heap) ?
		       0 :
		       -EBADMSG;
}

/* What the spans say: objects by size class, and bytes of all. */
struct counted {
	uint64_t objects[GO_SIZE_CLASSES], bytes, in_use;
};

static void count_spans(const struct go_heap *h, struct counted *ret)
{
	struct counted c = { 0 };

	for (size_t i = 0; i < h->n_spans; i++) {
		const struct go_span *s = &h->spans[i];

		if (s->state != GO_SPAN_IN_USE)
			continue;
		c.objects[s->class] += s->alloc_count;
		c.bytes += s->alloc_count * s->elem_size;
		c.in_use += s->bytes;
	}
	*ret = c;
}

/* The sums as they are. */
static void set_sums(const struct heap_delta *d, struct go_memstats *m)
{
	uint64_t total = d->large_alloc, freed = d->large_free;

	m->mallocs = d->large_allocs + d->tiny_allocs;
	m->frees = d->large_frees + d->tiny_allocs;
	m->by_size[0] = (struct go_size_class){ 0, d->large_allocs, d->large_frees };
	for (unsigned int c = 1; c < GO_SIZE_CLASSES; c++) {
		uint64_t size = heap_class_size(c);

		total += d->small_allocs[c] * size;
		freed += d->small_frees[c] * size;
		m->mallocs += d->small_allocs[c];
		m->frees += d->small_frees[c];
		m->by_size[c] = (struct go_size_class){ size, d->small_allocs[c],
							d->small_frees[c] };
	}
	m->n_by_size = GO_SIZE_CLASSES;
	m->total_alloc_bytes = total;
	m->alloc_bytes = total - freed;
	m->heap_objects = m->mallocs - m->frees;
}

/* The same with what the spans hold for live: frees are counted at once, so they stand. */
static void set_counted(const struct heap_delta *d, const struct counted *c, struct go_memstats *m)
{
	uint64_t freed = m->total_alloc_bytes - m->alloc_bytes;

	m->heap_objects = 0;
	m->frees = d->large_frees + d->tiny_allocs;
	for (unsigned int i = 0; i < GO_SIZE_CLASSES; i++) {
		m->by_size[i].mallocs = m->by_size[i].frees + c->objects[i];
		m->heap_objects += c->objects[i];
		m->frees += i ? m->by_size[i].frees : 0;
	}
	m->mallocs = m->frees + m->heap_objects;
	m->alloc_bytes = c->bytes;
	m->total_alloc_bytes = freed + c->bytes;
}

static void set_heap(const struct heap_delta *d, struct go_memstats *m)
{
	uint64_t retained = d->committed - d->in_stacks - d->in_work_bufs - d->in_scalar_bits;

	m->heap_alloc_bytes = m->alloc_bytes;
	m->heap_sys_bytes = retained + d->released;
	m->heap_inuse_bytes = d->in_heap;
	m->heap_idle_bytes = m->heap_sys_bytes - d->in_heap;
	m->heap_released_bytes = d->released;
	m->stack_inuse_bytes = d->in_stacks;
	m->work_bufs_bytes = d->in_work_bufs;
}

/*
 * What the spans and the sums say of the heap. *delta is what the rest of MemStats is made with.
 * -EBADMSG: the sums are none, or not those of these spans.
 */
static int set_allocated(struct go_heap *h, struct heap_delta *delta, struct go_memstats *m)
{
	struct counted c;
	bool stable, quiet;
	int r = read_agreed(h, delta, &stable);

	if (r < 0)
		return r;
	count_spans(h, &c);
	quiet = stable && h->delta_known && memcmp(&h->delta, delta, sizeof(*delta)) == 0;
	if (quiet && !h->dropped.beyond && !about(c.in_use, delta->in_heap))
		return -EBADMSG;
	set_sums(delta, m);
	m->stable = quiet && c.in_use == delta->in_heap;
	if (m->stable)
		set_counted(delta, &c, m);
	set_heap(delta, m);
	return 0;
}

/* Bytes of a struct of the runtime; NULL when they cannot be had. */
static uint8_t *read_struct(struct go_heap *h, uint64_t at, int32_t size)
{
	uint8_t *bytes;

	if (!at || size <= 0 || (uint32_t)size > STRUCT_MAX)
		return NULL;
	bytes = malloc((size_t)size);
	if (bytes && mem_read(h->rt->live, at, bytes, (size_t)size) < 0) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

static uint64_t size_at(struct span *s, int32_t off)
{
	uint64_t v = word(s, off);

	return off >= 0 && is_size(v) ? v : GO_MEM_UNKNOWN;
}

static void set_gc(struct go_heap *h, struct span *s, struct go_memstats *m)
{
	const struct go_heap_layout *l = &h->layout;
	uint64_t last = word(s, l->memstats_last_gc), fraction;

	m->num_gc = span_u32(s, (uint32_t)l->memstats_numgc);
	m->num_forced_gc = span_u32(s, (uint32_t)l->memstats_numforcedgc);
	m->last_gc_unix_ns = word(s, l->memstats_last_gc_unix);
	m->pause_total_ns = word(s, l->memstats_pause_total);
	fraction = word(s, l->memstats_gc_cpu_fraction);
	memcpy(&m->gc_cpu_fraction, &fraction, sizeof(fraction));
	if (!(m->gc_cpu_fraction >= 0 && m->gc_cpu_fraction <= 1))
		m->gc_cpu_fraction = NAN;
	if (last && h->rt->now_ns > 0 && last <= (uint64_t)h->rt->now_ns)
		m->last_gc_age_ns = (uint64_t)h->rt->now_ns - last;
}

/* MemStats' *Sys, and their sum. */
static void set_sys(struct go_heap *h, const struct heap_delta *d, struct span *s,
		    struct go_memstats *m)
{
	const struct go_heap_layout *l = &h->layout;
	uint64_t stacks = size_at(s, l->memstats_stacks_sys);
	uint64_t gc = size_at(s, l->memstats_gc_sys);

	m->mspan_sys_bytes = size_at(s, l->memstats_mspan_sys);
	m->mcache_sys_bytes = size_at(s, l->memstats_mcache_sys);
	m->buck_hash_sys_bytes = size_at(s, l->memstats_buckhash_sys);
	m->other_sys_bytes = size_at(s, l->memstats_other_sys);
	if (stacks != GO_MEM_UNKNOWN)
		m->stack_sys_bytes = d->in_stacks + stacks;
	if (gc != GO_MEM_UNKNOWN)
		m->gc_sys_bytes = gc + d->in_work_bufs + d->in_scalar_bits;
	if (stacks != GO_MEM_UNKNOWN && gc != GO_MEM_UNKNOWN &&
	    m->mspan_sys_bytes != GO_MEM_UNKNOWN && m->mcache_sys_bytes != GO_MEM_UNKNOWN &&
	    m->buck_hash_sys_bytes != GO_MEM_UNKNOWN && m->other_sys_bytes != GO_MEM_UNKNOWN)
		m->sys_bytes = m->heap_sys_bytes + m->stack_sys_bytes + m->gc_sys_bytes +
			       m->mspan_sys_bytes + m->mcache_sys_bytes + m->buck_hash_sys_bytes +
			       m->other_sys_bytes;
}

/*
 * memoryLimitHeapGoal() of runtime/mgcpacer.go. `mapped` and the others come one after the other,
 * so they may not fit together: then the limit says nothing, and *ret is all ones.
 */
static uint64_t limit_goal(const struct go_heap_layout *l, struct span *s)
{
	uint64_t free_bytes = word(s, l->gc_heap_free), mapped = word(s, l->gc_mapped_ready);
	uint64_t alloc = word(s, l->gc_total_alloc) - word(s, l->gc_total_free);
	uint64_t limit = word(s, l->gc_memory_limit), marked = word(s, l->gc_heap_marked);
	uint64_t others, over, goal, headroom = LIMIT_HEADROOM;

	if (!is_size(free_bytes) || !is_size(alloc) || !is_size(mapped) ||
	    free_bytes + alloc > mapped)
		return UINT64_MAX;
	others = mapped - free_bytes - alloc;
	over = mapped > limit ? mapped - limit : 0;
	if (others + over >= limit)
		return marked;
	goal = limit - (others + over);
	/* Go 1.21: a percentage, at least 1 MiB. */
	if (l->minor >= 21 && goal / 100 * LIMIT_HEADROOM_PERCENT > headroom)
		headroom = goal / 100 * LIMIT_HEADROOM_PERCENT;
	goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
	return goal < marked ? marked : goal;
}

/* heapGoalInternal() of runtime/mgcpacer.go; up to Go 1.18 the goal is a variable. */
static uint64_t heap_goal(const struct go_heap_layout *l, struct span *s)
{
	uint64_t goal = word(s, l->gc_heap_goal), limit, sweep, triggered;

	if (l->minor < 19)
		return goal;
	limit = limit_goal(l, s);
	if (limit < goal)
		return limit;
	sweep = word(s, l->gc_sweep_min_trigger);
	triggered = word(s, l->gc_triggered);
	if (sweep > goal)
		goal = sweep;
	if (triggered != UINT64_MAX && goal < triggered + MIN_RUNWAY)
		goal = triggered + MIN_RUNWAY;
	return goal;
}

/*
 * setGCPercent() is the only one to write both, so that they fit each other is a proof that
 * gcController is where we think.
 */
static bool is_controller(const struct go_heap_layout *l, struct span *s)
{
	int32_t percent = (int32_t)span_u32(s, (uint32_t)l->gc_percent);
	uint64_t minimum = word(s, l->gc_heap_minimum), factor = (uint64_t)(int64_t)percent;

	return percent >= -1 && (minimum == HEAP_MINIMUM * factor / 100 ||
				 minimum == HEAP_MINIMUM_SMALL * factor / 100);
}

static void set_pacing(struct go_heap *h, struct go_memstats *m)
{
	const struct go_heap_layout *l = &h->layout;
	uint8_t *bytes = read_struct(h, h->at.controller, l->gc_size);
	struct span s = span_of(bytes, bytes ? (size_t)l->gc_size : 0);

	if (bytes && is_controller(l, &s)) {
		uint64_t goal = heap_goal(l, &s);

		m->gogc = (int32_t)span_u32(&s, (uint32_t)l->gc_percent);
		if (l->gc_memory_limit >= 0)
			m->memory_limit_bytes = word(&s, l->gc_memory_limit);
		m->next_gc_bytes = goal < NEVER ? goal : GO_NEXT_GC_NEVER;
		m->heap_live_bytes = size_at(&s, l->gc_heap_live);
		m->heap_marked_bytes = size_at(&s, l->gc_heap_marked);
	}
	free(bytes);
}

/* Structs of the allocator of one size: mheap_.spanalloc, .cachealloc. */
static uint64_t fixalloc_in_use(struct go_heap *h, int32_t off)
{
	uint64_t at = h->at.mheap + (uint32_t)off, bytes;

	if (mem_read_u64(h->rt->live, at + (uint32_t)h->layout.fixalloc_inuse, &bytes) < 0 ||
	    !is_size(bytes))
		return GO_MEM_UNKNOWN;
	return bytes;
}

static void set_unknown(struct go_memstats *m)
{
	/* All numbers are 64 bits wide but for these. */
	memset(m, 0xff, sizeof(*m));
	m->gogc = GO_GOGC_UNKNOWN;
	m->gc_cpu_fraction = NAN;
	m->n_by_size = 0;
	memset(m->by_size, 0, sizeof(m->by_size));
	m->stable = false;
}

int go_memstats_read(struct go_heap *h, struct go_memstats *ret, struct diag *d)
{
	const struct go_span *spans;
	struct go_memstats m;
	struct heap_delta delta;
	size_t n;
	int r = go_heap_spans(h, &spans, &n, d);

	if (r < 0)
		return r;
	set_unknown(&m);
	r = set_allocated(h, &delta, &m);
	if (r == 0) {
		uint8_t *bytes = read_struct(h, h->at.memstats, h->layout.memstats_size);
		struct span s = span_of(bytes, bytes ? (size_t)h->layout.memstats_size : 0);

		if (bytes) {
			set_sys(h, &delta, &s, &m);
			set_gc(h, &s, &m);
		}
		free(bytes);
	} else if (r != -EBADMSG && r != -EFAULT) {
		return diag_fail(d, r, "the Go heap's sums cannot be read");
	}
	set_pacing(h, &m);
	m.mspan_inuse_bytes = fixalloc_in_use(h, h->layout.heap_spanalloc);
	m.mcache_inuse_bytes = fixalloc_in_use(h, h->layout.heap_cachealloc);
	*ret = m;
	return 0;
}
