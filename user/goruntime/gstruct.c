// SPDX-License-Identifier: Apache-2.0
#include "goruntime/gstruct.h"

#include <string.h>

/* runtime2.go: the collector's hold on a goroutine, on top of its state. */
#define GSCAN 0x1000

static uint64_t word(const uint8_t *g, int32_t off)
{
	uint64_t v;

	memcpy(&v, g + off, sizeof(v));
	return v;
}

static uint32_t half(const uint8_t *g, int32_t off)
{
	uint32_t v;

	memcpy(&v, g + off, sizeof(v));
	return v;
}

void gstruct_parse(const struct go_layout *l, const uint8_t *b, uint64_t addr, struct go_g *g)
{
	uint64_t syscall_sp = word(b, l->g_syscallsp);

	*g = (struct go_g){
		.addr = addr,
		.goid = word(b, l->g_goid),
		.parent_goid = l->g_parent_goid >= 0 ? word(b, l->g_parent_goid) : 0,
		.stack_lo = word(b, l->g_stack_lo),
		.stack_hi = word(b, l->g_stack_hi),
		.sp = syscall_sp ? syscall_sp : word(b, l->g_sched_sp),
		.pc = syscall_sp ? word(b, l->g_syscallpc) : word(b, l->g_sched_pc),
		.m = word(b, l->g_m),
		.gopc = word(b, l->g_gopc),
		.startpc = word(b, l->g_startpc),
		.waiting = word(b, l->g_waiting),
		.labels = word(b, l->g_labels),
		.timer = word(b, l->g_timer),
		.panics = word(b, l->g_panic),
		.defers = word(b, l->g_defer),
		.xregs = l->g_xregs >= 0 ? word(b, l->g_xregs) : 0,
		.waitsince = (int64_t)word(b, l->g_waitsince),
		.state = (enum go_state)(half(b, l->g_status) & ~(uint32_t)GSCAN),
		.waitreason = b[l->g_waitreason],
		.tracking_seq = b[l->g_tracking_seq],
		.in_syscall = syscall_sp != 0,
		.locked = word(b, l->g_lockedm) != 0,
		.running_cleanups = l->g_running_cleanups >= 0 && b[l->g_running_cleanups],
	};
}

bool gstruct_same(const struct go_g *a, const struct go_g *b)
{
	return a->goid == b->goid && a->state == b->state && a->sp == b->sp && a->pc == b->pc &&
	       a->stack_lo == b->stack_lo && a->stack_hi == b->stack_hi &&
	       a->tracking_seq == b->tracking_seq && a->waiting == b->waiting &&
	       a->waitreason == b->waitreason && a->in_syscall == b->in_syscall;
}

bool gstruct_has_stack(const struct go_g *g)
{
	return g->state == GO_RUNNABLE || g->state == GO_WAITING || g->state == GO_SYSCALL ||
	       g->state == GO_PREEMPTED || g->state == GO_LEAKED;
}

bool gstruct_is_nobody(const struct go_g *g)
{
	return g->state == GO_IDLE || g->state == GO_DEAD || g->state == GO_DEADEXTRA;
}

bool gstruct_sane_stack(const struct go_g *g)
{
	return g->stack_lo < g->stack_hi && g->sp >= g->stack_lo && g->sp < g->stack_hi &&
	       g->sp % 8 == 0 && g->stack_hi - g->stack_lo <= 1ull << 40;
}

uint32_t gstruct_bytes(const struct go_layout *l)
{
	const int32_t words[] = {
		l->g_stack_hi,	  l->g_m,	  l->g_sched_sp,    l->g_sched_pc, l->g_syscallsp,
		l->g_syscallpc,	  l->g_status,	  l->g_goid,	    l->g_waitsince, l->g_waitreason,
		l->g_tracking_seq, l->g_lockedm,  l->g_parent_goid, l->g_gopc,	   l->g_startpc,
		l->g_waiting,	  l->g_labels,	  l->g_timer,	    l->g_running_cleanups,
		l->g_panic,	  l->g_defer,	  l->g_xregs,
	};
	int32_t end = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i] > end)
			end = words[i];
	return (uint32_t)end + 8;
}
