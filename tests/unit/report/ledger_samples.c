// SPDX-License-Identifier: Apache-2.0
#include "ledger_samples.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/c_memory.h"
#include "model/go_memory.h"
#include "model/memory.h"
#include "retained_samples.h"

#define MIB (1ull << 20)

static const struct go_memstats typical_go = {
	.heap_alloc_bytes = 880 * MIB, .heap_inuse_bytes = 912 * MIB, .heap_idle_bytes = 400 * MIB,
	.heap_released_bytes = 90 * MIB, .heap_sys_bytes = 1312 * MIB, .heap_objects = 5000000,
	.heap_live_bytes = 881 * MIB, .heap_marked_bytes = 700 * MIB,
	.stack_inuse_bytes = 60 * MIB, .stack_sys_bytes = 60 * MIB,
	.mspan_inuse_bytes = 9 * MIB, .mspan_sys_bytes = 10 * MIB, .mcache_inuse_bytes = 9600,
	.mcache_sys_bytes = 15600, .buck_hash_sys_bytes = 2 * MIB, .gc_sys_bytes = 22 * MIB,
	.work_bufs_bytes = MIB, .other_sys_bytes = 3 * MIB, .sys_bytes = 1409 * MIB,
	.total_alloc_bytes = 9000 * MIB, .mallocs = 90000000, .frees = 85000000, .alloc_bytes = 1,
	.next_gc_bytes = 1400 * MIB, .num_gc = 41, .num_forced_gc = 1,
	.pause_total_ns = 12000000, .gc_cpu_fraction = 0.0125, .last_gc_age_ns = 125000000000,
	.gogc = 100, .memory_limit_bytes = INT64_MAX, .n_by_size = 3,
	.by_size = { { 0, 12, 2 }, { 8, 0, 0 }, { 16, 90000000, 85000000 } }, .stable = true,
};

static const struct c_arena typical_arenas[] = {
	{ .is_main = true, .system_bytes = 300 * MIB, .used_bytes = 280 * MIB,
	  .free_bytes = 19 * MIB, .fastbin_bytes = 4096, .top_bytes = MIB - 4096,
	  .tcache_bytes = 20480, .trimmable_bytes = 12 * MIB, .fragmented_bytes = 7 * MIB },
	{ .system_bytes = 240 * MIB, .used_bytes = 240 * MIB, .unknown_bytes = 0,
	  .tcache_bytes = MEMORY_UNKNOWN },
};

static const struct c_memory typical_c = {
	.allocator = C_ALLOCATOR_GLIBC, .version = "2.36", .counted = true,
	.arenas = typical_arenas, .n_arenas = 2,
	.system_bytes = 540 * MIB, .used_bytes = 520 * MIB, .free_bytes = 19 * MIB,
	.fastbin_bytes = 4096, .top_bytes = MIB - 4096, .tcache_bytes = MEMORY_UNKNOWN,
	.trimmable_bytes = 12 * MIB, .fragmented_bytes = 7 * MIB,
	.mmapped_bytes = 16 * MIB, .mmapped_chunks = 3,
};

static const struct memory_file typical_files[] = {
	{ "/usr/bin/shop-api", 21 * MIB, 2 * MIB },
	{ "/usr/lib/x86_64-linux-gnu/libc.so.6", 2 * MIB, 45056 },
	{ "/var/lib/shop/prices.db", 0, 14 * MIB },
	{ NULL, 4096, 0 },
};

static const char *const typical_notes[] = {
	"1 record of the Go heap could not be read: what it tells of is unexplained",
};

struct memory_ledger *sample_ledger_typical(struct arena *a)
{
	struct memory_ledger *m = arena_alloc(a, 1, sizeof(*m));

	assert(m);
	*m = (struct memory_ledger){
		.rss_before = 2040109056, .rss_after = 2040131584, .span_s = 0.0121,
		.part = { [MEMORY_GO_HEAP_LIVE] = 880 * MIB, [MEMORY_GO_HEAP_FREE] = 310 * MIB,
			  [MEMORY_GO_STACKS] = 60 * MIB, [MEMORY_GO_METADATA] = 31 * MIB,
			  [MEMORY_C_HEAP_USED] = 520 * MIB, [MEMORY_C_HEAP_FREE] = 18 * MIB,
			  [MEMORY_C_MMAP] = 40 * MIB, [MEMORY_THREAD_STACKS] = 3 * MIB,
			  [MEMORY_FILE_TEXT] = 23 * MIB + 4096,
			  [MEMORY_FILE_DATA] = 16 * MIB + 45056, [MEMORY_KERNEL_OTHER] = 8192 },
		.files = typical_files, .n_files = ARRAY_SIZE(typical_files), .by_page = true,
		.swap_bytes = 5 * MIB, .hugetlb_bytes = 0, .huge_bytes = 512 * MIB,
		.zero_bytes = 4096, .lazyfree_bytes = MEMORY_UNKNOWN,
		.go = &typical_go, .c = &typical_c, .notes = typical_notes, .n_notes = 1,
		.retained = sample_retained_typical(),
	};
	for (int i = 0; i < MEMORY_UNEXPLAINED; i++)
		m->rss_bytes += m->part[i];
	m->part[MEMORY_UNEXPLAINED] = m->rss_before - m->rss_bytes;
	m->rss_bytes = m->rss_before;
	return m;
}

/* One name everywhere; no pages, and of the runtimes nothing. */
struct memory_ledger *sample_ledger_hostile(struct arena *a, const char *const *names, uint32_t n)
{
	struct memory_ledger *m = arena_alloc(a, 1, sizeof(*m));
	struct memory_file *files = arena_alloc(a, n, sizeof(*files));
	struct go_memstats *g = arena_alloc(a, 1, sizeof(*g));
	struct c_memory *c = arena_alloc(a, 1, sizeof(*c));

	assert(m && files && g && c);
	for (uint32_t i = 0; i < n; i++)
		files[i] = (struct memory_file){ names[i], 4096 * (n - i), i };
	memset(g, 0xff, sizeof(*g));
	g->n_by_size = GO_SIZE_CLASSES + 1;
	g->stable = false;
	g->gogc = GO_GOGC_UNKNOWN;
	g->gc_cpu_fraction = -__builtin_nan("");
	*c = (struct c_memory){ .allocator = C_ALLOCATOR_MUSL, .version = names[0] };
	*m = (struct memory_ledger){
		.files = files, .n_files = n, .go = g, .c = c, .notes = names, .n_notes = n,
		.huge_bytes = MEMORY_UNKNOWN, .hugetlb_bytes = MEMORY_UNKNOWN,
		.zero_bytes = MEMORY_UNKNOWN, .lazyfree_bytes = 1,
		.retained = sample_retained_hostile(a, names[0]),
	};
	for (int i = 0; i < MEMORY_PARTS; i++)
		m->part[i] = MEMORY_UNKNOWN;
	m->part[MEMORY_FILE_TEXT] = 1 << 20;
	m->part[MEMORY_UNEXPLAINED] = m->rss_after = m->rss_bytes = 2 << 20;
	return m;
}

/* Every number as large as it can be, and no sum. */
struct memory_ledger *sample_ledger_huge(struct arena *a)
{
	struct memory_ledger *m = sample_ledger_typical(a);

	for (int i = 0; i < MEMORY_PARTS; i++)
		m->part[i] = MEMORY_UNKNOWN - 1;
	m->rss_bytes = 1;
	m->rss_after = m->swap_bytes = m->huge_bytes = MEMORY_UNKNOWN - 1;
	m->span_s = 1e300;
	return m;
}
