// SPDX-License-Identifier: Apache-2.0
/* What a node knows, from one run of loiter to the next. */
#include "collect/node_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "collect/state_file.h"
#include "model/limits.h"
#include "model/node_self.h"
#include "target/procfile.h"

/* Intervals between two times that it is written; the first comes sooner. */
#define EVERY_INTERVALS 5
/* A site of which so much is left goes on from where it was. */
#define GOES_ON 0.5

_Static_assert((int)STATE_SERIES >= (int)TREND_VALUES, "what is kept of a trend has room");

struct known_sites {
	uint32_t n;
	struct state_site all[];
};

/* A job of the crew: the disk may hang as well as any target. The crew's while it is busy. */
struct writing {
	bool busy;
	char *dir;
	void *bytes;
	size_t len;
	int err;
	struct diag why;
};

struct node_keeper {
	char boot_id[STATE_BOOT_ID + 1];
	struct arena *arena;	/* of `old`; NULL: there is none, or it has been used */
	struct state old;
	struct writing *writing;	/* under way; NULL: nothing is */
	double next_s;		/* of the node: when it is written next */
	uint64_t saved, failed;
};

/* --- Opening --- */

static void read_boot_id(struct node_keeper *k)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	size_t len;

	if (procfile_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 4096, &text, &len) < 0)
		return;
	memcpy(k->boot_id, text, len < STATE_BOOT_ID ? len : STATE_BOOT_ID);
}

/* A file that is not there is no failure; one that is no good is one, and nothing is known. */
static int read_old(struct node *n, struct node_keeper *k)
{
	struct diag why = DIAG_INIT;
	int r;

	k->arena = arena_new();
	if (!k->arena)
		return -ENOMEM;
	r = state_read(n->args.state_dir, k->arena, &k->old, &why);
	if (r == 0 && *k->boot_id && strcmp(k->old.boot_id, k->boot_id) == 0)
		return 0;
	k->failed += r < 0 && r != -ENOENT;
	if (r != -ENOENT)
		n->keep_why = why;
	k->old.n = 0;
	arena_free(TAKE(k->arena));
	return r == -ENOMEM ? r : 0;
}

int node_keep_open(struct node *n)
{
	if (!n->args.state_dir)
		return 0;
	n->keeper = calloc(1, sizeof(*n->keeper));
	if (!n->keeper)
		return -ENOMEM;
	n->keeper->next_s = n->args.interval_s;
	read_boot_id(n->keeper);
	return read_old(n, n->keeper);
}

static void writing_free(struct writing *w)
{
	if (!w)
		return;
	free(w->dir);
	free(w->bytes);
	free(w);
}

void node_keep_close(struct node *n)
{
	struct node_keeper *k = n->keeper;

	if (!k)
		return;
	if (k->writing && !crew_busy(&k->writing->busy))
		writing_free(k->writing);
	arena_free(k->arena);
	free(TAKE(n->keeper));
}

void node_keep_tell(const struct node *n, struct node_self *ret)
{
	ret->state = n->keeper != NULL;
	ret->state_saved = n->keeper ? n->keeper->saved : 0;
	ret->state_failed = n->keeper ? n->keeper->failed : 0;
}

const struct diag *node_state_trouble(const struct node *n)
{
	return n->keep_why.why[0] ? &n->keep_why : NULL;
}

void known_sites_free(struct known_sites *k)
{
	free(k);
}

/* --- What was known --- */

static const struct state_process *find(const struct state *s, const struct proc_line *l)
{
	uint32_t low = 0, high = s->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->all[mid].pid < l->pid)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == s->n || s->all[low].pid != l->pid ||
	    s->all[low].start_time != l->stat.start_ticks ||
	    s->all[low].start_stack != l->stat.start_stack)
		return NULL;
	return &s->all[low];
}

/* From the time of the kernel to that of the node, in which what was before its start is negative. */
static double to_node(const struct node *n, double boot_s)
{
	return boot_s - clock_now_s(CLOCK_BOOTTIME) + n->look.elapsed_s;
}

static void restore_trend(const struct node *n, struct trend_history *h,
			  const struct state_series *s, struct trend *ret)
{
	for (uint32_t i = 0; i < s->n; i++) {
		double at = to_node(n, s->all[i].at_s);

		/* A file that claims a time to come is not believed. */
		if (at < n->look.elapsed_s)
			trend_add(h, at, s->all[i].value, ret);
	}
}

static int restore_points(const struct node *n, struct node_entry *e,
			  const struct state_process *p)
{
	int r = 0;

	e->points.gap_s = p->gap_s;
	for (uint32_t i = 0; r == 0 && i < p->history.n; i++) {
		struct node_point point = p->history.points[i];

		point.elapsed_s = to_node(n, point.elapsed_s);
		if (point.elapsed_s < n->look.elapsed_s)
			r = node_points_add(&e->points, p->gap_s, &point);
	}
	return r;
}

static int restore_sites(struct node_entry *e, const struct state_process *p)
{
	if (!p->n_sites)
		return 0;
	e->known = calloc(1, sizeof(*e->known) + p->n_sites * sizeof(e->known->all[0]));
	if (!e->known)
		return -ENOMEM;
	e->known->n = p->n_sites;
	memcpy(e->known->all, p->sites, p->n_sites * sizeof(e->known->all[0]));
	return 0;
}

int node_keep_restore(struct node *n, struct node_entry *e)
{
	const struct state_process *p = find(&n->keeper->old, &e->line);
	int r;

	if (!p)
		return 0;
	e->tally = p->tally;
	restore_trend(n, e->rss_history, &p->rss, &e->rss);
	restore_trend(n, e->threads_history, &p->threads, &e->threads);
	r = restore_points(n, e, p);
	return r < 0 ? r : restore_sites(e, p);
}

bool node_keep_goes_on(struct node *n, struct node_entry *e)
{
	const struct interval *i = e->watched->interval;
	bool on = false;

	(void)n;
	for (uint32_t k = 0; i->snapshot && k < i->n_sites && !on; k++)
		for (uint32_t s = 0; s < e->known->n && !on; s++)
			on = i->sites[k].id == e->known->all[s].id &&
			     (double)i->sites[k].count >= GOES_ON * (double)e->known->all[s].count;
	known_sites_free(TAKE(e->known));
	return on;
}

/* --- What is known now --- */

struct gathering {
	const struct node *node;
	struct arena *arena;
	double boot_s;		/* by the kernel, at the node's time 0 */
};

static int gather_series(const struct gathering *g, const struct trend_history *h,
			 struct state_series *ret)
{
	double at[TREND_VALUES];
	uint64_t values[TREND_VALUES];
	uint32_t n = trend_values(h, at, values);
	struct state_value *all = arena_alloc(g->arena, n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		all[i] = (struct state_value){ g->boot_s + at[i], values[i] };
	*ret = (struct state_series){ all, n };
	return 0;
}

static int gather_points(const struct gathering *g, const struct node_points *p,
			 struct node_history *ret)
{
	struct node_point *all = arena_alloc(g->arena, p->n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n; i++) {
		all[i] = p->all[i];
		all[i].elapsed_s += g->boot_s;
	}
	*ret = (struct node_history){ all, p->n };
	return 0;
}

/* Those that grow come first. One that has not been looked at since the restart: what was known. */
static int gather_sites(const struct gathering *g, const struct node_entry *e,
			struct state_process *ret)
{
	const struct node_watch *w = e->watched;
	const struct interval *i = w && !crew_busy(&w->busy) ? w->interval : NULL;
	struct state_site *all = arena_alloc(g->arena, LIMIT_STATE_SITES, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (uint32_t k = 0; e->known && k < e->known->n; k++)
		all[ret->n_sites++] = e->known->all[k];
	for (uint32_t k = 0; !e->known && i && i->snapshot && k < i->n_sites &&
			     ret->n_sites < LIMIT_STATE_SITES && i->sites[k].grows; k++)
		all[ret->n_sites++] = (struct state_site){ i->sites[k].id, i->sites[k].count };
	ret->sites = all;
	return 0;
}

static int gather_one(const struct gathering *g, const struct node_entry *e,
		      struct state_process *ret)
{
	int r;

	*ret = (struct state_process){
		.pid = e->line.pid,
		.start_time = e->line.stat.start_ticks,
		.start_stack = e->line.stat.start_stack,
		.tally = e->tally,
		.gap_s = e->points.gap_s,
	};
	r = gather_points(g, &e->points, &ret->history);
	if (r == 0)
		r = gather_series(g, e->rss_history, &ret->rss);
	if (r == 0)
		r = gather_series(g, e->threads_history, &ret->threads);
	return r < 0 ? r : gather_sites(g, e, ret);
}

/* What is there for a moment is not worth a line. */
static int gather_all(const struct gathering *g, struct state *ret)
{
	const struct node *n = g->node;
	struct state_process *all = arena_alloc(g->arena, n->n + 1, sizeof(*all));
	int r = 0;

	if (!all)
		return -ENOMEM;
	ret->saved_s = clock_now_s(CLOCK_BOOTTIME);
	memcpy(ret->boot_id, n->keeper->boot_id, sizeof(ret->boot_id));
	for (size_t i = 0; r == 0 && i < n->n; i++)
		if (n->all[i]->looks > 1 && n->all[i]->rss_history)
			r = gather_one(g, n->all[i], &all[ret->n++]);
	ret->all = all;
	return r;
}

static void write_it(void *arg)
{
	struct writing *w = arg;

	w->err = state_write(w->dir, w->bytes, w->len, &w->why);
}

static int prepare(struct node *n, struct writing **ret)
{
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct gathering g = { .node = n, .arena = arena };
	struct state s = { .n = 0 };
	struct writing *w = calloc(1, sizeof(*w));
	int r = arena && w ? 0 : -ENOMEM;

	g.boot_s = clock_now_s(CLOCK_BOOTTIME) - clock_since_s(n->start);
	if (r == 0)
		r = gather_all(&g, &s);
	if (r == 0)
		r = state_encode(&s, &w->bytes, &w->len);
	if (r == 0) {
		w->dir = strdup(n->args.state_dir);
		r = w->dir ? 0 : -ENOMEM;
	}
	if (r < 0) {
		writing_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

/* What became of the one that is under way. -EBUSY: it goes on. */
static int take_written(struct node *n, struct diag *d)
{
	struct node_keeper *k = n->keeper;
	struct writing *w = k->writing;
	int r;

	if (!w)
		return 0;
	if (crew_busy(&w->busy))
		return -EBUSY;
	r = w->err;
	k->saved += r == 0;
	k->failed += r < 0;
	n->keep_why = w->why;
	if (r < 0 && d)
		*d = w->why;
	writing_free(TAKE(k->writing));
	return r;
}

static int give_up(struct node *n, int err, const char *why, struct diag *d)
{
	n->keeper->failed++;
	diag_fail(&n->keep_why, err, "%s", why);
	if (d)
		*d = n->keep_why;
	return err;
}

int node_save(struct node *n, struct diag *d)
{
	struct node_keeper *k = n->keeper;
	double cpu_ms;
	int r;

	if (!k || !n->number)
		return 0;
	if (take_written(n, NULL) == -EBUSY)
		return give_up(n, -EBUSY, "the state file is still being written: the disk hangs", d);
	r = prepare(n, &k->writing);
	if (r < 0)
		return give_up(n, r, strerror(-r), d);
	r = crew_run(n->crew, write_it, k->writing, &k->writing->busy, NODE_PATIENCE_S, &cpu_ms);
	n->spent_ms += cpu_ms;
	/* It goes on by itself, and its end is seen later. */
	if (r == -ETIMEDOUT)
		return 0;
	if (r < 0) {
		writing_free(TAKE(k->writing));
		return give_up(n, r, "no thread to write the state file", d);
	}
	return take_written(n, d);
}

void node_keep_step(struct node *n)
{
	struct node_keeper *k = n->keeper;

	if (!k)
		return;
	/* Whoever was there has what was known of him. */
	k->old.n = 0;
	arena_free(TAKE(k->arena));
	take_written(n, NULL);
	if (n->look.elapsed_s < k->next_s)
		return;
	k->next_s = n->look.elapsed_s + EVERY_INTERVALS * n->args.interval_s;
	node_save(n, NULL);
}
