// SPDX-License-Identifier: Apache-2.0
#include "collect/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addrmap.h"
#include "collect/ages.h"
#include "collect/grouping.h"
#include "collect/label_sets.h"
#include "collect/symbolize.h"
#include "goruntime/goroutines.h"
#include "goruntime/waits.h"
#include "target/sockets.h"

/* The runtime's verdict on one start function. */
enum start_kind { START_USER, START_SYSTEM, START_FINALIZER, START_CLEANUP };

struct collector {
	const struct snapshot_options *o;
	struct snapshot *s;
	struct go_runtime *rt;
	struct sockets *sockets;	/* NULL for a core */
	struct waits waits;
	struct grouping grouping;
	struct ages *ages;
	struct addrmap *starts;		/* startpc -> start_kind */
	struct label_sets labels;
	struct goroutine *list;		/* when every one is asked for */
	int64_t *waitsince;		/* of each in the list */
	uint64_t n_list, list_room;
};

static double seconds_between(struct timespec a, struct timespec b)
{
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* --- What a goroutine is --- */

/*
 * runtime.isSystemGoroutine: it starts in package runtime, but for main, handleAsyncEvent and
 * corostart; the finalizer and cleanup goroutines count as the user's while they run user code.
 */
static enum start_kind learn_start(struct pclntab *tab, uint64_t startpc)
{
	struct func f;

	if (pclntab_find(tab, startpc, &f) < 0 || strncmp(f.name, "runtime.", 8) != 0)
		return START_USER;
	if (strcmp(f.name, "runtime.main") == 0 || strcmp(f.name, "runtime.corostart") == 0 ||
	    strcmp(f.name, "runtime.handleAsyncEvent") == 0)
		return START_USER;
	/* Called runfinq up to Go 1.24. */
	if (strcmp(f.name, "runtime.runfinq") == 0 || strcmp(f.name, "runtime.runFinalizers") == 0)
		return START_FINALIZER;
	if (strcmp(f.name, "runtime.runCleanups") == 0)
		return START_CLEANUP;
	return START_SYSTEM;
}

static bool is_system(struct collector *c, const struct go_g *g, const char *wait_reason)
{
	uint32_t kind;

	if (addrmap_get(c->starts, g->startpc, &kind) < 0) {
		pthread_mutex_lock(&c->rt->tab_lock);
		kind = learn_start(c->rt->tab, g->startpc);
		pthread_mutex_unlock(&c->rt->tab_lock);
		addrmap_put(c->starts, g->startpc, kind);
	}
	if (kind == START_FINALIZER)
		return wait_reason && strcmp(wait_reason, "finalizer wait") == 0;
	if (kind == START_CLEANUP)
		return !g->running_cleanups;
	return kind == START_SYSTEM;
}

static const char *wait_reason_of(const struct collector *c, const struct go_g *g)
{
	if (g->state != GO_WAITING && g->state != GO_LEAKED)
		return NULL;
	if (g->waitreason == 0 || g->waitreason >= c->rt->globals.n_wait_reasons)
		return NULL;
	return c->rt->globals.wait_reasons[g->waitreason];
}

static int name_frames(struct collector *c, struct group *g, const struct go_walk *w)
{
	struct pclntab *tab = c->rt->tab;
	struct arena *a = c->s->arena;
	int r = symbolize_walk(tab, w, a, g);

	/* g.gopc is the return address of newproc's call (proc.go, newproc). */
	if (r == 0)
		r = symbolize_pc(tab, w->g->gopc, w->g->gopc - 1, a, &g->created_by);
	if (r == 0)
		r = symbolize_pc(tab, w->g->startpc, w->g->startpc, a, &g->started);
	return r;
}

static int describe_group(struct collector *c, struct gathered *e, const struct go_walk *w)
{
	struct group *g = &e->group;
	int r;

	pthread_mutex_lock(&c->rt->tab_lock);
	r = name_frames(c, g, w);
	pthread_mutex_unlock(&c->rt->tab_lock);
	if (r < 0)
		return r;
	g->labels = c->labels.sets[e->label_set].labels;
	g->n_labels = c->labels.sets[e->label_set].n;
	g->id = symbolize_group_id(g);
	return 0;
}

/* --- One goroutine --- */

static uint64_t address_of(const struct wait_object *o)
{
	if (!o->known)
		return 0;
	switch (o->kind) {
	case WAIT_CHAN:
		return o->chan.addr;
	case WAIT_SELECT:
		return o->select.n ? o->select.cases[0].addr : 0;
	case WAIT_MUTEX:
	case WAIT_RWMUTEX:
	case WAIT_WAITGROUP:
	case WAIT_COND:
	case WAIT_SEMA:
		return o->sync.addr;
	case WAIT_FD:
		return (uint64_t)o->fd.fd + 1;
	default:
		return 0;
	}
}

static void resolve(struct collector *c, struct gathered *e, const struct go_walk *w,
		    struct wait_object *ret)
{
	wait_resolve(&c->waits, w, e->group.wait_reason, &e->group.stack, &e->hint, ret);
	if (ret->kind == WAIT_FD && ret->known && c->sockets)
		sockets_describe(c->sockets, ret->fd.fd, c->s->arena, &ret->fd);
}

static void add_sample(struct gathered *e, const struct go_walk *w,
		       const struct wait_object *object)
{
	struct group *g = &e->group;
	uint64_t addr = address_of(object);

	if (!g->n_samples || (object->known && !g->blocked_on.known))
		g->blocked_on = *object;
	g->sample_ids[g->n_samples++] = w->g->goid;
	if (!addr)
		return;
	for (uint64_t i = 0; i < g->objects_seen; i++)
		if (e->objects[i] == addr)
			return;
	e->objects[g->objects_seen++] = addr;
}

static int32_t thread_of(struct collector *c, const struct go_g *g)
{
	uint64_t procid;

	if ((g->state != GO_RUNNING && g->state != GO_SYSCALL && !g->locked) || !g->m ||
	    mem_read_u64(c->rt->chase, g->m + (uint64_t)c->rt->layout.m_procid, &procid) < 0)
		return 0;
	return procid <= INT32_MAX ? (int32_t)procid : 0;
}

static int keep_goroutine(struct collector *c, const struct goroutine *g, int64_t waitsince)
{
	if (c->n_list == c->list_room) {
		uint64_t room = c->list_room ? c->list_room * 2 : 4096;
		struct goroutine *list = realloc(c->list, room * sizeof(*list));
		int64_t *since;

		if (!list)
			return -ENOMEM;
		c->list = list;
		since = realloc(c->waitsince, room * sizeof(*since));
		if (!since)
			return -ENOMEM;
		c->waitsince = since;
		c->list_room = room;
	}
	c->waitsince[c->n_list] = waitsince;
	c->list[c->n_list++] = *g;
	return 0;
}

static int list_goroutine(struct collector *c, uint32_t at, struct gathered *e,
			  const struct go_walk *w, const struct wait_object *object)
{
	struct goroutine g = {
		.id = w->g->goid,
		.g_addr = w->g->addr,
		.parent_id = w->g->parent_goid,
		.state = w->g->state,
		.wait_reason = e->group.wait_reason,
		.group = at,
		.tid = thread_of(c, w->g),
		.system = e->group.system,
		.locked_to_thread = w->g->locked,
		.labels = e->group.labels,
		.n_labels = e->group.n_labels,
		.blocked_on = *object,
	};

	return keep_goroutine(c, &g, w->g->waitsince);
}

static int count_in(struct collector *c, uint32_t at, struct gathered *e, const struct go_walk *w,
		    const struct wait_object *object)
{
	bool waits = w->g->state == GO_WAITING || w->g->state == GO_SYSCALL;

	e->group.count++;
	e->group.stack_bytes += w->g->stack_hi - w->g->stack_lo;
	if (waits && w->g->waitsince > 0) {
		ages_add(c->ages, w->g->waitsince);
		if (!e->oldest_waitsince || w->g->waitsince < e->oldest_waitsince)
			e->oldest_waitsince = w->g->waitsince;
	}
	if (object && e->group.n_samples < LIMIT_SAMPLES)
		add_sample(e, w, object);
	return c->o->goroutines ? list_goroutine(c, at, e, w, object) : 0;
}

static int visit(void *arg, const struct go_walk *w)
{
	struct collector *c = arg;
	struct group_key key = { .walk = w, .wait_reason = wait_reason_of(c, w->g) };
	struct wait_object object;
	struct gathered *e;
	bool is_new;
	uint32_t at;
	int r;

	key.system = is_system(c, w->g, key.wait_reason);
	r = label_sets_find(&c->labels, w->g->labels, &key.label_set);
	if (r == 0)
		r = grouping_find(&c->grouping, &key, &at, &is_new);
	if (r < 0)
		return r;
	e = &c->grouping.all[at];
	if (is_new) {
		r = describe_group(c, e, w);
		if (r < 0)
			return r;
	}
	if (!c->o->goroutines && e->group.n_samples == LIMIT_SAMPLES)
		return count_in(c, at, e, w, NULL);
	resolve(c, e, w, &object);
	/* It may have been woken between two reads, or not be queued quite yet. */
	if (object.kind != WAIT_NONE && !object.known && !w->last_try)
		return LOOK_AGAIN;
	return count_in(c, at, e, w, &object);
}

/* --- The whole --- */

static int by_id(const void *a, const void *b)
{
	const struct goroutine *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Moves the list into the arena, sorted, with ages. */
static int finish_goroutines(struct collector *c)
{
	struct snapshot *s = c->s;

	for (uint64_t i = 0; i < c->n_list; i++) {
		enum go_state state = c->list[i].state;

		c->list[i].group = c->grouping.all[c->list[i].group].place;
		c->list[i].wait_ns = state == GO_WAITING || state == GO_SYSCALL
					     ? ages_bound(c->ages, c->waitsince[i])
					     : WAIT_UNKNOWN;
	}
	s->goroutines = arena_alloc(s->arena, c->n_list ? c->n_list : 1, sizeof(*s->goroutines));
	if (!s->goroutines)
		return -ENOMEM;
	s->n_goroutines = c->n_list;
	if (c->n_list)
		memcpy(s->goroutines, c->list, c->n_list * sizeof(*c->list));
	qsort(s->goroutines, s->n_goroutines, sizeof(*s->goroutines), by_id);
	return 0;
}

static void count_name(struct named_count *counts, uint32_t *n, const char *name, uint64_t more)
{
	uint32_t i;

	for (i = 0; i < *n && strcmp(counts[i].name, name) != 0; i++)
		;
	if (i == *n)
		counts[(*n)++] = (struct named_count){ name, 0 };
	counts[i].count += more;
}

static int by_count(const void *a, const void *b)
{
	const struct named_count *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int finish_groups(struct collector *c)
{
	struct snapshot *s = c->s;
	uint32_t n = c->grouping.n;

	s->groups = arena_alloc(s->arena, n ? n : 1, sizeof(*s->groups));
	s->by_state = arena_alloc(s->arena, 16, sizeof(*s->by_state));
	/* As many as there are different reasons, and one for those that have none. */
	s->by_wait_reason = arena_alloc(s->arena, c->rt->globals.n_wait_reasons + 1,
					sizeof(*s->by_wait_reason));
	if (!s->groups || !s->by_state || !s->by_wait_reason)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct gathered *e = &c->grouping.all[i];
		struct group *g = &e->group;

		/* Its only goroutine was looked at again, and had moved on. */
		if (!g->count)
			continue;
		g->oldest_wait_ns = ages_bound(c->ages, e->oldest_waitsince);
		e->place = s->n_groups;
		s->groups[s->n_groups++] = *g;
		if (g->system) {
			s->system += g->count;
			continue;
		}
		s->total += g->count;
		count_name(s->by_state, &s->n_by_state, go_state_name(g->state), g->count);
		if (g->wait_reason)
			count_name(s->by_wait_reason, &s->n_by_wait_reason, g->wait_reason,
				   g->count);
	}
	qsort(s->by_state, s->n_by_state, sizeof(*s->by_state), by_count);
	qsort(s->by_wait_reason, s->n_by_wait_reason, sizeof(*s->by_wait_reason), by_count);
	return 0;
}

static void note_losses(struct collector *c, const struct scan_stats *stats)
{
	struct quality *q = &c->s->quality;

	q->goroutines_read = stats->read;
	q->torn = stats->torn;
	q->torn_retried = stats->retried;
	q->unreadable = stats->unreadable;
	q->layout = c->rt->layout.source;
	q->passes = 1;
	if (stats->broken)
		snapshot_note(c->s, "%llu stacks could not be walked to their end",
			      (unsigned long long)stats->broken);
	if (c->labels.unreadable)
		snapshot_note(c->s, "the labels of %llu goroutines could not be read",
			      (unsigned long long)c->labels.unreadable);
	if (c->labels.left_out)
		snapshot_note(c->s, "the labels of %llu goroutines were left out: there are too "
				    "many different ones", (unsigned long long)c->labels.left_out);
	if (!c->rt->globals.last_gc)
		snapshot_note(c->s, "the time of the last collection was not found, "
				    "so fewer waits have an age");
}

static int64_t last_gc_of(struct go_runtime *rt)
{
	uint64_t t = 0;

	if (!rt->globals.last_gc || mem_read_u64(rt->live, rt->globals.last_gc, &t) < 0)
		return 0;
	return (int64_t)t;
}

static void report_progress(void *arg, uint64_t done, uint64_t total)
{
	const struct collector *c = arg;

	c->o->progress(c->o->progress_arg, done, total);
}

static int scan(struct collector *c, struct diag *d)
{
	struct scan_options o = { visit, c->o->progress ? report_progress : NULL, c };
	struct scan_stats stats;
	struct timespec before, after;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &before);
	r = goroutines_scan(c->rt, &o, &stats, d);
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (r == -E2BIG)
		return diag_fail(d, -EBADMSG, "more than %u different stacks, which cannot be",
				 LIMIT_GROUPS);
	if (r < 0)
		return r;
	c->s->quality.span_s = seconds_between(before, after);
	ages_finish(c->ages, last_gc_of(c->rt), c->rt->now_ns);
	note_losses(c, &stats);
	r = finish_groups(c);
	if (r == 0 && c->o->goroutines)
		r = finish_goroutines(c);
	return r;
}

int gather_goroutines(struct go_runtime *rt, struct sockets *sockets,
		      const struct snapshot_options *o, struct snapshot *s, struct diag *d)
{
	struct collector c = {
		.o = o,
		.s = s,
		.rt = rt,
		.sockets = sockets,
		.ages = ages_new(),
		.starts = addrmap_new(),
	};
	int r = grouping_init(&c.grouping, s->arena);

	if (r == 0 && (!c.ages || !c.starts))
		r = -ENOMEM;
	if (r == 0)
		r = waits_init(&c.waits, rt, s->arena);
	if (r == 0)
		r = label_sets_init(&c.labels, rt, s->arena);
	if (r == 0)
		r = scan(&c, d);
	free(c.list);
	free(c.waitsince);
	label_sets_done(&c.labels);
	addrmap_free(c.starts);
	ages_free(c.ages);
	waits_done(&c.waits);
	grouping_done(&c.grouping);
	return r;
}
