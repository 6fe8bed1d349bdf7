// SPDX-License-Identifier: Apache-2.0
#include "collect/gather.h"

#include <errno.h>
#include <stdlib.h>

#include "base/addrmap.h"
#include "base/clock.h"
#include "collect/ages.h"
#include "collect/goroutine_list.h"
#include "collect/grouping.h"
#include "collect/label_sets.h"
#include "collect/leak_clues.h"
#include "collect/leak_join.h"
#include "collect/leak_served.h"
#include "collect/parks.h"
#include "collect/starts.h"
#include "collect/symbolize.h"
#include "goruntime/goroutines.h"
#include "goruntime/waits.h"
#include "target/sockets.h"

/* Samples that parks known before may take: the rest are of goroutines looked at anew. */
#define KNOWN_SAMPLES (LIMIT_SAMPLES / 2)
/* Looks between two that ask for the sockets of groups known before. */
#define SOCKETS_EVERY 24

struct gather {
	const struct snapshot_options *o;
	struct arena *arena;		/* borrowed: owns what the groups point to */
	struct snapshot *s;		/* the one that is being taken */
	struct go_runtime *rt;
	struct sockets *sockets;	/* NULL for a core */
	struct waits waits;
	struct grouping grouping;
	struct ages *ages;
	struct starts starts;
	struct label_sets labels;
	const struct look *look;	/* NULL: there is but one */
	struct parks parks;
	struct group_past *past;	/* in the snapshot's arena; with look */
	struct goroutine_list list;	/* when every one is asked for */
};

static const char *wait_reason_of(const struct gather *c, const struct go_g *g)
{
	if (!go_state_is_parked(g->state))
		return NULL;
	if (g->waitreason == 0 || g->waitreason >= c->rt->globals.n_wait_reasons)
		return NULL;
	return c->rt->globals.wait_reasons[g->waitreason];
}

/* --- Names --- */

static int name_frames(struct gather *c, struct group *g, const struct go_walk *w)
{
	struct pclntab *tab = c->rt->tab;
	struct arena *a = c->arena;
	int r = symbolize_walk(tab, w, a, g);

	/* g.gopc is the return address of newproc's call (proc.go, newproc). */
	if (r == 0)
		r = symbolize_pc(tab, w->g->gopc, w->g->gopc - 1, a, &g->created_by);
	if (r == 0)
		r = symbolize_pc(tab, w->g->startpc, w->g->startpc, a, &g->started);
	/* A wrapper, which calls what the go statement names. */
	if (r == 0 && !g->started.function)
		g->started.pc = w->g->startpc;
	return r;
}

static int describe_group(struct gather *c, struct gathered *e, const struct go_walk *w)
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
	g->site = symbolize_site_id(g);
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

static bool names_socket(const struct wait_object *w)
{
	return w->kind == WAIT_FD && w->known && w->fd.proto;
}

/*
 * To list sockets, the kernel walks the whole table of them. Of several looks, a group's first one
 * asks, and one in some minutes.
 */
static bool asks_sockets(const struct gather *c, const struct gathered *e)
{
	return c->sockets && (!c->look || c->look->number % SOCKETS_EVERY == 0 ||
			      !names_socket(&e->group.blocked_on));
}

static void resolve(struct gather *c, struct gathered *e, const struct go_walk *w,
		    struct wait_object *ret)
{
	wait_resolve(&c->waits, w, e->group.wait_reason, &e->group.stack, &e->hint, ret);
	if (ret->kind == WAIT_FD && ret->known && asks_sockets(c, e))
		sockets_describe(c->sockets, ret->fd.fd, c->arena, &ret->fd);
}

static int32_t thread_of(struct gather *c, const struct go_g *g)
{
	uint64_t procid;

	if ((g->state != GO_RUNNING && g->state != GO_SYSCALL && !g->locked) || !g->m ||
	    mem_read_u64(c->rt->chase, g->m + (uint64_t)c->rt->layout.m_procid, &procid) < 0)
		return 0;
	return procid <= INT32_MAX ? (int32_t)procid : 0;
}

/*
 * What tells this call of C or of the system from the next one of the same thread: reentersyscall()
 * copies the tick of its processor, which moves on with each call that returns (runtime/proc.go).
 * Not from the cache: where all goroutines are known nobody empties it.
 */
static uint32_t call_of(struct gather *c, const struct go_g *g)
{
	int32_t at = c->rt->layout.m_syscalltick;
	uint32_t tick;

	if (g->state != GO_SYSCALL || !g->m || at < 0 ||
	    mem_read_u32(c->rt->live, g->m + (uint64_t)at, &tick) < 0)
		return 0;
	return tick;
}

/* Of leaked ones and others, the leaked ones are what is to be seen. */
static void add_sample(struct gather *c, struct gathered *e, const struct go_walk *w,
		       const struct wait_object *object, bool leaked)
{
	struct group *g = &e->group;
	uint64_t addr = address_of(object);
	uint32_t at;

	if (leaked && !e->leaked_samples)
		e->looked = false;
	if ((!e->looked || (object->known && !g->blocked_on.known)) &&
	    (object->kind != WAIT_FD || names_socket(object) || !names_socket(&g->blocked_on)))
		g->blocked_on = *object;
	e->looked = true;
	at = leaked ? leak_join_place(e) : g->n_samples++;
	g->sample_tids[at] = thread_of(c, w->g);
	g->sample_ids[at] = w->g->goid;
	if (!addr || (e->leaked_samples && !leaked))
		return;
	for (uint64_t i = 0; i < g->objects_seen; i++)
		if (e->objects[i] == addr)
			return;
	e->objects[g->objects_seen++] = addr;
}

static int list_goroutine(struct gather *c, uint32_t at, struct gathered *e,
			  const struct go_walk *w, const struct wait_object *object,
			  enum verdict verdict)
{
	struct goroutine g = {
		.id = w->g->goid,
		.verdict = verdict,
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

	return goroutine_list_add(&c->list, &g, w->g->waitsince);
}

static void count_g(struct gather *c, struct gathered *e, const struct go_g *g)
{
	bool waits = go_state_is_parked(g->state) || g->state == GO_SYSCALL;

	e->group.count++;
	e->group.stack_bytes += g->stack_hi - g->stack_lo;
	if (waits && g->waitsince > 0) {
		ages_add(c->ages, g->waitsince);
		if (!e->oldest_waitsince || g->waitsince < e->oldest_waitsince)
			e->oldest_waitsince = g->waitsince;
	}
}

/* What the looks before say of a parked one. */
static void count_past(const struct look *look, struct gathered *e, const struct park *p)
{
	struct group_past *past = &e->past;

	past->arrived += p->at_site == look->number;
	if (p->parked < past->oldest)
		past->oldest = p->parked;
	for (size_t i = 0; i < INTERVAL_MARKS; i++) {
		past->stayed[i] += p->at_site <= look->marks[i];
		past->same_park[i] += p->parked <= look->marks[i];
	}
}

/* One that is awake for a moment is none of the group, and has not left its site. */
static void count_awake(const struct look *look, struct gathered *e, const struct park *p)
{
	e->past.awake++;
	for (size_t i = 0; i < INTERVAL_MARKS; i++)
		e->past.stayed[i] += p->at_site <= look->marks[i];
}

static int note_park(struct gather *c, uint32_t at, struct gathered *e, const struct go_g *g)
{
	struct park *p = parks_note(&c->parks, g, call_of(c, g), at, (uint32_t)e->group.site | 1,
				    c->look->number);

	if (!p)
		return -ENOMEM;
	if (!park_is_state(g->state)) {
		if (p->awake && p->group != PARK_NO_GROUP)
			count_awake(c->look, &c->grouping.all[p->group], p);
		return 0;
	}
	p->tid = thread_of(c, g);
	count_past(c->look, e, p);
	return 0;
}

static bool wants_sample(const struct gathered *e, bool leaked)
{
	return e->group.n_samples < LIMIT_SAMPLES || (leaked && e->leaked_samples < LIMIT_SAMPLES);
}

static int count_in(struct gather *c, uint32_t at, const struct go_walk *w,
		    const struct leaked_goroutine *leaked, const struct wait_object *object)
{
	struct gathered *e = &c->grouping.all[at];

	count_g(c, e, w->g);
	if (leaked)
		leak_join_count(e, c->s->leaks, leaked, w->g);
	if (object && wants_sample(e, leaked))
		add_sample(c, e, w, object, leaked);
	if (object && leaked && leak_witness_note(w, object, c->arena, &e->witness) < 0)
		return -ENOMEM;
	if (c->look && note_park(c, at, e, w->g) < 0)
		return -ENOMEM;
	return c->o->goroutines ? list_goroutine(c, at, e, w, object,
						 leaked ? leaked->grade : VERDICT_UNKNOWN)
				: 0;
}

/* One that stands where it stood: counted without its stack. */
static bool known(void *arg, const struct go_g *g)
{
	struct gather *c = arg;
	struct park *p = parks_find(&c->parks, g, call_of(c, g));
	struct gathered *e = p ? &c->grouping.all[p->group] : NULL;

	if (!e)
		return false;
	count_g(c, e, g);
	count_past(c->look, e, p);
	if (e->group.n_samples < KNOWN_SAMPLES) {
		e->group.sample_tids[e->group.n_samples] = p->tid;
		e->group.sample_ids[e->group.n_samples++] = g->goid;
	}
	return true;
}

static int visit(void *arg, const struct go_walk *w)
{
	struct gather *c = arg;
	struct group_key key = { .walk = w, .wait_reason = wait_reason_of(c, w->g) };
	const struct leaked_goroutine *leaked = leak_join_find(c->s->leaks, w->g);
	struct wait_object object;
	struct gathered *e;
	bool is_new;
	uint32_t at;
	int r;

	key.system = starts_is_system(&c->starts, c->rt, w->g, key.wait_reason);
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
	if (!c->o->goroutines && !wants_sample(e, leaked))
		return count_in(c, at, w, leaked, NULL);
	resolve(c, e, w, &object);
	/* It may have been woken between two reads, or not be queued quite yet. */
	if (object.kind != WAIT_NONE && !object.known && !w->last_try)
		return LOOK_AGAIN;
	return count_in(c, at, w, leaked, &object);
}

/* --- The whole --- */

static void note_losses(struct gather *c, const struct scan_stats *stats)
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
	const struct gather *c = arg;

	c->o->progress(c->o->progress_arg, done, total);
}

static int scan(struct gather *c, struct diag *d)
{
	const struct scan_options o = {
		.visit = visit,
		.known = c->look ? known : NULL,
		.progress = c->o->progress ? report_progress : NULL,
		.arg = c,
	};
	struct scan_stats stats;
	struct timespec start;
	double span_s;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &start);
	r = goroutines_scan(c->rt, &o, &stats, d);
	span_s = clock_since_s(start);
	if (r == -E2BIG)
		return diag_fail(d, -EBADMSG, "more than %u different stacks, which cannot be",
				 LIMIT_GROUPS);
	if (r < 0)
		return r;
	c->s->quality.span_s = span_s;
	ages_finish(c->ages, last_gc_of(c->rt), c->rt->now_ns);
	note_losses(c, &stats);
	r = grouping_finish(&c->grouping, c->ages, c->rt->globals.n_wait_reasons, c->s,
			    c->look ? &c->past : NULL);
	if (r == 0 && c->s->leaks)
		r = leak_clues_add(c->rt, c->grouping.all, c->grouping.n, c->s);
	if (r == 0 && c->o->goroutines)
		r = goroutine_list_finish(&c->list, &c->grouping, c->ages, c->s);
	return r;
}

/* Nobody has been counted yet; what is known of the groups stays. */
static void forget_counts(struct gather *c)
{
	for (uint32_t i = 0; i < c->grouping.n; i++) {
		struct gathered *e = &c->grouping.all[i];

		e->group.count = e->group.stack_bytes = e->group.objects_seen = 0;
		e->group.n_samples = 0;
		e->group.n_proven = e->group.n_likely = e->group.n_leak_suspect = 0;
		e->group.leaked_stack_bytes = e->group.leaked_heap_bytes = 0;
		e->group.leaked_heap_known = false;
		e->leaked_samples = 0;
		e->of_leak_site = 0;
		e->oldest_waitsince = e->leaked_waitsince = 0;
		e->witness = NULL;
		e->looked = false;
		e->past = (struct group_past){ .oldest = UINT32_MAX };
	}
	c->list.n = 0;
}

int gather_take(struct gather *c, struct sockets *sockets, const struct look *look,
		struct snapshot *s, const struct group_past **ret, struct diag *d)
{
	int r;

	c->s = s;
	c->sockets = sockets;
	c->look = look;
	c->past = NULL;
	ages_free(c->ages);
	c->ages = ages_new();
	forget_counts(c);
	label_sets_look_again(&c->labels);
	r = waits_init(&c->waits, c->rt, c->arena);
	if (r == 0)
		r = c->ages ? scan(c, d) : -ENOMEM;
	waits_done(&c->waits);
	if (r == 0 && ret)
		*ret = c->past;
	c->s = NULL;
	return r;
}

/* Everything that lives in the arena, or points there. */
static int begin(struct gather *c, struct arena *a)
{
	int r = grouping_init(&c->grouping, a);

	c->arena = a;
	return r < 0 ? r : label_sets_init(&c->labels, c->rt, a);
}

int gather_renew(struct gather *c, struct arena *a)
{
	label_sets_done(&c->labels);
	grouping_done(&c->grouping);
	parks_forget_groups(&c->parks);
	return begin(c, a);
}

int gather_open(struct go_runtime *rt, const struct snapshot_options *o, struct arena *a,
		struct gather **ret)
{
	CLEANUP(gather_close_p) struct gather *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->rt = rt;
	c->o = o;
	r = starts_init(&c->starts);
	if (r == 0)
		r = begin(c, a);
	if (r < 0)
		return r;
	*ret = TAKE(c);
	return 0;
}

void gather_close(struct gather *c)
{
	if (!c)
		return;
	goroutine_list_done(&c->list);
	parks_done(&c->parks);
	label_sets_done(&c->labels);
	starts_done(&c->starts);
	ages_free(c->ages);
	grouping_done(&c->grouping);
	free(c);
}
