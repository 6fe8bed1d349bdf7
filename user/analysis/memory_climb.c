// SPDX-License-Identifier: Apache-2.0
#include "analysis/memory_climb.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/history.h"

/* RSS that climbs by less than this in a window is noise. */
#define CLIMB_MIN (8u << 20)
/* A part that has grown by less than this share of what RSS has is not worth a word. */
#define WORTH 0.2

enum part { RSS_ANON, RSS_FILE, RSS_SHARED, GO, C_HEAP, STACKS, OTHER, RSS, PARTS };

struct memory_climb {
	struct history history;
	struct series of[PARTS];
	double other_per_min;
};

struct memory_climb *memory_climb_new(void)
{
	struct memory_climb *c = calloc(1, sizeof(*c));

	if (c)
		c->other_per_min = -1;
	return c;
}

void memory_climb_free(struct memory_climb *c)
{
	free(c);
}

double memory_climb_other_per_min(const struct memory_climb *c)
{
	return c->other_per_min;
}

/* What grew in the window, and what it is called. */
struct grown {
	const char *words;
	double bytes;
};

static int by_bytes(const void *a, const void *b)
{
	const struct grown *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static const char *list(struct arena *a, struct grown *all, size_t n, double least, double window_s)
{
	const char *words = NULL;

	qsort(all, n, sizeof(*all), by_bytes);
	for (size_t i = 0; i < n && all[i].bytes >= least; i++) {
		words = arena_printf(a, "%s%s%s +%.1f MiB a minute", words ? words : "",
				     words ? ", " : "", all[i].words,
				     all[i].bytes * 60 / window_s / (1 << 20));
		if (!words)
			return NULL;
	}
	return words;
}

/* The parts of RSS that grew; of its anonymous one, those whose address space grew with it. */
static const char *describe(const struct window *w, const double *grown, struct arena *a)
{
	double window_s = w->now_s - w->t[0], least = WORTH * grown[RSS], known = 0;
	struct grown all[] = {
		{ "files that are mapped", grown[RSS_FILE] },
		{ "shared memory", grown[RSS_SHARED] },
		{ "Go's heap and stacks", grown[GO] },
		{ "the C heap", grown[C_HEAP] },
		{ "stacks of threads", grown[STACKS] },
		{ "other mappings", grown[OTHER] },
		{ "memory that was mapped before and is touched now", 0 },
	};
	size_t n = ARRAY_SIZE(all);

	for (size_t i = 2; i < n - 1; i++) {
		/* No more can be resident than was. */
		if (all[i].bytes > grown[RSS_ANON])
			all[i].bytes = grown[RSS_ANON];
		if (all[i].bytes > 0)
			known += all[i].bytes;
	}
	if (known < grown[RSS_ANON] / 2)
		all[n - 1].bytes = grown[RSS_ANON] - known;
	return list(a, all, n, least, window_s);
}

int memory_climb_add(struct memory_climb *c, double now_s, const struct memory_parts *p,
		     struct arena *a, const char **ret)
{
	const uint64_t now[PARTS] = {
		[RSS_ANON] = p->rss_anon, [RSS_FILE] = p->rss_file, [RSS_SHARED] = p->rss_shared,
		[GO] = p->go, [C_HEAP] = p->c_heap, [STACKS] = p->stacks, [OTHER] = p->other,
		[RSS] = p->rss_anon + p->rss_file + p->rss_shared,
	};
	struct window w = history_recent(&c->history, &c->of[RSS], now_s, now[RSS]);
	double grown[PARTS];

	*ret = NULL;
	for (int k = 0; k < PARTS; k++)
		grown[k] = (double)now[k] - (double)c->of[k].recent[0];
	c->other_per_min = w.n && now_s > w.t[0] ? grown[OTHER] * 60 / (now_s - w.t[0]) : -1;
	if (w.n >= HISTORY_LOOKS && w.c[0] && grown[RSS] >= CLIMB_MIN && window_goes_on(&w)) {
		*ret = describe(&w, grown, a);
		if (!*ret)
			*ret = "no part of it stands out";
	}
	for (int k = 0; k < PARTS; k++)
		history_put(&c->history, &c->of[k], now[k]);
	history_next(&c->history, now_s);
	return 0;
}
