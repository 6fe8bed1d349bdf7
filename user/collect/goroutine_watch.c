// SPDX-License-Identifier: Apache-2.0
#include "collect/goroutine_watch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collect/collector.h"
#include "collect/goroutine_names.h"
#include "collect/trace_goroutine.h"
#include "goruntime/goruntime.h"
#include "trace/calibrate.h"
#include "trace/governor.h"
#include "trace/pace.h"
#include "trace/target.h"

enum {
	SITES_MAX = 100,	/* of each list: what comes after them is rare */
	SAMPLE_EVERY = 1000,	/* hits of which one is reported singly */
};

/*
 * The CPU time of a thread that runs is counted at ticks, 4 ms apart on most kernels: two standard
 * deviations of what a burst seems to have used.
 */
#define CPU_ERROR_S 0.0033

struct goroutine_watch {
	struct go_runtime *rt;
	const struct calibration *calibration;
	struct goroutine_trace *trace;
	struct goroutine_names *names;
	char path[32];			/* that the trace opens */
	clockid_t target_clock;
	double target_s;		/* its CPU time at the last look */
	struct dispersion scatter[TRACED_KINDS];
	/* Of bursts, the past counting half at each look: for single ones CPU time is too coarse. */
	double armed_s, armed_cpu_s, probes_s, armed_hits, bursts;
};

/* What the rates of one look are made of. */
struct seen {
	double armed_s, span_s;
	double scatter[TRACED_KINDS];
	struct slowdown slowdown;
};

static double target_cpu_s(const struct goroutine_watch *w)
{
	double now_s = clock_now_s(w->target_clock);

	/* It may be gone: then this look is the last one. */
	return now_s > 0 ? now_s : w->target_s;
}

/* --- Rates --- */

static struct rate rate(const struct goroutine_watch *w, const struct seen *s,
			enum traced_goroutine_kind kind, uint64_t count)
{
	struct rate r = { 0 };

	if (s->armed_s <= 0 || !goroutine_trace_site(w->trace, kind))
		return r;
	/* What was always looked at is no sample of anything. */
	r = rate_of(count, s->armed_s, s->span_s,
		    s->armed_s >= 0.99 * s->span_s ? 1 : s->scatter[kind]);
	return rate_unslowed(r, &s->slowdown);
}

static void note_scatter(struct goroutine_watch *w, const struct traced_goroutine *t)
{
	/* goroutine_trace_collect() keeps a few dozen bursts at most. */
	enum { MAX = 64 };
	double armed_s[MAX];
	uint64_t counts[MAX];

	for (int k = 0; k < TRACED_KINDS; k++) {
		size_t n = 0;

		for (; n < t->n_bursts && n < MAX; n++) {
			counts[n] = t->bursts[n].hits[k];
			armed_s[n] = (double)t->bursts[n].armed_ns / 1e9;
		}
		dispersion_add(&w->scatter[k], counts, armed_s, n);
	}
}

/* `probes_s`: what probes have cost, those that came on or went off included. */
static struct slowdown slowdown_of(struct goroutine_watch *w, const struct traced_goroutine *t,
				   double target_s, double probes_s, double span_s)
{
	double armed_s = 0, used_s = 0, hits = 0, all = (double)t->outside;

	for (size_t i = 0; i < t->n_bursts; i++) {
		armed_s += (double)t->bursts[i].armed_ns / 1e9;
		used_s += (double)t->bursts[i].cpu_ns / 1e9;
		for (int k = 0; k < TRACED_KINDS; k++)
			hits += (double)t->bursts[i].hits[k];
	}
	for (int k = 0; k < TRACED_KINDS; k++)
		all += (double)t->hits[k];
	w->armed_s = w->armed_s / 2 + armed_s;
	w->armed_cpu_s = w->armed_cpu_s / 2 + used_s;
	w->bursts = w->bursts / 2 + (double)t->n_bursts;
	w->armed_hits = w->armed_hits / 2 + hits;
	w->probes_s = w->probes_s / 2 + (all > 0 ? probes_s * fmin(hits / all, 1) : 0);
	if (w->armed_s <= 0 || armed_s >= span_s)
		return (struct slowdown){ 0 };
	return (struct slowdown){
		.armed = w->armed_cpu_s / w->armed_s,
		.armed_error = CPU_ERROR_S * sqrt(w->bursts) / w->armed_s,
		.usual = (target_s - used_s) / (span_s - armed_s),
		.probes = w->probes_s / w->armed_s,
		.events = w->armed_hits / w->armed_s,
	};
}

static void fill_seen(struct goroutine_watch *w, const struct traced_goroutine *t,
		      const struct collector_span *span, double cores, struct seen *ret)
{
	double target_s = target_cpu_s(w);

	note_scatter(w, t);
	*ret = (struct seen){
		.armed_s = (double)t->armed_ns / 1e9,
		.span_s = span->span_s,
		.slowdown = slowdown_of(w, t, target_s - w->target_s, cores * span->span_s,
					span->span_s),
	};
	for (int k = 0; k < TRACED_KINDS; k++)
		ret->scatter[k] = dispersion_of(&w->scatter[k]);
	w->target_s = target_s;
}

/* --- Sites of parks --- */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_sites(uint64_t stack, uint32_t reason, uint64_t stack2, uint32_t reason2)
{
	return compare(stack, stack2) ?: compare(reason, reason2);
}

static int most_parks(const void *x, const void *y)
{
	const struct traced_park *a = x, *b = y;

	return compare(b->parks, a->parks) ?: compare_sites(a->stack, a->reason, b->stack, b->reason);
}

static int by_site(const void *x, const void *y)
{
	const struct traced_wake *a = x, *b = y;

	return compare_sites(a->park_stack, a->reason, b->park_stack, b->reason);
}

/* 99 of 100 waits were shorter: the middle of the power of two that says so. */
static double p99_s(const uint64_t *waits, uint64_t all)
{
	uint64_t longer = 0;
	int i = TRACED_LOG2 - 1;

	for (; i > 0; i--) {
		longer += waits[i];
		if (longer > all / 100)
			break;
	}
	return ldexp(M_SQRT2, i) / 1e9;
}

/* Ends of the parks of one site: those in [from, to). */
static int add_wakes(struct goroutine_watch *w, const struct traced_goroutine *t,
		     const struct traced_wake *from, const struct traced_wake *to,
		     struct park_site *ret)
{
	const struct traced_wake *most = from;
	uint64_t waits[TRACED_LOG2] = { 0 };
	double wait_ns = 0;

	if (from == to)
		return 0;
	for (; from < to; from++) {
		ret->wakes += from->wakes;
		wait_ns += (double)from->wait_ns;
		for (int i = 0; i < TRACED_LOG2; i++)
			waits[i] += from->waits[i];
		if (from->wakes > most->wakes)
			most = from;
	}
	ret->mean_wait_s = wait_ns / 1e9 / (double)ret->wakes;
	ret->p99_wait_s = p99_s(waits, ret->wakes);
	ret->waker_known = true;
	if (!most->waker_goid)
		return 0;
	ret->waker_known = traced_stack_find(t, most->waker_stack);
	return goroutine_names_stack(w->names, t, most->waker_stack, &ret->waker);
}

static const char *reason_name(const struct goroutine_watch *w, uint32_t reason)
{
	return reason < w->rt->globals.n_wait_reasons ? w->rt->globals.wait_reasons[reason] : NULL;
}

static int fill_site(struct goroutine_watch *w, const struct traced_goroutine *t,
		     const struct seen *seen, const struct traced_park *p, struct park_site *ret)
{
	const struct traced_wake key = { .park_stack = p->stack, .reason = p->reason };
	const struct traced_wake *wakes = t->wakes, *from, *to;

	*ret = (struct park_site){
		.wait_reason = reason_name(w, p->reason),
		.parks = rate(w, seen, TRACED_PARK, p->parks),
		.blocked_on = p->blocked_on,
		.several = p->several,
	};
	from = t->n_wakes ? bsearch(&key, wakes, t->n_wakes, sizeof(key), by_site) : NULL;
	if (from) {
		for (to = from; to < wakes + t->n_wakes && by_site(to, &key) == 0; to++)
			;
		while (from > wakes && by_site(from - 1, &key) == 0)
			from--;
		if (add_wakes(w, t, from, to, ret) < 0)
			return -ENOMEM;
	}
	return goroutine_names_stack(w->names, t, p->stack, &ret->stack);
}

static int list_sites(struct goroutine_watch *w, struct traced_goroutine *t,
		      const struct seen *seen, struct arena *a, struct goroutine_activity *ret)
{
	uint32_t n = t->n_parks < SITES_MAX ? (uint32_t)t->n_parks : SITES_MAX;
	struct park_site *all = arena_alloc(a, n + 1, sizeof(*all));
	int r = 0;

	if (!all)
		return -ENOMEM;
	qsort(t->parks, t->n_parks, sizeof(*t->parks), most_parks);
	qsort(t->wakes, t->n_wakes, sizeof(*t->wakes), by_site);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = fill_site(w, t, seen, &t->parks[i], &all[i]);
	ret->sites = all;
	ret->n_sites = n;
	return r;
}

/* --- Go statements --- */

static int most_births(const void *x, const void *y)
{
	const struct traced_go *a = x, *b = y;

	return compare(b->births, a->births) ?: compare(b->deaths, a->deaths) ?:
	       compare(a->gopc, b->gopc) ?: compare(a->startpc, b->startpc);
}

static int list_gos(struct goroutine_watch *w, struct traced_goroutine *t,
		    const struct seen *seen, struct arena *a, struct goroutine_activity *ret)
{
	uint32_t n = t->n_gos < SITES_MAX ? (uint32_t)t->n_gos : SITES_MAX;
	struct go_site *all = arena_alloc(a, n + 1, sizeof(*all));
	int r = 0;

	if (!all)
		return -ENOMEM;
	qsort(t->gos, t->n_gos, sizeof(*t->gos), most_births);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		const struct traced_go *g = &t->gos[i];

		all[i].births = rate(w, seen, TRACED_BIRTH, g->births);
		all[i].deaths = rate(w, seen, TRACED_DEATH, g->deaths);
		r = goroutine_names_frame(w->names, g->gopc, false, &all[i].at);
		if (r == 0)
			r = goroutine_names_frame(w->names, g->startpc, true, &all[i].started);
		if (r == 0 && g->parent_stack)
			r = goroutine_names_stack(w->names, t, g->parent_stack, &all[i].parent);
	}
	ret->gos = all;
	ret->n_gos = n;
	return r;
}

/* --- As a collector --- */

static void close_watch(struct goroutine_watch *w)
{
	if (!w)
		return;
	goroutine_trace_close(w->trace);
	goroutine_names_free(w->names);
	free(w);
}
DEFINE_CLEANUP(struct goroutine_watch, close_watch)

static int collector_open(const struct collector_source *src, void **ret, struct diag *d)
{
	CLEANUP(close_watch_p) struct goroutine_watch *w = NULL;
	struct goroutine_trace_config config;
	int r;

	if (!src->rt)
		return diag_fail(d, -ENODATA, "it is not a Go program");
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->rt = src->rt;
	w->calibration = src->calibration;
	w->names = goroutine_names_new(src->rt);
	if (!w->names)
		return -ENOMEM;
	if (clock_getcpuclockid(src->target->pid, &w->target_clock) != 0)
		return diag_fail(d, -ESRCH, "it has ended");
	w->target_s = target_cpu_s(w);
	r = trace_goroutine_describe(src->rt, src->elf, w->path, &config, d);
	if (r < 0)
		return r;
	config.sample_every = SAMPLE_EVERY;
	config.all_pids = w->calibration->multi && !w->calibration->pid_covers_threads;
	r = goroutine_trace_open(src->target, &config, &w->trace, d);
	if (r < 0)
		return r;
	*ret = TAKE(w);
	return 0;
}

static void collector_close(void *w)
{
	close_watch(w);
}

static bool collector_paced(void *arg, struct pace_collector *ret)
{
	struct goroutine_watch *w = arg;

	goroutine_trace_collector(w->trace, w->calibration, ret);
	return true;
}

static int collector_look(void *arg, const struct collector_span *span, struct activity *ret,
			  struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	struct goroutine_watch *w = arg;
	struct collector_report *report = &ret->collectors[COLLECTOR_GOROUTINES];
	struct goroutine_activity *now = arena_alloc(span->arena, 1, sizeof(*now));
	struct traced_goroutine t;
	struct seen seen;
	int r;

	if (!scratch || !now)
		return -ENOMEM;
	r = goroutine_names_begin(w->names);
	if (r == 0)
		r = goroutine_trace_collect(w->trace, scratch, &t);
	if (r < 0)
		return r == -ENOMEM ? r : diag_fail(d, r, "its counters cannot be read");
	fill_seen(w, &t, span, report->cores, &seen);
	now->parks = rate(w, &seen, TRACED_PARK, t.hits[TRACED_PARK]);
	now->readies = rate(w, &seen, TRACED_READY, t.hits[TRACED_READY]);
	now->births = rate(w, &seen, TRACED_BIRTH, t.hits[TRACED_BIRTH]);
	now->deaths = rate(w, &seen, TRACED_DEATH, t.hits[TRACED_DEATH]);
	now->unmatched = t.unmatched;
	report->lost += t.lost_events + t.lost_records + t.lost_stacks;
	r = list_sites(w, &t, &seen, span->arena, now);
	if (r == 0)
		r = list_gos(w, &t, &seen, span->arena, now);
	if (r == 0)
		ret->goroutines = now;
	return r;
}

const struct collector_ops goroutine_watch_collector = {
	.which = COLLECTOR_GOROUTINES,
	.probes = true,
	.open = collector_open,
	.close = collector_close,
	.paced = collector_paced,
	.look = collector_look,
};
