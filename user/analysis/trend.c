// SPDX-License-Identifier: Apache-2.0
#include "analysis/trend.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/history.h"

const struct trend_rule trend_of_threads = { .looks = 5, .least = 6, .share = 0 };
const struct trend_rule trend_of_rss = { .looks = 8, .least = 8u << 20, .share = 0.02 };

struct trend_history {
	const struct trend_rule *rule;
	struct history history;
	struct series values;
	uint64_t last;
};

struct trend_history *trend_new(const struct trend_rule *rule)
{
	struct trend_history *h = calloc(1, sizeof(*h));

	if (h)
		h->rule = rule;
	return h;
}

void trend_free(struct trend_history *h)
{
	free(h);
}

/* As much as would make it growth if it went on so in each look. */
static uint64_t peak_of(const struct trend_rule *rule, uint64_t value)
{
	uint64_t by = rule->least, share = (uint64_t)(rule->share * (double)value);

	if (share > by)
		by = share;
	by /= rule->looks;
	return by > 1 ? by : 2;
}

static bool gave_nothing_back(const struct window *w)
{
	uint64_t highest = 0, lowest = w->now, most = w->now;

	for (uint32_t i = 0; i < w->n; i++) {
		if (i <= w->n / 3 && w->c[i] > highest)
			highest = w->c[i];
		if (i >= 2 * w->n / 3 && w->c[i] < lowest)
			lowest = w->c[i];
		if (w->c[i] > most)
			most = w->c[i];
	}
	return lowest > highest && most <= w->now;
}

static bool grows(const struct window *w, const struct trend_rule *rule)
{
	uint64_t first;

	if (w->n < rule->looks)
		return false;
	first = w->c[0];
	return w->now >= first + rule->least &&
	       (double)(w->now - first) >= rule->share * (double)first && window_goes_on(w) &&
	       gave_nothing_back(w);
}

_Static_assert((int)TREND_VALUES == HISTORY_RECENT, "all of the recent window");

uint32_t trend_values(const struct trend_history *h, double at_s[TREND_VALUES],
		      uint64_t values[TREND_VALUES])
{
	uint32_t n = h->history.n_recent;

	memcpy(at_s, h->history.recent_s, n * sizeof(*at_s));
	memcpy(values, h->values.recent, n * sizeof(*values));
	return n;
}

void trend_focus(struct trend_history *h)
{
	history_cut_series(&h->history, &h->values, 2);
	history_cut(&h->history, 2);
}

void trend_add(struct trend_history *h, double elapsed_s, uint64_t value, struct trend *ret)
{
	struct window recent = history_recent(&h->history, &h->values, elapsed_s, value);
	struct window whole = history_whole(&h->history, &h->values, elapsed_s, value);
	const struct window *w = &recent;
	struct trend t = { .known = true, .now = value };

	t.peak = history_is_peak(&h->history, &h->values, value, peak_of(h->rule, value));
	if (h->history.looks)
		t.delta = (int64_t)value - (int64_t)h->last;
	t.grows = grows(&recent, h->rule);
	if (!t.grows && grows(&whole, h->rule)) {
		t.grows = true;
		w = &whole;
	}
	if (w->n && elapsed_s > w->t[0]) {
		t.window_s = elapsed_s - w->t[0];
		t.rate_per_min = ((double)value - (double)w->c[0]) * 60 / t.window_s;
	}
	history_put(&h->history, &h->values, value);
	history_next(&h->history, elapsed_s);
	h->last = value;
	*ret = t;
}
