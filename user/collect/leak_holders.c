// SPDX-License-Identifier: Apache-2.0
#include "collect/leak_holders.h"

#include <errno.h>
#include <string.h>

#include "analysis/leak_judge.h"
#include "analysis/site.h"
#include "base/cleanup.h"
#include "collect/leak_served.h"
#include "collect/symbolize.h"
#include "goruntime/goroutines.h"
#include "model/leak_clues.h"

/* Locks that are looked for, those of the most goroutines first. */
enum { LOCKS_MAX = 16 };

/* sync.Mutex and sync.RWMutex end with what waits on them: Go 1.18 to 1.27 (goruntime/syncs.c). */
enum { MUTEX_BYTES = 8, RWMUTEX_BYTES = 24 };

struct lock {
	uint32_t group;
	uint64_t start, end;		/* of the lock itself */
	uint64_t object, object_end;	/* that it is part of */
	uint64_t candidates;		/* goroutines that refer to it and do not wait for it */
	uint64_t goid;			/* the first of them */
	const char *site;
};

struct search {
	struct go_runtime *rt;
	struct snapshot *s;
	struct lock locks[LOCKS_MAX];
	uint32_t n;
};

static void add_lock(struct search *q, const struct leak_served *heap, uint32_t group)
{
	const struct wait_object *o = &q->s->groups[group].blocked_on;
	uint64_t size = o->kind == WAIT_MUTEX ? MUTEX_BYTES : RWMUTEX_BYTES;
	struct lock l = { .group = group, .start = o->sync.addr, .end = o->sync.addr + size };
	size_t len = 0;

	l.object = leak_served_object(heap, l.start, &len);
	/* A variable's holder needs no address on its stack: nothing can be said. */
	if (!l.object)
		return;
	l.object_end = l.object + len;
	q->locks[q->n++] = l;
}

/* Does it wait for that very lock? Then its semaphore's address is on its stack. */
static bool is_sync_wait(const struct search *q, const struct go_g *g)
{
	const char *reason = g->waitreason < q->rt->globals.n_wait_reasons ?
				     q->rt->globals.wait_reasons[g->waitreason] : NULL;

	return reason && (strncmp(reason, "sync.", 5) == 0 || strcmp(reason, "semacquire") == 0);
}

static const char *site_of(struct search *q, const struct go_walk *w)
{
	struct group g = { 0 };
	const char *site = NULL;

	pthread_mutex_lock(&q->rt->tab_lock);
	if (symbolize_walk(q->rt->tab, w, q->s->arena, &g) == 0 && g.stack.n)
		site = site_string(q->s->arena, site_frame(&g.stack, q->s->process.module));
	pthread_mutex_unlock(&q->rt->tab_lock);
	return site;
}

static void look_for(struct search *q, struct lock *l, const struct go_walk *w)
{
	struct span stack = w->stack;
	bool refers = false, at_lock = false;

	for (size_t at = 0; at + 8 <= stack.len; at += 8) {
		uint64_t word = span_u64(&stack, at);

		refers = refers || (word >= l->object && word < l->object_end);
		/* Past its start: of the lock itself, and not of what begins with it. */
		at_lock = at_lock || (word > l->start && word < l->end);
	}
	if (!refers || (at_lock && is_sync_wait(q, w->g)))
		return;
	if (l->candidates++ == 0) {
		l->goid = w->g->goid;
		l->site = site_of(q, w);
	}
}

static int visit(void *arg, const struct go_walk *w)
{
	struct search *q = arg;

	for (uint32_t i = 0; i < q->n; i++)
		look_for(q, &q->locks[i], w);
	return 0;
}

static int tell(struct search *q)
{
	for (uint32_t i = 0; i < q->n; i++) {
		struct group *g = &q->s->groups[q->locks[i].group];
		struct leak_clues *c = arena_alloc(q->s->arena, 1, sizeof(*c));

		if (!c)
			return -ENOMEM;
		if (g->clues)
			*c = *g->clues;
		c->holder_sought = q->locks[i].candidates <= 1;
		c->holder_goid = q->locks[i].candidates == 1 ? q->locks[i].goid : 0;
		c->holder_site = c->holder_goid ? q->locks[i].site : NULL;
		g->clues = c;
	}
	return 0;
}

int leak_holders_find(struct go_runtime *rt, struct snapshot *s, struct diag *d)
{
	CLEANUP(leak_served_free_p) struct leak_served *heap = NULL;
	struct search q = { .rt = rt, .s = s };
	const struct scan_options o = { .visit = visit, .arg = &q };
	struct scan_stats stats;
	int r = 0;

	for (uint32_t i = 0; i < s->n_groups && q.n < LOCKS_MAX && r == 0; i++) {
		if (!leak_is_stuck_lock(&s->groups[i]))
			continue;
		if (!heap)
			r = leak_served_open(rt, &heap);
		if (r == 0)
			add_lock(&q, heap, i);
	}
	if (r == 0 && q.n)
		r = goroutines_scan(rt, &o, &stats, d);
	return r < 0 ? r : tell(&q);
}
