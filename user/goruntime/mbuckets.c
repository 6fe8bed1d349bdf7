// SPDX-License-Identifier: Apache-2.0
/*
 * Header and stack of a bucket never change once it is in the list, and new buckets come in front,
 * so each is read once. Its numbers move: mallocs are counted to cycle C+2, frees to C+1, and
 * when a collection has marked, C grows by one and what stands under the new C is added to what is
 * published (runtime/mprof.go, memRecord). runtime.MemProfile takes the published part and C's,
 * under a lock; two readings that agree stand for the lock here.
 */
#include "goruntime/mbuckets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "model/limits.h"

/* mprof.go: memProfile, and len(memRecord{}.future). */
#define TYPE_MEM 1
#define FUTURES 3
/* mProfCycleWrap */
#define CYCLE_WRAP (3u * (2u << 24))
/* Layout fields beyond are none of these small structs. */
#define OFFSET_MAX 512
#define STACK_MAX 1024
/* An object of this size or more is none that a process has; so many of them neither. */
#define OBJECT_BYTES_MAX (1ull << 47)
#define OBJECTS_MAX (1ull << 52)
/* One in so many bytes is no rate. */
#define RATE_MAX (1ll << 50)

#define CACHE_BLOCK 4096
#define CACHE_BLOCKS 64
#define BATCH 512
/* How often all is read anew when a collection ends meanwhile, and the numbers when they move. */
#define WALKS 4
#define READINGS 8

struct mbuckets_walk {
	struct mem *live;
	const struct mbuckets_layout *l;
	const struct mbuckets_where *where;
	struct arena *arena;
	struct diag *d;
	struct mbucket *buckets;
	size_t n, room, stack_bytes;
	uint8_t *records;	/* BATCH of them */
	struct mem_req *reqs;	/* BATCH */
	uint64_t newest;	/* the head of the list when it was read last */
	uint32_t cycle;		/* then */
	bool cut;
};

struct mbuckets_layout mbuckets_layout_of(const struct go_heap_layout *l)
{
	return (struct mbuckets_layout){
		.bucket_size = l->bucket_size,
		.allnext = l->bucket_allnext,
		.typ = l->bucket_typ,
		.hash = l->bucket_hash,
		.object_bytes = l->bucket_object,
		.nstk = l->bucket_nstk,
		.record_size = l->record_size,
		.active = l->record_active,
		.future = l->record_future,
		.cycle_size = l->cycle_size,
		.allocs = l->cycle_allocs,
		.frees = l->cycle_frees,
		.alloc_bytes = l->cycle_alloc_bytes,
		.free_bytes = l->cycle_free_bytes,
		/* Go 1.23: GODEBUG=profstackdepth, up to maxProfStackDepth. */
		.max_stack = l->minor < 23 ? 32 : STACK_MAX,
		.cycle_shift = l->minor < 19 ? 0 : 1,
	};
}

uint64_t mbuckets_hash(const uint64_t *stack, size_t n, uint64_t object_bytes)
{
	uint64_t h = 0;

	for (size_t i = 0; i <= n; i++) {
		h += i < n ? stack[i] : object_bytes;
		h += h << 10;
		h ^= h >> 6;
	}
	h += h << 3;
	h ^= h >> 11;
	return h;
}

static int malformed(struct diag *d, uint64_t at, const char *what)
{
	return diag_fail(d, -EBADMSG, "the bucket of the heap profile at 0x%llx %s",
			 (unsigned long long)at, what);
}

/* 0 and the cycle whose future is the next to be published. */
static int read_cycle(const struct mbuckets_walk *w, uint32_t *ret)
{
	uint32_t word;
	int r = mem_read_u32(w->live, w->where->cycle, &word);

	if (r < 0)
		return diag_fail(w->d, r, "the cycle of the heap profile cannot be read");
	word >>= w->l->cycle_shift;
	if (word >= CYCLE_WRAP)
		return diag_fail(w->d, -EBADMSG, "the heap profile's cycle is %u, which cannot be",
				 word);
	*ret = word;
	return 0;
}

static bool layout_sane(const struct mbuckets_layout *l)
{
	const int32_t at[] = { l->allnext, l->typ, l->hash, l->object_bytes, l->nstk };
	const int32_t sums[] = { l->allocs, l->frees };

	if (l->bucket_size < 0 || l->bucket_size > OFFSET_MAX || l->record_size < 0 ||
	    l->record_size > OFFSET_MAX || l->cycle_size < 0 || l->active < 0 || l->future < 0 ||
	    l->active + l->cycle_size > l->record_size ||
	    l->future + FUTURES * l->cycle_size > l->record_size || l->max_stack > STACK_MAX ||
	    l->cycle_shift > 1 || l->alloc_bytes + 8 > l->cycle_size ||
	    l->free_bytes + 8 > l->cycle_size)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		if (at[i] < 0 || at[i] + 8 > l->bucket_size)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
		if (sums[i] < 0 || sums[i] + 8 > l->cycle_size)
			return false;
	return true;
}

/* Reads header and stack; *ret_next is the next bucket. */
static int read_bucket(struct mbuckets_walk *w, struct mem *cache, uint64_t at,
		       struct mbucket *ret, uint64_t *ret_next)
{
	const struct mbuckets_layout *l = w->l;
	uint8_t head[OFFSET_MAX];
	uint64_t stack[STACK_MAX], *kept, nstk;
	struct span s = span_of(head, (size_t)l->bucket_size);
	int r = mem_read(cache, at, head, (size_t)l->bucket_size);

	if (r < 0)
		return diag_fail(w->d, r, "a bucket of the heap profile cannot be read");
	nstk = span_u64(&s, (uint64_t)l->nstk);
	if (span_u64(&s, (uint64_t)l->typ) != TYPE_MEM)
		return malformed(w->d, at, "is of another profile");
	if (nstk > l->max_stack)
		return malformed(w->d, at, "has a stack deeper than the runtime keeps");
	r = mem_read(cache, at + (uint64_t)l->bucket_size, stack, nstk * sizeof(*stack));
	if (r < 0)
		return diag_fail(w->d, r, "a stack of the heap profile cannot be read");
	*ret = (struct mbucket){
		.record = at + (uint64_t)l->bucket_size + nstk * sizeof(*stack),
		.n_stack = (uint32_t)nstk,
		.object_bytes = span_u64(&s, (uint64_t)l->object_bytes),
	};
	if (!ret->object_bytes || ret->object_bytes >= OBJECT_BYTES_MAX)
		return malformed(w->d, at, "has objects of a size that cannot be");
	if (span_u64(&s, (uint64_t)l->hash) != mbuckets_hash(stack, nstk, ret->object_bytes))
		return malformed(w->d, at, "does not hash to what it says");
	kept = arena_alloc(w->arena, nstk ? nstk : 1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	memcpy(kept, stack, nstk * sizeof(*kept));
	ret->stack = kept;
	*ret_next = span_u64(&s, (uint64_t)l->allnext);
	return 0;
}

static int keep(struct mbuckets_walk *w, const struct mbucket *b)
{
	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 1024;
		struct mbucket *more = reallocarray(w->buckets, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		w->buckets = more;
		w->room = room;
	}
	w->buckets[w->n++] = *b;
	w->stack_bytes += b->n_stack * sizeof(*b->stack);
	return 0;
}

/* From a bucket on up to the end, or to where an earlier walk began. */
static int walk_list(struct mbuckets_walk *w, struct mem *cache, uint64_t at, uint64_t end)
{
	uint64_t mark = 0, steps = 0, power = 1;

	while (at && at != end) {
		struct mbucket b;
		uint64_t next = 0;
		int r;

		if (w->n == LIMIT_HEAP_SITES || w->stack_bytes > LIMIT_HEAP_SITE_BYTES) {
			w->cut = true;
			return 0;
		}
		if (at % sizeof(at) || at > UINT64_MAX - 2 * sizeof(b) * STACK_MAX)
			return malformed(w->d, at, "stands where none can");
		/* Brent's: a mark that moves on at each power of two is met again in any circle. */
		if (at == mark)
			return malformed(w->d, at, "leads back to itself");
		if (++steps == power) {
			power *= 2;
			mark = at;
		}
		r = read_bucket(w, cache, at, &b, &next);
		if (r == 0)
			r = keep(w, &b);
		if (r < 0)
			return r;
		at = next;
	}
	return 0;
}

/* Reads the cycle, and then what is new in the list. */
static int walk(struct mbuckets_walk *w)
{
	CLEANUP(mem_close_p) struct mem *cache = NULL;
	uint64_t end = w->newest;
	int r = read_cycle(w, &w->cycle);

	if (r < 0)
		return r;
	r = mem_read_u64(w->live, w->where->list, &w->newest);
	if (r < 0)
		return diag_fail(w->d, r, "runtime.mbuckets cannot be read");
	if (w->newest == end || w->cut)
		return 0;
	r = memcache_open(w->live, CACHE_BLOCK, CACHE_BLOCKS, &cache);
	return r < 0 ? r : walk_list(w, cache, w->newest, end);
}

struct numbers {
	uint64_t allocs, frees, alloc_bytes, free_bytes;
};

static void add_cycle(const struct mbuckets_layout *l, struct span *record, int32_t at,
		      struct numbers *sum)
{
	sum->allocs += span_u64(record, (uint64_t)(at + l->allocs));
	sum->frees += span_u64(record, (uint64_t)(at + l->frees));
	if (l->alloc_bytes >= 0)
		sum->alloc_bytes += span_u64(record, (uint64_t)(at + l->alloc_bytes));
	if (l->free_bytes >= 0)
		sum->free_bytes += span_u64(record, (uint64_t)(at + l->free_bytes));
}

/* Takes the numbers; returns whether they are others than they were. */
static bool take(const struct mbuckets_layout *l, const struct numbers *sum, struct mbucket *b)
{
	bool moved = b->allocs != sum->allocs || b->frees != sum->frees;

	b->allocs = sum->allocs;
	b->frees = sum->frees;
	b->odd = sum->frees > sum->allocs || sum->allocs > OBJECTS_MAX / b->object_bytes;
	/* Bytes are counted size by size: anything else is no memRecord. */
	if (l->alloc_bytes >= 0 && sum->alloc_bytes != sum->allocs * b->object_bytes)
		b->odd = true;
	if (l->free_bytes >= 0 && sum->free_bytes != sum->frees * b->object_bytes)
		b->odd = true;
	return moved;
}

/*
 * Reads all numbers once, as they are published with `cycle`, or those of every cycle. *ret_moved:
 * some are others than they were.
 */
static int read_numbers(struct mbuckets_walk *w, uint32_t cycle, bool every, bool *ret_moved)
{
	const struct mbuckets_layout *l = w->l;
	size_t size = (size_t)l->record_size;

	*ret_moved = false;
	for (size_t first = 0; first < w->n; first += BATCH) {
		size_t n = w->n - first < BATCH ? w->n - first : BATCH;
		int r;

		for (size_t i = 0; i < n; i++)
			w->reqs[i] = (struct mem_req){ .addr = w->buckets[first + i].record,
						       .buf = w->records + i * size,
						       .len = (uint32_t)size };
		r = mem_read_many(w->live, w->reqs, n);
		for (size_t i = 0; r == 0 && i < n; i++) {
			struct span s = span_of(w->records + i * size, size);
			struct numbers sum = { 0 };

			r = w->reqs[i].err;
			if (r < 0)
				break;
			add_cycle(l, &s, l->active, &sum);
			for (int32_t c = 0; c < FUTURES; c++)
				if (every || c == (int32_t)(cycle % FUTURES))
					add_cycle(l, &s, l->future + c * l->cycle_size, &sum);
			*ret_moved |= take(l, &sum, &w->buckets[first + i]);
		}
		if (r < 0)
			return diag_fail(w->d, r, "a record of the heap profile cannot be read");
	}
	return 0;
}

static bool nothing_published(const struct mbuckets_walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->buckets[i].allocs || w->buckets[i].frees)
			return false;
	return true;
}

/*
 * Reads the numbers until two readings agree and no cycle has ended since the list was read.
 * 1 settled, 0 not.
 */
static int settle(struct mbuckets_walk *w, struct mbuckets *ret)
{
	for (int i = 0; i < READINGS; i++) {
		uint32_t now = 0;
		bool moved;
		int r = read_numbers(w, w->cycle, false, &moved);

		ret->before_first_gc = r == 0 && w->n && nothing_published(w);
		if (ret->before_first_gc)
			r = read_numbers(w, w->cycle, true, &moved);
		if (r == 0)
			r = read_cycle(w, &now);
		if (r < 0)
			return r;
		if (now != w->cycle)
			return 0;
		if (ret->before_first_gc || !w->n || (i && !moved))
			return 1;
	}
	return 0;
}

static int read_settled(struct mbuckets_walk *w, struct mbuckets *ret)
{
	int r = 0;

	for (int i = 0; r == 0 && i < WALKS; i++) {
		r = walk(w);
		if (r == 0)
			r = settle(w, ret);
	}
	if (r < 0)
		return r;
	ret->unsettled = r == 0;
	ret->cut = w->cut;
	ret->n = w->n;
	ret->buckets = arena_alloc(w->arena, w->n ? w->n : 1, sizeof(*w->buckets));
	if (!ret->buckets)
		return -ENOMEM;
	if (w->n)
		memcpy(ret->buckets, w->buckets, w->n * sizeof(*w->buckets));
	return 0;
}

int mbuckets_read(struct mem *live, const struct mbuckets_layout *l,
		  const struct mbuckets_where *where, struct arena *a, struct mbuckets *ret,
		  struct diag *d)
{
	struct mbuckets_walk w = { .live = live, .l = l, .where = where, .arena = a, .d = d };
	struct mbuckets found = { 0 };
	uint64_t rate;
	int r;

	if (!layout_sane(l))
		return diag_fail(d, -EOPNOTSUPP, "the layout of the heap profile cannot be");
	r = mem_read_u64(live, where->rate, &rate);
	if (r < 0)
		return diag_fail(d, r, "runtime.MemProfileRate cannot be read");
	if ((int64_t)rate > RATE_MAX)
		return diag_fail(d, -EBADMSG, "runtime.MemProfileRate is %lld, which cannot be",
				 (long long)rate);
	found.rate = (int64_t)rate;
	w.records = calloc(BATCH, (size_t)l->record_size + 1);
	w.reqs = calloc(BATCH, sizeof(*w.reqs));
	r = w.records && w.reqs ? read_settled(&w, &found) : -ENOMEM;
	free(w.buckets);
	free(w.records);
	free(w.reqs);
	if (r == 0)
		*ret = found;
	return r;
}
