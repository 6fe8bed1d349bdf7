// SPDX-License-Identifier: Apache-2.0
#include "native/glibc_walk.h"

#include <errno.h>
#include <stdlib.h>

#include "base/span.h"
#include "native/glibc_tcache.h"

enum {
	WINDOW = 256 * 1024,	/* stays in L2 while it is walked */
	ANCHORS = 8,		/* windows to go back */
	RETRIES = 24,		/* in one arena */
	RESYNCS = 32,
	CHAIN = 16,		/* chunks that make sense one after the other: no accident */
	CHAIN_LEAST = 3,	/* when they come to the end of what is looked at */
	TCACHE_WALK = 256 * 1024,
};

/* What to go back to: the state before the chunk at `chunk`. */
struct anchor {
	uint64_t chunk, size_word;
	struct c_arena sum;
	struct c_ranges_mark ranges;
	uint64_t free_start, free_end;
};

struct glibc_walker {
	const struct glibc_source *s;
	uint64_t budget;
	struct glibc_walk_cost cost;
	uint8_t window[WINDOW];
	uint64_t at;		/* of the window */
	size_t len, ask;	/* its length, and what to read next time */
	struct anchor anchors[ANCHORS];
	size_t anchor_at, n_anchors;	/* where the next one goes; how many before it stand */
	/* of one arena */
	struct glibc_arena av;
	const struct glibc_params *p;
	const struct glibc_fastbins *fastbins;
	const struct glibc_fast_set *fast;
	struct glibc_tally *t;
	bool with_tcache;
	uint64_t tcaches;	/* seen */
	uint64_t stop;		/* the walk may end here; 0: it goes to the end */
	unsigned int retries, resyncs;
	/* of one piece of memory */
	struct glibc_segment seg;
	uint64_t chunk, size_word;
	uint64_t failed_at;	/* the furthest place, and how often that was none farther */
	size_t failures;
};

struct glibc_walker *glibc_walker_new(const struct glibc_source *s, uint64_t budget)
{
	struct glibc_walker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->s = s;
	w->budget = budget;
	return w;
}

void glibc_walker_free(struct glibc_walker *w)
{
	free(w);
}

struct glibc_walk_cost glibc_walk_cost(const struct glibc_walker *w)
{
	return w->cost;
}

static bool in_window(const struct glibc_walker *w, uint64_t addr, uint64_t len)
{
	return addr >= w->at && addr - w->at <= w->len && len <= w->len - (addr - w->at);
}

static int read_window(struct glibc_walker *w, uint64_t at, uint64_t len)
{
	int r;

	if (len > w->budget) {
		w->cost.over_budget = true;
		return -ENOSPC;
	}
	w->len = 0;
	r = mem_read(w->s->mem, at, w->window, len);
	w->cost.reads++;
	if (r < 0)
		return r;
	w->budget -= len;
	w->cost.bytes += len;
	w->at = at;
	w->len = len;
	return 0;
}

/*
 * Makes the window hold the header at addr. A walk that comes on to the next page asks for twice as
 * much; one that jumps over pages gets a page.
 */
static int fetch(struct glibc_walker *w, uint64_t addr)
{
	uint64_t at = addr & ~(GLIBC_PAGE - 1), last = w->at + w->len;
	uint64_t end = (w->seg.end + GLIBC_PAGE - 1) & ~(GLIBC_PAGE - 1), len;
	int r;

	w->ask = w->len && addr >= last && addr - last < GLIBC_PAGE ? w->ask * 2 : GLIBC_PAGE;
	if (w->ask > WINDOW)
		w->ask = WINDOW;
	/* The top's memory is not touched: only its header is wanted. */
	if (w->seg.has_top && w->av.top >= addr)
		end = (w->av.top & ~(GLIBC_PAGE - 1)) + GLIBC_PAGE;
	len = end > at && end - at < w->ask ? end - at : w->ask;
	r = read_window(w, at, len);
	if (r == -EFAULT && len > GLIBC_PAGE) {
		w->ask = GLIBC_PAGE;
		r = read_window(w, at, GLIBC_PAGE);
	}
	return r;
}

/* The two words of a header. */
static int header(struct glibc_walker *w, uint64_t addr, uint64_t *prev_size, uint64_t *size)
{
	struct span s;

	if (!in_window(w, addr, CHUNK_HEADER)) {
		int r = fetch(w, addr);

		if (r < 0)
			return r;
	}
	s = span_of(w->window, w->len);
	*prev_size = span_u64(&s, addr - w->at);
	*size = span_u64(&s, addr - w->at + CHUNK_SIZE);
	return s.overrun ? -EAGAIN : 0;
}

static bool may_be_fast(struct glibc_walker *w, uint64_t chunk, uint64_t size)
{
	struct span s = span_of(w->window, w->len);
	uint64_t fd;

	if (in_window(w, chunk + CHUNK_FD, sizeof(fd)))
		fd = span_u64(&s, chunk + CHUNK_FD - w->at);
	else if (mem_read_u64(w->s->mem, chunk + CHUNK_FD, &fd) < 0)
		return true;
	return glibc_fastbins_doubt(w->fastbins, &w->av, chunk, size, fd);
}

/* -errno when it is fatal. */
static int look_for_tcache(struct glibc_walker *w, uint64_t chunk)
{
	uint8_t copy[TCACHE_BYTES];
	const uint8_t *bytes = copy;
	int64_t kept;

	if (in_window(w, chunk + CHUNK_HEADER, TCACHE_BYTES))
		bytes = w->window + (chunk + CHUNK_HEADER - w->at);
	else if (mem_read(w->s->mem, chunk + CHUNK_HEADER, copy, sizeof(copy)) < 0)
		return 0;
	if (!glibc_tcache_counts(bytes, w->p)) {
		/* An empty one is all zeroes, but what is an arena's first chunk is one. */
		w->tcaches += chunk == w->seg.first;
		return 0;
	}
	kept = glibc_tcache_read(w->s, bytes);
	if (kept < 0)
		return (int)kept;
	w->t->sum->tcache_bytes += (uint64_t)kept;
	w->tcaches += kept > 0;
	return 0;
}

static int account(struct glibc_walker *w, uint64_t chunk, uint64_t size, bool used)
{
	bool small = used && size <= FASTBIN_MAX_CHUNK;
	bool fast = small && glibc_fast_set_has(w->fast, chunk);

	if (!used || fast) {
		glibc_tally_free(w->t, chunk, chunk + size, fast);
		return 0;
	}
	if (small && w->fastbins->cut && may_be_fast(w, chunk, size)) {
		w->t->sum->how = C_ARENA_PARTLY;
		glibc_tally_unknown(w->t, chunk, chunk + size);
		return 0;
	}
	glibc_tally_used(w->t, chunk, chunk + size);
	w->t->sum->used_chunks++;
	return size == TCACHE_CHUNK && w->with_tcache ? look_for_tcache(w, chunk) : 0;
}

static void set_anchor(struct glibc_walker *w)
{
	w->anchors[w->anchor_at++ % ANCHORS] = (struct anchor){
		.chunk = w->chunk, .size_word = w->size_word, .sum = *w->t->sum,
		.ranges = c_ranges_mark(w->t->out), .free_start = w->t->free_start,
		.free_end = w->t->free_end,
	};
	if (w->n_anchors < ANCHORS)
		w->n_anchors++;
}

/* One window back, and one more each time that it gets no farther. False: none is left. */
static bool go_back(struct glibc_walker *w)
{
	const struct anchor *a;
	uint64_t prev;

	w->failures = w->chunk > w->failed_at ? 1 : w->failures + 1;
	if (w->chunk > w->failed_at)
		w->failed_at = w->chunk;
	if (w->failures > w->n_anchors || w->failures > 3 || w->retries == RETRIES)
		return false;
	if (w->failures > 1)
		glibc_wait(w->s);
	w->n_anchors -= w->failures;
	w->anchor_at -= w->failures;
	a = &w->anchors[w->anchor_at % ANCHORS];
	if (!c_ranges_back(w->t->out, &a->ranges))
		return false;
	w->retries++;
	w->cost.torn++;
	*w->t->sum = a->sum;
	w->t->free_start = a->free_start;
	w->t->free_end = a->free_end;
	w->chunk = a->chunk;
	w->size_word = a->size_word;
	w->len = 0;
	/* It may have grown or been cut meanwhile; if it is gone, that shows in the next step. */
	if (header(w, w->chunk, &prev, &w->size_word) == 0)
		set_anchor(w);
	return true;
}

/* The top has moved since the arena was read? Then the new end is taken: 1. */
static int top_moved(struct glibc_walker *w)
{
	uint64_t top, size;
	int r = mem_read_u64(w->s->mem, w->av.addr + ARENA_TOP, &top);

	if (r == 0)
		r = mem_read_u64(w->s->mem, top + CHUNK_SIZE, &size);
	if (r < 0)
		return glibc_fatal(r) ? r : 0;
	size &= ~(uint64_t)CHUNK_FLAGS;
	if (top == w->av.top || top % CHUNK_ALIGN || top < w->chunk || size < CHUNK_MIN ||
	    size > GLIBC_MAX_BYTES || (top + size) % GLIBC_PAGE || top + size < w->seg.end ||
	    !glibc_in_data(w->s, top, size))
		return 0;
	w->av.top = top;
	w->av.top_bytes = size;
	w->seg.end = top + size;
	return 1;
}

/* sysmalloc() ends memory that cannot grow with headers that are no chunks. */
static bool at_fencepost(const struct glibc_walker *w)
{
	return !w->seg.has_top && w->chunk == w->seg.end - CHUNK_HEADER &&
	       w->size_word == CHUNK_PREV_IN_USE;
}

static bool size_makes_sense(const struct glibc_walker *w, uint64_t chunk, uint64_t size_word)
{
	uint64_t size = size_word & ~(uint64_t)CHUNK_FLAGS;
	uint64_t end = w->seg.has_top ? w->av.top : w->seg.end - CHUNK_HEADER;

	if (size_word & CHUNK_IS_MMAPPED || size % CHUNK_ALIGN || chunk >= end ||
	    size > end - chunk)
		return false;
	if (w->av.is_main && size_word & CHUNK_NON_MAIN)
		return false;
	/* A fencepost has a header and nothing else. */
	return size >= CHUNK_MIN ||
	       (size == CHUNK_HEADER && !w->seg.has_top && chunk + size == end);
}

/* One chunk: 1 at the end, 0 to go on, -EAGAIN it makes no sense. */
static int step(struct glibc_walker *w)
{
	uint64_t size = w->size_word & ~(uint64_t)CHUNK_FLAGS, prev_size, next;
	bool used;
	int r;

	if (w->seg.has_top && w->chunk == w->av.top) {
		glibc_tally_top(w->t, w->chunk, w->seg.end);
		return 1;
	}
	if (w->stop && w->chunk >= w->stop)
		return 1;
	if (at_fencepost(w)) {
		glibc_tally_used(w->t, w->chunk, w->seg.end);
		return 1;
	}
	if (!size_makes_sense(w, w->chunk, w->size_word))
		return -EAGAIN;
	if (!in_window(w, w->chunk + size, CHUNK_HEADER))
		set_anchor(w);
	r = header(w, w->chunk + size, &prev_size, &next);
	if (r < 0)
		return r == -EFAULT ? -EAGAIN : r;
	/* What is free before the top becomes part of it; its header may be about to be written. */
	used = next & CHUNK_PREV_IN_USE || (w->seg.has_top && w->chunk + size == w->av.top);
	if (!used && prev_size != size)
		return -EAGAIN;
	r = account(w, w->chunk, size, used);
	w->chunk += size;
	w->size_word = next;
	return r;
}

/* Whether a chain of chunks begins here, by what is in the window alone. */
static bool chain_begins(const struct glibc_walker *w, uint64_t at)
{
	struct span s = span_of(w->window, w->len);
	uint64_t word = span_u64(&s, at - w->at + CHUNK_SIZE);

	for (int i = 0; i < CHAIN; i++) {
		uint64_t size = word & ~(uint64_t)CHUNK_FLAGS;

		if (w->seg.has_top && at == w->av.top)
			return i > 0;
		if (!size_makes_sense(w, at, word) || size < CHUNK_MIN)
			return false;
		at += size;
		if (!in_window(w, at, CHUNK_HEADER))
			return i >= CHAIN_LEAST;
		word = span_u64(&s, at - w->at + CHUNK_SIZE);
		if (!(word & CHUNK_PREV_IN_USE) && span_u64(&s, at - w->at) != size &&
		    !(w->seg.has_top && at == w->av.top))
			return false;
	}
	return true;
}

/*
 * A thread that was taken off its processor within malloc() leaves one chunk half cut for
 * milliseconds. What is behind it is looked for, and what is between is unknown. -EAGAIN: nothing
 * is to be found.
 */
static int resync(struct glibc_walker *w)
{
	uint64_t end = w->seg.has_top ? w->av.top : w->seg.end - CHUNK_HEADER;
	uint64_t at = w->chunk & ~(GLIBC_PAGE - 1), len;
	int r;

	if (w->resyncs++ == RESYNCS || w->chunk >= end)
		return -EAGAIN;
	len = ((end + GLIBC_PAGE) & ~(GLIBC_PAGE - 1)) - at;
	r = read_window(w, at, len < WINDOW ? len : WINDOW);
	if (r < 0)
		return r == -EFAULT ? -EAGAIN : r;
	for (at = w->chunk + CHUNK_ALIGN; in_window(w, at, CHUNK_HEADER); at += CHUNK_ALIGN) {
		struct span s = span_of(w->window, w->len);

		if (!chain_begins(w, at))
			continue;
		glibc_tally_unknown(w->t, w->chunk, at);
		w->t->sum->how = C_ARENA_PARTLY;
		w->chunk = at;
		w->size_word = span_u64(&s, at - w->at + CHUNK_SIZE);
		w->n_anchors = 0;
		w->failed_at = 0;
		return 0;
	}
	return -EAGAIN;
}

/* From the first chunk to the end: 0, -EAGAIN it went wrong at w->chunk, or fatal. */
static int walk_segment(struct glibc_walker *w)
{
	uint64_t prev;
	int r;

	w->n_anchors = 0;
	w->failed_at = 0;
	w->len = 0;
	w->chunk = w->seg.first;
	if (w->seg.first > w->seg.start)
		glibc_tally_used(w->t, w->seg.start, w->seg.first);
	r = header(w, w->chunk, &prev, &w->size_word);
	if (r == 0)
		set_anchor(w);
	else if (r == -EFAULT)
		r = -EAGAIN;
	while (r == 0) {
		r = step(w);
		if (r != -EAGAIN)
			continue;
		r = w->seg.has_top ? top_moved(w) : 0;
		if (r == 0 && !go_back(w))
			r = resync(w);
		else if (r == 1)
			r = 0;
	}
	return r < 0 ? r : 0;
}

/* What of a piece of memory is left when its walk has ended early. The top is known yet. */
static void leave(struct glibc_walker *w)
{
	uint64_t end = w->seg.has_top ? w->av.top : w->seg.end;

	w->t->sum->how = C_ARENA_PARTLY;
	if (w->chunk < end)
		glibc_tally_unknown(w->t, w->chunk, end);
	if (w->seg.has_top && w->chunk <= w->av.top)
		glibc_tally_top(w->t, w->av.top, w->seg.end);
}

int glibc_walk_for_tcaches(struct glibc_walker *w, const struct glibc_arena *av,
			   const struct glibc_params *p, uint64_t *bytes, uint64_t *found)
{
	CLEANUP(c_ranges_free_p) struct c_ranges *unwanted = c_ranges_new(1);
	struct glibc_fastbins none = { 0 };
	struct glibc_fast_set empty = { 0 };
	struct glibc_arena first = *av;
	struct c_arena sum = { 0 };
	struct glibc_tally t = { .sum = &sum, .out = unwanted };
	int r;

	if (!unwanted)
		return -ENOMEM;
	if (!av->n_segments)
		return 0;
	first.n_segments = 1;
	w->tcaches = 0;
	w->stop = av->segments[0].first + TCACHE_WALK;
	r = glibc_walk(w, &first, p, &none, &empty, true, &t);
	w->stop = 0;
	*bytes += sum.tcache_bytes;
	*found += w->tcaches;
	return r;
}

int glibc_walk(struct glibc_walker *w, const struct glibc_arena *av, const struct glibc_params *p,
	       const struct glibc_fastbins *f, const struct glibc_fast_set *fast, bool with_tcache,
	       struct glibc_tally *t)
{
	w->av = *av;
	w->p = p;
	w->fastbins = f;
	w->fast = fast;
	w->t = t;
	w->with_tcache = with_tcache;
	w->retries = w->resyncs = 0;
	t->sum->how = C_ARENA_WALKED;
	for (size_t i = 0; i < av->n_segments; i++) {
		int r, end;

		w->seg = av->segments[i];
		r = walk_segment(w);
		if (r == -EAGAIN || r == -ENOSPC)
			leave(w);
		end = glibc_tally_end(t);
		if (glibc_fatal(r) || end < 0)
			return r < 0 && glibc_fatal(r) ? r : end;
	}
	return 0;
}
