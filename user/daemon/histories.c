// SPDX-License-Identifier: Apache-2.0
#include "daemon/histories.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Whose points these are: n of them, from the first on. */
struct span_of_points {
	int pid;
	uint64_t start_time;
	size_t first;
	uint32_t n;
};

struct all {
	struct span_of_points *of;
	uint32_t n;
	struct node_point *points;
};

struct histories {
	pthread_mutex_t lock;	/* held for a swap, and for the copy of one history */
	struct all all;
};

struct histories *histories_new(void)
{
	struct histories *h = calloc(1, sizeof(*h));

	if (h)
		pthread_mutex_init(&h->lock, NULL);
	return h;
}

static void free_all(struct all *a)
{
	free(a->of);
	free(a->points);
}

void histories_free(struct histories *h)
{
	if (!h)
		return;
	free_all(&h->all);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static bool has_points(const struct node_process *p)
{
	return p->history && p->history->n;
}

static int copy_all(const struct node_look *look, struct all *ret)
{
	size_t points = 0;

	for (uint32_t i = 0; i < look->n; i++) {
		ret->n += has_points(&look->all[i]);
		points += has_points(&look->all[i]) ? look->all[i].history->n : 0;
	}
	ret->of = calloc(ret->n + 1, sizeof(*ret->of));
	ret->points = calloc(points + 1, sizeof(*ret->points));
	if (!ret->of || !ret->points)
		return -ENOMEM;
	ret->n = 0;
	points = 0;
	for (uint32_t i = 0; i < look->n; i++) {
		const struct node_process *p = &look->all[i];

		if (!has_points(p))
			continue;
		ret->of[ret->n++] = (struct span_of_points){ .pid = p->pid, .first = points,
							     .start_time = p->start_time,
							     .n = p->history->n };
		memcpy(&ret->points[points], p->history->points,
		       p->history->n * sizeof(*ret->points));
		points += p->history->n;
	}
	return 0;
}

int histories_put(struct histories *h, const struct node_look *look)
{
	struct all new = { .n = 0 }, old;
	int r = copy_all(look, &new);

	if (r < 0) {
		free_all(&new);
		return r;
	}
	pthread_mutex_lock(&h->lock);
	old = h->all;
	h->all = new;
	pthread_mutex_unlock(&h->lock);
	free_all(&old);
	return 0;
}

/* With the lock held. */
static int copy_one(const struct all *a, const struct span_of_points *of, struct node_point **ret,
		    uint32_t *ret_n)
{
	struct node_point *points = malloc(of->n * sizeof(*points));

	if (!points)
		return -ENOMEM;
	memcpy(points, &a->points[of->first], of->n * sizeof(*points));
	*ret = points;
	*ret_n = of->n;
	return 0;
}

int histories_get(struct histories *h, int pid, uint64_t start_time, struct node_point **ret,
		  uint32_t *ret_n)
{
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	pthread_mutex_lock(&h->lock);
	for (uint32_t i = 0; i < h->all.n; i++) {
		const struct span_of_points *of = &h->all.of[i];

		if (of->pid != pid || of->start_time != start_time)
			continue;
		r = copy_one(&h->all, of, ret, ret_n);
		break;
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}
