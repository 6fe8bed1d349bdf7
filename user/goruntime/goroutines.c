// SPDX-License-Identifier: Apache-2.0
/*
 * A chunk of goroutines goes through four steps: read the g structs, read the stacks that they
 * name, read the g structs again, walk the stacks of those that did not change in between. Equal
 * goid, status, saved registers, stack bounds and trackingSeq (which counts every exit from
 * running, modulo 256) before and after are the proof that the stack in between belongs to that
 * state. The others go into the next try.
 */
#include "goruntime/goroutines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/limits.h"

/* So many that one chunk's g structs and stacks stay in the CPU's second-level cache. */
#define CHUNK 512
/* Stacks are read and walked in portions of at most this; a single one is below LIMIT_STACK_BYTES. */
#define STACK_PORTION (2u << 20)
#define G_ROOM (1u << 20)
#define TRIES 4
#define PAGE_SHIFT 12
/* runtime2.go: the collector's hold on a goroutine, on top of its state. */
#define GSCAN 0x1000

_Static_assert(LIMIT_STACK_BYTES <= STACK_PORTION, "a stack must fit a portion");

/* A piece of the target that we want, and where it landed. */
struct want {
	uint64_t addr;
	uint32_t len;
	uint32_t index;		/* of the goroutine in the chunk */
	const uint8_t *at;	/* NULL: could not be read */
};

struct scan {
	struct go_runtime *rt;
	const struct scan_options *o;
	struct scan_stats *stats;
	struct unwinder *unwinder;
	uint32_t g_bytes;		/* of a g struct that we need */
	uint8_t *g_copy;		/* G_ROOM bytes */
	uint8_t *stacks;		/* STACK_PORTION bytes */
	struct go_g gs[CHUNK];
	struct want g_wants[CHUNK], stack_wants[CHUNK];
	const struct want *stack_of[CHUNK];	/* NULL: it has none to be read */
	uint32_t members[CHUNK];	/* whose second look comes together */
	struct mem_req reqs[CHUNK];
	struct walk_frame frames[LIMIT_FRAMES];
	uint64_t again[CHUNK];		/* addresses for the next try */
	uint32_t n_again;
};

static int by_addr(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Addresses come sorted already when the heap handed them out in order. */
static void sort_wants(struct want *w, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (w[i - 1].addr > w[i].addr) {
			qsort(w, n, sizeof(*w), by_addr);
			return;
		}
}

/*
 * Merges sorted wants into as few requests as there are gaps. A gap is read along only when it
 * skips no whole page: a page that the target never touched must not be touched by us either.
 * Returns the number of requests. Wants that do not fit into room bytes are left for the next
 * portion: *taken says how many were covered, at least one, for each is smaller than any room.
 */
static size_t merge(struct want *w, size_t n, uint8_t *buf, size_t room, struct mem_req *reqs,
		    size_t *taken)
{
	size_t n_reqs = 0, used = 0, i;

	for (i = 0; i < n; i++) {
		struct mem_req *last = n_reqs ? &reqs[n_reqs - 1] : NULL;
		uint64_t end = w[i].addr + w[i].len;

		if (last && w[i].addr >> PAGE_SHIFT <= ((last->addr + last->len - 1) >> PAGE_SHIFT) + 1) {
			uint64_t last_end = last->addr + last->len;
			size_t more = end > last_end ? end - last_end : 0;

			if (used + more > room)
				break;
			w[i].at = (uint8_t *)last->buf + (w[i].addr - last->addr);
			last->len += more;
			used += more;
			continue;
		}
		if (used + w[i].len > room)
			break;
		w[i].at = buf + used;
		reqs[n_reqs++] = (struct mem_req){ w[i].addr, buf + used, w[i].len, 0 };
		used += w[i].len;
	}
	*taken = i;
	return n_reqs;
}

/*
 * Reads the first *taken wants that fit. Those inside a request that failed are tried one by
 * one: a hole in one stack must not cost its neighbours.
 */
static int read_wants(struct mem *m, struct want *w, size_t n, uint8_t *buf, size_t room,
		      struct mem_req *reqs, size_t *taken)
{
	size_t n_reqs = merge(w, n, buf, room, reqs, taken);
	size_t at = 0;
	int r = mem_read_many(m, reqs, n_reqs);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_reqs; i++) {
		uint64_t end = reqs[i].addr + reqs[i].len;

		for (; at < *taken && w[at].addr >= reqs[i].addr && w[at].addr < end; at++) {
			if (reqs[i].err == 0)
				continue;
			r = mem_read(m, w[at].addr, (void *)w[at].at, w[at].len);
			if (r == -ESRCH)
				return r;
			if (r < 0)
				w[at].at = NULL;
		}
	}
	return 0;
}

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

static void parse_g(const struct go_layout *l, const uint8_t *b, uint64_t addr, struct go_g *g)
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
		.waitsince = (int64_t)word(b, l->g_waitsince),
		.state = (enum go_state)(half(b, l->g_status) & ~(uint32_t)GSCAN),
		.waitreason = b[l->g_waitreason],
		.tracking_seq = b[l->g_tracking_seq],
		.in_syscall = syscall_sp != 0,
		.locked = word(b, l->g_lockedm) != 0,
		.running_cleanups = l->g_running_cleanups >= 0 && b[l->g_running_cleanups],
	};
}

/* What must not have changed between the two looks. */
static bool same(const struct go_g *a, const struct go_g *b)
{
	return a->goid == b->goid && a->state == b->state && a->sp == b->sp && a->pc == b->pc &&
	       a->stack_lo == b->stack_lo && a->stack_hi == b->stack_hi &&
	       a->tracking_seq == b->tracking_seq && a->waiting == b->waiting &&
	       a->waitreason == b->waitreason && a->in_syscall == b->in_syscall;
}

/* A running goroutine's saved registers are stale: it has a state, but no stack to be read. */
static bool has_stack(const struct go_g *g)
{
	return g->state == GO_RUNNABLE || g->state == GO_WAITING || g->state == GO_SYSCALL ||
	       g->state == GO_PREEMPTED || g->state == GO_LEAKED;
}

/* Neither here nor there: being created, ended, or an extra M's that C does not run. */
static bool is_nobody(const struct go_g *g)
{
	return g->state == GO_IDLE || g->state == GO_DEAD || g->state == GO_DEADEXTRA;
}

static bool sane_stack(const struct go_g *g)
{
	return g->stack_lo < g->stack_hi && g->sp >= g->stack_lo && g->sp < g->stack_hi &&
	       g->sp % 8 == 0 && g->stack_hi - g->stack_lo <= 1ull << 40;
}

static void try_again(struct scan *s, uint32_t i)
{
	s->again[s->n_again++] = s->gs[i].addr;
}

/* The second look at one goroutine, and the visit when nothing has moved. */
static int look_again(struct scan *s, uint32_t i, const uint8_t *bytes)
{
	const struct want *stack = s->stack_of[i];
	struct go_walk w = { .g = &s->gs[i], .end = UNWIND_WHOLE };
	struct go_g now;

	parse_g(&s->rt->layout, bytes, s->gs[i].addr, &now);
	/* Two looks at a running one have only the goroutine in common, and need no more. */
	if (w.g->state == GO_RUNNING ? now.state != GO_RUNNING || now.goid != w.g->goid
				     : !same(&s->gs[i], &now)) {
		try_again(s, i);
		return 0;
	}
	if (stack && !stack->at) {
		s->stats->unreadable++;
		return 0;
	}
	if (stack) {
		w.stack = span_of(stack->at, stack->len);
		w.frames = s->frames;
		w.n_frames = unwind(s->unwinder, w.stack, w.g->pc, w.g->in_syscall, s->frames,
				    LIMIT_FRAMES, &w.end);
		if (w.end == UNWIND_BROKEN)
			s->stats->broken++;
	}
	s->stats->read++;
	return s->o->visit(s->o->arg, &w);
}

/*
 * Reads the g structs of n sorted wants and hands each to fn, whose negative errno ends it. Those
 * that are absent are counted.
 */
static int each_g(struct scan *s, struct want *w, size_t n,
		  int (*fn)(struct scan *s, uint32_t i, const uint8_t *bytes))
{
	while (n) {
		size_t taken;
		int r = read_wants(s->rt->live, w, n, s->g_copy, G_ROOM, s->reqs, &taken);

		if (r < 0)
			return r;
		for (size_t i = 0; i < taken; i++) {
			if (!w[i].at) {
				s->stats->unreadable++;
				continue;
			}
			r = fn(s, w[i].index, w[i].at);
			if (r < 0)
				return r;
		}
		w += taken;
		n -= taken;
	}
	return 0;
}

static int first_look(struct scan *s, uint32_t i, const uint8_t *bytes)
{
	parse_g(&s->rt->layout, bytes, s->gs[i].addr, &s->gs[i]);
	return 0;
}

static struct want want_g(const struct scan *s, uint32_t i)
{
	return (struct want){ s->gs[i].addr, s->g_bytes, i, NULL };
}

/* The second look at the first n members: the owners of stacks just read, or those without. */
static int finish_portion(struct scan *s, size_t n)
{
	for (size_t k = 0; k < n; k++)
		s->g_wants[k] = want_g(s, s->members[k]);
	sort_wants(s->g_wants, n);
	return each_g(s, s->g_wants, n, look_again);
}

/* Sorts the goroutines that were read into those with a stack and those without (members). */
static void sort_out(struct scan *s, uint32_t n, size_t *n_stacks, size_t *n_bare)
{
	*n_stacks = *n_bare = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct go_g *g = &s->gs[i];

		s->stack_of[i] = NULL;
		if (g->goid == 0 || is_nobody(g))
			continue;
		if (g->state == GO_RUNNING) {
			s->members[(*n_bare)++] = i;
		} else if (!has_stack(g) || !sane_stack(g)) {
			try_again(s, i);
		} else {
			uint64_t used = g->stack_hi - g->sp;

			s->stack_wants[(*n_stacks)++] = (struct want){
				g->sp, used < LIMIT_STACK_BYTES ? used : LIMIT_STACK_BYTES, i, NULL,
			};
		}
	}
	sort_wants(s->stack_wants, *n_stacks);
}

static int scan_chunk(struct scan *s, const uint64_t *addrs, uint32_t n)
{
	size_t n_stacks, n_bare;
	int r;

	s->n_again = 0;
	for (uint32_t i = 0; i < n; i++) {
		s->gs[i] = (struct go_g){ .addr = addrs[i] };
		s->g_wants[i] = want_g(s, i);
	}
	sort_wants(s->g_wants, n);
	r = each_g(s, s->g_wants, n, first_look);
	if (r < 0)
		return r;
	sort_out(s, n, &n_stacks, &n_bare);
	r = finish_portion(s, n_bare);
	if (r < 0)
		return r;
	for (size_t done = 0, taken; done < n_stacks; done += taken) {
		struct want *w = s->stack_wants + done;

		r = read_wants(s->rt->live, w, n_stacks - done, s->stacks, STACK_PORTION, s->reqs,
			       &taken);
		if (r < 0)
			return r;
		for (size_t k = 0; k < taken; k++) {
			s->stack_of[w[k].index] = &w[k];
			s->members[k] = w[k].index;
		}
		r = finish_portion(s, taken);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A chunk, and what was torn of it again until it holds still or has had its tries. */
static int scan_with_retries(struct scan *s, const uint64_t *addrs, uint32_t n)
{
	uint64_t again[CHUNK];
	uint32_t n_again;
	int r;

	memcache_drop(s->rt->chase);
	r = scan_chunk(s, addrs, n);
	for (int i = 1; r == 0 && s->n_again && i < TRIES; i++) {
		n_again = s->n_again;
		memcpy(again, s->again, n_again * sizeof(*again));
		memcache_drop(s->rt->chase);
		r = scan_chunk(s, again, n_again);
		s->stats->retried += n_again - s->n_again;
	}
	if (r == 0)
		s->stats->torn += s->n_again;
	return r;
}

static int scan_all(struct scan *s, uint64_t array, uint64_t len, struct diag *d)
{
	uint64_t addrs[CHUNK];

	for (uint64_t at = 0; at < len; at += CHUNK) {
		uint32_t n = len - at < CHUNK ? len - at : CHUNK;
		int r = mem_read(s->rt->live, array + at * 8, addrs, n * 8);

		if (r == -EFAULT)
			return diag_fail(d, r, "runtime.allgs lies in memory that is not there");
		if (r == 0)
			r = scan_with_retries(s, addrs, n);
		if (r < 0)
			return r;
		s->stats->slots += n;
		if (s->o->progress)
			s->o->progress(s->o->arg, at + n, len);
	}
	return 0;
}

/* Bytes of runtime.g up to the last field that parse_g() reads. */
static uint32_t g_bytes_needed(const struct go_layout *l)
{
	const int32_t words[] = {
		l->g_stack_hi,	  l->g_m,	  l->g_sched_sp,    l->g_sched_pc, l->g_syscallsp,
		l->g_syscallpc,	  l->g_status,	  l->g_goid,	    l->g_waitsince, l->g_waitreason,
		l->g_tracking_seq, l->g_lockedm,  l->g_parent_goid, l->g_gopc,	   l->g_startpc,
		l->g_waiting,	  l->g_labels,	  l->g_timer,	    l->g_running_cleanups,
	};
	int32_t end = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i] > end)
			end = words[i];
	return (uint32_t)end + 8;
}

int goroutines_scan(struct go_runtime *rt, const struct scan_options *o, struct scan_stats *ret,
		    struct diag *d)
{
	struct scan *s = calloc(1, sizeof(*s));
	uint64_t array, len;
	int r = -ENOMEM;

	*ret = (struct scan_stats){ 0 };
	if (!s)
		return r;
	s->rt = rt;
	s->o = o;
	s->stats = ret;
	s->g_bytes = g_bytes_needed(&rt->layout);
	s->unwinder = unwinder_new(rt->tab);
	s->g_copy = malloc(G_ROOM);
	s->stacks = malloc(STACK_PORTION);
	if (s->unwinder && s->g_copy && s->stacks)
		r = go_runtime_allgs(rt, &array, &len, d);
	if (r == 0)
		r = scan_all(s, array, len, d);
	free(s->stacks);
	free(s->g_copy);
	unwinder_free(s->unwinder);
	free(s);
	return r;
}
