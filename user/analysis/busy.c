// SPDX-License-Identifier: Apache-2.0
#include "analysis/busy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/count.h"
#include "analysis/site.h"

/* Of the samples taken, the part that must have met a goroutine: in all, and in each interval. */
#define SHARE_ALL      0.9
#define SHARE_INTERVAL 0.75
/* So many samples prove nothing: a tenth of a second. */
#define SLACK 5

/* Frames of the common stack that are kept, and goroutines: no more have that share of CPUs. */
enum { FUNCTIONS_MAX = 32, RUNS_MAX = 4096 };

/* A goroutine that has not rested yet. */
struct run {
	uint64_t goid;
	double seconds, expected;
	uint64_t samples;
	uint64_t functions[FUNCTIONS_MAX];	/* outermost first */
	size_t n;
	bool any_stack;				/* functions is of at least one interval */
};

struct busy {
	double min_s;
	struct run *runs;
	size_t n_runs;
};

struct busy *busy_new(double min_s)
{
	struct busy *b = calloc(1, sizeof(*b));

	if (b)
		b->min_s = min_s;
	return b;
}

void busy_free(struct busy *b)
{
	if (!b)
		return;
	free(b->runs);
	free(b);
}

static const struct run *find_run(const struct busy *b, uint64_t goid)
{
	for (size_t i = 0; i < b->n_runs; i++)
		if (b->runs[i].goid == goid)
			return &b->runs[i];
	return NULL;
}

/* What was common before and is in this interval too. */
static void narrow(struct run *run, const struct busy_sample *s)
{
	size_t n = 0;

	if (!s->n)
		return;
	if (!run->any_stack) {
		run->n = s->n < FUNCTIONS_MAX ? s->n : FUNCTIONS_MAX;
		memcpy(run->functions, s->functions, run->n * sizeof(*run->functions));
		run->any_stack = true;
		return;
	}
	while (n < run->n && n < s->n && run->functions[n] == s->functions[n])
		n++;
	run->n = n;
}

/* Has it rested? Not for want of a few samples, which short intervals have no more of. */
static bool rested(const struct run *run, double samples, double expected)
{
	return samples + SLACK < expected * SHARE_INTERVAL ||
	       (double)run->samples + SLACK < run->expected * SHARE_ALL;
}

/* Its samples of one interval; s NULL: it was not met. False: it goes from the books. */
static bool add_interval(struct run *run, double span_s, double expected,
			 const struct busy_sample *s)
{
	run->seconds += span_s;
	run->expected += expected;
	if (s) {
		run->samples += s->samples;
		narrow(run, s);
	}
	return !rested(run, s ? (double)s->samples : 0, expected);
}

static const struct busy_sample *find_sample(const struct busy_sample *all, size_t n, uint64_t goid)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].goid == goid)
			return &all[i];
	return NULL;
}

int busy_add(struct busy *b, double span_s, unsigned int hz, const struct busy_sample *all,
	     size_t n)
{
	double expected = span_s * hz;
	size_t room = b->n_runs + n < RUNS_MAX ? b->n_runs + n : RUNS_MAX, kept = 0;
	struct run *runs = calloc(room + 1, sizeof(*runs));

	if (!runs)
		return -ENOMEM;
	for (size_t i = 0; i < b->n_runs && kept < room; i++) {
		runs[kept] = b->runs[i];
		kept += add_interval(&runs[kept], span_s, expected,
				     find_sample(all, n, b->runs[i].goid));
	}
	for (size_t i = 0; i < n && kept < room; i++) {
		if (!all[i].goid || find_run(b, all[i].goid))
			continue;
		runs[kept] = (struct run){ .goid = all[i].goid };
		kept += add_interval(&runs[kept], span_s, expected, &all[i]);
	}
	free(b->runs);
	b->runs = runs;
	b->n_runs = kept;
	return 0;
}

/* A goroutine whose samples have no function in common does not sit in one loop. */
static bool is_busy(const struct busy *b, const struct run *run)
{
	return run->seconds >= b->min_s && run->n &&
	       (double)run->samples >= run->expected * SHARE_ALL;
}

static int longest_first(const void *x, const void *y)
{
	const struct busy_goroutine *a = x, *b = y;

	if (a->seconds != b->seconds)
		return a->seconds < b->seconds ? 1 : -1;
	return (a->goid > b->goid) - (a->goid < b->goid);
}

int busy_list(const struct busy *b, struct arena *a, struct busy_goroutine **ret, uint32_t *n_ret)
{
	struct busy_goroutine *all = arena_alloc(a, b->n_runs + 1, sizeof(*all));
	uint32_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < b->n_runs; i++) {
		const struct run *run = &b->runs[i];

		if (!is_busy(b, run))
			continue;
		all[n++] = (struct busy_goroutine){
			.goid = run->goid,
			.seconds = run->seconds,
			.samples = run->samples,
			.expected = run->expected,
			.function = run->functions[run->n - 1],
		};
	}
	qsort(all, n, sizeof(*all), longest_first);
	*ret = all;
	*n_ret = n;
	return 0;
}

static bool same_place(const struct busy_goroutine *x, const struct busy_goroutine *y)
{
	return x->function == y->function;
}

/* all[i] is the first of its function, and so the longest. */
static int describe(const struct busy_goroutine *all, uint32_t n, uint32_t i, struct arena *a,
		    struct finding *ret)
{
	const struct busy_goroutine *first = &all[i];
	const char **evidence = arena_alloc(a, 2, sizeof(*evidence));
	char words[COUNT_WORDS];
	uint64_t count = 0;

	for (uint32_t k = i; k < n; k++)
		count += same_place(first, &all[k]);
	*ret = (struct finding){
		.pattern = "busy-goroutine",
		.verdict = VERDICT_SUSPECT,
		.count = count,
		.bytes = WAIT_UNKNOWN,
		.site = site_string(a, &first->at),
		.group = FINDING_NO_GROUP,
		.evidence = evidence,
		.n_evidence = 2,
		.advice = "an endless loop? let it wait for something, or end",
	};
	count_words(count, words);
	ret->summary = arena_printf(a, "%s goroutine%s never left the CPU in %.0f s", words,
				    count == 1 ? "" : "s", first->seconds);
	if (!evidence || !ret->summary)
		return -ENOMEM;
	evidence[0] = arena_printf(a, "goroutine %lu: met by %lu of %.0f samples", first->goid,
				   first->samples, first->expected);
	evidence[1] = arena_printf(a, "in every one whose stack could be walked it was inside %s",
				   first->at.function ? first->at.function : "one function");
	return evidence[0] && evidence[1] ? 0 : -ENOMEM;
}

int busy_findings(const struct busy_goroutine *all, uint32_t n, struct arena *a,
		  struct finding **ret, uint32_t *n_ret)
{
	struct finding *found = arena_alloc(a, n + 1, sizeof(*found));
	uint32_t n_found = 0;

	if (!found)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		bool seen = false;
		int r;

		for (uint32_t k = 0; k < i && !seen; k++)
			seen = same_place(&all[k], &all[i]);
		if (seen)
			continue;
		r = describe(all, n, i, a, &found[n_found++]);
		if (r < 0)
			return r;
	}
	*ret = found;
	*n_ret = n_found;
	return 0;
}
