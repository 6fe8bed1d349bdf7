/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two Go processors with timers in an array, as Go 1.22 or 1.26 has them, beside the pc table of
 * world.h. Unit tests change a few words; the fuzz target changes any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "goruntime/heap_layout.h"
#include "goruntime/timers.h"
#include "world.h"

#define TW_BASE 0x700000ull
#define TW_SIZE 0x20000u
#define TW_PROCESSORS 2
#define TW_MAX 96			/* timers of one processor */

struct timer_world {
	struct world w;
	uint8_t bytes[TW_SIZE];
	struct mem *mem;
	struct go_heap_layout l;
	struct go_timers *timers;
	uint32_t n[TW_PROCESSORS];
};

enum tw_chan { TW_UNWAITED, TW_WAITED, TW_FIRED, TW_COLLECTED };

/* No timers yet; minor: 22 or 26. */
void timer_world_build(struct timer_world *t, int minor);
/* Adds one that calls "time.sendTime" or "time.goFunc"; its place. */
uint32_t timer_world_add(struct timer_world *t, uint32_t p, const char *function, enum tw_chan chan,
			 int64_t when);
/* Changes a word of timer i of processor p, or of the processor, by the layout's offset. */
void timer_world_timer(struct timer_world *t, uint32_t p, uint32_t i, int32_t off, uint64_t v);
void timer_world_processor(struct timer_world *t, uint32_t p, int32_t off, uint64_t v);
/* Its state: up to Go 1.22 a number, later bits. */
void timer_world_state(struct timer_world *t, uint32_t p, uint32_t i, uint32_t state);
/* Opens it over the bytes as they are now. */
int timer_world_open(struct timer_world *t);
void timer_world_close(struct timer_world *t);
