// SPDX-License-Identifier: Apache-2.0
/*
 * Heavier looks at one process: asked for where something grows, and else once in a long while; one
 * at a time, and only out of what the budget has left. What comes of them comes by another thread.
 */
#include "collect/node_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/examined.h"

/* Intervals between two of one process, and between two searches for leaks unasked. */
#define GAP_INTERVALS 10
#define SEARCH_INTERVALS 60
/* One that says nothing for so long is given up; its cost is not known, and taken for this. */
#define PATIENCE_INTERVALS 5
#define GIVEN_UP_MS 1000.0
/* A goroutine's part in a search for leaks, before any was made; and what each takes at least. */
#define GOROUTINE_MS 0.005
#define LEAST_MS 50.0

struct node_exam_desk {
	pthread_mutex_t lock;
	/* By the lock: what has come in, and for whom. */
	bool has_come;
	int pid;
	uint64_t start_time;
	struct examined *come;
	/* The look thread's alone: what is under way. */
	bool asked;
	int asked_pid;
	uint64_t asked_start;
	double asked_s;
};

int node_exams_open(struct node *n)
{
	if (!n->args.examine)
		return 0;
	n->desk = calloc(1, sizeof(*n->desk));
	if (!n->desk)
		return -ENOMEM;
	pthread_mutex_init(&n->desk->lock, NULL);
	return 0;
}

void node_exams_close(struct node *n)
{
	if (!n->desk)
		return;
	examined_free(n->desk->come);
	pthread_mutex_destroy(&n->desk->lock);
	free(n->desk);
}

void node_examined(struct node *n, int pid, uint64_t start_time, struct examined *e)
{
	struct node_exam_desk *k = n->desk;
	struct examined *old = e;

	if (k) {
		pthread_mutex_lock(&k->lock);
		old = k->come;
		k->come = e;
		k->has_come = true;
		k->pid = pid;
		k->start_time = start_time;
		pthread_mutex_unlock(&k->lock);
	}
	examined_free(old);
}

/* --- What has come in --- */

static void charge(struct node *n, double cost_ms)
{
	n->credit_ms -= cost_ms;
	n->exams_ms += cost_ms;
}

static void take(struct node *n, int pid, uint64_t start_time, struct examined *found)
{
	struct node_entry *e = node_find(n, pid);

	charge(n, found ? found->cpu_ms : GIVEN_UP_MS);
	if (!found || !e || e->line.stat.start_ticks != start_time) {
		examined_free(found);
		return;
	}
	found->elapsed_s = n->look.elapsed_s;
	e->exams.cost_ms = found->cpu_ms;
	examined_free(e->exams.last);
	e->exams.last = found;
}

void node_exams_take(struct node *n)
{
	struct node_exam_desk *k = n->desk;
	struct examined *found;
	bool has_come;
	int pid;
	uint64_t start_time;

	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	has_come = k->has_come;
	found = TAKE(k->come);
	pid = k->pid;
	start_time = k->start_time;
	k->has_come = false;
	pthread_mutex_unlock(&k->lock);
	if (has_come) {
		if (k->asked && k->asked_pid == pid && k->asked_start == start_time)
			k->asked = false;
		take(n, pid, start_time, found);
	}
	if (k->asked && n->look.elapsed_s - k->asked_s > PATIENCE_INTERVALS * n->args.interval_s) {
		k->asked = false;
		charge(n, GIVEN_UP_MS);
	}
}

/* --- Whose turn it is --- */

static bool grows(const struct node_entry *e)
{
	return node_entry_grows(e) || node_sites_grow(e->watched->interval);
}

/* NULL: there is no reason. */
static const char *reason_for(struct node *n, struct node_entry *e)
{
	double now = n->look.elapsed_s, interval = n->args.interval_s;

	if ((e->kind != NODE_GO && e->kind != NODE_CGO) || !node_watch_ready(e) ||
	    !e->watched->interval || e->watched->interval->state != WATCH_RUNNING)
		return NULL;
	/* Those that are new have their first search spread over as long as there is between two. */
	if (e->exams.due_s <= 0)
		e->exams.due_s = now + (0.1 + 0.9 * e->turn.phase) * SEARCH_INTERVALS * interval;
	if (e->exams.asked_s >= 0 && now - e->exams.asked_s < GAP_INTERVALS * interval)
		return NULL;
	if (grows(e))
		return "growth";
	/* What was found wrong is looked for again sooner: it may have been mended. */
	if (now >= e->exams.due_s || (e->exams.last && e->exams.last->n_findings))
		return "leak search due";
	return NULL;
}

static double cost_of(const struct node_entry *e)
{
	const struct interval *i = e->watched->interval;
	double ms = i->snapshot ? (double)i->snapshot->total * GOROUTINE_MS : 0;

	if (e->exams.cost_ms > 0)
		return e->exams.cost_ms;
	return ms > LEAST_MS ? ms : LEAST_MS;
}

/* One that is dearer than all that may be saved comes when as much is there as there can be. */
static bool affords(const struct node *n, const struct node_entry *e)
{
	double need = cost_of(e), most = node_credit_max(n) * 0.9;

	return n->credit_ms - n->spent_ms >= (need < most ? need : most);
}

static void ask(struct node *n, struct node_entry *e, const char *reason)
{
	struct node_exam_desk *k = n->desk;
	double now = n->look.elapsed_s;
	int r = n->args.examine(n->args.examine_arg, e->line.pid, e->line.stat.start_ticks, reason);

	if (r < 0) {
		/* Not now: nobody is asked for a while, and this one comes last. */
		e->exams.asked_s = now - (GAP_INTERVALS - 1) * n->args.interval_s;
		if (e->exams.asked_s < 0)
			e->exams.asked_s = 0;
		return;
	}
	e->exams.asked_s = now;
	e->exams.due_s = now + SEARCH_INTERVALS * n->args.interval_s;
	k->asked = true;
	k->asked_pid = e->line.pid;
	k->asked_start = e->line.stat.start_ticks;
	k->asked_s = now;
}

/* One that grows before one whose time has come; then whoever waits for longest. */
static bool comes_before(const struct node_entry *x, const struct node_entry *y)
{
	if (grows(x) != grows(y))
		return grows(x);
	return x->exams.asked_s < y->exams.asked_s;
}

void node_exams_ask(struct node *n)
{
	struct node_entry *best = NULL;
	const char *best_reason = NULL;

	if (!n->desk || n->desk->asked)
		return;
	for (size_t i = 0; i < n->n; i++) {
		struct node_entry *e = n->all[i];
		const char *reason = reason_for(n, e);

		if (reason && (!best || comes_before(e, best))) {
			best = e;
			best_reason = reason;
		}
	}
	if (best && affords(n, best))
		ask(n, best, best_reason);
}

int node_exams_tell(struct node *n, const struct node_entry *e, struct node_process *p)
{
	const struct examined *x = e->exams.last;
	struct finding *all;
	uint32_t m = p->n_findings;

	if (!x || !x->n_findings)
		return 0;
	all = arena_alloc(n->arena, (size_t)m + x->n_findings, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (m)
		memcpy(all, p->findings, m * sizeof(*all));
	for (uint32_t i = 0; i < x->n_findings; i++)
		if (x->findings[i].verdict >= VERDICT_SUSPECT)
			all[m++] = x->findings[i];
	p->findings = all;
	p->n_findings = m;
	return 0;
}
