// SPDX-License-Identifier: Apache-2.0
#include "collect/thread_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/thread_book.h"
#include "base/addrmap.h"
#include "collect/collector.h"
#include "collect/mixed_stack.h"
#include "native/modules.h"
#include "native/unwind.h"
#include "trace/pace.h"
#include "trace/thread.h"

/*
 * Births of one interval that are followed: each costs the process some microseconds, and us some 30
 * to unwind. Sites that are kept, and shown.
 */
enum { FOLLOWED_MAX = 64, SITES_MAX = 1024, SHOWN_MAX = 64 };

struct thread_watch {
	struct thread_trace *trace;
	struct mixed_source source;
	struct addrmap *by_stack;	/* of stacks */
	struct stack *stacks;
	uint32_t n;
	struct arena *names;		/* of all stacks */
	struct thread_book *book;	/* of the births that were followed */
	uint64_t lifetimes[TRACED_LIFETIMES];	/* since the start */
};

static void watch_close(void *arg)
{
	struct thread_watch *w = arg;

	if (!w)
		return;
	thread_trace_close(w->trace);
	addrmap_free(w->by_stack);
	arena_free(w->names);
	thread_book_free(w->book);
	free(w->stacks);
	free(w);
}

static int watch_open(const struct collector_source *src, void **ret, struct diag *d)
{
	struct thread_watch *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (!w)
		return -ENOMEM;
	w->source = (struct mixed_source){ src->modules, src->rt };
	w->by_stack = addrmap_new();
	w->stacks = calloc(SITES_MAX, sizeof(*w->stacks));
	w->names = arena_new();
	w->book = thread_book_new(SITES_MAX);
	if (w->by_stack && w->stacks && w->names && w->book)
		r = thread_trace_open(src->target, &w->trace, d);
	if (r == 0) {
		thread_trace_follow(w->trace, FOLLOWED_MAX);
		r = thread_trace_arm(w->trace, d);
	}
	if (r < 0)
		watch_close(w);
	else
		*ret = w;
	return r;
}

static bool watch_paced(void *arg, struct pace_collector *ret)
{
	thread_trace_pace(((struct thread_watch *)arg)->trace, ret);
	return true;
}

/* --- Stacks --- */

/*
 * The creator has just made the system call. glibc and musl end their frame information before
 * that instruction, for in the child it would be wrong (clone3.S), and Go has none; but all three
 * call with nothing of their own on the stack, so the address to return to lies on top.
 */
static int unwind_creator(struct thread_watch *w, const struct stack_copy *s,
			  struct mixed_stack *ret)
{
	struct cfi_regs regs;
	struct unwound u;
	const uint8_t *bytes = s->bytes;
	size_t len = s->n_bytes;
	uint64_t caller = 0;
	int r;

	unwind_all_regs(s->regs, &regs);
	if (len > sizeof(caller))
		memcpy(&caller, bytes, sizeof(caller));
	if (caller && modules_executable(w->source.modules, caller - 1)) {
		/* The call, not what stands behind it. */
		cfi_set(&regs, CFI_PC, caller - 1);
		cfi_set(&regs, CFI_RSP, regs.value[CFI_RSP] + sizeof(caller));
		bytes += sizeof(caller);
		len -= sizeof(caller);
	}
	r = unwind_copy(w->source.modules, &regs, bytes, len, NULL, &u);
	if (r == 0)
		mixed_stack_take(u.pcs, u.n, !u.truncated, ret);
	return r;
}

/* How the C library, and cgo for Go's scheduler, make threads is their own affair. */
static bool makes_threads(const char *function)
{
	return strcmp(function, "pthread_create") == 0 || strcmp(function, "thrd_create") == 0 ||
	       strncmp(function, "__pthread_create", 16) == 0 ||
	       strncmp(function, "_cgo_", 5) == 0;
}

static void cut_library(const struct thread_watch *w, struct stack *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n && i < 8; i++) {
		if (mixed_stack_is_go(&w->source, s->frames[i].pc))
			break;
		if (s->frames[i].function && makes_threads(s->frames[i].function))
			n = i + 1;
	}
	s->frames += n;
	s->n -= n;
}

/* -ENOSPC: too many different ones. */
static int find_site(struct thread_watch *w, const struct mixed_stack *m, uint32_t *ret)
{
	uint64_t key = mixed_stack_hash(m);
	int r;

	if (addrmap_get(w->by_stack, key, ret) == 0)
		return 0;
	if (w->n == SITES_MAX)
		return -ENOSPC;
	r = mixed_stack_name(&w->source, m, w->names, &w->stacks[w->n]);
	if (r == 0)
		r = addrmap_put(w->by_stack, key, w->n);
	if (r < 0)
		return r;
	cut_library(w, &w->stacks[w->n]);
	*ret = w->n++;
	return 0;
}

/* --- One look --- */

/* births[site]: of this interval; *all of them. */
static int add_births(struct thread_watch *w, const struct traced_thread *t, uint64_t *births,
		      uint64_t *all)
{
	for (size_t i = 0; i < t->n_samples; i++) {
		const struct traced_thread_sample *s = &t->samples[i];
		struct mixed_stack m;
		uint32_t site;
		int r = unwind_creator(w, &s->stack, &m);

		if (r == 0)
			r = find_site(w, &m, &site);
		if (r == -ENOSPC)
			continue;
		if (r == 0)
			r = thread_book_born(w->book, site, s->tid, s->at_ns);
		if (r < 0 && r != -ENOSPC)
			return r;
		births[site]++;
		++*all;
	}
	return 0;
}

/* One whose birth was seen, and its end as well, in the order in which they happened. */
static void add_exits(struct thread_watch *w, const struct traced_thread *t)
{
	for (size_t i = 0; i < t->n_events; i++)
		if (!t->events[i].born && t->events[i].born_ns)
			thread_book_gone(w->book, t->events[i].tid, t->events[i].born_ns);
	/* Where exits are missing, the dead would count as alive for ever. */
	if (t->lost_events)
		thread_book_forget(w->book);
}

/* Half of the lives were shorter than this, to within the power of two that it lies in. */
static double median_life_s(const struct thread_watch *w)
{
	uint64_t all = 0, below = 0;
	int i = 0;

	for (int k = 0; k < TRACED_LIFETIMES; k++)
		all += w->lifetimes[k];
	if (!all)
		return -1;
	while (i < TRACED_LIFETIMES - 1 && 2 * (below + w->lifetimes[i]) < all)
		below += w->lifetimes[i++];
	/* Taken to be spread evenly within that power. */
	return (double)(1ull << i) / 1e9 *
	       (1 + ((double)all / 2 - (double)below) / (double)w->lifetimes[i]);
}

static int most_births(const void *x, const void *y)
{
	const struct thread_site *a = x, *b = y;

	if (a->births != b->births)
		return a->births < b->births ? 1 : -1;
	return (a->alive < b->alive) - (a->alive > b->alive);
}

static int list_sites(struct thread_watch *w, const uint64_t *births, uint64_t followed,
		      struct arena *a, struct thread_activity *ret)
{
	struct thread_site *sites = arena_alloc(a, (size_t)w->n + 1, sizeof(*sites));
	uint32_t n = 0;

	if (!sites)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->n; i++) {
		struct thread_book_site known = thread_book_at(w->book, i);

		if (!births[i] && !known.alive)
			continue;
		/* Those that were followed stand for all. */
		sites[n++] = (struct thread_site){
			.births = followed ? (births[i] * ret->births + followed / 2) / followed : 0,
			.born = known.born,
			.alive = known.alive,
			.stack = w->stacks[i],
		};
	}
	if (n)
		qsort(sites, n, sizeof(*sites), most_births);
	ret->sites = sites;
	ret->n_sites = n < SHOWN_MAX ? n : SHOWN_MAX;
	return 0;
}

static int watch_look(void *arg, const struct collector_span *span, struct activity *ret,
		      struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	struct thread_activity *now = arena_alloc(span->arena, 1, sizeof(*now));
	struct thread_watch *w = arg;
	uint64_t *births, followed = 0;
	struct traced_thread t;
	int r;

	(void)d;
	if (!scratch || !now)
		return -ENOMEM;
	births = arena_alloc(scratch, SITES_MAX, sizeof(*births));
	r = births ? thread_trace_collect(w->trace, scratch, &t) : -ENOMEM;
	thread_trace_follow(w->trace, FOLLOWED_MAX);
	if (r == 0)
		r = add_births(w, &t, births, &followed);
	if (r < 0)
		return r;
	add_exits(w, &t);
	for (int i = 0; i < TRACED_LIFETIMES; i++)
		w->lifetimes[i] += t.lifetimes[i];
	*now = (struct thread_activity){
		.births = t.births,
		.exits = t.exits,
		.forks = t.forks,
		.median_life_s = median_life_s(w),
	};
	ret->threads = now;
	/* Samples are but a choice of the births; the counts lack nothing without them. */
	ret->collectors[COLLECTOR_THREADS].lost += t.lost_events;
	return list_sites(w, births, followed, span->arena, now);
}

const struct collector_ops thread_watch_collector = {
	.which = COLLECTOR_THREADS,
	.open = watch_open,
	.close = watch_close,
	.paced = watch_paced,
	.look = watch_look,
};
