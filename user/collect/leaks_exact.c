// SPDX-License-Identifier: Apache-2.0
#include "collect/leaks_exact.h"

#include "base/clock.h"
#include "collect/exact_pass.h"
#include "collect/leaks_fill.h"
#include "collect/subject.h"

enum { TRIES = 3 };

static enum verdict grade_of(void *arg, const struct reach_parked *p)
{
	return p->dead ? *(const enum verdict *)arg : VERDICT_UNKNOWN;
}

/*
 * Now and then the instant is a bad one, with a goroutine amid a change that cannot be told. There
 * is another try as long as all stops together stay within the time.
 */
static int take(struct exact_source *src, struct exact_pass *ret, struct diag *d)
{
	double left_us = (double)src->max_pause_us, stopped_ms = 0;
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		r = exact_pass_take(src, ret, d);
		if (r < 0)
			return r;
		stopped_ms += ret->stopped_ms;
		left_us -= ret->stopped_ms * 1e3;
		if (!ret->why_not || src->subject->core || i + 1 == TRIES ||
		    left_us < 2e3 * (ret->estimated_ms + ret->stopped_ms))
			break;
		src->max_pause_us = (uint64_t)left_us;
		exact_pass_done(ret);
	}
	ret->stopped_ms = stopped_ms;
	return 0;
}

int leaks_find_exact(const struct subject *subject, struct go_runtime *rt,
		     const struct leaks_options *o, struct arena *a, struct leak_set *ret,
		     struct diag *d)
{
	struct exact_source src = {
		.subject = subject,
		.rt = rt,
		.max_pause_us = o->max_pause_ms > 0 ? (uint64_t)(o->max_pause_ms * 1e3)
						    : EXACT_MAX_PAUSE_US,
		.max_bytes = o->max_bytes,
		.arena = a,
	};
	double start = clock_now_s(CLOCK_MONOTONIC);
	struct exact_pass pass;
	enum verdict grade;
	int r;

	*ret = (struct leak_set){ .stopped_ms = -1, .estimated_stop_ms = -1 };
	r = take(&src, &pass, d);
	if (r < 0)
		return r;
	grade = pass.why_not ? VERDICT_SUSPECT : VERDICT_PROVEN;
	r = leaks_fill(pass.reach, grade_of, &grade, a, ret);
	ret->passes = 1;
	ret->span_s = clock_now_s(CLOCK_MONOTONIC) - start;
	ret->stopped_ms = subject->core ? -1 : pass.stopped_ms;
	ret->estimated_stop_ms = pass.estimated_ms;
	ret->why_not = pass.why_not;
	exact_pass_done(&pass);
	return r;
}
