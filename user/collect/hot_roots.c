// SPDX-License-Identifier: Apache-2.0
/* Stacks, variables and the runtime's own roots, as the search for holders sees them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "collect/holder_sweep.h"
#include "goruntime/batch.h"
#include "goruntime/goroutines.h"
#include "goruntime/gstruct.h"
#include "goruntime/heap.h"
#include "goruntime/park.h"
#include "goruntime/roots.h"
#include "goruntime/stack_words.h"

#define WINDOW (256u << 10)
#define CHUNK 1024
#define TRIES 6
/* Of stacks that are read word by word, all of them together. */
#define STACK_BYTES (1ull << 30)

struct hot_roots {
	struct addrmap *seen;	/* parks of the first sweep */
	struct addrmap *done;	/* addresses of g's whose stacks need no second reading */
	uint64_t *raw;		/* addresses of g's whose stacks are read word by word */
	size_t n_raw, raw_room;
	struct stack_words *words;
	struct sweep *s;	/* the one that is under way */
	uint8_t *bytes;		/* WINDOW of them */
	uint64_t room;		/* of STACK_BYTES */
	bool again;		/* this is the second sweep */
	bool still[256];	/* by wait reason: nobody else writes to such a stack */
};

int hot_roots_open(struct hot_roots **ret)
{
	CLEANUP(hot_roots_free_p) struct hot_roots *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->seen = addrmap_new();
	h->done = addrmap_new();
	h->bytes = malloc(WINDOW);
	if (!h->seen || !h->done || !h->bytes)
		return -ENOMEM;
	*ret = TAKE(h);
	return 0;
}

void hot_roots_free(struct hot_roots *h)
{
	if (!h)
		return;
	addrmap_free(h->seen);
	addrmap_free(h->done);
	stack_words_free(h->words);
	free(h->raw);
	free(h->bytes);
	free(h);
}

/* --- Goroutines --- */

static bool is_parked(const struct go_g *g)
{
	return go_state_is_parked(g->state);
}

static int sweep_frames(struct hot_roots *h, const struct go_walk *w, bool *whole)
{
	struct stack_found found;
	int r = stack_words_walk(h->words, w, &found);

	for (size_t i = 0; r == 0 && i < found.n; i++)
		sweep_root(h->s, found.words[i]);
	*whole = r == 0 && !found.cut && !found.lost && w->end == UNWIND_WHOLE;
	return r;
}

/*
 * Does nothing run on its stack, and what is that stay's number? It is parked where nobody else writes
 * to the stack, or in a system call, which the tick of its processor tells from the next one
 * (reentersyscall(), runtime/proc.go).
 */
static bool stands(const struct hot_roots *h, const struct go_g *g, uint64_t *ret)
{
	const struct go_runtime *rt = h->s->src->rt;
	int32_t at = rt->layout.m_syscalltick;
	uint32_t tick;

	*ret = go_park_id(g);
	if (is_parked(g))
		return h->still[g->waitreason];
	if (g->state != GO_SYSCALL || !g->in_syscall || !g->m || at < 0 ||
	    mem_read_u32(rt->live, g->m + (uint64_t)at, &tick) < 0)
		return false;
	*ret += (tick + 1) * 0x9e3779b97f4a7c15ull;
	return true;
}

/*
 * In the very park that the pass has judged, or that the first sweep saw: its stack is as it was, and
 * what stands on it was counted then.
 */
static bool known(void *arg, const struct go_g *g)
{
	struct hot_roots *h = arg;
	uint64_t park;
	uint32_t at;

	if (!stands(h, g, &park))
		return false;
	if (addrmap_get(h->s->parked, park, &at) < 0 &&
	    (!h->again || addrmap_get(h->seen, park, &at) < 0))
		return false;
	return addrmap_put(h->done, g->addr, 0) == 0;
}

static int visit(void *arg, const struct go_walk *w)
{
	struct hot_roots *h = arg;
	uint64_t park;
	bool whole;
	int r;

	/* One that has parked since the first sweep was elsewhere before. */
	if (h->again || !stands(h, w->g, &park))
		return 0;
	r = sweep_frames(h, w, &whole);
	if (r < 0 || !whole)
		return r;
	r = addrmap_put(h->seen, park, 0);
	return r < 0 ? r : addrmap_put(h->done, w->g->addr, 0);
}

static int add_raw(struct hot_roots *h, uint64_t g)
{
	if (h->n_raw == h->raw_room) {
		size_t room = h->raw_room ? h->raw_room * 2 : 256;
		uint64_t *raw = realloc(h->raw, room * sizeof(*raw));

		if (!raw)
			return -ENOMEM;
		h->raw = raw;
		h->raw_room = room;
	}
	h->raw[h->n_raw++] = g;
	return 0;
}

static bool has_bounds(const struct go_g *g)
{
	return !gstruct_is_nobody(g) && g->stack_lo < g->stack_hi && !(g->stack_hi >> 47);
}

/* Of a chunk of g's, those that are somebody. */
static int add_living(struct hot_roots *h, struct want *w, size_t n)
{
	struct go_runtime *rt = h->s->src->rt;
	struct want scratch[CHUNK];
	struct mem_req reqs[CHUNK];

	batch_sort(w, n, scratch);
	while (n) {
		size_t taken;
		int r = batch_read(rt->live, w, n, h->bytes, WINDOW, reqs, &taken);

		for (size_t i = 0; i < taken && r == 0; i++) {
			struct go_g g;

			if (!w[i].at)
				continue;
			gstruct_parse(&rt->layout, w[i].at, w[i].addr, &g);
			if (has_bounds(&g))
				r = add_raw(h, g.addr);
		}
		if (r < 0)
			return r;
		w += taken;
		n -= taken;
	}
	return 0;
}

/* The others: those that run, that were born meanwhile, or that changed under each look. */
static int find_raw(struct hot_roots *h, struct diag *d)
{
	struct go_runtime *rt = h->s->src->rt;
	uint32_t bytes = gstruct_bytes(&rt->layout);
	uint64_t addrs[CHUNK], array, len;
	int r = go_runtime_allgs(rt, &array, &len, d);

	h->n_raw = 0;
	for (uint64_t at = 0; r == 0 && at < len; at += CHUNK) {
		size_t n = len - at < CHUNK ? len - at : CHUNK, k = 0;
		struct want wants[CHUNK];
		uint32_t ignored;

		r = mem_read(rt->live, array + at * 8, addrs, n * 8);
		for (size_t i = 0; i < n && r == 0; i++)
			if (addrmap_get(h->done, addrs[i], &ignored) < 0)
				wants[k++] = (struct want){ .addr = addrs[i], .len = bytes };
		if (r == 0)
			r = add_living(h, wants, k);
	}
	return r;
}

/* Word by word; what is not there any more holds nothing. */
static int sweep_range(struct hot_roots *h, uint64_t lo, uint64_t hi)
{
	for (uint64_t at = lo; at < hi; at += WINDOW) {
		size_t len = hi - at < WINDOW ? hi - at : WINDOW;
		int r = mem_read(h->s->src->rt->live, at, h->bytes, len);

		if (r == -EFAULT)
			continue;
		if (r < 0)
			return r;
		h->s->bytes += len;
		for (size_t i = 0; i + 8 <= len; i += 8) {
			uint64_t value;

			memcpy(&value, h->bytes + i, sizeof(value));
			sweep_root(h->s, value);
		}
	}
	return 0;
}

static int read_g(struct hot_roots *h, uint64_t addr, struct go_g *ret)
{
	struct go_runtime *rt = h->s->src->rt;
	uint32_t len = gstruct_bytes(&rt->layout);
	uint8_t buf[1024];
	int r = len <= sizeof(buf) ? mem_read(rt->live, addr, buf, len) : -EOPNOTSUPP;

	if (r == 0)
		gstruct_parse(&rt->layout, buf, addr, ret);
	return r;
}

/* The stack may move while it is read: then the other one is read, too. */
static int sweep_stack(struct hot_roots *h, uint64_t addr)
{
	uint64_t lo = 0;

	for (int i = 0; i < TRIES; i++) {
		struct go_g g;
		int r = read_g(h, addr, &g);

		if (r < 0)
			return r;
		if (!has_bounds(&g) || g.stack_lo == lo)
			return 0;
		lo = g.stack_lo;
		if (g.stack_hi - lo > h->room)
			break;
		h->room -= g.stack_hi - lo;
		r = sweep_range(h, lo, g.stack_hi);
		if (r < 0)
			return r;
	}
	h->s->why_not = "the stack of a goroutine that runs could not be read whole";
	return 0;
}

static int sweep_stacks(struct hot_roots *h, struct diag *d)
{
	const struct scan_options o = { .visit = visit, .known = known, .arg = h };
	struct scan_stats stats;
	int r = goroutines_scan(h->s->src->rt, &o, &stats, d);

	h->room = STACK_BYTES;
	if (r == 0)
		r = find_raw(h, d);
	for (size_t i = 0; i < h->n_raw && r == 0; i++)
		r = sweep_stack(h, h->raw[i]);
	return r;
}

/* --- The rest --- */

static int visit_root(void *arg, enum go_root_kind kind, uint64_t word)
{
	struct sweep *s = arg;

	(void)kind;
	sweep_root(s, word);
	return 0;
}

static int sweep_runtime(struct hot_roots *h, struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct go_roots_stats stats = { 0 };
	struct go_heap *heap;
	int r = a ? go_heap_open(h->s->src->rt, a, &heap, d) : -ENOMEM;

	if (r == 0)
		r = go_roots_visit(heap, visit_root, h->s, &stats, d);
	if (r == 0 && !go_roots_complete(&stats))
		h->s->why_not = "the runtime's own lists change too fast to be read";
	return r;
}

int hot_roots_sweep(struct hot_roots *h, struct sweep *s, struct diag *d)
{
	const struct moduledata *md = &s->src->rt->md;
	const struct go_globals *globals = &s->src->rt->globals;
	int r = h->words ? 0 : stack_words_open(s->src->rt, &h->words);

	h->s = s;
	for (uint32_t i = 0; i < 256; i++)
		h->still[i] = i && i < globals->n_wait_reasons &&
			      go_park_is_still(globals->wait_reasons[i]);
	addrmap_clear(h->done);
	if (r == 0)
		r = sweep_stacks(h, d);
	if (r == 0)
		r = sweep_range(h, md->data, md->edata);
	if (r == 0)
		r = sweep_range(h, md->bss, md->ebss);
	if (r == 0)
		r = sweep_runtime(h, d);
	h->again = true;
	return r;
}
