// SPDX-License-Identifier: Apache-2.0
/*
 * Which words of stacks are pointers, by stack maps that the input breaks: the process in an array
 * of fuzz_walk, whose functions say that they have maps.
 */
#include <string.h>

#include "../../unit/goruntime/world.h"
#include "goruntime/stack_words.h"

static int visit(void *arg, const struct go_walk *w)
{
	struct stack_words *s = arg;
	struct stack_found found;
	int r = stack_words_walk(s, w, &found);

	if (r == 0)
		r = stack_words_all(s, w->stack, w->g->stack_lo, w->g->stack_hi, &found);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct scan_options o = { .visit = visit };
	struct stack_words *s = NULL;
	struct scan_stats stats;

	world_build(&world);
	for (; size >= 10; data += 10, size -= 10) {
		uint16_t at;

		memcpy(&at, data, sizeof(at));
		if (at <= WORLD_SIZE - 8)
			memcpy(world.bytes + at, data + 2, 8);
	}
	if (world_open(&world) == 0) {
		world.rt.md.gofunc = world.rt.md.rodata = WORLD_BASE;
		if (stack_words_open(&world.rt, &s) == 0) {
			o.arg = s;
			goroutines_scan(&world.rt, &o, &stats, NULL);
		}
	}
	stack_words_free(s);
	world_close(&world);
	return 0;
}
