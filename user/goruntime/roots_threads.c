// SPDX-License-Identifier: Apache-2.0
/*
 * The stacks that the runtime itself runs on. A timer that fires is off its heap already, and what
 * it will touch hangs on the g0 of the thread that runs it. No P and no goroutine: such a thread
 * waits for work, or watches the others, and may not write pointers (runtime/HACKING.md, "write
 * barriers require an active P").
 */
#include <errno.h>

#include "base/addrmap.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "goruntime/roots_parts.h"
#include "model/goroutine.h"
#include "model/limits.h"

#define M_MAX 8192
#define G_MAX 1024
#define TRIES 3
/* Of a stack that C may have the most of: what lies below the scheduler's own frames. */
#define BELOW (64u << 10)
/* The red zone: a function may use so much below its stack pointer. */
#define RED_ZONE 128
/* runtime2.go: the collector's hold on a goroutine, on top of its state. */
#define GSCAN 0x1000u

struct thread {
	uint64_t g0, gsignal, curg, p, next;
	uint64_t procid;	/* as the process itself calls the thread */
	bool in_cgo;
};

struct thread_stack {
	uint64_t lo, hi, sp;
	uint32_t state;
};

struct threads {
	struct roots *r;
	uint64_t budget;
};

static int read_thread(struct roots *r, uint64_t at, struct thread *t)
{
	const struct go_layout *l = &r->h->rt->layout;
	const struct go_heap_layout *hl = &r->h->layout;
	const int32_t fields[] = { l->m_g0, l->m_curg, l->m_alllink, l->m_incgo, hl->m_gsignal,
				   hl->m_p, l->m_procid };
	uint8_t bytes[M_MAX];
	int32_t len = 0;
	struct span b;
	int e;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i] < 0 || fields[i] > M_MAX - 8)
			return -EOPNOTSUPP;
		len = fields[i] + 8 > len ? fields[i] + 8 : len;
	}
	e = mem_read(r->h->rt->live, at, bytes, (size_t)len);
	if (e < 0)
		return e;
	b = span_of(bytes, (size_t)len);
	*t = (struct thread){
		.g0 = span_u64(&b, (uint32_t)l->m_g0),
		.gsignal = span_u64(&b, (uint32_t)hl->m_gsignal),
		.curg = span_u64(&b, (uint32_t)l->m_curg),
		.p = span_u64(&b, (uint32_t)hl->m_p),
		.next = span_u64(&b, (uint32_t)l->m_alllink),
		.procid = span_u64(&b, (uint32_t)l->m_procid),
		.in_cgo = span_u8(&b, (uint32_t)l->m_incgo) != 0,
	};
	return 0;
}

/* Of a g: its stack; all 0 when it has none yet. -EBADMSG it has none that could be one. */
static int read_stack(struct roots *r, uint64_t g, struct thread_stack *ret)
{
	const struct go_layout *l = &r->h->rt->layout;
	uint8_t bytes[G_MAX];
	size_t len = (size_t)l->g_status + 8;
	struct span b = span_of(bytes, len);
	int e;

	if (len > G_MAX || g % 8 || g >= GO_ADDRESS_END)
		return -EBADMSG;
	e = mem_read(r->h->rt->live, g, bytes, len);
	if (e < 0)
		return e;
	*ret = (struct thread_stack){
		.lo = span_u64(&b, (uint32_t)l->g_stack_lo) / 8 * 8,
		.hi = span_u64(&b, (uint32_t)l->g_stack_hi) / 8 * 8,
		.sp = span_u64(&b, (uint32_t)l->g_sched_sp) / 8 * 8,
		.state = span_u32(&b, (uint32_t)l->g_status) & ~GSCAN,
	};
	if (b.overrun || ret->lo > ret->hi || ret->hi >= GO_ADDRESS_END)
		return -EBADMSG;
	return ret->lo < ret->hi || !ret->hi ? 0 : -EBADMSG;
}

/* Of a process that stands still: the lowest register that points into a stack is its pointer. */
static uint64_t lowest_register(const struct roots *r, const struct thread_stack *s)
{
	uint64_t low = s->hi;

	for (size_t i = 0; i < r->n_words; i++)
		if (r->words[i] >= s->lo && r->words[i] < low)
			low = r->words[i] / 8 * 8;
	return low == s->hi ? s->hi : low - s->lo > RED_ZONE ? low - RED_ZONE : s->lo;
}

static int visit_stack(struct threads *t, uint64_t from, uint64_t hi)
{
	uint64_t bytes = hi - from;

	if (bytes > LIMIT_G0_STACK_BYTES || bytes > t->budget) {
		t->r->stats->beyond++;
		bytes = bytes > t->budget ? t->budget : bytes;
		bytes = bytes > LIMIT_G0_STACK_BYTES ? LIMIT_G0_STACK_BYTES : bytes;
	}
	t->budget -= bytes;
	/* From its pointer up, where the newest lies; nobody has used the pages that are absent. */
	return roots_range(t->r, GO_ROOT_G0_STACK, from, from + bytes, true);
}

/*
 * Where what is in use of a g0's stack begins, at the lowest. sched.sp is where the thread goes on
 * with it, so what lies above is in use, and what lies below while it runs there: not while a
 * goroutine runs or is in the kernel.
 */
static uint64_t g0_start(const struct roots *r, const struct thread *t, const struct thread_stack *s,
			 bool in_kernel)
{
	uint64_t sp = s->sp >= s->lo && s->sp < s->hi ? s->sp : s->hi, low;

	if (r->stopped) {
		low = lowest_register(r, s);
		return low < sp ? low : sp;
	}
	if (in_kernel && !t->in_cgo)
		return sp;
	/* Those that the runtime makes have 16 KiB, the first thread's 64. */
	if (s->hi - s->lo <= BELOW)
		return s->lo;
	return sp - s->lo > BELOW ? sp - BELOW : s->lo;
}

static int visit_g0(struct threads *ts, const struct thread *t, const struct thread_stack *curg)
{
	struct thread_stack s;
	int e = read_stack(ts->r, t->g0, &s);

	if (e == -EFAULT || e == -EBADMSG) {
		ts->r->stats->torn++;
		return 0;
	}
	if (e < 0)
		return e;
	/* Kept for a thread of C that may call Go one day (oneNewExtraM()): none has it yet. */
	if (!s.hi)
		return 0;
	return visit_stack(ts, g0_start(ts->r, t, &s, curg && curg->state == GO_SYSCALL),
			   s.hi);
}

/* While a signal is handled, the registers of what it interrupted stand there. */
static int visit_gsignal(struct threads *ts, const struct thread *t, const struct thread_stack *curg)
{
	struct thread_stack s;
	int e;

	if (!t->gsignal || (!ts->r->stopped && (!curg || curg->state != GO_RUNNING)))
		return 0;
	e = read_stack(ts->r, t->gsignal, &s);
	/* Of a thread that C made it is none of ours before it has run Go, and goes with it. */
	if (e == -EFAULT || e == -EBADMSG)
		return 0;
	if (e < 0 || !s.hi)
		return e;
	return visit_stack(ts, ts->r->stopped ? lowest_register(ts->r, &s) : s.lo, s.hi);
}

static int visit_thread(struct threads *ts, const struct thread *t)
{
	struct thread_stack curg;
	bool has_g = t->curg && read_stack(ts->r, t->curg, &curg) == 0;
	int e;

	if (!t->p && !t->curg)
		return 0;
	ts->r->stats->threads++;
	e = visit_g0(ts, t, has_g ? &curg : NULL);
	if (e == 0)
		e = visit_gsignal(ts, t, has_g ? &curg : NULL);
	return e;
}

/* Goes along allm once. -EAGAIN it changed under us; the number of threads. */
static int walk(struct threads *ts, struct diag *d)
{
	CLEANUP(addrmap_free_p) struct addrmap *seen = addrmap_new();
	uint64_t link = ts->r->h->at.threads, at, again;
	struct thread t;
	uint32_t none;
	int e = seen ? mem_read_u64(ts->r->h->rt->live, link, &at) : -ENOMEM;

	for (uint32_t i = 0; e == 0 && at; i++) {
		if (i == LIMIT_GO_THREADS) {
			ts->r->stats->beyond++;
			return 0;
		}
		if (at % 8 || at >= GO_ADDRESS_END || addrmap_get(seen, at, &none) == 0)
			return -EAGAIN;
		e = addrmap_put(seen, at, 0);
		if (e == 0)
			e = read_thread(ts->r, at, &t);
		/* One that ends takes itself off the list, and is then no link of it any more. */
		if (e == 0 && i)
			e = mem_read_u64(ts->r->h->rt->live, link, &again);
		if (e == 0 && i && again != at)
			return -EAGAIN;
		if (e == 0)
			e = visit_thread(ts, &t);
		link = at + (uint32_t)ts->r->h->rt->layout.m_alllink;
		at = t.next;
	}
	if (e == -EOPNOTSUPP)
		return diag_fail(d, e, "the threads of Go 1.%d are not known",
				 ts->r->h->layout.minor);
	return e == -EFAULT ? -EAGAIN : e;
}

int roots_threads(struct roots *r, struct diag *d)
{
	struct threads ts = { .r = r, .budget = LIMIT_G0_STACKS_BYTES };
	uint64_t first;
	int e;

	if (!r->h->at.threads)
		return diag_fail(d, -EOPNOTSUPP, "the list of threads (runtime.allm) was not found");
	e = mem_read_u64(r->h->rt->live, r->h->at.threads, &first);
	/* A Go program has one at least. */
	if (e == 0 && !first)
		r->stats->torn++;
	for (int tries = 0; tries < TRIES; tries++) {
		e = walk(&ts, d);
		if (e != -EAGAIN)
			return e;
	}
	r->stats->torn++;
	return 0;
}

static bool is_resting(struct roots *r, const struct thread *t)
{
	struct thread_stack curg;

	if (!t->curg)
		return !t->p;
	return !t->in_cgo && read_stack(r, t->curg, &curg) == 0 && curg.state == GO_SYSCALL;
}

int go_roots_resting(struct go_heap *h, int32_t *tids, size_t max, size_t *n, struct diag *d)
{
	struct roots r = { .h = h, .stopped = true };
	uint64_t at;
	int e = 0;

	*n = 0;
	if (h->at.threads)
		e = mem_read_u64(h->rt->live, h->at.threads, &at);
	else
		return 0;
	for (uint32_t i = 0; e == 0 && at && *n < max && i < LIMIT_GO_THREADS; i++) {
		struct thread t;

		if (at % 8 || at >= GO_ADDRESS_END)
			break;
		e = read_thread(&r, at, &t);
		if (e == 0 && t.procid && t.procid <= INT32_MAX && is_resting(&r, &t))
			tids[(*n)++] = (int32_t)t.procid;
		at = t.next;
	}
	return e < 0 ? diag_fail(d, e, "the list of threads cannot be read") : 0;
}
