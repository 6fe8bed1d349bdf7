// SPDX-License-Identifier: Apache-2.0
/*
 * c_heap_check PID [WALK_BYTES [LIST_CHUNKS]]: the C heap of a process as JSON, for
 * tests/live/test_c_heap.py.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "native/c_heap.h"
#include "target/maps.h"
#include "target/mem_live.h"
#include "target/process.h"

static void put(const char *name, uint64_t n)
{
	if (n == UINT64_MAX)
		printf("\"%s\": null, ", name);
	else
		printf("\"%s\": %" PRIu64 ", ", name, n);
}

static void put_text(const char *name, const char *text)
{
	if (text)
		printf("\"%s\": \"%s\", ", name, text);
	else
		printf("\"%s\": null, ", name);
}

static void put_arena(const struct c_arena *c)
{
	static const char *const how[] = { "walked", "listed", "partly", "unread" };

	printf("{");
	put("addr", c->addr);
	put("threads", c->threads);
	put("heaps", c->n_heaps);
	put("system", c->system_bytes);
	put("used", c->used_bytes);
	put("free", c->free_bytes);
	put("fastbin", c->fastbin_bytes);
	put("top", c->top_bytes);
	put("unknown", c->unknown_bytes);
	put("tcache", c->tcache_bytes);
	put("free_chunks", c->free_chunks);
	put("fastbin_chunks", c->fastbin_chunks);
	put("used_chunks", c->used_chunks);
	put("largest_free", c->largest_free_bytes);
	put("trimmable", c->trimmable_bytes);
	put("fragmented", c->fragmented_bytes);
	printf("\"how\": \"%s\", \"main\": %s}", how[c->how], c->is_main ? "true" : "false");
}

static void put_sums(const struct c_memory *m)
{
	put("system", m->system_bytes);
	put("used", m->used_bytes);
	put("free", m->free_bytes);
	put("fastbin", m->fastbin_bytes);
	put("top", m->top_bytes);
	put("unknown", m->unknown_bytes);
	put("tcache", m->tcache_bytes);
	put("trimmable", m->trimmable_bytes);
	put("fragmented", m->fragmented_bytes);
	put("mmapped", m->mmapped_bytes);
	put("mmapped_chunks", m->mmapped_chunks);
	put("mmapped_found", m->mmapped_found_bytes);
	put("bytes_read", m->bytes_read);
	put("reads", m->reads);
	put("torn", m->torn);
}

static void put_ranges(const struct c_range *ranges, size_t n)
{
	static const char *const kinds[] = { "r_used", "r_free", "r_top", "r_mmapped",
					     "r_unknown" };
	uint64_t sums[5] = { 0 }, last = 0;
	bool ascending = true;

	for (size_t i = 0; i < n; i++) {
		ascending = ascending && ranges[i].start >= last && ranges[i].end > ranges[i].start;
		last = ranges[i].end;
		sums[ranges[i].kind] += ranges[i].end - ranges[i].start;
	}
	for (size_t i = 0; i < 5; i++)
		put(kinds[i], sums[i]);
	put("ranges", n);
	printf("\"ascending\": %s, ", ascending ? "true" : "false");
}

static void put_all(const struct c_memory *m, const struct c_range *ranges, size_t n, double cpu_s)
{
	printf("{");
	put_text("allocator", c_allocator_name(m->allocator));
	put_text("version", m->version);
	put_text("evidence", m->evidence);
	put_sums(m);
	put_ranges(ranges, n);
	printf("\"arenas\": [");
	for (size_t i = 0; i < m->n_arenas; i++) {
		printf("%s", i ? ", " : "");
		put_arena(&m->arenas[i]);
	}
	printf("], \"notes\": [");
	for (size_t i = 0; i < m->n_notes; i++)
		printf("%s\"%s\"", i ? ", " : "", m->notes[i]);
	printf("], \"counted\": %s, \"by_page\": %s, \"cpu_s\": %.6f}\n",
	       m->counted ? "true" : "false", m->ranges_by_page ? "true" : "false", cpu_s);
}

int main(int argc, char **argv)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(mem_close_p) struct mem *live = NULL;
	CLEANUP(maps_free_p) struct maps *maps = NULL;
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct c_heap_source src = { 0 };
	const struct c_range *ranges;
	struct diag d = DIAG_INIT;
	struct c_memory m;
	double start;
	size_t n;
	int r;

	if (argc < 2 || argc > 4 || !a) {
		fprintf(stderr, "usage: c_heap_check PID [WALK_BYTES [LIST_CHUNKS]]\n");
		return 2;
	}
	r = process_open(atoi(argv[1]), &p, &d);
	if (r == 0)
		r = mem_live_open(p, &live);
	if (r == 0)
		r = maps_read(p, &maps, &d);
	src = (struct c_heap_source){ .process = p, .mem = live, .maps = maps,
				      .max_walk_bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 0,
				      .max_list_chunks =
					      argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0 };
	start = clock_now_s(CLOCK_PROCESS_CPUTIME_ID);
	if (r == 0)
		r = c_heap_read(&src, a, &m, &ranges, &n, &d);
	if (r < 0) {
		fprintf(stderr, "%s: %s (%s)\n", d.what, d.why, strerror(-r));
		return 1;
	}
	put_all(&m, ranges, n, clock_now_s(CLOCK_PROCESS_CPUTIME_ID) - start);
	return 0;
}
