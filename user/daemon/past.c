// SPDX-License-Identifier: Apache-2.0
#include "daemon/past.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/snapshot.h"

struct past_look {
	unsigned int holders;
	struct arena *arena;
	struct node_process *all;
	uint32_t n;
};

struct past {
	pthread_mutex_t lock;	/* held for a swap of pointers */
	struct past_look *last;
};

struct past *past_new(void)
{
	struct past *p = calloc(1, sizeof(*p));

	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void past_free(struct past *p)
{
	if (!p)
		return;
	past_look_free(p->last);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void past_look_free(struct past_look *l)
{
	if (!l || __atomic_sub_fetch(&l->holders, 1, __ATOMIC_ACQ_REL))
		return;
	arena_free(l->arena);
	free(l);
}

/* --- Copying --- */

static int copy_findings(struct arena *a, const struct node_process *p, struct node_process *ret)
{
	struct finding *all = arena_alloc(a, p->n_findings, sizeof(*all));
	int r = all || !p->n_findings ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < p->n_findings; i++)
		r = finding_copy(a, &p->findings[i], &all[i]);
	ret->findings = all;
	ret->n_findings = p->n_findings;
	return r;
}

static int copy_history(struct arena *a, const struct node_history *h, struct node_process *ret)
{
	struct node_history *copy;
	struct node_point *points;

	if (!h || !h->n)
		return 0;
	copy = arena_alloc(a, 1, sizeof(*copy));
	points = arena_alloc(a, h->n, sizeof(*points));
	if (!copy || !points)
		return -ENOMEM;
	memcpy(points, h->points, h->n * sizeof(*points));
	*copy = (struct node_history){ .points = points, .n = h->n };
	ret->history = copy;
	return 0;
}

static int copy_process(struct arena *a, const struct node_process *p, struct node_process *ret)
{
	int r;

	*ret = (struct node_process){
		.pid = p->pid,
		.start_time = p->start_time,
		.kind = p->kind,
		.state = p->state,
		.uptime_s = p->uptime_s,
		.cores = p->cores,
		.rss = p->rss,
		.threads = p->threads,
		.goroutines = p->goroutines,
		.growing_sites = p->growing_sites,
		.tally = p->tally,
		.interval_s = p->interval_s,
		.name = arena_strdup(a, p->name ? p->name : ""),
		.not_read = p->not_read ? arena_strdup(a, p->not_read) : NULL,
	};
	if (!ret->name || (p->not_read && !ret->not_read))
		return -ENOMEM;
	r = copy_findings(a, p, ret);
	return r < 0 ? r : copy_history(a, p->history, ret);
}

static int copy_look(const struct node_look *look, struct past_look **ret)
{
	CLEANUP(past_look_free_p) struct past_look *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->holders = 1;
	l->arena = arena_new();
	if (l->arena)
		l->all = arena_alloc(l->arena, look->n + 1, sizeof(*l->all));
	if (!l->all)
		return -ENOMEM;
	for (; r == 0 && l->n < look->n; l->n++)
		r = copy_process(l->arena, &look->all[l->n], &l->all[l->n]);
	if (r < 0)
		return r;
	*ret = TAKE(l);
	return 0;
}

int past_put(struct past *p, const struct node_look *look)
{
	struct past_look *l, *before;
	int r = copy_look(look, &l);

	if (r < 0)
		return r;
	pthread_mutex_lock(&p->lock);
	before = p->last;
	p->last = l;
	pthread_mutex_unlock(&p->lock);
	past_look_free(before);
	return 0;
}

/* --- Asking --- */

struct past_look *past_get(struct past *p)
{
	struct past_look *l;

	pthread_mutex_lock(&p->lock);
	l = p->last;
	if (l)
		__atomic_add_fetch(&l->holders, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&p->lock);
	return l;
}

const struct node_process *past_find(const struct past_look *l, int pid, uint64_t start_time)
{
	for (uint32_t i = 0; l && i < l->n; i++)
		if (l->all[i].pid == pid && l->all[i].start_time == start_time)
			return &l->all[i];
	return NULL;
}
