// SPDX-License-Identifier: Apache-2.0
/*
 * The walk over spans, pages, the runtime's own mappings and its sums, on a heap in an array that
 * the input breaks: each ten bytes of it put eight bytes somewhere where it matters. An odd number
 * of bytes left over breaks it only after it was opened, so that the walkers meet anything.
 */
#include <stdlib.h>
#include <string.h>

#include "../../unit/goruntime/heap_world.h"
#include "model/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void change(struct heap_world *w, size_t at, const uint8_t *bytes)
{
	uint8_t *piece;
	size_t len;

	for (size_t i = 0; (piece = heap_world_piece(w, i, &len)); i++) {
		if (at + 8 <= len) {
			memcpy(piece + at, bytes, 8);
			return;
		}
		at = at >= len ? at - len : 0;
	}
}

static void break_it(struct heap_world *w, const uint8_t *data, size_t size)
{
	for (; size >= 10; data += 10, size -= 10) {
		uint16_t at;

		memcpy(&at, data, sizeof(at));
		change(w, at % 12000, data + 2);
	}
}

/* What callers build upon. */
static void check(struct go_heap *h)
{
	const struct go_span *spans;
	const struct go_range *ranges;
	struct go_memstats m;
	size_t n;

	if (go_heap_spans(h, &spans, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			if (!spans[i].bytes || spans[i].class >= GO_SIZE_CLASSES ||
			    (i && spans[i].base < spans[i - 1].base + spans[i - 1].bytes) ||
			    spans[i].alloc_count * spans[i].elem_size > spans[i].bytes * 65536)
				abort();
	go_memstats_read(h, &m, NULL);
	if (go_heap_ranges(h, &ranges, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			if (ranges[i].start >= ranges[i].end || ranges[i].kind >= GO_RANGE_KINDS ||
			    (i && ranges[i].start < ranges[i - 1].end))
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heap_world world;
	struct heap_world *w = &world;
	bool late = size % 10 % 2;

	heap_world_build(w);
	if (!late)
		break_it(w, data, size);
	if (heap_world_open(w, NULL) == 0) {
		if (late)
			break_it(w, data, size);
		check(w->heap);
	}
	heap_world_close(w);
	return 0;
}
