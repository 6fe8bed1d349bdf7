// SPDX-License-Identifier: Apache-2.0
#include "analysis/memory_findings.h"

#include <errno.h>

#include "analysis/memory_origin.h"
#include "analysis/outlook.h"
#include "analysis/site.h"

/* Where not every call was seen the maps must show this part of the growth at least. */
#define BACKED 0.5
/* And of what it was seen to ask for a site must have kept this part. */
#define KEPT 0.5
/* Less of the time than this says nothing of a site. */
#define SEEN_MIN 0.05
/* glibc's M_MMAP_THRESHOLD at first: blocks of this size and more are mappings of their own. */
#define LARGE_BLOCK (128u << 10)
#define MIB 1048576.0

enum { EVIDENCE_MAX = 5 };

/* "+12.0 MiB a minute, 0 of 60.0 MiB given back in 90 s; 1 GiB in 85 min". */
static const char *rate_words(struct arena *a, const struct memory_growth *g, double per_min)
{
	uint64_t back = g->then > g->stayed ? g->then - g->stayed : 0;
	const char *age = outlook_time(a, g->age_s), *more = outlook_growth(a, per_min / 60);

	if (!age || !more)
		return NULL;
	return arena_printf(a, "+%.1f MiB a minute, %.*f of %.1f MiB given back in %s; %s",
			    per_min / MIB, back ? 1 : 0, (double)back / MIB,
			    (double)g->then / MIB, age, more);
}

static bool saw_all(const struct memory_growth *g, double unbroken_s)
{
	/* Both are sums of the same intervals, measured a little apart. */
	return unbroken_s * 1.05 >= g->window_s;
}

bool memory_growth_is_its_own(const struct memory_growth *g, double unbroken_s)
{
	return saw_all(g, unbroken_s) || (double)g->bytes >= KEPT * (double)g->had_bytes;
}

/*
 * What was seen in a part of the time is a part of it: then a site's rate is its share of what the
 * maps show from outside.
 */
static double rate_of(const struct memory_findings_source *s, const struct memory_growth *g)
{
	double all = 0;

	if (saw_all(g, s->unbroken_s) || g->kind == TRACED_BRK_GROW || s->other_per_min <= 0)
		return g->bytes_per_min;
	for (uint32_t i = 0; i < s->memory->n_growing; i++)
		if (s->memory->growing[i].kind != TRACED_BRK_GROW &&
		    memory_growth_is_its_own(&s->memory->growing[i], s->unbroken_s))
			all += s->memory->growing[i].bytes_per_min;
	return all > 0 ? g->bytes_per_min / all * s->other_per_min : g->bytes_per_min;
}

static bool may_be_told(const struct memory_findings_source *s, const struct memory_growth *g)
{
	bool is_brk = g->kind == TRACED_BRK_GROW;

	if (g->origin == MEMORY_ORIGIN_MALLOC) {
		if (is_brk || !g->calls || g->bytes / g->calls < LARGE_BLOCK)
			return false;
	} else if (g->origin != MEMORY_ORIGIN_PROGRAM) {
		return false;
	}
	if (!memory_growth_is_its_own(g, s->unbroken_s))
		return false;
	/* Of what was unmapped and mapped again unseen, the new one passes for the old. */
	if (!saw_all(g, s->unbroken_s) && s->seen < SEEN_MIN)
		return false;
	return saw_all(g, s->unbroken_s) || is_brk ||
	       s->other_per_min >= BACKED * g->bytes_per_min;
}

static int add_evidence(const struct memory_findings_source *s, const struct memory_growth *g,
			struct arena *a, struct finding *f)
{
	const char **lines = arena_alloc(a, EVIDENCE_MAX, sizeof(*lines));
	const char *over = outlook_time(a, g->window_s);
	uint32_t n = 0;

	if (!lines || !over)
		return -ENOMEM;
	lines[n++] = rate_words(a, g, rate_of(s, g));
	lines[n++] = arena_printf(a, "seen for %s; +%.1f MiB in it", over, (double)g->grown / MIB);
	if (g->origin == MEMORY_ORIGIN_MALLOC)
		lines[n++] = "these are blocks so large that malloc() maps each by itself";
	if (!saw_all(g, s->unbroken_s))
		lines[n++] = arena_printf(a, "calls were seen in %.1f %% of the time: the rate is "
					  "rough, and the site likely, not certain",
					  100 * s->seen);
	if (s->memory->climbs)
		lines[n++] = arena_printf(a, "RSS climbs by %s", s->memory->climbs);
	return finding_evidence(f, lines, n);
}

static int fill(const struct memory_findings_source *s, const struct memory_growth *g,
		struct arena *a, struct finding *f)
{
	bool is_malloc = g->origin == MEMORY_ORIGIN_MALLOC;
	const struct frame *at;

	memory_origin(&g->stack, s->module, &at);
	*f = (struct finding){
		.pattern = is_malloc ? "cgo-heap" : "native-growth",
		.verdict = saw_all(g, s->unbroken_s) ? VERDICT_SUSPECT : VERDICT_CANDIDATE,
		.count = g->calls,
		.bytes = (int64_t)g->bytes,
		.site = site_string(a, at),
		.group = FINDING_NO_GROUP,
		.summary = arena_printf(a, "%.1f MiB %s here, and not given back",
					(double)g->bytes / MIB,
					is_malloc ? "of C memory were taken" :
					g->kind == TRACED_BRK_GROW ? "were taken by brk" :
								     "were mapped"),
		.advice = is_malloc ? "free these blocks, on every path" :
				      "unmap what is done with, or keep what is mapped for reuse",
	};
	if (!f->summary || !f->site)
		return -ENOMEM;
	return add_evidence(s, g, a, f);
}

int memory_findings(const struct memory_findings_source *s, struct arena *a,
		    const struct finding **ret, uint32_t *n)
{
	const struct memory_activity *m = s->memory;
	struct finding *all = arena_alloc(a, (size_t)m->n_growing + 1, sizeof(*all));
	uint32_t found = 0;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->n_growing; i++) {
		int r;

		if (!may_be_told(s, &m->growing[i]))
			continue;
		r = fill(s, &m->growing[i], a, &all[found++]);
		if (r < 0)
			return r;
	}
	*ret = all;
	*n = found;
	return 0;
}
