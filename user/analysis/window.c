// SPDX-License-Identifier: Apache-2.0
#include "analysis/window.h"

/* The last third's rate against that of the others. */
#define GOES_ON 0.6
/* A step that is shorter than that part of the usual one is no measure by itself. */
#define SHORT_STEP 0.75

static double time_at(const struct window *w, uint32_t i)
{
	return i < w->n ? w->t[i] : w->now_s;
}

double window_count(const struct window *w, uint32_t i)
{
	return (double)(i < w->n ? w->c[i] : w->now);
}

double window_rate(const struct window *w, uint32_t from, uint32_t to)
{
	double s = time_at(w, to) - time_at(w, from);

	return s > 0 ? (window_count(w, to) - window_count(w, from)) / s : 0;
}

/*
 * Where "just now" begins. The last step may be short: the one before the end of it all comes when
 * somebody asks for it. That nobody came in a moment says nothing.
 */
static uint32_t just_now(const struct window *w)
{
	uint32_t at = w->n - (w->n < 12 ? 1 : w->n / 6);
	double step = (w->now_s - time_at(w, 0)) / w->n;

	while (at > 0 && w->now_s - time_at(w, at) < SHORT_STEP * step)
		at--;
	return at;
}

bool window_goes_on(const struct window *w)
{
	uint32_t a = w->n / 3, b = 2 * w->n / 3;
	double first = window_rate(w, 0, a), second = window_rate(w, a, b), last = window_rate(w, b, w->n);

	return first > 0 && second > 0 && last >= GOES_ON * (first + second) / 2 &&
	       window_rate(w, just_now(w), w->n) > 0;
}

bool window_stays(const struct window *w)
{
	double mid = window_count(w, w->n / 2), came = mid - window_count(w, 0);
	double stayed = (double)w->stayed_mid;

	return mid >= 1 && stayed >= WINDOW_STAY * mid &&
	       stayed - (double)w->stayed_start >= WINDOW_STAY * came;
}
