// SPDX-License-Identifier: Apache-2.0
#include "timer_world.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

/* Parts of the array, by offset. */
#define AT_ALLP 0x0		/* the slice, then its pointers */
#define AT_P 0x100
#define P_STRIDE 0x4000		/* runtime.p of Go 1.26 has 0x3600 bytes */
#define AT_HEAPS 0x9000
#define HEAP_STRIDE 0x1000
#define AT_TIMERS 0xb000
#define TIMER_STRIDE 0x80
#define AT_CHANS 0x13000
#define CHAN_STRIDE 0x80
/* In the world's own array, behind its types: words that point to functions. */
#define AT_FUNCTIONS 0x2600

static void put(struct timer_world *t, uint64_t at, uint64_t v, size_t n)
{
	if (at <= TW_SIZE - n)
		memcpy(t->bytes + at, &v, n);
}

static uint64_t processor(uint32_t p)
{
	return AT_P + (uint64_t)p * P_STRIDE;
}

static uint64_t timer(uint32_t p, uint32_t i)
{
	return AT_TIMERS + ((uint64_t)p * TW_MAX + i) * TIMER_STRIDE;
}

static uint64_t chan(uint32_t p, uint32_t i)
{
	return AT_CHANS + ((uint64_t)p * TW_MAX + i) * CHAN_STRIDE;
}

_Static_assert(AT_CHANS + TW_PROCESSORS * TW_MAX * CHAN_STRIDE <= TW_SIZE, "they fit");
_Static_assert(AT_TIMERS + TW_PROCESSORS * TW_MAX * TIMER_STRIDE <= AT_CHANS, "they fit");

/* What the world's functions are called here; none of the new names is longer. */
static const char *const renamed[][2] = {
	{ "sync.(*RWMutex).RLock", "time.sendTime" },
	{ "sync.(*WaitGroup).Wait", "time.goFunc" },
};

static void rename_functions(struct timer_world *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(renamed); i++) {
		char *at = memmem(t->w.bytes, WORLD_SIZE, renamed[i][0], strlen(renamed[i][0]) + 1);

		if (at)
			memcpy(at, renamed[i][1], strlen(renamed[i][1]) + 1);
	}
}

void timer_world_build(struct timer_world *t, int minor)
{
	memset(t, 0, sizeof(*t));
	world_build(&t->w);
	rename_functions(t);
	layout_lookup(minor, 99, &t->w.rt.layout, NULL);
	heap_layout_lookup(minor, 99, &t->l, NULL);
	t->w.rt.minor = minor;
	put(t, AT_ALLP, TW_BASE + AT_ALLP + 24, 8);
	put(t, AT_ALLP + 8, TW_PROCESSORS, 8);
	put(t, AT_ALLP + 16, TW_PROCESSORS, 8);
	for (uint32_t p = 0; p < TW_PROCESSORS; p++) {
		put(t, AT_ALLP + 24 + 8 * p, TW_BASE + processor(p), 8);
		timer_world_processor(t, p, t->l.p_id, p);
		timer_world_processor(t, p, t->l.p_timers, TW_BASE + AT_HEAPS + p * HEAP_STRIDE);
		timer_world_processor(t, p, t->l.p_timers + 16, TW_MAX);
	}
}

static uint64_t function_word(struct timer_world *t, const char *name)
{
	size_t which = strcmp(name, renamed[0][1]) != 0;
	uint64_t at = AT_FUNCTIONS + 8 * which, entry = world_function(renamed[which][0]);

	memcpy(t->w.bytes + at, &entry, sizeof(entry));
	return WORLD_BASE + at;
}

uint32_t timer_world_add(struct timer_world *t, uint32_t p, const char *function, enum tw_chan kind,
			 int64_t when)
{
	const struct go_layout *l = &t->w.rt.layout;
	bool old = t->w.rt.minor < 23;
	uint32_t i = t->n[p]++;
	uint64_t c = chan(p, i);

	put(t, AT_HEAPS + p * HEAP_STRIDE + i * (old ? 8 : 16), TW_BASE + timer(p, i), 8);
	timer_world_processor(t, p, t->l.p_timers + 8, t->n[p]);
	timer_world_timer(t, p, i, l->timer_when, (uint64_t)when);
	timer_world_timer(t, p, i, t->l.timer_f, function_word(t, function));
	timer_world_timer(t, p, i, t->l.timer_arg + 8, TW_BASE + c);
	/* Go 1.23: the struct in the processor, which has a lock before the heap. */
	timer_world_timer(t, p, i, t->l.timer_owner,
			  TW_BASE + processor(p) + (old ? 0 : (uint32_t)t->l.p_timers - 8));
	timer_world_state(t, p, i, 1);
	put(t, c + (uint32_t)l->hchan_dataqsiz, 1, 8);
	put(t, c + (uint32_t)l->hchan_qcount, kind == TW_FIRED, 8);
	put(t, c + (uint32_t)l->hchan_recvq_first, kind == TW_WAITED ? 0xc000001000 : 0, 8);
	if (l->hchan_timer >= 0)
		put(t, c + (uint32_t)l->hchan_timer, kind == TW_COLLECTED ? TW_BASE : 0, 8);
	return i;
}

void timer_world_timer(struct timer_world *t, uint32_t p, uint32_t i, int32_t off, uint64_t v)
{
	put(t, timer(p, i) + (uint32_t)off, v, 8);
}

void timer_world_processor(struct timer_world *t, uint32_t p, int32_t off, uint64_t v)
{
	put(t, processor(p) + (uint32_t)off, v, off == t->l.p_id ? 4 : 8);
}

void timer_world_state(struct timer_world *t, uint32_t p, uint32_t i, uint32_t state)
{
	put(t, timer(p, i) + (uint32_t)t->l.timer_state, state, t->w.rt.minor < 23 ? 4 : 1);
}

int timer_world_open(struct timer_world *t)
{
	const struct mem_range ranges[] = { { TW_BASE, t->bytes, TW_SIZE },
					    { WORLD_BASE, t->w.bytes, WORLD_SIZE } };
	int minor = t->w.rt.minor;
	int r = world_open(&t->w);

	if (r == 0)
		r = mem_array_open(ranges, 2, &t->mem);
	if (r < 0)
		return r;
	t->w.rt.live = t->mem;
	t->w.rt.minor = minor;
	return go_timers_open_at(&t->w.rt, &t->l, TW_BASE + AT_ALLP, &t->timers, NULL);
}

void timer_world_close(struct timer_world *t)
{
	go_timers_close(t->timers);
	mem_close(t->mem);
	world_close(&t->w);
	t->timers = NULL;
	t->mem = NULL;
}
