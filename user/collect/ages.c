// SPDX-License-Identifier: Apache-2.0
#include "collect/ages.h"

#include <stdbool.h>
#include <stdlib.h>

/* A goroutine is scanned once a cycle: distinct values are cycles. More than these are thinned by
 * forgetting, which only makes bounds weaker. */
#define MAX_TIMES 65536
/*
 * last_gc_nanotime is taken at the end of the pause that work.tstart starts. Without another time
 * in between, a waitsince this close before it may be of the same cycle, and then says nothing.
 */
#define LONGEST_PAUSE_NS 1000000000ll

struct ages {
	int64_t *times;		/* sorted after ages_finish() */
	size_t n, room;
	int64_t last;		/* the last one added: runs of equal values are common */
	int64_t last_gc, now;
};

struct ages *ages_new(void)
{
	return calloc(1, sizeof(struct ages));
}

void ages_free(struct ages *a)
{
	if (!a)
		return;
	free(a->times);
	free(a);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_unique(struct ages *a)
{
	size_t n = 0;

	if (!a->n)
		return;
	qsort(a->times, a->n, sizeof(*a->times), by_time);
	for (size_t i = 1; i < a->n; i++)
		if (a->times[i] != a->times[n])
			a->times[++n] = a->times[i];
	a->n = n + 1;
}

/* Room for one more, by forgetting doubles first and growing only when those do not make it. */
static bool make_room(struct ages *a)
{
	size_t room = a->room ? a->room * 2 : 1024;
	int64_t *times;

	if (a->n < a->room)
		return true;
	sort_unique(a);
	if (a->n < a->room / 2)
		return true;
	if (room > MAX_TIMES)
		return false;
	times = realloc(a->times, room * sizeof(*times));
	if (!times)
		return false;
	a->times = times;
	a->room = room;
	return true;
}

void ages_add(struct ages *a, int64_t waitsince)
{
	if (waitsince <= 0 || waitsince == a->last || !make_room(a))
		return;
	a->times[a->n++] = waitsince;
	a->last = waitsince;
}

void ages_finish(struct ages *a, int64_t last_gc, int64_t now)
{
	sort_unique(a);
	a->now = now;
	a->last_gc = last_gc > 0 && last_gc <= now ? last_gc : 0;
}

int64_t ages_bound(const struct ages *a, int64_t waitsince)
{
	size_t lo = 0, hi = a->n;
	int64_t parked_by;

	if (waitsince <= 0 || !a->now || waitsince > a->now)
		return -1;
	/* The first time after waitsince. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->times[mid] > waitsince)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (lo < a->n)
		parked_by = a->times[lo];
	else if (a->last_gc - waitsince > LONGEST_PAUSE_NS)
		parked_by = a->last_gc;
	else
		return -1;
	return parked_by <= a->now ? a->now - parked_by : -1;
}
