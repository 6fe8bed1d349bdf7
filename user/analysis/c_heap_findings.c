// SPDX-License-Identifier: Apache-2.0
#include "analysis/c_heap_findings.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/count.h"
#include "analysis/history.h"
#include "analysis/site.h"

/* Twice what glibc's heap grows by at least (M_TOP_PAD, 128 KiB): one step says nothing. */
#define GROWN_MIN (256u << 10)
/*
 * Sites that are named, and what such a one must have: with fewer survivors of age its share may be
 * anything, and below that share it is not what the heap grows by.
 */
enum { FOUND_MAX = 5, AGED_MIN = 8 };
#define SHARE_MIN 0.02
#define SUSPECT_SHARE_MIN 0.005
/* Frames of one language that evidence shows. */
enum { FRAMES_SHOWN = 6, EVIDENCE_MAX = 5 };

/* From the frame of the program's own on. */
static struct stack own_part(const struct stack *s, const char *module)
{
	const struct frame *own = site_frame(s, module);
	struct stack part = *s;

	if (own) {
		part.frames = own;
		part.n -= (uint32_t)(own - s->frames);
	}
	site_cut_start(&part);
	return part;
}

struct c_heap_trend {
	struct history history;
	struct series bytes;
};

struct c_heap_trend *c_heap_trend_new(void)
{
	return calloc(1, sizeof(struct c_heap_trend));
}

void c_heap_trend_free(struct c_heap_trend *t)
{
	free(t);
}

/*
 * By the thirds alone, and not just now as well: the heap grows in steps, and a slow leak's may be
 * many looks apart.
 */
static bool rises(const struct window *w)
{
	uint32_t a = w->n / 3, b = 2 * w->n / 3;

	return w->n >= HISTORY_LOOKS && w->c[0] && w->c[a] > w->c[0] && w->c[b] > w->c[a] &&
	       w->now > w->c[b] && w->now - w->c[0] >= GROWN_MIN;
}

static struct c_heap_growth growth_of(const struct window *w)
{
	double span = w->n ? w->now_s - w->t[0] : 0;

	if (span <= 0 || !w->c[0] || !w->now)
		return (struct c_heap_growth){ 0 };
	return (struct c_heap_growth){ .grows = rises(w), .window_s = span,
				       .per_min = ((double)w->now - (double)w->c[0]) * 60 / span };
}

struct c_heap_growth c_heap_trend_add(struct c_heap_trend *t, double now_s, uint64_t bytes)
{
	struct window recent = history_recent(&t->history, &t->bytes, now_s, bytes);
	struct window whole = history_whole(&t->history, &t->bytes, now_s, bytes);
	struct c_heap_growth g = growth_of(&recent);

	if (!g.grows)
		g = growth_of(&whole);
	history_put(&t->history, &t->bytes, bytes);
	history_next(&t->history, now_s);
	return g;
}

/* --- Findings --- */

static const char *chain_evidence(struct arena *a, const struct stack *s, const char *language)
{
	const char *chain = site_chain(a, s, FRAMES_SHOWN);

	return chain ? arena_printf(a, "%s: %s", language, chain) : NULL;
}

/* "12 B", "3.4 KiB", "1.2 MiB". */
static const char *bytes_words(struct arena *a, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (bytes >= 1024 && i < ARRAY_SIZE(units) - 1) {
		bytes /= 1024;
		i++;
	}
	return arena_printf(a, i ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

static const char *survivors_evidence(struct arena *a, const struct c_heap_site *s,
				      double min_age_s)
{
	char all[COUNT_WORDS], aged[COUNT_WORDS];
	const char *bytes = bytes_words(a, (double)s->aged_bytes);

	if (!bytes)
		return NULL;
	return arena_printf(a, "none of %s sampled was seen to be freed; %s are older than %.0f s (the "
			    "oldest %.0f s) and have %s", count_words(s->survivors, all),
			    count_words(s->aged, aged), min_age_s, (double)s->oldest_ns / 1e9, bytes);
}

/*
 * The 95 % interval of a share k/n (Wilson): it holds for few samples too, where what is seen of a
 * leak in bursts is little.
 */
static void interval_of(uint64_t k, uint64_t n, double *low, double *high)
{
	const double z = 1.96;
	double total = (double)n, p = (double)k / total;
	double mid = p + z * z / (2 * total), d = 1 + z * z / total;
	double half = z * sqrt(p * (1 - p) / total + z * z / (4 * total * total));

	*low = (mid - half) / d;
	*high = (mid + half) / d;
}

/* Share of the survivors times growth; how sure that is, by the number of survivors. */
static const char *rate_evidence(struct arena *a, const struct c_heap_site *s, uint64_t all_aged,
				 const struct c_heap_growth *g)
{
	double p = (double)s->aged / (double)all_aged, low, high, rate = s->share * g->per_min;
	const char *words[4];
	char aged[COUNT_WORDS];

	interval_of(s->aged, all_aged, &low, &high);
	words[0] = bytes_words(a, g->per_min);
	words[1] = bytes_words(a, rate);
	words[2] = bytes_words(a, rate * low / p);
	words[3] = bytes_words(a, fmin(rate * high / p, g->per_min));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!words[i])
			return NULL;
	return arena_printf(a, "about %s a minute (%s to %s): %.0f %% of all %s such survivors, and "
			    "the C heap grew by %s a minute in the last %.0f s", words[1], words[2],
			    words[3], 100 * s->share, count_words(all_aged, aged), words[0],
			    g->window_s);
}

/* What was done to tell a cache from a leak, and what came of it. */
static const char *watch_evidence(struct arena *a, const struct c_heap_site *s,
				  const char *unwatched)
{
	char untouched[COUNT_WORDS];

	count_words(s->untouched, untouched);
	if (s->suspect)
		return arena_printf(a, "%s of them, chosen at random, were watched by the processor "
				    "for %.0f s or more: nothing read, wrote or freed them, and their "
				    "contents and headers are what they were", untouched,
				    s->watched_s);
	if (unwatched)
		return arena_printf(a, "a candidate and no more: a cache that keeps things for longer "
				    "than it was watched looks the same, and whether they are used "
				    "cannot be seen: %s", unwatched);
	return arena_printf(a, "a candidate and no more: a cache that keeps things for longer than it "
			    "was watched looks the same, and so far %s of them were watched by the "
			    "processor to the end, untouched", s->untouched ? untouched : "none");
}

static void name_verdict(const struct c_heap_site *s, struct arena *a, struct finding *f)
{
	char count[COUNT_WORDS];

	count_words(s->aged, count);
	f->verdict = s->suspect ? VERDICT_SUSPECT : VERDICT_CANDIDATE;
	f->summary = arena_printf(a, s->suspect ? "%s sampled C allocations stay and nothing uses them, "
						  "while the C heap grows" :
						  "%s sampled C allocations stay, while the C heap "
						  "grows", count);
	f->advice = s->suspect ? "look for the free() that should follow, on every way out of there" :
				 "watch for longer, and look for the free() that should follow: what "
				 "is freed or used meanwhile drops out";
}

/* What all sites are described by. */
struct heap_facts {
	const struct c_heap *heap;
	const struct c_heap_growth *growth;
	uint64_t all_aged;	/* of those that are not in use */
	double min_age_s;
	const char *module;
};

static int describe(const struct c_heap_site *s, const struct heap_facts *all, struct arena *a,
		    struct finding *f)
{
	const char **lines = arena_alloc(a, EVIDENCE_MAX, sizeof(*lines));
	const struct stack c = own_part(&s->c, all->module);
	const struct stack go = own_part(&s->go, all->module);
	const struct frame *at = c.n ? &c.frames[0] : go.n ? &go.frames[0] : NULL;
	uint32_t n = 0;

	if (!lines)
		return -ENOMEM;
	if (c.n)
		lines[n++] = chain_evidence(a, &c, "C");
	if (go.n)
		lines[n++] = chain_evidence(a, &go, "Go");
	lines[n++] = survivors_evidence(a, s, all->min_age_s);
	lines[n++] = rate_evidence(a, s, all->all_aged, all->growth);
	lines[n++] = watch_evidence(a, s, all->heap->unwatched);
	*f = (struct finding){
		.pattern = "cgo-heap",
		.count = s->aged,
		.bytes = (int64_t)s->aged_bytes,
		.site = site_string(a, at),
		.group = FINDING_NO_GROUP,
		.evidence = lines,
		.n_evidence = n,
	};
	name_verdict(s, a, f);
	for (uint32_t i = 0; i < n; i++)
		if (!lines[i])
			return -ENOMEM;
	return f->summary && (f->site || !at) ? 0 : -ENOMEM;
}

/* A suspect was looked into: less of it is needed. */
static bool is_found(const struct c_heap_site *s)
{
	if (s->suspect)
		return s->share >= SUSPECT_SHARE_MIN;
	return s->candidate && s->aged >= AGED_MIN && s->share >= SHARE_MIN;
}

int c_heap_findings(const struct c_heap *h, const struct c_heap_growth *g, double min_age_s,
		    const char *module, struct arena *a, const struct finding **ret, uint32_t *n)
{
	struct heap_facts facts = { h, g, 0, min_age_s, module };
	struct finding *all = arena_alloc(a, FOUND_MAX, sizeof(*all));
	uint32_t found = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < h->n_sites; i++)
		facts.all_aged += h->sites[i].in_use ? 0 : h->sites[i].aged;
	/* Suspects come first, and the largest of them. */
	for (size_t i = 0; g->grows && i < h->n_sites && found < FOUND_MAX; i++) {
		int r;

		if (!is_found(&h->sites[i]))
			continue;
		r = describe(&h->sites[i], &facts, a, &all[found++]);
		if (r < 0)
			return r;
	}
	*ret = all;
	*n = found;
	return 0;
}
