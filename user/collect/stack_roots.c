// SPDX-License-Identifier: Apache-2.0
/* Goroutines as roots of the heap, by the site that they stand at. */
#include <errno.h>
#include <stdlib.h>

#include "collect/heap_roots.h"
#include "collect/starts.h"
#include "collect/symbolize.h"
#include "goruntime/stack_words.h"
#include "model/limits.h"

#define WINDOW (1u << 20)
#define ALLGS_WINDOW 8192
/* Of stacks whose frames tell nothing: read whole, and all of them together at most. */
#define RAW_STACK_BYTES (1ull << 30)

/* A stack that is read by itself: its owner runs, or it is deeper than what was copied. */
struct raw_stack {
	uint64_t start, end;
	uint32_t root;
};

struct stack_roots {
	struct heap_roots *r;
	const struct retention_source *src;
	struct object_graph *g;
	struct stack_words *words;
	struct starts starts;
	uint32_t *root_of_site;		/* by site */
	uint32_t n_sites, room;
	struct raw_stack *raw;
	size_t n_raw, raw_room;
};

static const char *wait_reason_of(const struct go_runtime *rt, const struct go_g *g)
{
	if (!go_state_is_parked(g->state) || g->waitreason == 0 ||
	    g->waitreason >= rt->globals.n_wait_reasons)
		return NULL;
	return rt->globals.wait_reasons[g->waitreason];
}

/* Names of a site that is seen for the first time: as the groups of a snapshot have them. */
static int describe(struct stack_roots *s, struct group *g, const struct go_walk *w)
{
	struct pclntab *tab = s->src->rt->tab;
	struct arena *a = s->r->sites.arena;
	int n;

	pthread_mutex_lock(&s->src->rt->tab_lock);
	n = symbolize_walk(tab, w, a, g);
	if (n == 0)
		n = symbolize_pc(tab, w->g->gopc, w->g->gopc - 1, a, &g->created_by);
	if (n == 0)
		n = symbolize_pc(tab, w->g->startpc, w->g->startpc, a, &g->started);
	pthread_mutex_unlock(&s->src->rt->tab_lock);
	g->site = symbolize_site_id(g);
	return n;
}

static int add_site(struct stack_roots *s, uint32_t at, const struct go_walk *w)
{
	const struct heap_root root = { .kind = RETAINER_GOROUTINES, .site = at };

	if (at >= s->room) {
		uint32_t room = s->room ? s->room * 2 : 256;
		uint32_t *roots = realloc(s->root_of_site, room * sizeof(*roots));

		if (!roots)
			return -ENOMEM;
		s->root_of_site = roots;
		s->room = room;
	}
	if (describe(s, &s->r->sites.all[at].group, w) < 0)
		return -ENOMEM;
	return heap_roots_add(s->r, &root, &s->root_of_site[at]);
}

static int root_of(struct stack_roots *s, const struct go_walk *w, uint32_t *ret)
{
	struct group_key key = { .walk = w, .wait_reason = wait_reason_of(s->src->rt, w->g) };
	bool is_new;
	uint32_t at;
	int n;

	key.system = starts_is_system(&s->starts, s->src->rt, w->g, key.wait_reason);
	n = grouping_find(&s->r->sites, &key, &at, &is_new);
	if (n == 0 && is_new)
		n = add_site(s, at, w);
	if (n < 0)
		return n;
	s->r->sites.all[at].group.count++;
	*ret = s->root_of_site[at];
	return 0;
}

static int add_raw(struct stack_roots *s, uint64_t start, uint64_t end, uint32_t root)
{
	if (s->n_raw == s->raw_room) {
		size_t room = s->raw_room ? s->raw_room * 2 : 64;
		struct raw_stack *raw = realloc(s->raw, room * sizeof(*raw));

		if (!raw)
			return -ENOMEM;
		s->raw = raw;
		s->raw_room = room;
	}
	s->raw[s->n_raw++] = (struct raw_stack){ start, end, root };
	return 0;
}

static int point_to_all(struct stack_roots *s, const struct stack_found *found, uint32_t root)
{
	int n = 0;

	s->r->conservative = s->r->conservative || found->conservative;
	for (size_t i = 0; i < found->n && n == 0; i++)
		n = heap_roots_point(s->r, s->g, root, found->words[i]);
	return n;
}

static int visit(void *arg, const struct go_walk *w)
{
	struct stack_roots *s = arg;
	struct stack_found found;
	uint32_t root;
	int n = root_of(s, w, &root);

	/* Its own record: what it waits on, defers and panics hang there. */
	if (n == 0)
		n = heap_roots_point(s->r, s->g, root, w->g->addr);
	if (n < 0)
		return n;
	if (w->g->state == GO_RUNNING)
		return add_raw(s, w->g->stack_lo, w->g->stack_hi, root);
	n = stack_words_walk(s->words, w, &found);
	if (n == 0)
		n = point_to_all(s, &found, root);
	if (n == 0 && found.cut)
		n = add_raw(s, w->g->sp + w->stack.len, w->g->stack_hi, root);
	return n;
}

static int read_raw(struct stack_roots *s, const struct raw_stack *raw, uint8_t *buf,
		    uint64_t *budget)
{
	for (uint64_t at = raw->start; at < raw->end && *budget; at += WINDOW) {
		size_t len = raw->end - at < WINDOW ? raw->end - at : WINDOW;
		struct stack_found found;
		int n = mem_read(s->src->rt->live, at, buf, len);

		*budget -= len < *budget ? len : *budget;
		if (n == -EFAULT)
			return 0;	/* it was given back meanwhile */
		if (n == 0)
			n = stack_words_all(s->words, span_of(buf, len), raw->start, raw->end, &found);
		if (n == 0)
			n = point_to_all(s, &found, raw->root);
		if (n < 0)
			return n;
	}
	return 0;
}

static int read_all_raw(struct stack_roots *s)
{
	uint64_t budget = RAW_STACK_BYTES;
	uint8_t *buf = malloc(WINDOW);
	int n = buf ? 0 : -ENOMEM;

	for (size_t i = 0; i < s->n_raw && n == 0; i++)
		n = read_raw(s, &s->raw[i], buf, &budget);
	free(buf);
	return n;
}

/*
 * The list of all goroutines is no reason for one to hold anything, and neither is the queue that
 * another one stands in.
 */
static int close_records(struct stack_roots *s, struct diag *d)
{
	uint64_t addrs[ALLGS_WINDOW / 8], array, len;
	int n = go_runtime_allgs(s->src->rt, &array, &len, d);

	for (uint64_t at = 0; n == 0 && at < len; at += ALLGS_WINDOW / 8) {
		size_t k = len - at < ALLGS_WINDOW / 8 ? len - at : ALLGS_WINDOW / 8;

		n = mem_read(s->src->rt->live, array + at * 8, addrs, k * 8);
		for (size_t i = 0; i < k && n == 0; i++)
			n = object_graph_close(s->g, addrs[i]);
	}
	return n;
}

int heap_roots_add_goroutines(struct heap_roots *r, const struct retention_source *src,
			      struct object_graph *g, struct diag *d)
{
	struct stack_roots s = { .r = r, .src = src, .g = g };
	const struct scan_options o = { .visit = visit, .arg = &s };
	struct scan_stats stats;
	int n = starts_init(&s.starts);

	if (n == 0)
		n = stack_words_open(src->rt, &s.words);
	if (n == 0)
		n = close_records(&s, d);
	if (n == 0)
		n = goroutines_scan(src->rt, &o, &stats, d);
	if (n == 0)
		n = read_all_raw(&s);
	stack_words_free(s.words);
	starts_done(&s.starts);
	free(s.root_of_site);
	free(s.raw);
	return n < 0 ? diag_fail(d, n, "the stacks of the goroutines cannot be read") : 0;
}
