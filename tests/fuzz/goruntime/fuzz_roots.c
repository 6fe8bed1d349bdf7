// SPDX-License-Identifier: Apache-2.0
/*
 * What the runtime keeps besides, on a heap in an array that the input breaks: each ten bytes of it
 * put eight bytes somewhere where it matters, after the heap was opened. The first byte says whether
 * the process runs or stands still.
 */
#include <stdlib.h>
#include <string.h>

#include "../../unit/goruntime/roots_world.h"
#include "goruntime/roots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void change(struct heap_world *w, size_t at, const uint8_t *bytes)
{
	uint8_t *piece;
	size_t len;

	for (size_t i = 0; (piece = roots_world_piece(w, i, &len)); i++) {
		if (at + 8 <= len) {
			memcpy(piece + at, bytes, 8);
			return;
		}
		at = at >= len ? at - len : 0;
	}
}

/* The sums must say what the visits were. */
static int visit(void *arg, enum go_root_kind kind, uint64_t word)
{
	uint64_t *n = arg;

	if (kind >= GO_ROOT_KINDS || word < 4096 || word >> 47)
		abort();
	n[kind]++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heap_world world;
	struct heap_world *w = &world;
	struct go_roots_stats stats = { 0 };
	uint64_t n[GO_ROOT_KINDS] = { 0 }, words[2] = { RW_STACK + 256, 0 };
	bool stopped = size && *data % 2;

	roots_world_build(w);
	if (roots_world_open(w, NULL) == 0) {
		for (data++; size >= 11; data += 10, size -= 10) {
			uint16_t at;

			memcpy(&at, data, sizeof(at));
			change(w, at % 10000, data + 2);
		}
		if (stopped)
			go_roots_visit_stopped(w->heap, words, 2, visit, n, &stats, NULL);
		else
			go_roots_visit(w->heap, visit, n, &stats, NULL);
		for (int k = 0; k < GO_ROOT_KINDS; k++)
			if (n[k] != stats.words[k])
				abort();
	}
	heap_world_close(w);
	return 0;
}
