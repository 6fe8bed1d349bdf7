// SPDX-License-Identifier: Apache-2.0
#include "model/interval_copy.h"

#include <string.h>

/* What one step could not have makes the whole copy fail, at its end. */
struct copier {
	struct arena *arena;
	bool failed;
};

static const char *text(struct copier *c, const char *s)
{
	const char *copy = s ? arena_intern(c->arena, s, strlen(s)) : NULL;

	c->failed = c->failed || (s && !copy);
	return copy;
}

/* NULL for none of them, and when memory is short. */
static void *array(struct copier *c, const void *from, size_t n, size_t size)
{
	void *copy = from && n ? arena_alloc(c->arena, n, size) : NULL;

	c->failed = c->failed || (from && n && !copy);
	return copy ? memcpy(copy, from, n * size) : NULL;
}

static void frame(struct copier *c, struct frame *f)
{
	f->function = text(c, f->function);
	f->file = text(c, f->file);
}

static void stack(struct copier *c, struct stack *s)
{
	struct frame *frames = array(c, s->frames, s->n, sizeof(*frames));

	for (uint32_t i = 0; frames && i < s->n; i++)
		frame(c, &frames[i]);
	s->frames = frames;
	s->n = frames ? s->n : 0;
}

static void wait_object(struct copier *c, struct wait_object *w)
{
	struct wait_chan *cases;

	if (!w->known)
		return;
	switch (w->kind) {
	case WAIT_CHAN:
		w->chan.type = text(c, w->chan.type);
		break;
	case WAIT_SELECT:
		cases = array(c, w->select.cases, w->select.n, sizeof(*cases));
		for (uint32_t i = 0; cases && i < w->select.n; i++)
			cases[i].type = text(c, cases[i].type);
		w->select.cases = cases;
		w->select.n = cases ? w->select.n : 0;
		break;
	case WAIT_FD:
		w->fd.proto = text(c, w->fd.proto);
		w->fd.local = text(c, w->fd.local);
		w->fd.peer = text(c, w->fd.peer);
		w->fd.tcp_state = text(c, w->fd.tcp_state);
		break;
	default:
		break;
	}
}

static void group(struct copier *c, struct group *g)
{
	struct label *labels = array(c, g->labels, g->n_labels, sizeof(*labels));

	for (uint32_t i = 0; labels && i < g->n_labels; i++) {
		labels[i].key = text(c, labels[i].key);
		labels[i].value = text(c, labels[i].value);
	}
	g->labels = labels;
	g->n_labels = labels ? g->n_labels : 0;
	g->wait_reason = text(c, g->wait_reason);
	g->pattern = text(c, g->pattern);
	g->no_stack = text(c, g->no_stack);
	stack(c, &g->stack);
	frame(c, &g->started);
	frame(c, &g->created_by);
	wait_object(c, &g->blocked_on);
}

static struct finding *findings(struct copier *c, const struct finding *from, uint32_t *n)
{
	struct finding *all = array(c, from, *n, sizeof(*all));

	for (uint32_t i = 0; all && i < *n; i++)
		c->failed = finding_copy(c->arena, &from[i], &all[i]) < 0 || c->failed;
	*n = all ? *n : 0;
	return all;
}

static void process(struct copier *c, struct process_info *p)
{
	p->exe = text(c, p->exe);
	p->name = text(c, p->name);
	p->module_file = text(c, p->module_file);
	p->build_id = text(c, p->build_id);
	p->go_version = text(c, p->go_version);
	p->module = text(c, p->module);
	p->cgroup = text(c, p->cgroup);
	p->container_id = text(c, p->container_id);
	p->unit = text(c, p->unit);
	p->core_file = text(c, p->core_file);
}

static const struct snapshot *snapshot(struct copier *c, const struct snapshot *from)
{
	struct snapshot *s = array(c, from, 1, sizeof(*s));

	if (!s)
		return NULL;
	s->arena = c->arena;
	process(c, &s->process);
	s->quality.layout = text(c, s->quality.layout);
	s->quality.notes = NULL;
	s->quality.n_notes = 0;
	s->by_state = s->by_wait_reason = NULL;
	s->n_by_state = s->n_by_wait_reason = 0;
	s->goroutines = NULL;
	s->n_goroutines = 0;
	s->groups = array(c, from->groups, from->n_groups, sizeof(*s->groups));
	for (uint32_t i = 0; s->groups && i < s->n_groups; i++)
		group(c, &s->groups[i]);
	s->findings = findings(c, from->findings, &s->n_findings);
	return s;
}

/* --- What collectors saw --- */

static const struct goroutine_activity *goroutines(struct copier *c,
						   const struct goroutine_activity *from)
{
	struct goroutine_activity *g = array(c, from, 1, sizeof(*g));
	struct park_site *sites;
	struct go_site *gos;

	if (!g)
		return NULL;
	sites = array(c, g->sites, g->n_sites, sizeof(*sites));
	for (uint32_t i = 0; sites && i < g->n_sites; i++) {
		stack(c, &sites[i].stack);
		stack(c, &sites[i].waker);
		sites[i].wait_reason = text(c, sites[i].wait_reason);
	}
	gos = array(c, g->gos, g->n_gos, sizeof(*gos));
	for (uint32_t i = 0; gos && i < g->n_gos; i++) {
		frame(c, &gos[i].at);
		frame(c, &gos[i].started);
		stack(c, &gos[i].parent);
	}
	g->sites = sites;
	g->gos = gos;
	return g;
}

static const struct lock_activity *locks(struct copier *c, const struct lock_activity *from)
{
	struct lock_activity *l = array(c, from, 1, sizeof(*l));
	struct lock_contention *all;

	if (!l)
		return NULL;
	all = array(c, l->contended, l->n_contended, sizeof(*all));
	for (uint32_t i = 0; all && i < l->n_contended; i++) {
		stack(c, &all[i].waiter.stack);
		stack(c, &all[i].waker.stack);
	}
	l->contended = all;
	return l;
}

static const struct memory_activity *memory(struct copier *c, const struct memory_activity *from)
{
	struct memory_activity *m = array(c, from, 1, sizeof(*m));
	struct memory_growth *growing;
	struct memory_site *sites;

	if (!m)
		return NULL;
	sites = array(c, m->sites, m->n_sites, sizeof(*sites));
	for (uint32_t i = 0; sites && i < m->n_sites; i++)
		stack(c, &sites[i].stack);
	growing = array(c, m->growing, m->n_growing, sizeof(*growing));
	for (uint32_t i = 0; growing && i < m->n_growing; i++)
		stack(c, &growing[i].stack);
	m->sites = sites;
	m->growing = growing;
	m->climbs = text(c, m->climbs);
	return m;
}

static const struct c_heap *c_heap(struct copier *c, const struct c_heap *from)
{
	struct c_heap *h = array(c, from, 1, sizeof(*h));

	if (!h)
		return NULL;
	h->unwatched = text(c, h->unwatched);
	h->sites = array(c, from->sites, from->n_sites, sizeof(*h->sites));
	for (size_t i = 0; h->sites && i < h->n_sites; i++) {
		stack(c, &h->sites[i].c);
		stack(c, &h->sites[i].go);
	}
	return h;
}

static const struct thread_activity *threads(struct copier *c, const struct thread_activity *from)
{
	struct thread_activity *t = array(c, from, 1, sizeof(*t));
	struct thread_site *sites;

	if (!t)
		return NULL;
	sites = array(c, t->sites, t->n_sites, sizeof(*sites));
	for (uint32_t i = 0; sites && i < t->n_sites; i++)
		stack(c, &sites[i].stack);
	t->sites = sites;
	return t;
}

static const struct oncpu_look *oncpu(struct copier *c, const struct oncpu_look *from)
{
	struct oncpu_look *o = array(c, from, 1, sizeof(*o));
	struct busy_goroutine *busy;
	struct oncpu_site *sites;

	if (!o)
		return NULL;
	sites = array(c, o->sites, o->n_sites, sizeof(*sites));
	for (uint32_t i = 0; sites && i < o->n_sites; i++)
		stack(c, &sites[i].stack);
	busy = array(c, o->busy, o->n_busy, sizeof(*busy));
	for (uint32_t i = 0; busy && i < o->n_busy; i++)
		frame(c, &busy[i].at);
	o->sites = sites;
	o->busy = busy;
	return o;
}

static const struct activity *activity(struct copier *c, const struct activity *from)
{
	struct activity *a = array(c, from, 1, sizeof(*a));

	if (!a)
		return NULL;
	for (size_t i = 0; i < COLLECTORS; i++)
		a->collectors[i].refused = text(c, a->collectors[i].refused);
	a->goroutines = goroutines(c, from->goroutines);
	a->locks = locks(c, from->locks);
	a->memory = memory(c, from->memory);
	a->c_heap = c_heap(c, from->c_heap);
	a->threads = threads(c, from->threads);
	a->oncpu = oncpu(c, from->oncpu);
	a->findings = findings(c, from->findings, &a->n_findings);
	return a;
}

const struct interval *interval_copy(struct arena *arena, const struct interval *from)
{
	struct copier c = { .arena = arena };
	struct interval *i = array(&c, from, 1, sizeof(*i));
	struct site *sites;

	if (!i)
		return NULL;
	i->reason = text(&c, i->reason);
	i->rss_climbs_by = text(&c, i->rss_climbs_by);
	i->snapshot = snapshot(&c, from->snapshot);
	sites = array(&c, from->sites, from->n_sites, sizeof(*sites));
	for (uint32_t k = 0; sites && k < i->n_sites; k++)
		sites[k].pattern = text(&c, sites[k].pattern);
	i->sites = sites;
	i->activity = activity(&c, from->activity);
	return c.failed ? NULL : i;
}

const struct process_info *process_info_copy(struct arena *arena, const struct process_info *from)
{
	struct copier c = { .arena = arena };
	struct process_info *p = array(&c, from, 1, sizeof(*p));

	if (p)
		process(&c, p);
	return c.failed ? NULL : p;
}

const struct node_process *node_process_copy(struct arena *arena, const struct node_process *from)
{
	struct copier c = { .arena = arena };
	struct node_process *p = array(&c, from, 1, sizeof(*p));

	if (!p)
		return NULL;
	p->name = text(&c, p->name);
	p->not_read = text(&c, p->not_read);
	p->locks = locks(&c, from->locks);
	p->findings = findings(&c, from->findings, &p->n_findings);
	if (from->info)
		p->info = process_info_copy(arena, from->info);
	if (from->interval)
		p->interval = interval_copy(arena, from->interval);
	c.failed = c.failed || (from->info && !p->info) || (from->interval && !p->interval);
	return c.failed ? NULL : p;
}
