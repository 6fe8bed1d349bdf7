// SPDX-License-Identifier: Apache-2.0
#include "analysis/lock_cycle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/count.h"
#include "analysis/site.h"

/* What is known of one wait of the later look. */
struct node {
	const struct lock_wait *wait;
	bool stays;		/* the same wait, without a break, since the first look */
	uint32_t next;		/* the wait of its lock's owner; NONE: who does not wait */
	uint32_t cycle;		/* that it leads to; NONE */
	uint32_t seen;		/* the round in which a walk came by */
};
#define NONE UINT32_MAX

struct judging {
	const struct lock_look *before, *now;
	int64_t span_ns, threshold_ns;
	struct arena *arena;
	struct node *nodes;
	uint32_t n;
	struct lock_cycle *cycles;
	uint32_t n_cycles;
	struct lock_stall *stalls;
	uint32_t n_stalls;
};

static bool lasted(const struct judging *j, const struct lock_wait *w)
{
	return j->span_ns >= j->threshold_ns || w->waited_ns >= j->threshold_ns;
}

static int link_nodes(struct judging *j)
{
	j->n = j->now->n_waits;
	j->nodes = arena_alloc(j->arena, (size_t)j->n + 1, sizeof(*j->nodes));
	if (!j->nodes)
		return -ENOMEM;
	for (uint32_t i = 0; i < j->n; i++) {
		const struct lock_wait *w = &j->now->waits[i];
		const struct lock_wait *owner = w->owner ? lock_look_wait(j->now, w->owner) : NULL;

		j->nodes[i] = (struct node){
			.wait = w,
			.stays = lock_wait_same(lock_look_wait(j->before, w->tid), w),
			.next = owner ? (uint32_t)(owner - j->now->waits) : NONE,
			.cycle = NONE,
		};
	}
	return 0;
}

/*
 * The frame that asked for the lock: libc's own are named pthread_ or, between two of these, not at
 * all.
 */
static const struct frame *asking_frame(const struct stack *s)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < s->n && i < 8; i++) {
		const char *name = s->frames[i].function;

		if (name && strncmp(name + strspn(name, "_"), "pthread_", 8) == 0)
			at = i + 1;
	}
	return at < s->n ? &s->frames[at] : NULL;
}

/* Frames of a stack that evidence shows. */
enum { FRAMES_SHOWN = 8 };

/* " in f x.c:3, called by g x.c:9, main x.c:20"; "" when there is no stack. */
static const char *in_stack(struct arena *a, const struct stack *s)
{
	const struct frame *asking = asking_frame(s);
	struct stack own = *s;
	const char *chain;

	if (!asking)
		return "";
	own.frames = asking;
	own.n -= (uint32_t)(asking - s->frames);
	site_cut_start(&own);
	chain = site_chain(a, &own, FRAMES_SHOWN);
	return chain ? arena_printf(a, " in %s", chain) : NULL;
}

static const char *site_of(struct arena *a, const struct stack *s)
{
	return site_string(a, asking_frame(s));
}

/* "thread 12 (name) waits in f x.c:3, called by g x.c:9, for the mutex 0x1, which thread 13 holds" */
static const char *sentence(struct judging *j, const struct lock_wait *w)
{
	const char *in = in_stack(j->arena, &w->stack), *comma;

	if (!in)
		return NULL;
	comma = strchr(in, ',') ? "," : "";
	if (w->kind == LOCK_JOIN)
		return arena_printf(j->arena, "thread %d (%s) waits%s%s for the end of thread %d",
				    w->tid, w->comm, in, comma, w->owner);
	return arena_printf(j->arena,
			    "thread %d (%s) waits%s%s for the %s 0x%" PRIx64 ", which thread %d holds",
			    w->tid, w->comm, in, comma, lock_kind_name(w->kind),
			    w->lock ? w->lock : w->futex, w->owner);
}

static bool proves(const struct lock_wait *w)
{
	return w->validated && w->kind == LOCK_MUTEX && !w->timed;
}

static int describe_cycle(struct judging *j, struct lock_cycle *c, bool proven)
{
	/* One more, for those behind. */
	const char **evidence = arena_alloc(j->arena, (size_t)c->n + 1, sizeof(*evidence));
	struct finding *f = &c->finding;

	if (!evidence)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n; i++) {
		evidence[i] = sentence(j, c->waits[i]);
		if (!evidence[i])
			return -ENOMEM;
	}
	*f = (struct finding){
		.pattern = "lock-cycle",
		.verdict = proven ? VERDICT_PROVEN : VERDICT_SUSPECT,
		.count = c->n,
		.bytes = WAIT_UNKNOWN,
		.site = site_of(j->arena, &c->waits[0]->stack),
		.group = NONE,
		.evidence = evidence,
		.n_evidence = c->n,
		.summary = c->n == 1 ?
				   "a thread waits for a lock that it holds itself" :
				   arena_printf(j->arena,
						"%u threads each hold the lock "
						"that the next waits for",
						c->n),
		.advice = c->n == 1 ? "unlock it first, or make it a recursive lock" :
				      "take these locks in one order everywhere",
	};
	return f->summary ? 0 : -ENOMEM;
}

/* The nodes from `start` round to it again. */
static int add_cycle(struct judging *j, uint32_t start)
{
	struct lock_cycle *c = &j->cycles[j->n_cycles];
	const struct lock_wait **waits;
	bool proven = true, stays = true, long_enough = true;
	uint32_t at = start, n = 0, first = start;

	do {
		const struct node *node = &j->nodes[at];

		stays &= node->stays;
		proven &= proves(node->wait);
		long_enough &= !node->wait->timed && lasted(j, node->wait);
		if (j->nodes[at].wait->tid < j->nodes[first].wait->tid)
			first = at;
		n++;
		at = node->next;
	} while (at != start);
	if (!stays || (!proven && !long_enough))
		return 0;
	waits = arena_alloc(j->arena, n, sizeof(*waits));
	if (!waits)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++, first = j->nodes[first].next) {
		waits[i] = j->nodes[first].wait;
		j->nodes[first].cycle = j->n_cycles;
	}
	*c = (struct lock_cycle){ .waits = waits, .n = n };
	j->n_cycles++;
	return describe_cycle(j, c, proven);
}

/* Everyone waits for at most one: a walk along `next` ends, or comes to a place it has been. */
static int find_cycles(struct judging *j)
{
	for (uint32_t i = 0; i < j->n; i++) {
		uint32_t at = i;
		int r;

		while (at != NONE && j->nodes[at].seen == 0) {
			j->nodes[at].seen = i + 1;
			at = j->nodes[at].next;
		}
		if (at == NONE || j->nodes[at].seen != i + 1)
			continue;
		r = add_cycle(j, at);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Waits that lead into a cycle: they end no sooner than it does. */
static void find_those_behind(struct judging *j)
{
	for (uint32_t i = 0; i < j->n; i++) {
		uint32_t at = i, steps = 0;

		while (at != NONE && j->nodes[at].cycle == NONE && steps++ < j->n)
			at = j->nodes[at].next;
		if (at == NONE || j->nodes[at].cycle == NONE || at == i)
			continue;
		/* Marked, it ends the walks of those that come to it. */
		j->nodes[i].cycle = j->nodes[at].cycle;
		j->cycles[j->nodes[i].cycle].behind++;
	}
}

/* Crowds at the locks of a cycle wait behind it as well. */
static int tell_those_behind(struct judging *j)
{
	for (uint32_t i = 0; i < j->n_cycles; i++) {
		struct lock_cycle *c = &j->cycles[i];
		const char **evidence = (const char **)c->finding.evidence;
		char number[COUNT_WORDS];

		for (uint32_t k = 0; k < c->n; k++)
			c->behind += lock_look_others(j->now, c->waits[k]->futex);
		if (!c->behind)
			continue;
		evidence[c->n] = arena_printf(j->arena, "%s more thread%s for these locks",
					      count_words(c->behind, number),
					      c->behind == 1 ? " waits" : "s wait");
		if (!evidence[c->n])
			return -ENOMEM;
		c->finding.n_evidence = c->n + 1;
	}
	return 0;
}

static uint64_t lock_of(const struct lock_wait *w)
{
	return w->lock ? w->lock : w->futex;
}

/* Nodes that may be part of a stall, by lock and then by tid. */
static int by_lock(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	uint64_t p = lock_of(x->wait), q = lock_of(y->wait);

	if (p != q)
		return p < q ? -1 : 1;
	return (x->wait->tid > y->wait->tid) - (x->wait->tid < y->wait->tid);
}

/* One lock's waiters: closed all the time only when none of them has moved. */
static bool stays_closed(const struct judging *j, struct node *const *nodes, uint32_t n)
{
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		const struct node *node = nodes[i];

		if (node->cycle != NONE || !node->wait->owner)
			return false;
		if (node->wait->owner != nodes[0]->wait->owner)
			return false;
		any |= node->stays && !node->wait->timed && lasted(j, node->wait);
	}
	/*
	 * One that waited for it and does so no longer, or anew, was let in, or gave up: each
	 * unlock wakes one. Somebody who has come since does not open it.
	 */
	for (uint32_t i = 0; i < j->before->n_waits; i++) {
		const struct lock_wait *w = &j->before->waits[i];
		const struct lock_wait *later = lock_look_wait(j->now, w->tid);

		if (lock_of(w) == lock_of(nodes[0]->wait) && (!later || !lock_wait_same(w, later)))
			return false;
	}
	return any;
}

static int add_stall(struct judging *j, struct node *const *nodes, uint32_t n)
{
	const struct lock_wait *w = nodes[0]->wait;
	struct lock_stall *s = &j->stalls[j->n_stalls];
	const char **evidence = arena_alloc(j->arena, 2, sizeof(*evidence));
	const char *does, *in = "";

	if (!evidence)
		return -ENOMEM;
	n += lock_look_others(j->now, w->futex);
	*s = (struct lock_stall){ .waiter = w, .n = n,
				  .owner_waits = lock_look_wait(j->now, w->owner),
				  .holder = lock_look_holder(j->now, w->owner) };
	evidence[0] = sentence(j, w);
	if (s->holder)
		in = in_stack(j->arena, &s->holder->stack);
	does = s->owner_waits ? "waits for a lock itself" :
	       !s->holder     ? "could not be looked at" :
	       in && *in      ? "sleeps" : "runs";
	evidence[1] = in ? arena_printf(j->arena, "thread %d %s%s", w->owner, does, in) : NULL;
	s->finding = (struct finding){
		.pattern = "long-futex-wait",
		.verdict = VERDICT_SUSPECT,
		.count = n,
		.bytes = WAIT_UNKNOWN,
		.site = site_of(j->arena, &w->stack),
		.group = NONE,
		.evidence = evidence,
		.n_evidence = 2,
		.summary = arena_printf(j->arena, "%u thread%s wait%s for a lock that stays closed",
					n, n == 1 ? "" : "s", n == 1 ? "s" : ""),
		.advice = "look at what the thread that holds it does",
	};
	if (!evidence[0] || !evidence[1] || !s->finding.summary)
		return -ENOMEM;
	j->n_stalls++;
	return 0;
}

static int find_stalls(struct judging *j)
{
	struct node **order = arena_alloc(j->arena, (size_t)j->n + 1, sizeof(*order));
	uint32_t m = 0;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < j->n; i++)
		if (j->nodes[i].wait->kind == LOCK_MUTEX || j->nodes[i].wait->kind == LOCK_RWLOCK)
			order[m++] = &j->nodes[i];
	if (m)
		qsort(order, m, sizeof(*order), by_lock);
	for (uint32_t i = 0, end; i < m; i = end) {
		end = i + 1;
		while (end < m && lock_of(order[end]->wait) == lock_of(order[i]->wait))
			end++;
		if (stays_closed(j, order + i, end - i)) {
			int r = add_stall(j, order + i, end - i);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int by_severity(const void *a, const void *b)
{
	const struct lock_cycle *x = a, *y = b;

	if (x->finding.verdict != y->finding.verdict)
		return x->finding.verdict > y->finding.verdict ? -1 : 1;
	return (x->waits[0]->tid > y->waits[0]->tid) - (x->waits[0]->tid < y->waits[0]->tid);
}

static int by_waiters(const void *a, const void *b)
{
	const struct lock_stall *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return (x->waiter->tid > y->waiter->tid) - (x->waiter->tid < y->waiter->tid);
}

int lock_cycle_judge(const struct lock_look *before, const struct lock_look *now, int64_t span_ns,
		     int64_t threshold_ns, struct arena *a, struct lock_verdicts *ret)
{
	struct judging j = { .before = before, .now = now, .span_ns = span_ns,
			     .threshold_ns = threshold_ns, .arena = a };
	int r = link_nodes(&j);

	if (r < 0)
		return r;
	j.cycles = arena_alloc(a, (size_t)j.n + 1, sizeof(*j.cycles));
	j.stalls = arena_alloc(a, (size_t)j.n + 1, sizeof(*j.stalls));
	if (!j.cycles || !j.stalls)
		return -ENOMEM;
	r = find_cycles(&j);
	if (r < 0)
		return r;
	find_those_behind(&j);
	r = tell_those_behind(&j);
	if (r == 0)
		r = find_stalls(&j);
	if (r < 0)
		return r;
	if (j.n_cycles)
		qsort(j.cycles, j.n_cycles, sizeof(*j.cycles), by_severity);
	if (j.n_stalls)
		qsort(j.stalls, j.n_stalls, sizeof(*j.stalls), by_waiters);
	*ret = (struct lock_verdicts){ .cycles = j.cycles, .n_cycles = j.n_cycles,
				       .stalls = j.stalls, .n_stalls = j.n_stalls };
	return 0;
}
