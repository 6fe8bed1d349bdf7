// SPDX-License-Identifier: Apache-2.0
/* Which processes of a node are looked at closely, and when. */
#include "collect/node_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "collect/watch.h"
#include "model/limits.h"

/* Of those that are no Go processes, as many are watched at one time: the ones that grow. */
#define OTHERS_MAX 32
/* An open is taken to cost this before any was measured: an executable and some libraries. */
#define OPEN_MS 5.0
/* One that could not be opened is tried again after so many intervals, by whoever goes on for long. */
#define RETRY_INTERVALS 10
/* Of the cap on memory, from where on nothing more is opened; looks need some as well. */
#define MEMORY_SHARE 0.8
/* The closing report reads everything once more. */
#define FINISH_S 5.0

/* --- What the crew does --- */

static void open_it(void *arg)
{
	struct node_watch *w = arg;

	w->why = (struct diag)DIAG_INIT;
	w->err = watch_open(w->pid, w->probed ? &w->tracing : NULL, &w->watch, &w->why);
	if (w->err == 0 && w->rests)
		watch_rest(w->watch);
}

static void look_at_it(void *arg)
{
	struct node_watch *w = arg;

	w->err = watch_look(w->watch, &w->interval);
	if (w->err == 0)
		w->err = watch_trace(w->watch);
	if (w->rests)
		watch_rest(w->watch);
}

static void finish_it(void *arg)
{
	struct node_watch *w = arg;

	w->why = (struct diag)DIAG_INIT;
	w->err = watch_finish(w->watch, &w->closing, &w->why);
}

int node_watch_finish(struct node *n, struct node_watch *w, struct diag *d)
{
	double cpu_ms;

	if (crew_busy(&w->busy) || !w->watch)
		return diag_fail(d, -ENODATA, "it was not looked at to the end");
	if (crew_run(n->crew, finish_it, w, &w->busy, FINISH_S, &cpu_ms) < 0)
		return diag_fail(d, -ENODATA, "a look at it does not come to its end");
	if (w->err < 0 && d)
		*d = w->why;
	return w->err;
}

void node_watch_free(struct node_watch *w)
{
	if (!w || crew_busy(&w->busy))
		return;
	watch_close(w->watch);
	free(w);
}

/* --- Opening --- */

/*
 * Programs that are known not to be Go: of the hundred processes of one server, one is opened. The
 * file is named by what is mapped, so that a path may say what it likes.
 */
static bool find_file(struct node_entry *e, uint64_t *key)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", e->line.pid);
	if (stat(path, &st) < 0)
		return false;
	*key = (uint64_t)st.st_dev << 40 ^ st.st_ino;
	return true;
}

static enum node_kind kind_of(const struct process_info *p)
{
	if (!p->go_version)
		return NODE_C;
	return p->cgo || p->module_file ? NODE_CGO : NODE_GO;
}

static int refuse(struct node_entry *e, const struct node_watch *w)
{
	free(e->not_read);
	e->not_read = strdup(w->why.why[0] ? w->why.why : strerror(-w->err));
	return e->not_read ? 0 : -ENOMEM;
}

/* Those that are opened first have them: they use most CPU. */
static bool wants_probes(const struct node *n)
{
	return n->args.probes && n->probed < NODE_PROBED;
}

bool node_entry_grows(const struct node_entry *e)
{
	return e->rss.grows || e->threads.grows;
}

/* What an open, which may have taken long, has come to. */
static int take_open(struct node *n, struct node_entry *e)
{
	struct node_watch *w = e->watched;
	uint64_t key;
	int r = 0;

	if (w->err < 0) {
		r = w->err == -ENOMEM ? -ENOMEM : w->err == -ESRCH ? 0 : refuse(e, w);
		e->tally.failed += w->err != -ESRCH;
		n->probed -= w->probed;
		node_watch_free(TAKE(e->watched));
		return r;
	}
	e->kind = kind_of(watch_process(w->watch));
	free(TAKE(e->not_read));
	/* Its first look is due, and those after it have their own time. */
	e->turn.due_s = e->turn.looked_s = n->look.elapsed_s;
	if (e->kind != NODE_C)
		return 0;
	if (find_file(e, &key) && addrmap_put(n->c_files, key, 0) < 0)
		return -ENOMEM;
	/* It is opened again should it grow. */
	if (!node_entry_grows(e) && !w->probed)
		node_watch_free(TAKE(e->watched));
	return 0;
}

static int open_watch(struct node *n, struct node_entry *e)
{
	struct node_watch *w = calloc(1, sizeof(*w));
	double cpu_ms;
	int r;

	if (!w)
		return -ENOMEM;
	n->watched++;
	w->rests = n->args.scheduled;
	e->tried = true;
	e->tried_s = n->look.elapsed_s;
	e->watched = w;
	w->pid = e->line.pid;
	w->tracing = n->tracing;
	w->probed = wants_probes(n);
	n->probed += w->probed;
	r = crew_run(n->crew, open_it, w, &w->busy, NODE_PATIENCE_S, &cpu_ms);
	n->spent_ms += cpu_ms;
	if (r == -ETIMEDOUT)
		return 0;
	if (r < 0) {
		/* No thread for it now. */
		e->tried = false;
		n->probed -= w->probed;
		node_watch_free(TAKE(e->watched));
		return 0;
	}
	return take_open(n, e);
}

/* --- Whose turn it is --- */

/* What failed once (short of descriptors, an executable that is being replaced) need not for good. */
static void forgive(struct node *n, struct node_entry *e)
{
	if (n->args.scheduled && e->tried && e->not_read &&
	    n->look.elapsed_s - e->tried_s >= RETRY_INTERVALS * n->args.interval_s)
		e->tried = false;
}

/*
 * A process that has only just come may be gone as soon: it is opened in the look after. The
 * first look takes all for old.
 */
static bool wants_open(struct node *n, struct node_entry *e)
{
	uint32_t ignored;
	uint64_t key;

	if (e->watched || (e->looks < 2 && e->first > 0))
		return false;
	forgive(n, e);
	if (e->kind == NODE_UNKNOWN && !e->tried) {
		if (!find_file(e, &key) || addrmap_get(n->c_files, key, &ignored) < 0)
			return true;
		e->kind = NODE_C;
	}
	return e->kind == NODE_C && (node_entry_grows(e) || wants_probes(n)) && !e->not_read;
}

/* Those that use most CPU first, then the largest. */
static int by_weight(const void *a, const void *b)
{
	const struct node_entry *x = *(struct node_entry *const *)a;
	const struct node_entry *y = *(struct node_entry *const *)b;
	uint64_t p = x->line.stat.cpu_ticks, q = y->line.stat.cpu_ticks;

	if (x->cores != y->cores)
		return x->cores > y->cores ? -1 : 1;
	if (p != q)
		return p > q ? -1 : 1;
	return (x->rss.now < y->rss.now) - (x->rss.now > y->rss.now);
}

static int by_age_of_look(const void *a, const void *b)
{
	const struct node_entry *x = *(struct node_entry *const *)a;
	const struct node_entry *y = *(struct node_entry *const *)b;

	if (x->looked != y->looked)
		return x->looked < y->looked ? -1 : 1;
	return (x->line.pid > y->line.pid) - (x->line.pid < y->line.pid);
}

/* Those of n->all that `wants`, sorted; in the look's arena. */
int node_choose(struct node *n, bool (*wants)(struct node *n, struct node_entry *e),
		  int (*order)(const void *, const void *), struct node_entry ***ret, size_t *ret_n)
{
	struct node_entry **some = arena_alloc(n->arena, n->n + 1, sizeof(struct node_entry *));
	size_t m = 0;

	if (!some)
		return -ENOMEM;
	for (size_t i = 0; i < n->n; i++)
		if (wants(n, n->all[i]))
			some[m++] = n->all[i];
	if (m)
		qsort(some, m, sizeof(struct node_entry *), order);
	*ret = some;
	*ret_n = m;
	return 0;
}

/*
 * A C process is let go as soon as it is known to be one; it is opened again should it grow, and
 * then it stays, until it no longer does.
 */
static bool is_wanted(const struct node_entry *e, size_t *others)
{
	if (e->kind == NODE_GO || e->kind == NODE_CGO || e->watched->probed)
		return true;
	return node_entry_grows(e) && (*others)++ < OTHERS_MAX;
}

static void let_go(struct node *n)
{
	size_t others = 0;

	n->watched = 0;
	for (size_t i = 0; i < n->n; i++) {
		struct node_entry *e = n->all[i];

		n->watched += e->watched != NULL;
		if (!e->watched || crew_busy(&e->watched->busy) || !e->watched->watch)
			continue;
		e->watched->is_new = false;
		if (!is_wanted(e, &others))
			node_watch_free(TAKE(e->watched));
	}
}

/* Half of the time for each of the two: the rest is for the look after. */
bool node_has_time(const struct node *n, const struct timespec *since)
{
	double s = n->args.scheduled ? turns_step_s(&n->rule) : n->args.interval_s;

	return clock_since_s(*since) < s / 2;
}

/* A cap that is met is told by those that are still unknown. */
static bool has_room(struct node *n)
{
	n->full = n->watched >= LIMIT_NODE_WATCHED ||
		  (n->args.memory_max_bytes &&
		   (double)self_rss_bytes() > MEMORY_SHARE * (double)n->args.memory_max_bytes);
	return !n->full;
}

static int open_some(struct node *n)
{
	struct node_entry **some;
	struct timespec began;
	size_t m;
	int r = node_choose(n, wants_open, by_weight, &some, &m);

	clock_gettime(CLOCK_MONOTONIC, &began);
	for (size_t i = 0; r == 0 && i < m && n->credit_ms - n->spent_ms >= OPEN_MS &&
			   node_has_time(n, &began) && has_room(n); i++) {
		/* Another process of this file may have been opened just now. */
		if (!wants_open(n, some[i]))
			continue;
		r = open_watch(n, some[i]);
	}
	return r;
}

/* --- Looking --- */

bool node_watch_ready(const struct node_entry *e)
{
	const struct node_watch *w = e->watched;

	if (!w || crew_busy(&w->busy) || !w->watch)
		return false;
	return !w->interval || w->interval->state == WATCH_RUNNING ||
	       w->interval->state == WATCH_STOPPED || w->interval->state == WATCH_FAILED;
}

/* One that stands still is neither: its state says so. */
static void count_look(struct node_entry *e, const struct node_watch *w)
{
	enum watch_state s = w->err == 0 && w->interval ? w->interval->state : WATCH_FAILED;

	e->tally.looks += s == WATCH_RUNNING;
	e->tally.failed += s == WATCH_FAILED;
}

static bool wants_look(struct node *n, struct node_entry *e)
{
	(void)n;
	return node_watch_ready(e);
}

int node_watch_look(struct node *n, struct node_entry *e)
{
	struct node_watch *w = e->watched;
	double cpu_ms;
	int r;

	e->looked = n->number + 1;
	w->interval = NULL;
	if (w->probed && n->tracing.calibrated)
		w->tracing = n->tracing;
	/* What looks cost is the node's to count; what bursts do is shared by those that have them. */
	watch_set_share(w->watch, w->probed ? 1.0 / n->probed : 0);
	r = crew_run(n->crew, look_at_it, w, &w->busy, NODE_PATIENCE_S, &cpu_ms);
	if (r < 0) {
		w->late = r == -ETIMEDOUT;
		return 0;
	}
	count_look(e, w);
	if (w->probed && w->tracing.calibrated)
		n->tracing = w->tracing;
	/* The first one reads every stack, and says little of those to come. */
	w->look_ms = w->look_ms > 0 ? 0.5 * (w->look_ms + cpu_ms) : 0.2 * cpu_ms;
	n->spent_ms += cpu_ms;
	w->is_new = w->err == 0;
	return w->err == -ENOMEM ? w->err : 0;
}

bool node_watch_take_late(struct node_entry *e)
{
	struct node_watch *w = e->watched;

	if (!w || !w->late || crew_busy(&w->busy))
		return false;
	w->late = false;
	count_look(e, w);
	w->is_new = w->err == 0;
	if (w->err == 0)
		w->look_ms = w->interval->overhead.cpu_ms;
	return w->err == 0;
}

static int look_at_some(struct node *n)
{
	struct node_entry **some;
	struct timespec began;
	size_t m;
	int r = node_choose(n, wants_look, by_age_of_look, &some, &m);

	clock_gettime(CLOCK_MONOTONIC, &began);
	for (size_t i = 0; r == 0 && i < m && node_has_time(n, &began); i++)
		if (n->credit_ms - n->spent_ms >= some[i]->watched->look_ms)
			r = node_watch_look(n, some[i]);
	return r;
}

/* An open that took longer than one look has its result now. */
static int take_late(struct node *n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n->n; i++) {
		struct node_watch *w = n->all[i]->watched;

		if (w && !crew_busy(&w->busy) && (!w->watch || n->all[i]->kind == NODE_UNKNOWN))
			r = take_open(n, n->all[i]);
	}
	return r;
}

int node_watch_open_all(struct node *n)
{
	int r = take_late(n);

	if (r < 0)
		return r;
	let_go(n);
	return open_some(n);
}

int node_watch_all(struct node *n)
{
	int r = node_watch_open_all(n);

	return r < 0 ? r : look_at_some(n);
}

void node_watch_last(struct node *n, struct node_entry *e)
{
	struct node_watch *w = e->watched;
	double cpu_ms;

	n->probed -= w->probed;
	if (crew_busy(&w->busy) || !w->watch)
		return;
	w->interval = NULL;
	crew_run(n->crew, look_at_it, w, &w->busy, NODE_PATIENCE_S, &cpu_ms);
	n->spent_ms += cpu_ms;
	w->is_new = true;
}
