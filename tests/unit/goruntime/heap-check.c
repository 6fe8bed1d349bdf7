// SPDX-License-Identifier: Apache-2.0
/*
 * heap-check PID FILE accepted: which wrong layouts of the Go heap it would have accepted.
 * heap-check PID FILE [ADDRESS]...: what loiter finds out about the Go heap of a process, and about
 * what stands at some addresses of it, as JSON. FILE is the one that holds the runtime. For
 * tests/live/test_go_heap.py.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "goruntime/heap_state.h"
#include "subject.h"

static const char *const kinds[GO_RANGE_KINDS] = {
	[GO_RANGE_HEAP] = "heap",	    [GO_RANGE_STACKS] = "stacks",
	[GO_RANGE_FREE] = "free",	    [GO_RANGE_SCAVENGED] = "scavenged",
	[GO_RANGE_RESERVED] = "reserved",   [GO_RANGE_SPANS] = "spans",
	[GO_RANGE_PAGES] = "pages",	    [GO_RANGE_GC_BITS] = "gc_bits",
	[GO_RANGE_PERSISTENT] = "persistent",
};

static void print_ways(struct go_heap *h)
{
	static const struct {
		const char *name;
		enum locate_ways way;
	} ways[] = { { "symbol", LOCATE_SYMBOL }, { "code", LOCATE_CODE } };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct heap_globals g = { 0 };

		heap_locate(h->rt, &h->layout, ways[i].way, &g);
		printf(" \"%s\": {\"mheap\": %" PRIu64 ", \"memstats\": %" PRIu64
		       ", \"controller\": %" PRIu64 ", \"chunks\": %" PRIu64
		       ", \"gc_bits\": %" PRIu64 ", \"profile\": %" PRIu64
		       ", \"finalizers\": %" PRIu64 ", \"cleanups\": %" PRIu64
		       ", \"threads\": %" PRIu64 "},\n",
		       ways[i].name, g.mheap, g.memstats, g.controller, g.chunks, g.gc_bits,
		       g.profile, g.finalizers, g.cleanups, g.threads);
	}
}

static void print_number(const char *name, uint64_t v)
{
	if (v != GO_MEM_UNKNOWN)
		printf("%s\"%s\": %" PRIu64, "\n  ", name, v);
	else
		printf("%s\"%s\": null", "\n  ", name);
	printf(",");
}

static void print_memstats(const struct go_memstats *m)
{
	printf(" \"memstats\": {");
	print_number("Alloc", m->alloc_bytes);
	print_number("TotalAlloc", m->total_alloc_bytes);
	print_number("Sys", m->sys_bytes);
	print_number("Mallocs", m->mallocs);
	print_number("Frees", m->frees);
	print_number("HeapAlloc", m->heap_alloc_bytes);
	print_number("HeapSys", m->heap_sys_bytes);
	print_number("HeapIdle", m->heap_idle_bytes);
	print_number("HeapInuse", m->heap_inuse_bytes);
	print_number("HeapReleased", m->heap_released_bytes);
	print_number("HeapObjects", m->heap_objects);
	print_number("StackInuse", m->stack_inuse_bytes);
	print_number("StackSys", m->stack_sys_bytes);
	print_number("MSpanInuse", m->mspan_inuse_bytes);
	print_number("MSpanSys", m->mspan_sys_bytes);
	print_number("MCacheInuse", m->mcache_inuse_bytes);
	print_number("MCacheSys", m->mcache_sys_bytes);
	print_number("BuckHashSys", m->buck_hash_sys_bytes);
	print_number("GCSys", m->gc_sys_bytes);
	print_number("OtherSys", m->other_sys_bytes);
	print_number("NextGC", m->next_gc_bytes);
	print_number("LastGC", m->last_gc_unix_ns);
	print_number("PauseTotalNs", m->pause_total_ns);
	print_number("NumGC", m->num_gc);
	print_number("NumForcedGC", m->num_forced_gc);
	print_number("last_gc_age_ns", m->last_gc_age_ns);
	print_number("heap_live_bytes", m->heap_live_bytes);
	print_number("heap_marked_bytes", m->heap_marked_bytes);
	print_number("memory_limit_bytes", m->memory_limit_bytes);
	printf("\n  \"GCCPUFraction\": %.17g, \"gogc\": %" PRId32 ", \"stable\": %s,\n",
	       isnan(m->gc_cpu_fraction) ? -1 : m->gc_cpu_fraction, m->gogc,
	       m->stable ? "true" : "false");
	printf("  \"BySize\": [");
	for (uint32_t i = 0; i < m->n_by_size; i++)
		printf("%s[%" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", i ? ", " : "",
		       m->by_size[i].size, m->by_size[i].mallocs, m->by_size[i].frees);
	printf("]},\n");
}

static void print_spans(const struct go_span *spans, size_t n)
{
	uint64_t in_use = 0, manual = 0, live = 0;

	for (size_t i = 0; i < n; i++) {
		if (spans[i].state == GO_SPAN_MANUAL) {
			manual += spans[i].bytes;
			continue;
		}
		in_use += spans[i].bytes;
		live += spans[i].alloc_count * spans[i].elem_size;
	}
	printf(" \"spans\": {\"n\": %zu, \"in_use\": %" PRIu64 ", \"manual\": %" PRIu64
	       ", \"live\": %" PRIu64 "},\n",
	       n, in_use, manual, live);
}

static void print_ranges(const struct go_range *ranges, size_t n)
{
	uint64_t bytes[GO_RANGE_KINDS] = { 0 };
	int disorder = 0;

	for (size_t i = 0; i < n; i++) {
		bytes[ranges[i].kind] += ranges[i].end - ranges[i].start;
		disorder += ranges[i].start >= ranges[i].end ||
			    (i && ranges[i].start < ranges[i - 1].end);
	}
	printf(" \"ranges\": {\"n\": %zu, \"disorder\": %d", n, disorder);
	for (int k = 0; k < GO_RANGE_KINDS; k++)
		printf(", \"%s\": %" PRIu64, kinds[k], bytes[k]);
	printf("},\n");
}

/* Whether the object at addr is one that the span holds for allocated. */
static bool is_allocated(struct go_heap *h, const struct go_span *s, uint64_t addr)
{
	uint64_t i = s->elem_size ? (addr - s->base) / s->elem_size : 0;
	uint8_t byte;

	if (i < s->free_index)
		return true;
	return mem_read(h->rt->live, s->alloc_bits + i / 8, &byte, 1) == 0 && (byte >> i % 8 & 1);
}

/* Every layout that is wrong in one field by one word, and is taken for right. */
static void print_accepted(const struct go_heap *h)
{
	static const int shifts[] = { 8, -8 };
	const char *comma = "";

	printf(" \"accepted\": [");
	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
		struct go_heap_layout wrong;
		struct heap_globals g;
		struct go_heap *opened;

#define SHIFT(name, type, member, from, to)                                                        \
	wrong = h->layout;                                                                         \
	wrong.name += shifts[i];                                                                   \
	if (h->layout.name >= 0 && heap_locate(h->rt, &wrong, LOCATE_ALL, &g) == 0 &&              \
	    heap_open_at(h->rt, h->arena, &wrong, &g, &opened, NULL) == 0) {                       \
		printf("%s\"%s%+d\"", comma, #name, shifts[i]);                                    \
		comma = ", ";                                                                      \
	}
		HEAP_FIELDS(SHIFT)
#undef SHIFT
	}
	printf("],\n");
}

static void print_address(struct go_heap *h, uint64_t addr, const char *comma)
{
	const char *kind = "";

	for (size_t i = 0; i < h->n_ranges; i++)
		if (h->ranges[i].start <= addr && addr < h->ranges[i].end)
			kind = kinds[h->ranges[i].kind];
	printf("%s{\"range\": \"%s\"", comma, kind);
	for (size_t i = 0; i < h->n_spans; i++) {
		const struct go_span *s = &h->spans[i];

		if (addr < s->base || addr - s->base >= s->bytes)
			continue;
		printf(", \"state\": %d, \"elem_size\": %" PRIu64 ", \"noscan\": %s, "
		       "\"class\": %d, \"allocated\": %s, \"typed\": %s",
		       s->state, s->elem_size, s->noscan ? "true" : "false", s->class,
		       is_allocated(h, s, addr) ? "true" : "false",
		       s->large_type ? "true" : "false");
	}
	printf("}");
}

/* Every range of every kind, for comparing with the kernel's own. */
static void print_table(const struct go_range *ranges, size_t n)
{
	printf(" \"table\": [");
	for (size_t i = 0; i < n; i++)
		printf("%s[%" PRIu64 ", %" PRIu64 ", \"%s\"]", i ? ", " : "", ranges[i].start,
		       ranges[i].end, kinds[ranges[i].kind]);
	printf("],\n");
}

static void die(const char *what, const struct diag *d)
{
	fprintf(stderr, "heap-check: %s: %s\n", what, d->why);
	exit(1);
}

static void check(struct subject *s, char **addresses, int n_addresses)
{
	struct diag d = DIAG_INIT;
	const struct go_heap_dropped *dropped;
	const struct go_span *spans;
	const struct go_range *ranges;
	struct go_memstats m;
	struct go_heap *h;
	size_t n, n_ranges;

	s->rt->now_ns = (int64_t)clock_now_ns(CLOCK_MONOTONIC);
	if (go_heap_open(s->rt, s->arena, &h, &d) < 0)
		die("heap", &d);
	if (n_addresses == 1 && strcmp(addresses[0], "accepted") == 0) {
		printf("{");
		print_accepted(h);
		printf("\"minor\": %d}\n", h->layout.minor);
		return;
	}
	if (go_heap_spans(h, &spans, &n, &d) < 0)
		die("spans", &d);
	if (go_memstats_read(h, &m, &d) < 0)
		die("memstats", &d);
	if (go_heap_ranges(h, &ranges, &n_ranges, &d) < 0)
		die("ranges", &d);
	dropped = go_heap_dropped(h);
	printf("{\"layout\": \"%s\",\n", h->layout.source);
	print_ways(h);
	print_memstats(&m);
	print_spans(spans, n);
	print_ranges(ranges, n_ranges);
	print_table(ranges, n_ranges);
	printf(" \"dropped\": {\"unreadable\": %" PRIu64 ", \"absurd\": %" PRIu64
	       ", \"overlapping\": %" PRIu64 ", \"beyond\": %" PRIu64 "},\n",
	       dropped->unreadable, dropped->absurd, dropped->overlapping, dropped->beyond);
	printf(" \"addresses\": [");
	for (int i = 0; i < n_addresses; i++)
		print_address(h, strtoull(addresses[i], NULL, 0), i ? ", " : "");
	printf("]}\n");
}

int main(int argc, char **argv)
{
	struct subject s = { 0 };

	if (argc < 3) {
		fprintf(stderr, "usage: heap-check PID FILE [ADDRESS]...\n");
		return 2;
	}
	subject_open(&s, (pid_t)atoi(argv[1]), argv[2]);
	check(&s, argv + 3, argc - 3);
	subject_close(&s);
	return 0;
}
