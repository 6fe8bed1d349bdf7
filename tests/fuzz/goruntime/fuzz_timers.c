// SPDX-License-Identifier: Apache-2.0
/*
 * Timers in an array that the input breaks: each ten bytes of it put eight bytes somewhere, before
 * they are read. The first byte says which release it is.
 */
#include <stdlib.h>
#include <string.h>

#include "../../unit/goruntime/timer_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(struct timer_world *t)
{
	for (int i = 0; i < 20; i++) {
		timer_world_add(t, 0, "time.sendTime", i % 4, WORLD_NOW + i);
		timer_world_add(t, 1, i % 2 ? "time.sendTime" : "time.goFunc", TW_UNWAITED, WORLD_NOW);
	}
}

/* What was looked at is no more than there is. */
static void check(const struct timer_look *l)
{
	uint64_t all = l->stopped;

	for (int k = 0; k < TIMER_KINDS; k++)
		all += l->kind[k];
	if (l->read > l->total || l->torn > l->total || all > l->total ||
	    l->waited > l->kind[TIMER_CHANNEL] || l->unwaited > l->kind[TIMER_CHANNEL])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct timer_world world;
	struct timer_look l;

	timer_world_build(&world, size && *data % 2 ? 22 : 26);
	fill(&world);
	for (data++; size >= 11; data += 10, size -= 10) {
		uint32_t at = 0;

		memcpy(&at, data, 2);
		/* Words, most of them: the array has 128 KiB. */
		at = at * 8 % (TW_SIZE - 8);
		memcpy(world.bytes + at, data + 2, 8);
	}
	if (timer_world_open(&world) == 0 && go_timers_read(world.timers, &l, NULL) == 0)
		check(&l);
	timer_world_close(&world);
	return 0;
}
