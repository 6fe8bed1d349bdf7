// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "analysis/count.h"
#include "analysis/growth.h"
#include "analysis/growth_pattern.h"
#include "analysis/outlook.h"
#include "analysis/site.h"
#include "analysis/verdict.h"

enum { EVIDENCE_MAX = 6 };

const char *growth_sentence(struct arena *a, const struct site *site)
{
	const struct cohort *c = &site->cohort;
	char rate[COUNT_WORDS], gone[COUNT_WORDS], then[COUNT_WORDS];
	uint64_t left = c->then > c->now ? c->then - c->now : 0;
	double bytes_per_s = site->rate_per_min / 60 * site->bytes_each;
	const char *age = outlook_time(a, c->age_s);
	const char *more = bytes_per_s > 0 ? outlook_growth(a, bytes_per_s) : NULL;

	if (!age)
		return NULL;
	if (site->held)
		return arena_printf(a, "%s of %s have been in that very call for at least %s",
				    count_words(c->same_park, gone),
				    count_words(site->count, then), age);
	return arena_printf(a, "%s%s a minute, %s of %s left in %s%s%s",
			    site->rate_per_min < 0 ? "-" : "+",
			    count_words((uint64_t)(fabs(site->rate_per_min) + 0.5), rate),
			    count_words(left, gone), count_words(c->then, then), age,
			    more ? "; " : "", more ? more : "");
}

/* How sure the rate is, and whether those who stay ever woke up. */
static const char *rate_evidence(struct arena *a, const struct site *site, bool in_call)
{
	const struct cohort *c = &site->cohort;
	char woke[COUNT_WORDS], error[COUNT_WORDS];
	const char *over = outlook_time(a, site->window_s);

	if (!over)
		return NULL;
	count_words((uint64_t)ceil(site->rate_error), error);
	if (c->same_park >= c->now)
		return arena_printf(a, "seen for %s, give or take %s; none of those who stayed has "
				    "%s", over, error, in_call ? "come back" : "woken up");
	return arena_printf(a, "seen for %s, give or take %s; %s of those who stayed %s", over, error,
			    count_words(c->now - c->same_park, woke),
			    in_call ? "came back, and are in another call" :
				      "woke up, and came back");
}

static const char *bytes_evidence(struct arena *a, const struct site *site)
{
	return arena_printf(a, "each takes %.1f KiB%s", site->bytes_each / 1024,
			    site->bytes_are_rss ? ", by the growth of RSS" : " of stack");
}

static const char *created_evidence(struct arena *a, const struct group *g)
{
	const char *by = site_string(a, &g->created_by);

	return by ? arena_printf(a, "created by %s", by) : NULL;
}

/* The threads that samples of a C or system call hold. */
static const char *threads_evidence(struct arena *a, const struct group *g)
{
	const char *list = "";
	uint32_t n = 0;

	for (uint32_t i = 0; list && i < g->n_samples && n < 5; i++)
		if (g->sample_tids[i] > 0)
			list = arena_printf(a, "%s%s%" PRId32, list, n++ ? ", " : "",
					    g->sample_tids[i]);
	if (!list)
		return NULL;
	return arena_printf(a, "each holds a thread of the system%s%s", n ? ", such as " : "", list);
}

/* What that is beside the process's other threads. */
static const char *share_evidence(struct arena *a, const struct site *site,
				  const struct interval *i)
{
	char own[COUNT_WORDS], all[COUNT_WORDS], rate[COUNT_WORDS];
	const char *climb = "";

	if (i->threads_climb)
		climb = arena_printf(a, ", %s more of them a minute",
				     count_words((uint64_t)i->threads_rate_per_min, rate));
	if (!climb)
		return NULL;
	return arena_printf(a, "they are %s of the process's %s threads%s, on %" PRIu32 " CPU%s",
			    count_words(site->count, own), count_words(i->threads, all), climb,
			    i->cpus, i->cpus == 1 ? "" : "s");
}

static const char *what_they_do(const char *pattern)
{
	static const struct {
		const char *pattern, *words;
	} all[] = {
		{ "sleeping", "sleep here" },
		{ "io-no-deadline", "wait here for a peer, without a deadline" },
		{ "http-body-open", "hold a connection for a response body that nobody closed" },
		{ "held-connections", "hold a connection that nobody closes" },
		{ "cgo-threads", "are in C, called from here" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i].pattern, pattern) == 0)
			return all[i].words;
	return "wait here";
}

static int add_evidence(struct snapshot *s, const struct group *g, const struct site *site,
			const struct interval *i, struct finding *f)
{
	const char **lines = arena_alloc(s->arena, EVIDENCE_MAX, sizeof(*lines));
	uint32_t n = 0;

	if (!lines)
		return -ENOMEM;
	lines[n++] = growth_sentence(s->arena, site);
	if (!site->held)
		lines[n++] = rate_evidence(s->arena, site, g->state == GO_SYSCALL);
	if (site->bytes_each > 0 && !site->held)
		lines[n++] = bytes_evidence(s->arena, site);
	if (g->state == GO_SYSCALL)
		lines[n++] = threads_evidence(s->arena, g);
	if (g->state == GO_SYSCALL && i->threads && i->cpus)
		lines[n++] = share_evidence(s->arena, site, i);
	if (g->created_by.function)
		lines[n++] = created_evidence(s->arena, g);
	return finding_evidence(f, lines, n);
}

static int add_finding(struct snapshot *s, uint32_t group, const struct site *site,
		       const struct interval *i)
{
	const struct group *g = &s->groups[group];
	struct finding *f = &s->findings[s->n_findings];
	char count[COUNT_WORDS];

	*f = (struct finding){
		.pattern = site->pattern,
		.verdict = VERDICT_SUSPECT,
		.count = site->count,
		.bytes = site->stack_bytes ? (int64_t)site->stack_bytes : WAIT_UNKNOWN,
		.site = site_string(s->arena, site_frame(&g->stack, s->process.module)),
		.group = group,
		.summary = arena_printf(s->arena, "%s goroutines %s",
					count_words(site->count, count),
					what_they_do(site->pattern)),
		.advice = growth_advice(site->pattern),
	};
	if (!f->summary || (!f->site && g->stack.n))
		return -ENOMEM;
	s->n_findings++;
	return add_evidence(s, g, site, i, f);
}

/* What is certain already, and grows as well. */
static int add_rate(struct snapshot *s, struct finding *f, const struct site *site)
{
	const char **lines = arena_alloc(s->arena, f->n_evidence + 1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	if (f->n_evidence)
		memcpy(lines, f->evidence, f->n_evidence * sizeof(*lines));
	lines[f->n_evidence] = growth_sentence(s->arena, site);
	if (!lines[f->n_evidence])
		return -ENOMEM;
	f->evidence = lines;
	f->n_evidence++;
	return 0;
}

/* The largest group of a site; UINT32_MAX when nobody is there any more. */
static uint32_t mark_groups(struct snapshot *s, const struct site *site)
{
	uint32_t largest = UINT32_MAX;

	for (uint32_t i = 0; i < s->n_groups; i++) {
		struct group *g = &s->groups[i];

		if (g->system || g->site != site->id)
			continue;
		if (g->verdict < VERDICT_SUSPECT) {
			g->verdict = VERDICT_SUSPECT;
			g->pattern = site->pattern;
		}
		if (largest == UINT32_MAX || g->count > s->groups[largest].count)
			largest = i;
	}
	return largest;
}

static int judge_site(struct snapshot *s, const struct site *site, const struct interval *i)
{
	uint32_t group = mark_groups(s, site);

	if (group == UINT32_MAX)
		return 0;
	for (uint32_t k = 0; k < s->n_findings; k++) {
		struct finding *f = &s->findings[k];

		if (f->verdict > VERDICT_SUSPECT && f->group < s->n_groups &&
		    s->groups[f->group].site == site->id)
			return add_rate(s, f, site);
	}
	return site->echo ? 0 : add_finding(s, group, site, i);
}

int growth_judge(struct snapshot *s, const struct interval *i)
{
	int r = snapshot_reserve_findings(s, i->n_sites);

	for (uint32_t k = 0; r == 0 && k < i->n_sites; k++)
		if (i->sites[k].grows)
			r = judge_site(s, &i->sites[k], i);
	return r < 0 ? r : verdict_sort(s);
}
