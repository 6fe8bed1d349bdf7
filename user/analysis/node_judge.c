// SPDX-License-Identifier: Apache-2.0
#include "analysis/node_judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/growth.h"
#include "analysis/site.h"

/* Sites of goroutines, RSS and threads; what locks say besides. */
enum { SITES_MAX = 3, OWN_MAX = SITES_MAX + 2 };

#define MIB 1048576.0

struct own {
	struct finding all[OWN_MAX];
	uint32_t n;
	bool failed;		/* memory was short */
};

static void add(struct own *o, const char *pattern, uint64_t count, const char *site,
		const char *summary, const char *advice)
{
	o->failed |= !summary;
	o->all[o->n++] = (struct finding){
		.pattern = pattern, .verdict = VERDICT_SUSPECT, .count = count,
		.bytes = WAIT_UNKNOWN, .site = site, .group = FINDING_NO_GROUP,
		.summary = summary, .advice = advice,
	};
}

static void judge_rss(const struct node_process *p, struct arena *a, struct own *o)
{
	const struct trend *t = &p->rss;

	if (!t->grows)
		return;
	add(o, "unexplained", 1, NULL,
	    arena_printf(a, "RSS %.0f MiB, %+.1f MiB a minute for %.0f s, and nothing is given back",
			 (double)t->now / MIB, t->rate_per_min / MIB, t->window_s),
	    "loiter attach PID --probes memory says where it comes from");
	o->all[o->n - 1].bytes = (int64_t)t->now;
}

static void judge_threads(const struct node_process *p, struct arena *a, struct own *o)
{
	const struct trend *t = &p->threads;

	if (!t->grows)
		return;
	add(o, "cgo-threads", t->now, NULL,
	    arena_printf(a, "%" PRIu64 " threads, %+.0f a minute for %.0f s, and none ends", t->now,
			 t->rate_per_min, t->window_s),
	    "loiter attach PID --probes threads says who starts them");
}

static void judge_sites(const struct node_process *p, struct arena *a, struct own *o)
{
	const struct interval *i = p->interval;
	uint32_t told = 0;

	/* Those that grow come first, the fastest first. */
	for (uint32_t k = 0; i && i->snapshot && k < i->n_sites && told < SITES_MAX; k++) {
		const struct site *s = &i->sites[k];
		const struct group *g = &i->snapshot->groups[s->group];

		if (!s->grows || s->echo)
			continue;
		add(o, s->pattern ? s->pattern : "growing-group", s->count,
		    site_string(a, site_frame(&g->stack, p->info ? p->info->module : NULL)),
		    growth_sentence(a, s), "loiter attach PID shows each site that grows");
		o->all[o->n - 1].verdict = s->verdict;
		told++;
	}
}

static int by_severity(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->verdict != y->verdict)
		return x->verdict > y->verdict ? -1 : 1;
	return (x->count < y->count) - (x->count > y->count);
}

static int judge(struct node_process *p, struct arena *a)
{
	struct own own = { .n = 0 };
	struct finding *all;

	judge_sites(p, a, &own);
	judge_threads(p, a, &own);
	judge_rss(p, a, &own);
	if (own.failed)
		return -ENOMEM;
	if (!own.n)
		return 0;
	all = arena_alloc(a, (size_t)p->n_findings + own.n, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (p->n_findings)
		memcpy(all, p->findings, p->n_findings * sizeof(*all));
	memcpy(all + p->n_findings, own.all, own.n * sizeof(*all));
	p->findings = all;
	p->n_findings += own.n;
	qsort(all, p->n_findings, sizeof(*all), by_severity);
	return 0;
}

/* By what share of itself a figure grows in a minute. */
static double speed(const struct trend *t)
{
	return t->grows && t->now ? t->rate_per_min / (double)t->now : 0;
}

static double fastest(const struct node_process *p)
{
	double g = speed(&p->goroutines), t = speed(&p->threads), r = speed(&p->rss);
	double most = g > t ? g : t;

	return most > r ? most : r;
}

static int by_worst(const void *a, const void *b)
{
	const struct node_process *x = a, *y = b;
	enum verdict v = x->n_findings ? x->findings[0].verdict : VERDICT_UNKNOWN;
	enum verdict w = y->n_findings ? y->findings[0].verdict : VERDICT_UNKNOWN;
	double p = fastest(x), q = fastest(y);

	if (!x->n_findings != !y->n_findings)
		return x->n_findings ? -1 : 1;
	if (v != w)
		return v > w ? -1 : 1;
	if (p != q)
		return p > q ? -1 : 1;
	if (x->cores != y->cores)
		return x->cores > y->cores ? -1 : 1;
	if (x->rss.now != y->rss.now)
		return x->rss.now > y->rss.now ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

int node_judge(struct node_process *all, uint32_t n, struct arena *a, uint32_t *ret_worse)
{
	for (uint32_t i = 0; i < n; i++) {
		int r = judge(&all[i], a);

		if (r < 0)
			return r;
	}
	if (n)
		qsort(all, n, sizeof(*all), by_worst);
	*ret_worse = 0;
	while (*ret_worse < n && all[*ret_worse].n_findings)
		(*ret_worse)++;
	return 0;
}
