// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines of a pass. What is parked by itself gives what its stack maps name, and is judged if
 * its wait can be; in a system call too, but for the judgement. Of one that may run each word counts
 * that is in use; of all others the whole stack, from end to end, as they may be anywhere.
 * While the target runs, those are read before the heap and after it, and a second look at all tells
 * who has moved in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/reach_build.h"
#include "collect/starts.h"
#include "goruntime/batch.h"
#include "goruntime/gstruct.h"
#include "goruntime/stack_words.h"
#include "model/limits.h"

#define CHUNK 1024
#define G_ROOM (256u << 10)

struct stacks {
	struct reach_build *b;
	struct go_runtime *rt;
	struct stack_words *words;
	struct starts starts;
	struct go_park_waits waits;
	enum go_park_kind kinds[256];	/* by wait reason */
	bool still[256];
	uint64_t *hot;			/* g structs whose stacks are to be read whole */
	size_t n_hot, hot_room;
};

static const char *reason_of(const struct go_runtime *rt, unsigned int reason)
{
	return reason && reason < rt->globals.n_wait_reasons ? rt->globals.wait_reasons[reason]
							     : NULL;
}

static bool is_parked(const struct go_g *g)
{
	return go_state_is_parked(g->state);
}

/*
 * Stands still, but not by a park: it may run, or is in a system call, and its registers say from
 * where on its stack counts. trackingSeq tells when it leaves that.
 */
static bool is_paused(const struct go_g *g)
{
	return g->state == GO_RUNNABLE || g->state == GO_SYSCALL || g->state == GO_PREEMPTED;
}

/*
 * What two looks must have in common for nothing to have moved in between. That Go's own detector has
 * marked one meanwhile (Go 1.26: _Gleaked) is no move.
 */
static uint64_t identity(const struct go_g *g)
{
	uint64_t state = is_parked(g) ? GO_WAITING : g->state;

	return go_park_id(g) ^ state << 56;
}

static int add_hot(struct stacks *s, uint64_t g_addr)
{
	if (s->n_hot == s->hot_room) {
		size_t room = s->hot_room ? s->hot_room * 2 : 64;
		uint64_t *hot = realloc(s->hot, room * sizeof(*hot));

		if (!hot)
			return -ENOMEM;
		s->hot = hot;
		s->hot_room = room;
	}
	s->hot[s->n_hot++] = g_addr;
	return 0;
}

/* --- Sites --- */

static int add_site(struct reach_build *b, uint64_t hash)
{
	struct reach_pass *p = b->pass;

	if (p->n_sites == b->sites_room) {
		uint32_t room = b->sites_room ? b->sites_room * 2 : 64;
		struct reach_site *sites = realloc(p->sites, room * sizeof(*sites));
		struct go_park_hint *hints;

		if (!sites)
			return -ENOMEM;
		p->sites = sites;
		hints = realloc(b->hints, room * sizeof(*hints));
		if (!hints)
			return -ENOMEM;
		b->hints = hints;
		b->sites_room = room;
	}
	if (addrmap_put(b->sites, hash, p->n_sites) < 0)
		return -ENOMEM;
	p->sites[p->n_sites] = (struct reach_site){ .pcs_hash = hash };
	b->hints[p->n_sites++] = (struct go_park_hint)GO_PARK_HINT_INIT;
	return 0;
}

static int find_site(struct reach_build *b, const struct go_walk *w, uint32_t *ret)
{
	uint64_t hash = go_stack_hash(w);

	if (addrmap_get(b->sites, hash, ret) == 0)
		return 0;
	*ret = b->pass->n_sites;
	return add_site(b, hash);
}

/* --- One goroutine --- */

static int add_blocked(struct stacks *s, const struct go_walk *w, uint32_t site)
{
	struct reach_build *b = s->b;
	struct reach_pass *p = b->pass;
	const struct go_g *g = w->g;

	if (p->n_parked == b->blocked_room) {
		uint32_t room = b->blocked_room ? b->blocked_room * 2 : 1024;
		struct reach_blocked *blocked = realloc(b->blocked, room * sizeof(*blocked));
		struct reach_parked *parked;

		if (!blocked)
			return -ENOMEM;
		b->blocked = blocked;
		parked = realloc(p->parked, room * sizeof(*parked));
		if (!parked)
			return -ENOMEM;
		p->parked = parked;
		b->blocked_room = room;
	}
	p->parked[p->n_parked] = (struct reach_parked){
		.goid = g->goid,
		.park = go_park_id(g),
		.g_addr = g->addr,
		.stack_bytes = g->stack_hi - g->stack_lo,
		.site = site,
		.reason = g->waitreason,
		.forever = s->kinds[g->waitreason] == GO_PARK_FOREVER,
		.first_wait = p->n_waits,
		.n_waits = (uint32_t)s->waits.n,
	};
	b->blocked[p->n_parked] = (struct reach_blocked){
		.first = b->held.n,
		.n_waits = (uint32_t)s->waits.n,
		.n_records = (uint32_t)s->waits.n + 1,
		.site = site,
		.forever = s->waits.n == 0,
	};
	b->blocked_of[g->slot] = p->n_parked++;
	return 0;
}

static int add_waits(struct stacks *s)
{
	struct reach_pass *p = s->b->pass;
	size_t n = p->n_waits + s->waits.n;

	if (n > s->b->wait_room) {
		size_t room = n * 2 + 1024;
		uint64_t *waits = realloc(p->waits, room * sizeof(*waits));

		if (!waits)
			return -ENOMEM;
		p->waits = waits;
		s->b->wait_room = room;
	}
	memcpy(p->waits + p->n_waits, s->waits.objects, s->waits.n * sizeof(*p->waits));
	p->n_waits = (uint32_t)n;
	return 0;
}

/* It waits on what s->waits says: whether it lives, the fixpoint will tell. */
static int hold(struct stacks *s, const struct go_walk *w, uint32_t site,
		const struct stack_found *found)
{
	struct reach_build *b = s->b;
	struct reach_words *held = &b->held;
	uint32_t at = b->pass->n_parked;
	int r = add_blocked(s, w, site);

	if (r == 0 && s->waits.n)
		r = add_waits(s);
	for (size_t i = 0; i < s->waits.n && r == 0; i++)
		r = reach_words_add(b, held, s->waits.objects[i]);
	for (size_t i = 0; i < s->waits.n && r == 0; i++) {
		r = reach_words_add(b, held, s->waits.sudogs[i]);
		if (r == 0)
			r = reach_words_add(b, &b->closed, s->waits.sudogs[i]);
	}
	if (r == 0)
		r = reach_words_add(b, held, w->g->addr);
	for (size_t i = 0; i < found->n && r == 0; i++) {
		if (found->words[i] < b->lo || found->words[i] >= b->hi)
			continue;
		r = reach_words_add(b, held, found->words[i]);
		b->blocked[at].n_stack++;
	}
	return r;
}

/* It is alive, whatever happens. */
static int live(struct stacks *s, const struct go_walk *w, const struct stack_found *found)
{
	int r = reach_words_add(s->b, &s->b->records, w->g->addr);

	for (size_t i = 0; i < found->n && r == 0; i++)
		r = reach_build_root(s->b, found->words[i]);
	return r;
}

static int visit_still(struct stacks *s, const struct go_walk *w)
{
	const struct go_g *g = w->g;
	enum go_park_kind kind = s->kinds[g->waitreason];
	struct stack_found found;
	uint32_t site;
	int r = stack_words_walk(s->words, w, &found);

	if (r < 0)
		return r;
	s->b->parks[g->slot] = identity(g);
	if (found.cut || found.lost || w->end != UNWIND_WHOLE) {
		r = add_hot(s, g->addr);
		return r < 0 ? r : live(s, w, &found);
	}
	if (kind == GO_PARK_OTHER || starts_in_runtime(&s->starts, s->rt, g))
		return live(s, w, &found);
	r = find_site(s->b, w, &site);
	if (r == 0)
		r = go_park_find_waits(s->rt, w, kind, &s->b->hints[site], &s->waits);
	if (r == -EAGAIN)
		return live(s, w, &found);
	return r < 0 ? r : hold(s, w, site, &found);
}

/* In a system call its frames stand at calls, as the collector takes them too. */
static int visit_syscall(struct stacks *s, const struct go_walk *w)
{
	struct stack_found found;
	int r = stack_words_walk(s->words, w, &found);

	s->b->parks[w->g->slot] = identity(w->g);
	if (r == 0 && (found.cut || found.lost || w->end != UNWIND_WHOLE))
		r = add_hot(s, w->g->addr);
	return r < 0 ? r : live(s, w, &found);
}

/* Interrupted anywhere, perhaps: each word from its stack pointer on. */
static int visit_paused(struct stacks *s, const struct go_walk *w)
{
	const struct go_g *g = w->g;
	struct span stack = w->stack;
	int r = reach_words_add(s->b, &s->b->records, g->addr);

	s->b->parks[g->slot] = identity(g);
	if (r == 0 && (g->xregs || stack.len < g->stack_hi - g->sp))
		r = add_hot(s, g->addr);
	for (size_t i = 0; i + 8 <= stack.len && r == 0; i += 8)
		r = reach_build_root(s->b, span_u64(&stack, i));
	return r;
}

static int visit(void *arg, const struct go_walk *w)
{
	struct stacks *s = arg;
	const struct go_g *g = w->g;
	const struct stack_found none = { 0 };
	int r;

	s->b->pass->goroutines++;
	/* One that was born since we counted: the second look will find it. */
	if (g->slot >= s->b->n_slots)
		return 0;
	if (is_parked(g) && s->still[g->waitreason])
		return visit_still(s, w);
	if (g->state == GO_SYSCALL && g->in_syscall)
		return visit_syscall(s, w);
	if (is_paused(g))
		return visit_paused(s, w);
	r = add_hot(s, g->addr);
	return r < 0 ? r : live(s, w, &none);
}

/* --- The second look --- */

static int look(struct stacks *s, uint64_t slot, const struct go_g *g)
{
	struct reach_build *b = s->b;
	bool known = slot < b->n_slots, nobody = !g->goid || gstruct_is_nobody(g);

	if (known && b->parks[slot] && b->parks[slot] == identity(g))
		return 0;
	if (known && b->blocked_of[slot] != UINT32_MAX)
		b->blocked[b->blocked_of[slot]].alive = true;
	if (nobody)
		return 0;
	b->pass->changed++;
	return add_hot(s, g->addr);
}

static int look_at_chunk(struct stacks *s, const uint64_t *addrs, uint64_t slot, uint32_t n,
			 uint8_t *buf)
{
	struct want wants[CHUNK], scratch[CHUNK], *w = wants;
	struct mem_req reqs[CHUNK];
	size_t left = n;

	for (uint32_t i = 0; i < n; i++)
		wants[i] = (struct want){ addrs[i], gstruct_bytes(&s->rt->layout), i, NULL };
	batch_sort(wants, n, scratch);
	while (left) {
		size_t taken;
		int r = batch_read(s->rt->live, w, left, buf, G_ROOM, reqs, &taken);

		for (size_t i = 0; i < taken && r == 0; i++) {
			struct go_g g;

			if (!w[i].at) {
				reach_build_give_up(s->b, "a goroutine could not be read");
				continue;
			}
			gstruct_parse(&s->rt->layout, w[i].at, w[i].addr, &g);
			r = look(s, slot + w[i].index, &g);
		}
		if (r < 0)
			return r;
		w += taken;
		left -= taken;
	}
	return 0;
}

/* Every g struct there is: the list of all of them is no reason for one to be alive. */
static int each_chunk(struct stacks *s, bool again, struct diag *d)
{
	uint64_t addrs[CHUNK], array, len;
	uint8_t *buf = malloc(G_ROOM);
	int r = buf ? go_runtime_allgs(s->rt, &array, &len, d) : -ENOMEM;

	for (uint64_t at = 0; r == 0 && at < len; at += CHUNK) {
		uint32_t n = len - at < CHUNK ? (uint32_t)(len - at) : CHUNK;

		r = mem_read(s->rt->live, array + at * 8, addrs, n * 8);
		for (uint32_t i = 0; i < n && r == 0; i++)
			r = reach_words_add(s->b, &s->b->closed, addrs[i]);
		if (r == 0 && again)
			r = look_at_chunk(s, addrs, at, n, buf);
	}
	free(buf);
	return r;
}

/* --- All of it --- */

static int begin(struct stacks *s, struct reach_build *b)
{
	int r = starts_init(&s->starts);

	s->b = b;
	s->rt = b->src->rt;
	for (unsigned int i = 0; i < 256; i++) {
		s->kinds[i] = go_park_kind(reason_of(s->rt, i));
		s->still[i] = go_park_is_still(reason_of(s->rt, i));
	}
	return r < 0 ? r : stack_words_open(s->rt, &s->words);
}

static void end(struct stacks *s)
{
	stack_words_free(s->words);
	starts_done(&s->starts);
	go_park_waits_done(&s->waits);
	free(s->hot);
}

static int scan(struct stacks *s, struct diag *d)
{
	const struct scan_options o = { .visit = visit, .arg = s };
	struct reach_build *b = s->b;
	struct scan_stats stats;
	uint64_t array;
	int r = go_runtime_allgs(s->rt, &array, &b->n_slots, d);

	if (r < 0)
		return r;
	b->parks = calloc(b->n_slots + 1, sizeof(*b->parks));
	b->blocked_of = malloc((b->n_slots + 1) * sizeof(*b->blocked_of));
	b->sites = addrmap_new();
	if (!b->parks || !b->blocked_of || !b->sites)
		return -ENOMEM;
	memset(b->blocked_of, 0xff, (b->n_slots + 1) * sizeof(*b->blocked_of));
	r = goroutines_scan(s->rt, &o, &stats, d);
	if (r < 0)
		return r;
	/* While it runs, the second look sees to them. */
	if (b->src->stopped && stats.torn + stats.unreadable)
		reach_build_give_up(b, "%llu goroutines could not be read",
				    (unsigned long long)(stats.torn + stats.unreadable));
	r = b->src->stopped ? each_chunk(s, false, d) : 0;
	return r < 0 ? r : reach_hot_read(b, s->hot, s->n_hot);
}

int reach_stacks_scan(struct reach_build *b, struct diag *d)
{
	struct stacks s = { 0 };
	int r = begin(&s, b);

	if (r == 0)
		r = scan(&s, d);
	end(&s);
	return r;
}

int reach_stacks_again(struct reach_build *b, struct diag *d)
{
	struct stacks s = { 0 };
	int r = begin(&s, b);

	if (r == 0)
		r = each_chunk(&s, true, d);
	if (r == 0)
		r = reach_hot_read(s.b, s.hot, s.n_hot);
	end(&s);
	return r;
}
