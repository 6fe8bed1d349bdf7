// SPDX-License-Identifier: Apache-2.0
#include "analysis/timer_pile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "analysis/amount.h"
#include "analysis/count.h"

/* So many of no use cost 2 MB; and each goroutine that waits for one has left so many behind. */
#define PILE_MIN 10000
#define EACH_WAITED 100
/* A connection may have a timer or two besides; ten for each goroutine nobody needs. */
#define EACH_GOROUTINE 10
/* What is gone in a minute is no pile, however high; but that much memory is, whoever makes it. */
#define SOON_NS (60ll * 1000000000)
#define HEAVY_BYTES (64ull << 20)
/* Seen to grow, fewer will do. */
#define GROWING_MIN 1000
#define GROWING_EACH_WAITED 20
#define GROWING_SHARE 0.2
#define EVIDENCE_MAX 10
#define SITES_TOLD 3

static bool is_pile(const struct timer_look *l, uint64_t goroutines, uint64_t least, uint64_t each)
{
	return l->unwaited >= least && l->unwaited / each > l->waited &&
	       l->unwaited / EACH_GOROUTINE > goroutines;
}

bool timer_pile_possible(const struct timer_look *l, uint64_t goroutines)
{
	return is_pile(l, goroutines, GROWING_MIN, GROWING_EACH_WAITED);
}

static bool has_loop(const struct timer_look *l)
{
	return l->n_sites && l->sites[0].loop;
}

static bool stands_out(const struct timer_pile *p)
{
	const struct timer_look *l = p->now;

	if (!is_pile(l, p->goroutines, PILE_MIN, EACH_WAITED))
		return false;
	return l->unwaited_bytes >= HEAVY_BYTES || (has_loop(l) && l->stay_ns > SOON_NS);
}

/* None that was made while we looked has fired: what comes stays. */
static bool grows(const struct timer_pile *p)
{
	const struct timer_growth *g = p->growth;
	const struct timer_look *l = p->now;
	uint64_t more;

	if (!g || g->span_s <= 0 || !g->goes_on || l->unwaited <= g->before ||
	    !timer_pile_possible(l, p->goroutines))
		return false;
	more = l->unwaited - g->before;
	return more >= GROWING_MIN && (double)more >= GROWING_SHARE * (double)g->before &&
	       (has_loop(l) || l->unwaited >= PILE_MIN) &&
	       (double)l->stay_ns / 1e9 > g->span_s;
}

static const char *time_words(struct arena *a, int64_t ns)
{
	const char *span = amount_span(a, (double)ns / 1e9);

	const char *words = ns < 0 || !span ? NULL : arena_printf(a, "in %s", span);

	return words ? words : "now";
}

static const char *state_words(const struct timer_look *l, struct arena *a)
{
	char waited[COUNT_WORDS], total[COUNT_WORDS];

	/* In a sample of many, the few that somebody waits for may well be missing. */
	if (!l->waited)
		return arena_printf(a, "of %s timers in all; %s is waited for",
				    count_words(l->total, total),
				    l->read + l->torn < l->total ? "hardly any" : "none");
	return arena_printf(a, "of %s timers in all; %s like them %s waited for",
			    count_words(l->total, total), count_words(l->waited, waited),
			    l->waited == 1 ? "is" : "are");
}

static const char *when_words(const struct timer_look *l, struct arena *a)
{
	const char *stay = amount_span(a, (double)l->stay_ns / 1e9), *first, *last;

	if (!stay)
		return NULL;
	if (l->last_ns == TIME_UNKNOWN)
		return arena_printf(a, "the last stays for %s at least, until it fires, with its "
				    "channel", stay);
	first = time_words(a, l->first_ns);
	last = time_words(a, l->last_ns);
	if (strcmp(first, last) == 0)
		return arena_printf(a, "they fire %s: until then Go keeps timer and channel", last);
	return arena_printf(a, "the first fires %s, the last %s: until then Go keeps timer and "
			    "channel", first, last);
}

static const char *growth_words(const struct timer_pile *p, struct arena *a)
{
	char more[COUNT_WORDS], minute[COUNT_WORDS];
	uint64_t n = p->now->unwaited - p->growth->before;
	const char *span = amount_span(a, p->growth->span_s);

	return span ? arena_printf(a, "%s more in %s, %s a minute", count_words(n, more), span,
				   count_words((uint64_t)((double)n * 60 / p->growth->span_s),
					       minute))
		    : NULL;
}

static const char *site_words(const struct timer_site *s, struct arena *a)
{
	char n[COUNT_WORDS];

	return arena_printf(a, "probably made by %s%s: %s, %s goroutine%s %s", s->call,
			    s->loop ? " in a loop" : "", s->place,
			    count_words(s->goroutines, n), s->goroutines == 1 ? "" : "s",
			    s->waits ? (s->goroutines == 1 ? "waits there now" : "wait there now")
				     : "with it");
}

static int add_evidence(const struct timer_pile *p, struct arena *a, struct finding *f)
{
	const struct timer_look *l = p->now;
	const char **lines = arena_alloc(a, EVIDENCE_MAX, sizeof(*lines));
	char read[COUNT_WORDS];
	uint32_t n = 0;

	if (!lines)
		return -ENOMEM;
	lines[n++] = state_words(l, a);
	lines[n++] = when_words(l, a);
	if (p->growth && p->growth->span_s > 0 && l->unwaited > p->growth->before)
		lines[n++] = growth_words(p, a);
	for (uint32_t i = 0; i < l->n_sites && i < SITES_TOLD; i++)
		/* One without a loop is no more than a guess beside one with it. */
		if (l->sites[i].loop || !has_loop(l))
			lines[n++] = site_words(&l->sites[i], a);
	if (l->read + l->torn < l->total)
		lines[n++] = arena_printf(a, "estimated by %s of them, spread over all",
					  count_words(l->read, read));
	if (p->minor >= 23)
		lines[n++] = "GODEBUG has asynctimerchan=1, as programs have whose go.mod says "
			     "go 1.22 or less";
	return finding_evidence(f, lines, n);
}

int timer_pile_judge(const struct timer_pile *p, struct arena *a, struct finding *ret)
{
	const struct timer_look *l = p->now;
	struct finding f = {
		.pattern = "timer-pile-up",
		.verdict = VERDICT_SUSPECT,
		.count = l->unwaited,
		.bytes = (int64_t)l->unwaited_bytes,
		.site = has_loop(l) ? l->sites[0].place : NULL,
		.group = FINDING_NO_GROUP,
		.advice = p->minor >= 23 ?
				  "say go 1.23 or later in go.mod, or make one time.NewTimer before "
				  "the loop, with Stop and Reset in it" :
				  "make one time.NewTimer before the loop, with Stop and Reset in "
				  "it; or build with Go 1.23, and go 1.23 in go.mod",
	};
	char count[COUNT_WORDS];
	const char *bytes;

	if (!stands_out(p) && !grows(p))
		return 0;
	bytes = amount_bytes(a, (double)l->unwaited_bytes);
	if (bytes)
		f.summary = arena_printf(a, "%s timers that nobody waits for hold %s",
					 count_words(l->unwaited, count), bytes);
	if (!f.summary || add_evidence(p, a, &f) < 0)
		return -ENOMEM;
	*ret = f;
	return 1;
}
