// SPDX-License-Identifier: Apache-2.0
/*
 * What is on has a member in "events", however little it saw; what is not has none. A number that
 * nobody counted is null.
 */
#include "report/json_events.h"

#include "analysis/site.h"
#include "report/json_event_parts.h"

/* --- Goroutines --- */

static void put_waker(struct jvalue *j, const struct events *e, const struct park_site *s)
{
	struct jvalue waker;

	if (!s->wakes || !s->waker_known) {
		jvalue_null(j, "waker");
		return;
	}
	waker = jvalue_object();
	jvalue_string(&waker, "kind", s->waker.n ? "goroutine" : "scheduler");
	if (s->waker.n)
		event_stack(&waker, e, &s->waker);
	jvalue_put(j, "waker", &waker);
}

static struct jvalue park_site(const struct events *e, uint32_t at)
{
	const struct park_site *s = &e->a->goroutines->sites[at];
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "wait_reason", s->wait_reason);
	event_rate(&j, "parks", &s->parks);
	jvalue_addr(&j, "blocked_on", s->blocked_on);
	if (s->blocked_on)
		jvalue_bool(&j, "several_objects", s->several);
	jvalue_u64(&j, "wakes", s->wakes);
	if (s->wakes) {
		jvalue_real(&j, "mean_wait_s", s->mean_wait_s, TIME_DECIMALS);
		if (s->p99_wait_s > 0)
			jvalue_real(&j, "p99_wait_s", s->p99_wait_s, TIME_DECIMALS);
	}
	put_waker(&j, e, s);
	event_stack(&j, e, &s->stack);
	return j;
}

static struct jvalue go_site(const struct events *e, uint32_t at)
{
	const struct go_site *s = &e->a->goroutines->gos[at];
	struct jvalue j = jvalue_object(), parent;

	jvalue_string(&j, "site", s->at.function ? site_string(e->arena, &s->at) : NULL);
	event_frame(&j, "at", &s->at);
	event_frame(&j, "started", &s->started);
	event_rate(&j, "births", &s->births);
	event_rate(&j, "deaths", &s->deaths);
	if (s->parent.n) {
		parent = json_stack(&s->parent);
		jvalue_put(&j, "parent", &parent);
	}
	return j;
}

static struct jvalue goroutines(const struct events *e)
{
	const struct goroutine_activity *g = e->a->goroutines;
	struct jvalue j = event_object(&e->a->collectors[COLLECTOR_GOROUTINES]);

	event_rate(&j, "parks", &g->parks);
	event_rate(&j, "readies", &g->readies);
	event_rate(&j, "births", &g->births);
	event_rate(&j, "deaths", &g->deaths);
	jvalue_u64(&j, "unmatched", g->unmatched);
	event_list(&j, e, "sites", "sites_left_out", g->n_sites, park_site);
	event_list(&j, e, "go_statements", "go_statements_left_out", g->n_gos, go_site);
	return j;
}

/* --- Locks --- */

static void put_side(struct jvalue *j, const struct events *e, const char *key,
		     const struct lock_side *s)
{
	struct jvalue side;

	if (!s->tid) {
		jvalue_null(j, key);
		return;
	}
	side = jvalue_object();
	jvalue_i64(&side, "tid", s->tid);
	event_stack(&side, e, &s->stack);
	jvalue_put(j, key, &side);
}

static struct jvalue contention(const struct events *e, uint32_t at)
{
	const struct lock_contention *c = &e->a->locks->contended[at];
	struct jvalue j = jvalue_object();

	jvalue_addr(&j, "futex", c->futex);
	jvalue_u64(&j, "waits", c->waits);
	jvalue_u64(&j, "wakes", c->wakes);
	jvalue_real(&j, "total_s", (double)c->total_ns / 1e9, TIME_DECIMALS);
	jvalue_real(&j, "longest_s", (double)c->longest_ns / 1e9, TIME_DECIMALS);
	jvalue_bool(&j, "at_least", c->at_least);
	jvalue_bool(&j, "timed", c->timed);
	put_side(&j, e, "waiter", &c->waiter);
	put_side(&j, e, "waker", &c->waker);
	return j;
}

static struct jvalue locks(const struct events *e)
{
	const struct lock_activity *l = e->a->locks;
	struct jvalue j = event_object(&e->a->collectors[COLLECTOR_FUTEX]);
	uint32_t n = l->n_contended;

	/* The shortest are last: those of which no wait was seen to its end. */
	while (n && !l->contended[n - 1].waits)
		n--;

	jvalue_u64(&j, "long_waits", l->long_waits);
	jvalue_u64(&j, "blind", l->blind);
	jvalue_u64(&j, "sleepers", l->sleepers);
	event_list(&j, e, "contended", "contended_left_out", n, contention);
	return j;
}

/* --- Threads and what they do --- */

static struct jvalue thread_site(const struct events *e, uint32_t at)
{
	const struct thread_site *s = &e->a->threads->sites[at];
	struct jvalue j = jvalue_object();

	jvalue_u64(&j, "births", s->births);
	jvalue_u64(&j, "born", s->born);
	jvalue_u64(&j, "alive", s->alive);
	event_stack(&j, e, &s->stack);
	return j;
}

static struct jvalue threads(const struct events *e)
{
	const struct thread_activity *t = e->a->threads;
	struct jvalue j = event_object(&e->a->collectors[COLLECTOR_THREADS]);

	jvalue_u64(&j, "births", t->births);
	jvalue_u64(&j, "exits", t->exits);
	jvalue_u64(&j, "forks", t->forks);
	if (t->median_life_s >= 0)
		jvalue_real(&j, "median_life_s", t->median_life_s, TIME_DECIMALS);
	event_list(&j, e, "sites", "sites_left_out", t->n_sites, thread_site);
	return j;
}

static struct jvalue oncpu_site(const struct events *e, uint32_t at)
{
	const struct oncpu_site *s = &e->a->oncpu->sites[at];
	struct jvalue j = jvalue_object();

	jvalue_u64(&j, "samples", s->samples);
	jvalue_u64(&j, "in_kernel", s->in_kernel);
	jvalue_u64(&j, "goroutines", s->goroutines);
	event_stack(&j, e, &s->stack);
	return j;
}

static struct jvalue busy(const struct events *e, uint32_t at)
{
	const struct busy_goroutine *b = &e->a->oncpu->busy[at];
	struct jvalue j = jvalue_object();

	jvalue_u64(&j, "id", b->goid);
	jvalue_real(&j, "on_cpu_s", b->seconds, 3);
	jvalue_u64(&j, "samples", b->samples);
	jvalue_real(&j, "expected", b->expected, 3);
	event_frame(&j, "at", &b->at);
	return j;
}

static struct jvalue oncpu(const struct events *e)
{
	const struct oncpu_look *o = e->a->oncpu;
	struct jvalue j = event_object(&e->a->collectors[COLLECTOR_ONCPU]);

	jvalue_u64(&j, "samples", o->samples);
	jvalue_u64_known(&j, "hz", o->hz);
	event_list(&j, e, "sites", "sites_left_out", o->n_sites, oncpu_site);
	event_list(&j, e, "busy", "busy_left_out", o->n_busy, busy);
	return j;
}

/* --- All of it --- */

static struct jvalue events(const struct events *e)
{
	const struct {
		const char *name;
		const void *seen;
		struct jvalue (*make)(const struct events *e);
	} parts[] = {
		{ "goroutines", e->a->goroutines, goroutines },
		{ "locks", e->a->locks, locks },
		{ "memory", e->a->memory, event_memory },
		{ "c_heap", e->a->c_heap, event_c_heap },
		{ "threads", e->a->threads, threads },
		{ "oncpu", e->a->oncpu, oncpu },
	};
	struct jvalue j = jvalue_object();

	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		struct jvalue part;

		if (!parts[k].seen)
			continue;
		part = parts[k].make(e);
		jvalue_put(&j, parts[k].name, &part);
	}
	return j;
}

static struct jvalue collectors(const struct activity *a)
{
	struct jvalue j = jvalue_object();

	for (int c = 0; c < COLLECTORS; c++) {
		const struct collector_report *r = &a->collectors[c];
		struct jvalue one;

		if (!r->asked)
			continue;
		one = jvalue_object();
		jvalue_bool(&one, "on", r->on);
		jvalue_string(&one, "refused", r->refused);
		event_share(&one, "seen", r->on, r->seen);
		event_share(&one, "cores", event_is_counted(r), r->cores);
		event_hits(&one, r);
		jvalue_u64(&one, "lost", r->lost);
		jvalue_put(&j, collector_name((enum collector)c), &one);
	}
	return j;
}

static struct jvalue findings(const struct interval *i)
{
	static const struct snapshot none;
	const struct activity *a = i->activity;
	struct jvalue j = jvalue_array();

	for (uint32_t k = 0; k < a->n_findings && !j.failed; k++) {
		struct jvalue f = json_finding(i->snapshot ? i->snapshot : &none, &a->findings[k]);

		jvalue_append(&j, &f);
	}
	return j;
}

void json_activity(struct jvalue *j, const struct interval *i)
{
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct events e = { .i = i, .a = i->activity, .arena = arena,
			    .module = i->snapshot ? i->snapshot->process.module : NULL };
	struct jvalue part;

	if (!arena)
		j->failed = true;
	if (!arena || !i->activity) {
		part = jvalue_object();
		jvalue_put(j, "events", &part);
		return;
	}
	part = events(&e);
	jvalue_put(j, "events", &part);
	part = collectors(i->activity);
	jvalue_put(j, "collectors", &part);
	part = findings(i);
	jvalue_put(j, "findings", &part);
}
