// SPDX-License-Identifier: Apache-2.0
/* The numbers of a ledger as the rules want them. */
#include <errno.h>
#include <string.h>

#include "analysis/memory_verdict.h"
#include "model/c_memory.h"
#include "model/go_memory.h"
#include "model/leaks.h"
#include "model/memory.h"
#include "model/retained.h"

struct memory_look memory_look_unknown(void)
{
	return (struct memory_look){
		.rss = LOOK_UNKNOWN, .go_heap_live = LOOK_UNKNOWN, .go_heap_free = LOOK_UNKNOWN,
		.go_heap_lazyfree = LOOK_UNKNOWN, .go_stacks = LOOK_UNKNOWN,
		.c_heap_used = LOOK_UNKNOWN, .c_heap_free = LOOK_UNKNOWN, .c_mmap = LOOK_UNKNOWN,
		.thread_stacks = LOOK_UNKNOWN, .unexplained = LOOK_UNKNOWN,
		.heap_alloc = LOOK_UNKNOWN, .heap_inuse = LOOK_UNKNOWN, .heap_idle = LOOK_UNKNOWN,
		.heap_released = LOOK_UNKNOWN, .stack_inuse = LOOK_UNKNOWN,
		.next_gc = LOOK_UNKNOWN, .heap_marked = LOOK_UNKNOWN, .gogc = LOOK_UNKNOWN,
		.memory_limit = LOOK_UNKNOWN, .num_gc = LOOK_UNKNOWN,
		.last_gc_age_ns = LOOK_UNKNOWN, .c_in_use = LOOK_UNKNOWN, .c_free = LOOK_UNKNOWN,
		.c_arenas = LOOK_UNKNOWN, .c_mmapped = LOOK_UNKNOWN,
		.c_trimmable = LOOK_UNKNOWN, .c_fragmented = LOOK_UNKNOWN,
		.goroutines = LOOK_UNKNOWN, .threads = LOOK_UNKNOWN,
		.other_held = LOOK_UNKNOWN, .held_by_leaks = LOOK_UNKNOWN,
	};
}

/* Of a number that is unknown as the largest one there is; and so is what no process has. */
static int64_t number(uint64_t v)
{
	return v > INT64_MAX ? LOOK_UNKNOWN : (int64_t)v;
}

static void take_parts(const struct memory_ledger *m, struct memory_look *l)
{
	l->rss = number(m->rss_bytes);
	l->go_heap_live = number(m->part[MEMORY_GO_HEAP_LIVE]);
	l->go_heap_free = number(m->part[MEMORY_GO_HEAP_FREE]);
	l->go_heap_lazyfree = number(m->part[MEMORY_GO_HEAP_LAZYFREE]);
	l->go_stacks = number(m->part[MEMORY_GO_STACKS]);
	l->c_heap_used = number(m->part[MEMORY_C_HEAP_USED]);
	l->c_heap_free = number(m->part[MEMORY_C_HEAP_FREE]);
	l->c_mmap = number(m->part[MEMORY_C_MMAP]);
	l->thread_stacks = number(m->part[MEMORY_THREAD_STACKS]);
	l->unexplained = number(m->part[MEMORY_UNEXPLAINED]);
}

static void take_go(const struct go_memstats *g, struct memory_look *l)
{
	l->heap_alloc = number(g->heap_alloc_bytes);
	l->heap_inuse = number(g->heap_inuse_bytes);
	l->heap_idle = number(g->heap_idle_bytes);
	l->heap_released = number(g->heap_released_bytes);
	l->stack_inuse = number(g->stack_inuse_bytes);
	/* Where the goal is never met, it is none. */
	l->next_gc = number(g->next_gc_bytes);
	l->heap_marked = number(g->heap_marked_bytes);
	if (g->gogc != GO_GOGC_UNKNOWN)
		l->gogc = g->gogc;
	l->memory_limit = number(g->memory_limit_bytes);
	l->num_gc = number(g->num_gc);
	l->last_gc_age_ns = number(g->last_gc_age_ns);
	/* Nothing has been collected: what was found alive is nothing as well. */
	if (g->num_gc == 0)
		l->heap_marked = LOOK_UNKNOWN;
}

static void take_c(const struct memory_ledger *m, struct memory_look *l)
{
	const struct c_memory *c = m->c;

	if (!c->counted)
		return;
	l->c_in_use = number(c->used_bytes);
	l->c_free = number(c->free_bytes);
	l->c_arenas = (int64_t)c->n_arenas;
	l->c_mmapped = number(c->mmapped_bytes);
	l->c_trimmable = number(memory_trimmable(m));
	l->c_fragmented = number(c->fragmented_bytes);
}

/*
 * Variables alone: what goroutines hold is told of their groups, and what stands in parentheses is
 * no variable (model/retained.h).
 */
static int take_retained(const struct retained *r, struct arena *a, struct memory_look *l)
{
	struct memory_holder *all;

	if (r->why_not)
		return 0;
	all = arena_alloc(a, (size_t)r->n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->n; i++)
		if (r->all[i].kind != RETAINER_GOROUTINES && r->all[i].name &&
		    r->all[i].name[0] != '(')
			all[l->n_holders++] = (struct memory_holder){
				.variable = r->all[i].name,
				.bytes = number(r->all[i].bytes),
				.path = r->all[i].path,
			};
	l->holders = all;
	l->other_held = number(r->other_bytes);
	l->held_by_leaks = number(r->leaked_bytes);
	l->leaks = VERDICT_LIKELY;
	return 0;
}

/* The search for leaks counts all of them, and the heap as it was then. */
static void take_leaks(const struct snapshot *s, struct memory_look *l)
{
	bool likely = false, proven = false, suspect = false;

	if (!s->leaks || !s->leaks->passes)
		return;
	for (uint32_t i = 0; i < s->n_groups; i++) {
		likely = likely || s->groups[i].n_likely;
		proven = proven || s->groups[i].n_proven;
		suspect = suspect || s->groups[i].n_leak_suspect;
	}
	l->held_by_leaks = number(s->leaks->heap_bytes);
	l->leaks = suspect ? VERDICT_SUSPECT : likely || !proven ? VERDICT_LIKELY : VERDICT_PROVEN;
}

int memory_look_of(const struct snapshot *s, struct arena *a, struct memory_look *ret)
{
	struct memory_look l = memory_look_unknown();
	int r = 0;

	l.module = s->process.module;
	if (s->process.threads)
		l.threads = s->process.threads;
	if (s->total || s->system)
		l.goroutines = number(s->total + s->system);
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (!s->groups[i].system && s->groups[i].stack_bytes &&
		    (!l.stack_group || s->groups[i].stack_bytes > l.stack_group->stack_bytes))
			l.stack_group = &s->groups[i];
	if (s->memory) {
		take_parts(s->memory, &l);
		if (s->memory->go)
			take_go(s->memory->go, &l);
		if (s->memory->c)
			take_c(s->memory, &l);
		if (s->memory->retained)
			r = take_retained(s->memory->retained, a, &l);
		take_leaks(s, &l);
	}
	*ret = l;
	return r;
}

/* Behind those that are as severe; the order of the groups stays. */
static void insert(struct finding *all, uint32_t n, const struct finding *f)
{
	while (n && all[n - 1].verdict < f->verdict) {
		all[n] = all[n - 1];
		n--;
	}
	all[n] = *f;
}

int memory_judge(struct snapshot *s)
{
	const struct finding *more;
	struct memory_look l;
	uint32_t n;
	int r;

	if (!s->memory)
		return 0;
	r = memory_look_of(s, s->arena, &l);
	if (r == 0)
		r = memory_verdict(&l, s->arena, &more, &n);
	if (r == 0)
		r = snapshot_reserve_findings(s, n);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		insert(s->findings, s->n_findings++, &more[i]);
	return r;
}
