// SPDX-License-Identifier: Apache-2.0
#include "analysis/history.h"

#include <string.h>

struct window history_recent(const struct history *h, const struct series *s, double now_s,
			     uint64_t now)
{
	return (struct window){ .t = h->recent_s, .c = s->recent, .n = h->n_recent, .now_s = now_s,
				.now = now };
}

struct window history_whole(const struct history *h, const struct series *s, double now_s,
			    uint64_t now)
{
	return (struct window){ .t = h->whole_s, .c = s->whole, .n = h->n_whole, .now_s = now_s,
				.now = now };
}

void history_cut_series(const struct history *h, struct series *s, uint32_t keep)
{
	uint32_t n = h->n_recent;

	if (n > keep)
		memmove(s->recent, s->recent + n - keep, keep * sizeof(*s->recent));
}

void history_cut(struct history *h, uint32_t keep)
{
	uint32_t n = h->n_recent;

	if (n <= keep)
		return;
	memmove(h->recent_s, h->recent_s + n - keep, keep * sizeof(*h->recent_s));
	memmove(h->recent_look, h->recent_look + n - keep, keep * sizeof(*h->recent_look));
	h->n_recent = keep;
}

bool history_is_peak(const struct history *h, const struct series *s, uint64_t now, uint64_t by)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < h->n_recent; i++)
		if (s->recent[i] > most)
			most = s->recent[i];
	return h->n_recent && now >= most + by;
}

static bool is_kept(const struct history *h)
{
	return h->looks % (h->stride ? h->stride : 1) == 0;
}

void history_put(const struct history *h, struct series *s, uint64_t count)
{
	uint32_t n = h->n_recent;

	if (n == HISTORY_RECENT)
		memmove(s->recent, s->recent + 1, --n * sizeof(*s->recent));
	s->recent[n] = count;
	if (!is_kept(h))
		return;
	n = h->n_whole;
	if (n == HISTORY_WHOLE) {
		n /= 2;
		for (uint32_t i = 0; i < n; i++)
			s->whole[i] = s->whole[2 * i];
	}
	s->whole[n] = count;
}

void history_next(struct history *h, double now_s)
{
	bool kept = is_kept(h);
	uint32_t n = h->n_recent;

	if (!h->stride)
		h->stride = 1;
	if (n == HISTORY_RECENT) {
		n--;
		memmove(h->recent_s, h->recent_s + 1, n * sizeof(*h->recent_s));
		memmove(h->recent_look, h->recent_look + 1, n * sizeof(*h->recent_look));
	}
	h->recent_s[n] = now_s;
	h->recent_look[n] = h->looks;
	h->n_recent = n + 1;
	n = h->n_whole;
	if (kept && n == HISTORY_WHOLE) {
		n /= 2;
		h->stride *= 2;
		for (uint32_t i = 0; i < n; i++) {
			h->whole_s[i] = h->whole_s[2 * i];
			h->whole_look[i] = h->whole_look[2 * i];
		}
	}
	if (kept) {
		h->whole_s[n] = now_s;
		h->whole_look[n] = h->looks;
		h->n_whole = n + 1;
	}
	h->looks++;
}
