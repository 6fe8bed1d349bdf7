// SPDX-License-Identifier: Apache-2.0
/* Timers that nobody waits for, by two looks at one process. */
#include <errno.h>
#include <stdio.h>

#include "analysis/diff_parts.h"
#include "analysis/timer_pile.h"

static uint64_t count(int64_t v)
{
	return v > 0 ? (uint64_t)v : 0;
}

static int minor_of(const char *go_version)
{
	int minor;

	return go_version && sscanf(go_version, "go1.%d", &minor) == 1 ? minor : 0;
}

int diff_timers(const struct diff *d, struct arena *a, struct finding *ret)
{
	const struct saved_timers *before = &d->before->timers, *after = &d->after->timers;
	const struct timer_site site = {
		.place = after->place, .call = after->call, .loop = after->loop,
		.waits = after->waits, .goroutines = count(after->goroutines),
	};
	const struct timer_look now = {
		.total = count(after->total), .read = count(after->total),
		.waited = count(after->waited), .unwaited = count(after->unwaited),
		.unwaited_bytes = count(after->unwaited_bytes),
		.first_ns = after->first_ns, .last_ns = after->last_ns, .stay_ns = after->last_ns,
		.span_ns = TIME_UNKNOWN, .sites = &site, .n_sites = site.place && site.call,
	};
	struct timer_growth growth = { .span_s = d->seconds, .before = count(before->unwaited) };
	const struct timer_pile pile = {
		.now = &now, .goroutines = count(d->after->total),
		.minor = minor_of(d->after->go_version), .growth = &growth,
	};
	int r;

	if (d->relation != DIFF_SAME_PROCESS || before->unwaited < 0 || after->unwaited < 0 ||
	    after->waited < 0 || after->last_ns == TIME_UNKNOWN)
		return 0;
	r = timer_pile_judge(&pile, a, ret);
	if (r)
		return r;
	/* That they rose all the time in between, two looks cannot tell. */
	growth.goes_on = true;
	r = timer_pile_judge(&pile, a, ret);
	if (r > 0)
		ret->verdict = VERDICT_CANDIDATE;
	return r;
}
