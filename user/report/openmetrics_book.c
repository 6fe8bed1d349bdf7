// SPDX-License-Identifier: Apache-2.0
#include "report/openmetrics_book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/openmetrics_name.h"

/* What was counted of a process at the last look: metrics have what came since, for good. */
struct book_process {
	int pid;
	uint64_t start_time;
	struct node_tally tally;
	double read_s;		/* when its goroutines were read last; of the node's look */
	bool began;		/* while we watched, so that its start is one */
	bool counted;		/* and that is in the book */
	bool over;		/* it has ended, or another program runs there now */
};

/* Where the processes of one look belong; the place is given up when it is another's by the end. */
struct resolved {
	uint64_t serial;
	uint32_t place;
};

#define NO_PLACE UINT32_MAX

/* --- Opening --- */

struct openmetrics_book *openmetrics_book_new(uint32_t targets_max)
{
	CLEANUP(openmetrics_book_free_p) struct openmetrics_book *b = calloc(1, sizeof(*b));
	struct target_name name;

	if (!b)
		return NULL;
	b->n = 1 + (targets_max ? targets_max : LIMIT_METRIC_TARGETS);
	b->targets = calloc(b->n, sizeof(*b->targets));
	if (!b->targets)
		return NULL;
	target_name_other(&name);
	for (size_t i = 0; i < TARGET_NAME_LABELS; i++) {
		b->targets[BOOK_OTHER].label[i] = strdup(name.label[i]);
		if (!b->targets[BOOK_OTHER].label[i])
			return NULL;
	}
	b->targets[BOOK_OTHER].hash = name.hash;
	return TAKE(b);
}

void openmetrics_book_free(struct openmetrics_book *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; b->targets && i < b->n; i++)
		for (size_t k = 0; k < TARGET_NAME_LABELS; k++)
			free(b->targets[i].label[k]);
	free(b->targets);
	free(b->processes);
	arena_free(b->arena);
	free(b);
}

/* --- Who belongs where --- */

static void be_there(struct book_target *t, const struct node_look *look, uint32_t rank)
{
	const struct node_process *p = &look->all[rank];

	if (rank < t->rank)
		t->rank = rank;
	t->seen_s = look->elapsed_s;
	t->worse |= p->n_findings || node_process_grows(p);
}

/* A place for a process whose name has none so far. */
static int place(struct openmetrics_book *b, const struct node_look *look, uint32_t i,
		 struct resolved *ret)
{
	const struct node_process *p = &look->all[i];
	struct book_target *t = &b->targets[BOOK_OTHER];
	struct target_name name;
	int r = 0;

	target_name_of(p, &name);
	if (target_is_named(p)) {
		t = book_find(b, &name);
		if (!t)
			r = book_place(b, &name, p->n_findings > 0, &t);
		if (r < 0)
			return r;
	}
	if (!t) {
		b->folded++;
		t = &b->targets[BOOK_OTHER];
	}
	be_there(t, look, i);
	*ret = (struct resolved){ .serial = t->serial, .place = (uint32_t)(t - b->targets) };
	return 0;
}

/* Those that have a place keep it; then the others are given what is left, the worst first. */
static int resolve(struct openmetrics_book *b, const struct node_look *look, struct resolved *all)
{
	struct target_name name;
	int r = 0;

	b->folded = 0;
	for (uint32_t i = 0; i < b->n; i++) {
		b->targets[i].rank = BOOK_ABSENT;
		b->targets[i].worse = false;
	}
	for (uint32_t i = 0; i < look->n; i++) {
		struct book_target *t;

		target_name_of(&look->all[i], &name);
		t = book_find(b, &name);
		all[i].place = NO_PLACE;
		if (!t)
			continue;
		be_there(t, look, i);
		all[i].serial = t->serial;
		all[i].place = (uint32_t)(t - b->targets);
	}
	for (uint32_t i = 0; r == 0 && i < look->n; i++)
		if (all[i].place == NO_PLACE)
			r = place(b, look, i, &all[i]);
	for (uint32_t i = 0; r == 0 && i < look->n; i++) {
		if (b->targets[all[i].place].serial == all[i].serial)
			continue;
		all[i].place = BOOK_OTHER;
		b->folded++;
	}
	return r;
}

/* --- What goes on for good --- */

static int by_identity(const void *a, const void *b)
{
	const struct book_process *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->start_time > y->start_time) - (x->start_time < y->start_time);
}

static struct book_process *before(const struct openmetrics_book *b, const struct node_process *p)
{
	const struct book_process key = { .pid = p->pid, .start_time = p->start_time };

	if (!b->n_processes)
		return NULL;
	return bsearch(&key, b->processes, b->n_processes, sizeof(key), by_identity);
}

/* Who counts may have begun anew. */
static uint64_t since(uint64_t now, uint64_t then)
{
	return now >= then ? now - then : now;
}

static void count_process(struct book_target *t, const struct node_process *p,
			  const struct book_process *old)
{
	struct node_tally then = old && !old->over ? old->tally : (struct node_tally){ 0 };

	t->watched |= p->info || p->tally.looks || p->tally.failed;
	t->count[COUNT_LOOKS] += since(p->tally.looks, then.looks);
	t->count[COUNT_LOOKS_FAILED] += since(p->tally.failed, then.failed);
	t->count[COUNT_LOOKS_MISSED] += since(p->tally.missed, then.missed);
	if (p->interval && p->looked)
		t->count[COUNT_LOST_EVENTS] += p->interval->lost_events;
	if (p->locks)
		t->count[COUNT_LONG_WAITS] += p->locks->long_waits;
}

/* A start is known to be one when we were there; whose it is, when it is looked at. */
static void count_start(struct book_target *t, const struct node_process *p,
			struct book_process *now)
{
	if (!now->began || now->counted || !p->info)
		return;
	now->counted = true;
	t->count[COUNT_STARTS]++;
	if (t->unmatched) {
		t->unmatched--;
		t->count[COUNT_RESTARTS]++;
	}
}

static void count_end(struct openmetrics_book *b, const struct node_process *p)
{
	struct book_process *old = before(b, p);
	struct target_name name;
	struct book_target *t;

	target_name_of(p, &name);
	t = book_find(b, &name);
	if (!t)
		t = &b->targets[BOOK_OTHER];
	count_process(t, p, old);
	/* It may not have lived for long enough to be looked at before. */
	if (old)
		count_start(t, p, old);
	t->count[p->state == WATCH_EXECED ? COUNT_EXECS : COUNT_EXITS]++;
	t->unmatched++;
	if (old)
		old->over = true;
}

/* By the node's own clock: that of the machine may be set. */
static double age_of(const struct openmetrics_book *b, const struct node_look *look,
		     const struct node_process *p)
{
	const struct book_process *old = before(b, p);

	return p->looked || !old || old->over ? 0 : look->elapsed_s - old->read_s;
}

static void count_one(struct openmetrics_book *b, const struct node_look *look,
		      const struct node_process *p, struct book_target *t, struct book_process *now)
{
	const struct book_process *old = before(b, p);

	count_process(t, p, old);
	if (old && !old->over)
		*now = *old;
	else
		*now = (struct book_process){
			.pid = p->pid, .start_time = p->start_time,
			.began = old || p->began ||
				 (p->uptime_s >= 0 && p->uptime_s < look->elapsed_s),
		};
	now->tally = p->tally;
	now->read_s = look->elapsed_s - age_of(b, look, p);
	count_start(t, p, now);
}

static void count_node(struct openmetrics_book *b, const struct node_look *look)
{
	b->looks++;
	b->began += look->began;
	b->ended += look->ended;
	b->blind += look->blind;
	if (look->overhead.cpu_ms > 0)
		b->cpu_s += look->overhead.cpu_ms / 1e3;
	b->look = *look;
	b->look.all = b->look.gone = NULL;
}

static int count_all(struct openmetrics_book *b, const struct node_look *look,
		     const struct resolved *where)
{
	struct book_process *now = calloc(look->n + 1, sizeof(*now));

	if (!now)
		return -ENOMEM;
	for (uint32_t i = 0; i < look->n_gone; i++)
		count_end(b, &look->gone[i]);
	for (uint32_t i = 0; i < look->n; i++)
		count_one(b, look, &look->all[i], &b->targets[where[i].place], &now[i]);
	qsort(now, look->n, sizeof(*now), by_identity);
	free(b->processes);
	b->processes = now;
	b->n_processes = look->n;
	count_node(b, look);
	return 0;
}

/* --- One look --- */

static int sum_up(struct openmetrics_book *b, const struct node_look *look,
		  const struct resolved *where, struct arena *a, struct target **now)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < look->n; i++) {
		struct target **t = &now[where[i].place];

		if (!*t) {
			*t = arena_alloc(a, 1, sizeof(**t));
			if (!*t)
				return -ENOMEM;
			target_init(*t);
		}
		r = target_add(*t, a, look, &look->all[i], age_of(b, look, &look->all[i]));
	}
	for (uint32_t i = 0; i < b->n; i++) {
		const struct target *then = b->targets[i].now;

		if (now[i])
			target_sites_close(&now[i]->sites, then ? &then->sites : NULL);
	}
	return r;
}

static void forget_old(struct openmetrics_book *b, double elapsed_s)
{
	for (uint32_t i = BOOK_OTHER + 1; i < b->n; i++)
		if (b->targets[i].label[LABEL_EXE] && !b->targets[i].now &&
		    elapsed_s - b->targets[i].seen_s > LIMIT_METRIC_KEEP_S)
			book_forget(b, &b->targets[i]);
}

/* Who looks has begun anew: what was, was just now. */
static void begin_anew(struct openmetrics_book *b, double elapsed_s)
{
	for (uint32_t i = 0; i < b->n; i++)
		b->targets[i].seen_s = elapsed_s;
	for (uint32_t i = 0; i < b->n_processes; i++)
		b->processes[i].read_s = elapsed_s;
}

int openmetrics_book_add(struct openmetrics_book *b, const struct node_look *look)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	struct resolved *where = NULL;
	struct target **now = NULL;
	int r;

	if (scratch) {
		where = arena_alloc(scratch, look->n + 1, sizeof(*where));
		now = arena_alloc(scratch, b->n, sizeof(struct target *));
	}
	if (!a || !where || !now)
		return -ENOMEM;
	if (look->elapsed_s < b->look.elapsed_s)
		begin_anew(b, look->elapsed_s);
	r = resolve(b, look, where);
	if (r == 0)
		r = sum_up(b, look, where, a, now);
	if (r == 0)
		r = count_all(b, look, where);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < b->n; i++)
		b->targets[i].now = now[i];
	arena_free(b->arena);
	b->arena = TAKE(a);
	forget_old(b, look->elapsed_s);
	return 0;
}
