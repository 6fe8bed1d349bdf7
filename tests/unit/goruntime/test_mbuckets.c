// SPDX-License-Identifier: Apache-2.0
/* The heap profile's list, in arrays that a runtime could have written, and that none could. */
#include "../unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/mbuckets.h"
#include "model/limits.h"

#define BASE 0x10000ull
#define ROOM 8192
/* In the array: the three variables, then the buckets. */
#define LIST 0
#define CYCLE 8
#define RATE 16
#define BUCKETS 64

/* The array, and what happens to it while it is read. */
struct heap {
	struct mem mem;
	uint8_t *bytes;
	size_t room, used;
	uint64_t last;		/* address of the newest bucket */
	struct mbuckets_layout l;
	unsigned int reads;	/* of the cycle */
	void (*meanwhile)(struct heap *h);	/* each time that the cycle is read; may be NULL */
	struct arena *arena;
};

static int heap_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	struct heap *h = (struct heap *)m;

	if (addr < BASE || addr - BASE > h->room || len > h->room - (addr - BASE))
		return -EFAULT;
	memcpy(buf, h->bytes + (addr - BASE), len);
	if (addr == BASE + CYCLE && ++h->reads && h->meanwhile)
		h->meanwhile(h);
	return 0;
}

static const struct mem_ops heap_ops = { .read = heap_read };

static void put(struct heap *h, uint64_t off, uint64_t v)
{
	memcpy(h->bytes + off, &v, sizeof(v));
}

static void heap_init(struct heap *h, int minor, size_t room)
{
	struct go_heap_layout l;

	*h = (struct heap){ .mem.ops = &heap_ops, .room = room, .used = BUCKETS };
	assert_int_equal(heap_layout_lookup(minor, 0, &l, NULL), 0);
	h->l = mbuckets_layout_of(&l);
	h->bytes = calloc(1, room);
	h->arena = arena_new();
	assert_non_null(h->bytes);
	assert_non_null(h->arena);
	put(h, RATE, 512 << 10);
}

static void heap_done(struct heap *h)
{
	free(h->bytes);
	arena_free(h->arena);
}

static void set_cycle(struct heap *h, uint32_t cycle)
{
	uint32_t word = cycle << h->l.cycle_shift;

	memcpy(h->bytes + CYCLE, &word, sizeof(word));
}

/* Adds a bucket in front; the offset of its record. */
static uint64_t add_bucket(struct heap *h, const uint64_t *stack, size_t n, uint64_t size)
{
	uint64_t at = h->used, record = at + (uint64_t)h->l.bucket_size + 8 * n;

	assert_true(record + (uint64_t)h->l.record_size <= h->room);
	put(h, at + (uint64_t)h->l.allnext, h->last);
	put(h, at + (uint64_t)h->l.typ, 1);
	put(h, at + (uint64_t)h->l.hash, mbuckets_hash(stack, n, size));
	put(h, at + (uint64_t)h->l.object_bytes, size);
	put(h, at + (uint64_t)h->l.nstk, n);
	memcpy(h->bytes + at + h->l.bucket_size, stack, 8 * n);
	h->used = record + (uint64_t)h->l.record_size;
	h->last = BASE + at;
	put(h, LIST, h->last);
	return record;
}

#define ACTIVE (-1)

static void count(struct heap *h, uint64_t record, int future, uint64_t allocs, uint64_t frees,
		  uint64_t size)
{
	uint64_t at = record + (uint64_t)(future == ACTIVE ? h->l.active
						: h->l.future + future * h->l.cycle_size);

	put(h, at + (uint64_t)h->l.allocs, allocs);
	put(h, at + (uint64_t)h->l.frees, frees);
	if (h->l.alloc_bytes >= 0)
		put(h, at + (uint64_t)h->l.alloc_bytes, allocs * size);
	if (h->l.free_bytes >= 0)
		put(h, at + (uint64_t)h->l.free_bytes, frees * size);
}

static const uint64_t stack_a[] = { 0x401000, 0x402000, 0x403000 };
static const uint64_t stack_b[] = { 0x401000, 0x404000 };

static const struct mbuckets_where where = { .list = BASE + LIST, .cycle = BASE + CYCLE,
					     .rate = BASE + RATE };

static int read_heap(struct heap *h, struct mbuckets *ret)
{
	return mbuckets_read(&h->mem, &h->l, &where, h->arena, ret, NULL);
}

static void published_is_active_and_the_cycles_own_future(void **state)
{
	static const int minors[] = { 18, 19, 26, 27 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		CLEANUP(heap_done) struct heap h;
		struct mbuckets found;
		uint64_t a, b;

		heap_init(&h, minors[i], ROOM);
		set_cycle(&h, 7);
		a = add_bucket(&h, stack_a, 3, 64);
		b = add_bucket(&h, stack_b, 2, 4096);
		count(&h, a, ACTIVE, 100, 40, 64);
		count(&h, a, 7 % 3, 5, 1, 64);
		count(&h, a, 8 % 3, 1000, 10, 64);
		count(&h, a, 9 % 3, 1000, 0, 64);
		count(&h, b, ACTIVE, 2, 2, 4096);
		assert_int_equal(read_heap(&h, &found), 0);
		assert_int_equal(found.n, 2);
		assert_int_equal(found.rate, 512 << 10);
		assert_false(found.before_first_gc || found.unsettled || found.cut);
		assert_int_equal(found.buckets[0].allocs, 2);
		assert_int_equal(found.buckets[0].frees, 2);
		assert_int_equal(found.buckets[1].allocs, 105);
		assert_int_equal(found.buckets[1].frees, 41);
		assert_int_equal(found.buckets[1].object_bytes, 64);
		assert_int_equal(found.buckets[1].n_stack, 3);
		assert_memory_equal(found.buckets[1].stack, stack_a, sizeof(stack_a));
	}
}

static void before_the_first_collection_every_cycle_counts(void **state)
{
	CLEANUP(heap_done) struct heap h;
	struct mbuckets found;
	uint64_t a;

	(void)state;
	heap_init(&h, 26, ROOM);
	a = add_bucket(&h, stack_a, 3, 64);
	count(&h, a, 1, 3, 0, 64);
	count(&h, a, 2, 30, 1, 64);
	assert_int_equal(read_heap(&h, &found), 0);
	assert_true(found.before_first_gc);
	assert_int_equal(found.buckets[0].allocs, 33);
	assert_int_equal(found.buckets[0].frees, 1);
}

static void an_empty_list_is_a_profile(void **state)
{
	CLEANUP(heap_done) struct heap h;
	struct mbuckets found;

	(void)state;
	heap_init(&h, 27, ROOM);
	put(&h, RATE, 0);
	assert_int_equal(read_heap(&h, &found), 0);
	assert_int_equal(found.n, 0);
	assert_int_equal(found.rate, 0);
	assert_false(found.before_first_gc);
}

/* A collection ends while the numbers are read: the next cycle is published, and a new bucket. */
static void end_collection(struct heap *h)
{
	uint64_t b;

	if (h->reads != 2)
		return;
	set_cycle(h, 4);
	b = add_bucket(h, stack_b, 2, 32);
	count(h, b, 4 % 3, 9, 0, 32);
}

static void a_collection_that_ends_meanwhile_is_seen_whole(void **state)
{
	CLEANUP(heap_done) struct heap h;
	struct mbuckets found;
	uint64_t a;

	(void)state;
	heap_init(&h, 26, ROOM);
	set_cycle(&h, 3);
	a = add_bucket(&h, stack_a, 3, 64);
	count(&h, a, ACTIVE, 100, 0, 64);
	count(&h, a, 4 % 3, 0, 60, 64);
	h.meanwhile = end_collection;
	assert_int_equal(read_heap(&h, &found), 0);
	assert_false(found.unsettled);
	assert_int_equal(found.n, 2);
	assert_int_equal(found.buckets[0].frees, 60);
	assert_int_equal(found.buckets[1].allocs, 9);
}

static void publish_more(struct heap *h)
{
	count(h, BUCKETS + (uint64_t)h->l.bucket_size + sizeof(stack_a), ACTIVE, 100 + h->reads, 0,
	      64);
}

static void numbers_that_never_rest_are_said_to(void **state)
{
	CLEANUP(heap_done) struct heap h;
	struct mbuckets found;

	(void)state;
	heap_init(&h, 26, ROOM);
	count(&h, add_bucket(&h, stack_a, 3, 64), ACTIVE, 100, 0, 64);
	h.meanwhile = publish_more;
	assert_int_equal(read_heap(&h, &found), 0);
	assert_true(found.unsettled);
	assert_int_equal(found.n, 1);
}

static void refused(struct heap *h, int err)
{
	struct mbuckets found = { .n = 77 };
	struct diag d = DIAG_INIT;

	assert_int_equal(mbuckets_read(&h->mem, &h->l, &where, h->arena, &found, &d), err);
	assert_int_equal(found.n, 77);
	assert_true(d.why[0]);
}

static void what_no_runtime_writes_is_refused(void **state)
{
	static const struct {
		uint64_t off;	/* in the older of two buckets, or a variable */
		uint64_t v;
		int err;
		bool variable;
	} lies[] = {
		{ 8, BASE + BUCKETS, -EBADMSG, false },		/* allnext: itself */
		{ 8, BASE + BUCKETS + 4, -EBADMSG, false },	/* not aligned */
		{ 8, ~7ull, -EBADMSG, false },			/* the end of all addresses */
		{ 8, 0x7f0000000000ull, -EFAULT, false },
		{ 16, 2, -EBADMSG, false },			/* of another profile */
		{ 24, 0, -EBADMSG, false },			/* the hash */
		{ 32, 63, -EBADMSG, false },			/* not of that size */
		{ 32, 0, -EBADMSG, false },
		{ 40, 2, -EBADMSG, false },			/* not that stack */
		{ 40, 1025, -EBADMSG, false },
		{ 40, 1ull << 61, -EBADMSG, false },		/* 8 * nstk overflows */
		{ CYCLE, UINT32_MAX, -EBADMSG, true },
		{ RATE, INT64_MAX, -EBADMSG, true },
		{ LIST, BASE + ROOM - 8, -EFAULT, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		CLEANUP(heap_done) struct heap h;

		heap_init(&h, 26, ROOM);
		count(&h, add_bucket(&h, stack_a, 3, 64), ACTIVE, 1, 0, 64);
		count(&h, add_bucket(&h, stack_b, 2, 64), ACTIVE, 1, 0, 64);
		put(&h, lies[i].variable ? lies[i].off : BUCKETS + lies[i].off, lies[i].v);
		refused(&h, lies[i].err);
	}
}

static void a_long_circle_ends(void **state)
{
	CLEANUP(heap_done) struct heap h;

	(void)state;
	heap_init(&h, 26, 64 * ROOM);
	for (uint64_t i = 0; i < 1000; i++)
		add_bucket(&h, &i, 1, 64);
	/* The oldest leads to one in the middle. */
	put(&h, BUCKETS + (uint64_t)h.l.allnext,
	    BASE + BUCKETS + 500 * (uint64_t)(h.l.bucket_size + 8 + h.l.record_size));
	refused(&h, -EBADMSG);
}

static void numbers_that_contradict_each_other_are_odd(void **state)
{
	CLEANUP(heap_done) struct heap h;
	struct mbuckets found;

	(void)state;
	heap_init(&h, 26, ROOM);
	count(&h, add_bucket(&h, stack_a, 3, 64), ACTIVE, 1, 2, 64);
	count(&h, add_bucket(&h, stack_a, 2, 64), ACTIVE, 1ull << 60, 0, 64);
	count(&h, add_bucket(&h, stack_a, 1, 64), ACTIVE, 10, 1, 63);
	count(&h, add_bucket(&h, stack_b, 1, 64), ACTIVE, 10, 1, 64);
	assert_int_equal(read_heap(&h, &found), 0);
	assert_int_equal(found.n, 4);
	assert_false(found.buckets[0].odd);
	for (size_t i = 1; i < 4; i++)
		assert_true(found.buckets[i].odd);
}

static void a_list_without_end_is_cut(void **state)
{
	const size_t n = LIMIT_HEAP_SITES + 1, bytes = 48 + 8 + 64;
	CLEANUP(heap_done) struct heap h;
	struct mbuckets found;

	(void)state;
	heap_init(&h, 27, BUCKETS + n * bytes);
	for (uint64_t i = 0; i < n; i++)
		count(&h, add_bucket(&h, &i, 1, 64), ACTIVE, 1, 0, 64);
	assert_int_equal(read_heap(&h, &found), 0);
	assert_true(found.cut);
	assert_int_equal(found.n, LIMIT_HEAP_SITES);
}

static void a_layout_that_cannot_be_is_refused(void **state)
{
	CLEANUP(heap_done) struct heap h;

	(void)state;
	heap_init(&h, 26, ROOM);
	h.l.bucket_size = 1 << 20;
	refused(&h, -EOPNOTSUPP);
	h.l.bucket_size = 48;
	h.l.nstk = 44;
	refused(&h, -EOPNOTSUPP);
	h.l.nstk = 40;
	h.l.future = 64;
	refused(&h, -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_is_active_and_the_cycles_own_future),
		cmocka_unit_test(before_the_first_collection_every_cycle_counts),
		cmocka_unit_test(an_empty_list_is_a_profile),
		cmocka_unit_test(a_collection_that_ends_meanwhile_is_seen_whole),
		cmocka_unit_test(numbers_that_never_rest_are_said_to),
		cmocka_unit_test(what_no_runtime_writes_is_refused),
		cmocka_unit_test(a_long_circle_ends),
		cmocka_unit_test(numbers_that_contradict_each_other_are_odd),
		cmocka_unit_test(a_list_without_end_is_cut),
		cmocka_unit_test(a_layout_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
