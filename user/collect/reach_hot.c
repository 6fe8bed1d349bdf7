// SPDX-License-Identifier: Apache-2.0
/* Stacks that are read as a whole: their owners run, or are where no map tells what counts. */
#include <errno.h>
#include <stdlib.h>

#include "collect/reach_build.h"
#include "goruntime/gstruct.h"

#define WINDOW (256u << 10)
/* Of stacks that are read whole, all of them together. */
#define RAW_STACK_BYTES (1ull << 30)
/* Assembly may use what lies right below the stack pointer. */
#define RED_ZONE 128
#define TRIES 4

static int read_g(struct reach_build *b, uint64_t addr, struct go_g *ret)
{
	uint8_t bytes[1024];
	uint32_t len = gstruct_bytes(&b->src->rt->layout);
	int r = len <= sizeof(bytes) ? mem_read(b->src->rt->live, addr, bytes, len) : -EFAULT;

	if (r == 0)
		gstruct_parse(&b->src->rt->layout, bytes, addr, ret);
	return r;
}

/* Where the stack of a running goroutine begins to count: at its thread's stack pointer, if known. */
static uint64_t start_of(const struct reach_source *src, const struct go_g *g)
{
	for (size_t i = 0; src->stopped && i < src->n_sps; i++)
		if (src->sps[i] >= g->stack_lo + RED_ZONE && src->sps[i] < g->stack_hi)
			return (src->sps[i] - RED_ZONE) & ~7ull;
	return g->stack_lo;
}

static int read_whole(struct reach_build *b, const struct go_g *g, uint8_t *buf)
{
	int r = 0;

	for (uint64_t at = start_of(b->src, g); at < g->stack_hi && r == 0; at += WINDOW) {
		size_t len = g->stack_hi - at < WINDOW ? g->stack_hi - at : WINDOW;
		struct span bytes = span_of(buf, len);

		r = mem_read(b->src->rt->live, at, buf, len);
		for (size_t i = 0; i + 8 <= len && r == 0; i += 8)
			r = reach_build_root(b, span_u64(&bytes, i));
	}
	b->raw_bytes += g->stack_hi - g->stack_lo;
	return r;
}

/* Go 1.26: vector registers of one that was stopped anywhere stand off its stack. */
static int read_xregs(struct reach_build *b, const struct go_g *g, uint8_t *buf)
{
	size_t len = b->src->rt->layout.xregs_size > 0 ? (size_t)b->src->rt->layout.xregs_size : 0;
	struct span bytes = span_of(buf, len);
	int r = 0;

	if (!g->xregs)
		return 0;
	r = len <= WINDOW ? mem_read(b->src->rt->live, g->xregs, buf, len) : -EFAULT;
	for (size_t i = 0; i + 8 <= len && r == 0; i += 8)
		r = reach_build_root(b, span_u64(&bytes, i));
	return r;
}

/* Reads the whole stack of a goroutine, which may move while we do. */
static int read_hot(struct reach_build *b, uint64_t addr, uint8_t *buf)
{
	for (int i = 0; i < TRIES; i++) {
		struct go_g g, now;
		int r = read_g(b, addr, &g);

		if (r == 0 && (!g.goid || gstruct_is_nobody(&g)))
			return 0;
		if (r == 0 && g.stack_hi - g.stack_lo > RAW_STACK_BYTES - b->raw_bytes) {
			/* Two halves of a move, or more stack than a process has. */
			r = -EFAULT;
		} else if (r == 0) {
			r = read_whole(b, &g, buf);
			if (r == 0)
				r = read_xregs(b, &g, buf);
		}
		if (r == 0)
			r = read_g(b, addr, &now);
		if (r < 0 && r != -EFAULT)
			return r;
		if (r == 0 && now.stack_lo == g.stack_lo && now.stack_hi == g.stack_hi)
			return 0;
	}
	reach_build_give_up(b, "the stack of a goroutine that runs could not be read");
	return 0;
}

int reach_hot_read(struct reach_build *b, const uint64_t *g_addrs, size_t n)
{
	uint8_t *buf = malloc(WINDOW);
	int r = buf ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++)
		r = read_hot(b, g_addrs[i], buf);
	free(buf);
	return r;
}
