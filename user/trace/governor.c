// SPDX-License-Identifier: Apache-2.0
#include "trace/governor.h"

#include <math.h>

/* How much of a debt, or of a credit, is carried: this many seconds of the budget. */
#define CARRY_S 30.0
/* A debt is worked off, and a credit used up, over this time. */
#define REPAY_S 60.0
/* Weight of a new measurement when rates fall; when they rise it counts whole, at once. */
#define FALL 0.3

#define BURST_MIN_S 0.005
#define BURST_SHORTEST_S 0.001
#define PERIOD_S 1.0
#define OFF_MAX_S 30.0
#define SLOWER 10

double governor_budget(const struct governor *g, double target_cores)
{
	double budget = g->percent / 100 * target_cores;

	return (budget > g->floor_cores ? budget : g->floor_cores) + g->granted_cores;
}

static double clamp(double v, double low, double high)
{
	if (!(v > low))		/* and NaN */
		return low;
	return v < high ? v : high;
}

/* The smoothed cost of an item at full time; the rate's upper bound, so that few hits do not lull. */
static void measure(struct governor_item *i, double elapsed_s)
{
	double full;

	i->spent_cores = elapsed_s > 0 ? (double)i->hits * i->hit_ns / 1e9 / elapsed_s : 0;
	if (i->armed_s <= 0)
		return;
	full = rate_of(i->hits, i->armed_s, i->armed_s, 1).high * i->hit_ns / 1e9;
	if (i->full_cores < 0 || full > i->full_cores)
		i->full_cores = full;
	else
		i->full_cores += FALL * (full - i->full_cores);
}

/* One round of sharing: who needs less than its part is on for good; false when nobody was. */
static bool settle(struct governor_item *items, size_t n, bool *settled, double *left,
		   double *weights)
{
	bool found = false;

	for (size_t k = 0; k < n; k++) {
		struct governor_item *i = &items[k];

		if (settled[k] || *weights <= 0 || i->full_cores > *left * i->weight / *weights)
			continue;
		i->duty = 1;
		settled[k] = found = true;
		*left -= i->full_cores;
		*weights -= i->weight;
	}
	return found;
}

/* What `cores` buy: first bursts of the least length, up to one a period, then longer ones. */
static double duty_for(const struct governor_item *i, double cores)
{
	double scale = i->slow ? SLOWER : 1;
	double least = BURST_MIN_S * i->full_cores * scale + i->switch_s;
	double period = PERIOD_S * scale;

	if (cores * period <= least)
		return clamp(cores * BURST_MIN_S * scale / least, 0, 1);
	return clamp((cores - i->switch_s / period) / i->full_cores, 0, 1);
}

/* Shares `left` cores by weight; what one cannot use goes to the others. */
static void share(struct governor_item *items, size_t n, double left)
{
	enum { MAX = 16 };
	bool settled[MAX] = { false };
	double weights = 0;

	if (n > MAX)
		n = MAX;
	for (size_t k = 0; k < n; k++) {
		items[k].duty = items[k].always ? 1 : 0;
		settled[k] = items[k].always || items[k].full_cores < 0 || items[k].weight <= 0;
		if (!settled[k])
			weights += items[k].weight;
	}
	if (left <= 0)
		return;
	while (settle(items, n, settled, &left, &weights))
		;
	for (size_t k = 0; k < n; k++)
		if (!settled[k] && weights > 0)
			items[k].duty = duty_for(&items[k], left * items[k].weight / weights);
}

static double median(double a, double b, double c)
{
	return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

double governor_step(struct governor *g, const struct governor_time *t,
		     struct governor_item *items, size_t n)
{
	double own = 0, steady = 0, own_usual, target = 0, budget, spent, always = 0;

	if (t->elapsed_s > 0) {
		own = t->own_cpu_s / t->elapsed_s;
		steady = clamp(t->own_cpu_s - t->switch_cpu_s, 0, INFINITY) / t->elapsed_s;
		target = t->target_cpu_s / t->elapsed_s;
	}
	spent = own;
	/*
	 * One dear look, when names are looked up, says little of the next; and what is on for good
	 * is not switched. The debt has both.
	 */
	own_usual = median(steady, g->own[0], g->own[1]);
	g->own[1] = g->own[0];
	g->own[0] = steady;
	for (size_t k = 0; k < n; k++) {
		measure(&items[k], t->elapsed_s);
		spent += items[k].spent_cores;
		if (items[k].always && items[k].full_cores > 0)
			always += items[k].full_cores;
	}
	/* What the probes make the target burn must not raise its own budget. */
	budget = governor_budget(g, clamp(target - (spent - own), 0, INFINITY));
	g->debt_s = clamp(g->debt_s + (spent - budget) * t->elapsed_s, -CARRY_S * budget,
			  CARRY_S * budget);
	share(items, n, budget - own_usual - always - g->debt_s / REPAY_S);
	return spent;
}

/* splitmix64: 0 up to 1. */
static double random_share(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (double)((z ^ z >> 31) >> 11) / (double)(1ull << 53);
}

struct burst_plan governor_burst(double duty, bool slow, uint64_t *seed)
{
	double on, off, scale = slow ? SLOWER : 1;

	duty = clamp(duty, 0, 1);
	if (duty >= 1)
		return (struct burst_plan){ .on_s = PERIOD_S };
	on = scale * clamp(duty * PERIOD_S, BURST_MIN_S, PERIOD_S);
	off = duty > 0 ? on / duty - on : INFINITY;
	if (off > OFF_MAX_S) {
		off = OFF_MAX_S;
		on = duty * OFF_MAX_S / (1 - duty);
	}
	if (on < BURST_SHORTEST_S)
		on = 0;
	on *= 0.75 + random_share(seed) / 2;
	off *= 0.5 + random_share(seed);
	return (struct burst_plan){ on, off };
}

/*
 * Wilson and Hilferty's cube root of chi-square makes Poisson's exact bounds to within 1 % from
 * a count of 1 on.
 */
struct rate rate_of(uint64_t count, double armed_s, double elapsed_s, double dispersion)
{
	struct rate r = { .high = INFINITY };
	double z = 1.96 * sqrt(dispersion > 1 ? dispersion : 1), n = (double)count, up = n + 1, v;

	if (armed_s <= 0)
		return r;
	r.seen = elapsed_s > armed_s ? armed_s / elapsed_s : 1;
	r.per_s = n / armed_s;
	if (count) {
		v = 1 - 1 / (9 * n) - z / (3 * sqrt(n));
		r.low = v > 0 ? n * v * v * v / armed_s : 0;
	}
	v = 1 - 1 / (9 * up) + z / (3 * sqrt(up));
	r.high = up * v * v * v / armed_s;
	return r;
}

void dispersion_add(struct dispersion *d, const uint64_t *counts, const double *armed_s, size_t n)
{
	double count = 0, armed = 0, chi2 = 0, used = 0;

	for (size_t i = 0; i < n; i++) {
		count += (double)counts[i];
		armed += armed_s[i] > 0 ? armed_s[i] : 0;
	}
	/* With less than one in two bursts, chi-square is no measure of anything. */
	if (n < 2 || armed <= 0 || count < (double)n / 2)
		return;
	for (size_t i = 0; i < n; i++) {
		double want = armed_s[i] * count / armed;

		if (armed_s[i] <= 0)
			continue;
		chi2 += ((double)counts[i] - want) * ((double)counts[i] - want) / want;
		used++;
	}
	d->chi2 = d->chi2 / 2 + chi2;
	d->degrees = d->degrees / 2 + used - 1;
}

double dispersion_of(const struct dispersion *d)
{
	double n = d->degrees > 1 ? d->degrees : 1, found = d->degrees > 0 ? d->chi2 / n : 1;
	/* The 97.5 % point of Student's t by the normal one's; within 2 % from one degree on. */
	double t = 1 + 1.2 / n + 1.8 / (n * n) + 2.4 / (n * n * n * n);

	return (found > 1 ? found : 1) * t * t;
}

/* Calibration may be wrong by this factor. */
#define UNSURE 1.5
/* A target that does less than a twentieth under probes: how much less is anybody's guess. */
#define FACTOR_MAX 20
/* Nothing that Go's scheduler does takes less CPU time than this. */
#define EVENT_MIN_S 50e-9

struct rate rate_unslowed(struct rate r, const struct slowdown *s)
{
	double useful = s->armed - s->probes;
	double least = s->armed - s->armed_error - UNSURE * s->probes;
	double unseen = 1 - clamp(r.seen, 0, 1), most = INFINITY;

	if (s->usual <= 0 || s->probes <= 0)
		return r;
	/* The same work for each second of CPU time that is left for work. */
	if (useful * FACTOR_MAX < s->usual)
		useful = s->usual / FACTOR_MAX;
	r.per_s *= 1 + unseen * (clamp(s->usual / useful, 1, FACTOR_MAX) - 1);
	if (least > 0)
		most = s->usual / least;
	if (s->events > 0)
		most = fmin(most, s->usual / EVENT_MIN_S / s->events);
	r.high = fmin(r.high * (1 + unseen * fmax(most - 1, 0)),
		      fmax(r.high, s->usual / EVENT_MIN_S));
	r.high = fmax(r.high, r.per_s);
	return r;
}
