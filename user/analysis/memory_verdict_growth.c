// SPDX-License-Identifier: Apache-2.0
/*
 * Two looks: what grew. The heap of a Go program rises and falls with each collection, so that what
 * is allocated says nothing: what was alive at the last one does, and what a variable holds.
 */
#include <errno.h>
#include <string.h>

#include "analysis/amount.h"
#include "analysis/count.h"
#include "analysis/memory_verdict.h"
#include "analysis/memory_words.h"
#include "base/cleanup.h"

/* Growth is of interest from this share of what was there before on. */
#define GROWN_SHARE 0.2
#define SUSPECT_MIN_S 60.0
/* Threads that a program takes besides, without anything being wrong. */
enum { THREADS_MIN = 8, HOLDERS_MAX = 5 };

struct growth {
	const struct memory_growth_source *s;
	const struct memory_look *before, *after;
	double rss;		/* by how much it grew; negative: it shrank, or is unknown */
};

static bool known(int64_t v)
{
	return v != LOOK_UNKNOWN;
}

/* 0 where one of both is not known: no growth that we know of. */
static double grown(int64_t before, int64_t after)
{
	return known(before) && known(after) ? (double)after - (double)before : 0;
}

static bool worth(double before, double more)
{
	return more >= WORTH_BYTES && more >= GROWN_SHARE * before;
}

static const char *rate_words(const struct growth *g, struct memory_found *f, double bytes)
{
	const char *s;

	if (g->s->seconds <= 0)
		return "";
	s = arena_printf(f->arena, ", %s a minute", memory_bytes(f, bytes * 60 / g->s->seconds));
	f->failed = f->failed || !s;
	return s ? s : "";
}

/* "from 10.0 MiB to 70.0 MiB in 10 min: +60.0 MiB, 6.0 MiB a minute" */
static void say_growth(const struct growth *g, struct memory_found *f, const char *what,
		       double before, double after)
{
	const char *span = g->s->seconds > 0 ? amount_span(f->arena, g->s->seconds) : NULL;

	memory_found_say(f, "%s: from %s to %s%s%s%s", what, memory_bytes(f, before),
			 memory_bytes(f, after), span ? " in " : "", span ? span : "",
			 rate_words(g, f, after - before));
}

static void say_rss(const struct growth *g, struct memory_found *f)
{
	if (g->rss > 0)
		say_growth(g, f, "RSS", (double)g->before->rss, (double)g->after->rss);
}

static enum verdict named(const struct growth *g)
{
	return g->s->warm && g->s->seconds >= SUSPECT_MIN_S ? VERDICT_SUSPECT : VERDICT_CANDIDATE;
}

/* --- Go's heap --- */

/*
 * What a variable held before. One that is not listed held no more than the last that is, nor than
 * all that are not held together. Negative: nothing was told.
 */
static double held_before(const struct memory_look *l, const char *variable)
{
	for (uint32_t i = 0; i < l->n_holders; i++)
		if (strcmp(l->holders[i].variable, variable) == 0)
			return (double)l->holders[i].bytes;
	if (l->n_holders &&
	    (!known(l->other_held) || l->other_held > l->holders[l->n_holders - 1].bytes))
		return (double)l->holders[l->n_holders - 1].bytes;
	return known(l->other_held) ? (double)l->other_held : -1;
}

static uint32_t growing_globals(const struct growth *g, struct memory_found *f)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < g->after->n_holders && found < HOLDERS_MAX; i++) {
		const struct memory_holder *h = &g->after->holders[i];
		double before = held_before(g->before, h->variable);
		struct finding *to;

		if (before < 0 || !worth(before, (double)h->bytes - before))
			continue;
		to = memory_found_add(f, "growing-global", named(g), (double)h->bytes,
				      "a variable holds %s of heap, %s more than before",
				      memory_bytes(f, (double)h->bytes),
				      memory_bytes(f, (double)h->bytes - before));
		to->site = h->variable;
		to->advice = "a cache that is still being filled looks the same: look once more, "
			     "or give it a limit";
		say_growth(g, f, "reached from it", before, (double)h->bytes);
		if (h->path)
			memory_found_say(f, "most of it by %.400s", h->path);
		say_rss(g, f);
		found++;
	}
	return found;
}

/* What was alive at the last collection; LOOK_UNKNOWN. */
static int64_t live(const struct memory_look *l)
{
	if (known(l->heap_marked))
		return l->heap_marked;
	if (known(l->next_gc) && known(l->gogc) && l->gogc > 0)
		return (int64_t)((double)l->next_gc / (1 + (double)l->gogc / 100));
	return LOOK_UNKNOWN;
}

/* Has the collector had a say in between? Without, everything is "alive". */
static bool collected(const struct growth *g)
{
	return known(g->before->num_gc) && known(g->after->num_gc) &&
	       g->after->num_gc > g->before->num_gc;
}

static void say_site(const struct growth *g, struct memory_found *f)
{
	struct finding *to = &f->all[f->n - 1];

	if (!g->s->site || g->s->site_bytes <= 0)
		return;
	to->site = g->s->site;
	memory_found_say(f, "most of it was allocated here: +%s",
			 memory_bytes(f, (double)g->s->site_bytes));
}

static bool goroutines_grow(const struct growth *g)
{
	double more = grown(g->before->goroutines, g->after->goroutines);

	return more >= 100 && more >= GROWN_SHARE * (double)g->before->goroutines;
}

/* The heap grows, and nobody says who holds it. */
static void growing_heap(const struct growth *g, struct memory_found *f)
{
	int64_t before = live(g->before), after = live(g->after);

	if (!known(before) || !known(after) || !collected(g) ||
	    !worth((double)before, (double)after - (double)before))
		return;
	/* What many goroutines hold is told of them. */
	if (goroutines_grow(g))
		return;
	memory_found_add(f, "growing-global", VERDICT_CANDIDATE, (double)after,
			 "Go's live heap is %s, %s more than before",
			 memory_bytes(f, (double)after),
			 memory_bytes(f, (double)after - (double)before));
	say_growth(g, f, "what was alive at the last collection", (double)before, (double)after);
	say_site(g, f);
	f->all[f->n - 1].advice = "who holds it is in `loiter snapshot --memory`, where it can be "
				  "had; a cache that is still being filled looks the same";
}

static bool heap_grows(const struct growth *g)
{
	int64_t before = live(g->before), after = live(g->after);

	return known(before) && known(after) &&
	       worth((double)before, (double)after - (double)before);
}

/* RSS grew, and what Go had freed by then makes up for half of that. */
static void not_returned(const struct growth *g, struct memory_found *f)
{
	double more = grown(g->before->go_heap_free, g->after->go_heap_free) +
		      grown(g->before->go_heap_lazyfree, g->after->go_heap_lazyfree);

	if (more < WORTH_BYTES || more < g->rss / 2 || g->rss < WORTH_BYTES)
		return;
	memory_found_add(f, "heap-not-returned", VERDICT_EXPLAINED, more,
			 "RSS grew by %s, of which %s are heap that Go has freed again: no leak",
			 memory_bytes(f, g->rss), memory_bytes(f, more));
	say_growth(g, f, "heap that is free and not given back",
		   (double)g->after->go_heap_free - more, (double)g->after->go_heap_free);
}

/* RSS grew by what was allocated since the last collection, and no more was alive at it. */
static void headroom(const struct growth *g, struct memory_found *f)
{
	double more = grown(g->before->go_heap_live, g->after->go_heap_live);
	int64_t before = live(g->before), after = live(g->after);

	if (more < WORTH_BYTES || more < g->rss / 2 || g->rss < WORTH_BYTES)
		return;
	if (!known(before) || !known(after) || (double)after - (double)before > more / 4)
		return;
	if (!known(g->after->next_gc) || !known(g->after->heap_alloc) ||
	    g->after->heap_alloc > g->after->next_gc)
		return;
	memory_found_add(f, "gc-headroom", VERDICT_EXPLAINED, more,
			 "RSS grew by %s within what Go's heap may have before the next collection",
			 memory_bytes(f, g->rss));
	memory_found_say(f, "alive at the last collection were %s, and %s before; the next comes "
			 "at %s", memory_bytes(f, (double)after), memory_bytes(f, (double)before),
			 memory_bytes(f, (double)g->after->next_gc));
}

/* --- C --- */

static void c_heap(const struct growth *g, struct memory_found *f)
{
	double used = grown(g->before->c_heap_used, g->after->c_heap_used);
	double mapped = grown(g->before->c_mmapped, g->after->c_mmapped);
	double before = known(g->before->c_heap_used) ? (double)g->before->c_heap_used : 0;

	/* Large blocks of malloc() are mappings: the same owner, another account. */
	if (mapped > 0) {
		used += mapped;
		before += (double)g->before->c_mmapped;
	}
	if (!worth(before, used))
		return;
	memory_found_add(f, "cgo-heap", VERDICT_CANDIDATE, before + used,
			 "the C heap has %s in use, %s more than before",
			 memory_bytes(f, before + used), memory_bytes(f, used));
	say_growth(g, f, "in use", before, before + used);
	if (known(live(g->before)) && known(live(g->after)))
		memory_found_say(f, heap_grows(g) ? "Go's live heap grows as well" :
						    "Go's live heap does not grow with it");
	memory_found_say(f, "a cache in C that is still being filled looks the same");
	f->all[f->n - 1].advice = "`loiter attach PID --probes memory` names the calls";
}

static void native_growth(const struct growth *g, struct memory_found *f)
{
	double more = grown(g->before->c_mmap, g->after->c_mmap);
	double mapped = grown(g->before->c_mmapped, g->after->c_mmapped);

	/* What of it malloc() mapped is told of the C heap. */
	if (mapped > 0)
		more -= mapped;
	if (!known(g->before->c_mmap) || !worth((double)g->before->c_mmap, more))
		return;
	memory_found_add(f, "native-growth", VERDICT_CANDIDATE, (double)g->after->c_mmap,
			 "%s are mapped outside Go and malloc(), %s more than before",
			 memory_bytes(f, (double)g->after->c_mmap), memory_bytes(f, more));
	say_growth(g, f, "such memory", (double)g->before->c_mmap, (double)g->after->c_mmap);
	f->all[f->n - 1].advice = "`loiter attach PID --probes memory` names the calls";
}

static void threads(const struct growth *g, struct memory_found *f)
{
	double before = known(g->before->threads) ? (double)g->before->threads : 0;
	double more = grown(g->before->threads, g->after->threads);
	char now[COUNT_WORDS], then[COUNT_WORDS];
	struct finding *to;

	if (more < THREADS_MIN || more < before / 2)
		return;
	to = memory_found_add(f, "cgo-threads", VERDICT_CANDIDATE,
			      known(g->after->thread_stacks) ? (double)g->after->thread_stacks : -1,
			      "%s threads, %s more than before",
			      count_words((uint64_t)g->after->threads, now),
			      count_words((uint64_t)more, then));
	to->count = (uint64_t)g->after->threads;
	if (g->s->seconds > 0)
		memory_found_say(f, "%.1f more a minute", more * 60 / g->s->seconds);
	memory_found_say(f, "a call into C or the system that blocks holds a thread");
	to->advice = "`loiter attach PID` names the calls that do not come back";
}

static void unexplained(const struct growth *g, struct memory_found *f)
{
	double more = grown(g->before->unexplained, g->after->unexplained);

	if (!known(g->before->unexplained) || !worth((double)g->before->unexplained, more))
		return;
	memory_found_add(f, "unexplained", VERDICT_UNKNOWN, (double)g->after->unexplained,
			 "%s are in no part that loiter can name, %s more than before",
			 memory_bytes(f, (double)g->after->unexplained), memory_bytes(f, more));
}

int memory_verdict_growth(const struct memory_growth_source *s, struct arena *a,
			  const struct finding **ret, uint32_t *n)
{
	const struct growth g = { .s = s, .before = s->before, .after = s->after,
				  .rss = grown(s->before->rss, s->after->rss) };
	struct memory_found f;

	if (memory_found_init(&f, a) < 0)
		return -ENOMEM;
	if (!growing_globals(&g, &f))
		growing_heap(&g, &f);
	c_heap(&g, &f);
	native_growth(&g, &f);
	threads(&g, &f);
	not_returned(&g, &f);
	headroom(&g, &f);
	unexplained(&g, &f);
	return memory_found_end(&f, ret, n);
}
