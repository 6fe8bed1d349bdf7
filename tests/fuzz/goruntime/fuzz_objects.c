// SPDX-License-Identifier: Apache-2.0
/*
 * The graph of a heap whose spans, bits, types and contents are all the input's, in each form of
 * masks, and who holds what of it.
 */
#include <string.h>

#include "analysis/retain.h"
#include "goruntime/object_graph.h"
#include "goruntime/type_walk.h"

#define HEAP 0xc000000000ull
#define MAX_BYTES 65536
#define MAX_SPANS 8
/* The input's first bytes make the spans, the rest words of their memory. */
#define SPAN_BYTES 12
#define WORD_BYTES 5

struct world {
	struct go_runtime rt;
	struct go_span spans[MAX_SPANS];
	size_t n_spans;
};

static void make_spans(struct world *w, const uint8_t *data)
{
	static const uint16_t sizes[] = { 8, 16, 32, 48, 64, 512, 528, 1024, 1152, 8192, 0, 12 };
	uint64_t at = HEAP;

	for (size_t i = 0; i < MAX_SPANS; i++, data += SPAN_BYTES) {
		uint32_t pages = data[0] % 5;
		struct go_span *s = &w->spans[w->n_spans];

		if (!pages)
			continue;
		at += (uint64_t)(data[1] % 3) * 8192;
		*s = (struct go_span){ .base = at, .bytes = pages * 8192ull,
			.elem_size = sizes[data[2] % (sizeof(sizes) / sizeof(*sizes))],
			.alloc_count = data[3], .class = data[4] % 3, .noscan = data[5] & 1,
			.state = data[5] & 2 ? GO_SPAN_MANUAL : GO_SPAN_IN_USE };
		memcpy(&s->n_elems, data + 6, 4);
		if (data[10] & 1)
			s->elem_size = s->bytes;
		if (data[10] & 2)
			s->n_elems %= 2048;
		s->large_type = HEAP + data[11] * 8ull;
		at += s->bytes;
		w->n_spans++;
	}
}

/* A word that leads somewhere, a run of bits, or a small number. */
static void put_word(uint8_t *bytes, const uint8_t *data)
{
	uint16_t at, what;
	uint64_t word;

	memcpy(&at, data, 2);
	memcpy(&what, data + 2, 2);
	word = data[4] % 3 == 0 ? HEAP + what % (MAX_BYTES / 8) * 8ull
	       : data[4] % 3 == 1 ? what * 0x0001000100010001ull
				  : what;
	memcpy(bytes + at % (MAX_BYTES / 8) * 8, &word, sizeof(word));
}

static void judge(struct world *w, struct object_graph *g)
{
	struct retain_root roots[3] = { { .rank = 0 }, { .rank = 0 }, { .rank = 1 } };
	struct root_edge seeds[8];
	struct retain_totals totals;
	struct retain_step way[16];
	struct retain *r = NULL;

	for (uint32_t i = 0; i < 8; i++)
		seeds[i] = (struct root_edge){ i % 3, object_graph_find(g, HEAP + i * 6000) };
	object_graph_close(g, HEAP + 64);
	if (retain_run(&g->edges, roots, 3, seeds, 8, true, &totals, &r) == 0)
		for (uint32_t root = 0; root < 3; root++) {
			size_t n = retain_way(r, root, way, 16);

			for (size_t i = 0; i < n; i++) {
				struct graph_object o = object_graph_object(g, way[i].node);
				struct typed t = type_walk_own(
					&w->rt, object_graph_type(g, &w->rt, way[i].node), o.bytes);

				t = type_walk(&w->rt, t, o.addr, 8 * i);
				type_walk_name(&w->rt, t);
				type_walk_name(&w->rt, type_walk_guess(&w->rt, o.addr, 8));
			}
		}
	retain_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[MAX_BYTES], head[MAX_SPANS * SPAN_BYTES + 1];
	/* The same bytes are the heap, an arena's record and the index of arenas. */
	const struct mem_range range = { HEAP, bytes, sizeof(bytes) };
	struct world w = { .rt = { .arena = arena_new() } };
	struct object_graph_source src = {
		.spans = w.spans,
		.arenas = HEAP - ((HEAP + (1ull << 47)) >> 26) * 8,
		.max_bytes = 1 << 20,
	};
	struct object_graph *g = NULL;

	memset(head, 0, sizeof(head));
	memcpy(head, data, size < sizeof(head) ? size : sizeof(head));
	memset(bytes, 0, sizeof(bytes));
	for (size_t at = sizeof(head); at + WORD_BYTES <= size; at += WORD_BYTES)
		put_word(bytes, data + at);
	w.rt.minor = 18 + head[0] % 10;
	make_spans(&w, head + 1);
	src.n_spans = w.n_spans;
	w.rt.md.types = HEAP;
	w.rt.md.etypes = HEAP + sizeof(bytes);
	if (!w.rt.arena || layout_lookup(w.rt.minor, 99, &w.rt.layout, NULL) < 0 ||
	    mem_array_open(&range, 1, &w.rt.live) < 0)
		goto out;
	if (memcache_open(w.rt.live, 256, 64, &w.rt.chase) == 0 &&
	    memcache_open(w.rt.live, 256, 64, &w.rt.constant) == 0 &&
	    object_graph_build(&w.rt, &src, &g, NULL) == 0)
		judge(&w, g);
	object_graph_free(g);
out:
	mem_close(w.rt.constant);
	mem_close(w.rt.chase);
	mem_close(w.rt.live);
	arena_free(w.rt.arena);
	return 0;
}
