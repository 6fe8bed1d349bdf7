// SPDX-License-Identifier: Apache-2.0
/*
 * The walk over goroutines, stacks, wait objects, type names and labels, on a process in an array
 * that the input breaks: each ten bytes of it put eight bytes at an offset. So the walker gets past
 * its first checks, and then meets anything.
 */
#include <string.h>

#include "../../unit/goruntime/world.h"
#include "goruntime/goroutines.h"
#include "goruntime/labels.h"
#include "goruntime/waits.h"
#include "model/limits.h"

struct state {
	struct world *world;
	struct waits waits;
};

static int visit(void *arg, const struct go_walk *w)
{
	struct state *s = arg;
	struct go_runtime *rt = &s->world->rt;
	struct wait_hint hint = WAIT_HINT_INIT;
	struct frame frames[LIMIT_FRAMES];
	struct stack stack = { frames, 0, false };
	enum func_kind callee = FUNC_NORMAL;
	const struct label *labels;
	struct wait_object object;
	uint32_t n_labels;

	for (size_t i = 0; i < w->n_frames; i++) {
		int n = pclntab_frames(rt->tab, w->frames[i].pc, w->frames[i].pc - 1, &callee,
				       frames + stack.n, LIMIT_FRAMES - stack.n);

		if (n > 0)
			stack.n += (uint32_t)n;
	}
	wait_resolve(&s->waits, w,
		     w->g->waitreason < rt->globals.n_wait_reasons
			     ? rt->globals.wait_reasons[w->g->waitreason]
			     : NULL,
		     &stack, &hint, &object);
	labels_read(rt, w->g->labels, s->world->arena, &labels, &n_labels);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct state s = { .world = &world };
	const struct scan_options o = { .visit = visit, .arg = &s };
	struct scan_stats stats;

	world_build(&world);
	for (; size >= 10; data += 10, size -= 10) {
		uint16_t at;

		memcpy(&at, data, sizeof(at));
		if (at <= WORLD_SIZE - 8)
			memcpy(world.bytes + at, data + 2, 8);
	}
	/* An old release has its labels in a map. */
	if (size && data[0] & 1)
		layout_lookup(22, 0, &world.rt.layout, NULL);
	if (world_open(&world) == 0) {
		if (size && data[0] & 1)
			world.rt.minor = 22;
		if (waits_init(&s.waits, &world.rt, world.arena) == 0)
			goroutines_scan(&world.rt, &o, &stats, NULL);
		waits_done(&s.waits);
	}
	world_close(&world);
	return 0;
}
