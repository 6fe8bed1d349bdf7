// SPDX-License-Identifier: Apache-2.0
#include "collect/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "collect/node_state.h"
#include "collect/watch.h"
#include "model/examined.h"
#include "model/limits.h"
#include "model/node_self.h"

/* CPU time for the beginning, which opens all there is, over and above the budget. */
#define START_MS 1000.0
/* The same for one that goes on for months, and so has many processes to open soon. */
#define START_SCHEDULED_MS 4000.0
/* What is not spent is kept for so long. */
#define KEEP_S 60.0
/* The lines of all processes may take this share of the budget; else looks come less often. */
#define PASS_SHARE 0.5

/* --- Opening --- */

static int open_schedule(struct node *n)
{
	int r;

	self_keep_small();
	r = node_turns_open(n);
	if (r == 0)
		r = node_exams_open(n);
	return r < 0 ? r : node_keep_open(n);
}

int node_open(const struct node_args *args, struct node **ret, struct diag *d)
{
	CLEANUP(node_close_p) struct node *n = calloc(1, sizeof(*n));
	int r = 0;

	if (!n)
		return -ENOMEM;
	n->args = *args;
	n->rule = (struct turns_rule){ args->interval_s, args->budget_percent * 10 };
	n->tracing = (struct tracing_args){ .collectors = args->probes,
					    .budget_percent = args->budget_percent / NODE_PROBED };
	n->credit_ms = args->scheduled ? START_SCHEDULED_MS : START_MS;
	n->cpu_ms = n->before_ms = clock_now_s(CLOCK_PROCESS_CPUTIME_ID) * 1e3;
	n->crew = crew_new();
	n->c_files = addrmap_new();
	if (!n->crew || !n->c_files)
		return -ENOMEM;
	if (args->futex)
		r = node_locks_open(args->budget_percent, &n->locks, &n->locks_refused);
	if (r == -ENOMEM)
		return r;
	r = args->scheduled ? open_schedule(n) : 0;
	if (r < 0)
		return r;
	(void)d;
	*ret = TAKE(n);
	return 0;
}

static void entry_free(struct node_entry *e)
{
	if (!e)
		return;
	trend_free(e->rss_history);
	trend_free(e->threads_history);
	node_watch_free(e->watched);
	node_home_done(&e->home);
	node_points_done(&e->points);
	examined_free(e->exams.last);
	known_sites_free(e->known);
	free(e->not_read);
	free(e);
}

static void forget_gone(struct node *n)
{
	for (size_t i = 0; i < n->n_gone; i++)
		entry_free(n->gone[i]);
	free(n->gone);
	n->gone = NULL;
	n->n_gone = 0;
}

void node_close(struct node *n)
{
	if (!n)
		return;
	node_locks_close(n->locks);
	node_keep_close(n);
	node_exams_close(n);
	node_turns_close(n);
	/* Those that work on stay, and all that they may look at. */
	if (!crew_free(n->crew))
		return;
	forget_gone(n);
	for (size_t i = 0; i < n->n; i++)
		entry_free(n->all[i]);
	free(n->all);
	addrmap_free(n->c_files);
	arena_free(n->arena);
	free(n);
}

/* --- The table --- */

struct node_entry *node_find(struct node *n, pid_t pid)
{
	size_t low = 0, high = n->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (n->all[mid]->line.pid == pid)
			return n->all[mid];
		if (n->all[mid]->line.pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* An exec makes another program of a process: it is looked at as a new one. */
static bool same_process(const struct node_entry *e, const struct proc_line *l)
{
	return e->line.pid == l->pid && e->line.stat.start_ticks == l->stat.start_ticks &&
	       e->line.stat.start_stack == l->stat.start_stack;
}

static void count_cores(struct node_entry *e, const struct proc_line *l, double span_s)
{
	uint64_t used = l->stat.cpu_ticks - e->line.stat.cpu_ticks;

	e->cores = -1;
	if (e->looks && span_s > 0 && l->stat.cpu_ticks >= e->line.stat.cpu_ticks)
		e->cores = (double)used / (double)sysconf(_SC_CLK_TCK) / span_s;
}

/* What lives for one look alone needs no history: most do, where processes come and go. */
static int make_histories(struct node *n, struct node_entry *e)
{
	if (e->rss_history)
		return 0;
	e->rss_history = trend_new(&trend_of_rss);
	e->threads_history = trend_new(&trend_of_threads);
	if (!e->rss_history || !e->threads_history)
		return -ENOMEM;
	return n->keeper ? node_keep_restore(n, e) : 0;
}

static int add_line(struct node *n, struct node_entry *e, const struct proc_line *l)
{
	uint64_t rss = l->stat.rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	int r;

	count_cores(e, l, n->look.elapsed_s - e->read_s);
	e->line = *l;
	e->read_s = n->look.elapsed_s;
	memcpy(e->name, l->stat.comm, sizeof(e->name));
	e->name[sizeof(e->name) - 1] = '\0';
	e->fresh = true;
	r = make_histories(n, e);
	if (r < 0)
		return r;
	trend_add(e->rss_history, n->look.elapsed_s, rss, &e->rss);
	trend_add(e->threads_history, n->look.elapsed_s, l->stat.threads, &e->threads);
	e->looks++;
	return 0;
}

static struct node_entry *entry_new(struct node *n, const struct proc_line *l)
{
	struct node_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->first = n->number;
	e->exams.asked_s = -1;
	/* Processes that come together have numbers that follow each other. */
	if (n->args.scheduled)
		turns_begin(&e->turn, &n->rule, (uint64_t)l->pid, n->look.elapsed_s);
	n->look.began += n->number > 0;
	return e;
}

/* Those that were watched are told of once more. */
static void retire(struct node *n, struct node_entry *e)
{
	n->look.ended++;
	if (e->watched && n->gone) {
		node_watch_last(n, e);
		n->gone[n->n_gone++] = e;
	} else {
		entry_free(e);
	}
}

/* Both lists are by pid. */
int node_merge(struct node *n, const struct proc_line *lines, const bool *fresh, size_t n_lines)
{
	struct node_entry **all = calloc(n_lines + 1, sizeof(struct node_entry *));
	size_t old = 0, m = 0;
	int r = 0;

	n->gone = calloc(n->n + 1, sizeof(struct node_entry *));
	if (!all || !n->gone) {
		free(all);
		return -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < n_lines; i++) {
		struct node_entry *e = NULL;

		while (old < n->n && n->all[old]->line.pid < lines[i].pid)
			retire(n, n->all[old++]);
		if (old < n->n && n->all[old]->line.pid == lines[i].pid) {
			e = n->all[old++];
			if (!same_process(e, &lines[i]))
				retire(n, TAKE(e));
		}
		if (!e)
			e = entry_new(n, &lines[i]);
		else
			e->fresh = false;
		if (!e)
			r = -ENOMEM;
		else if (!fresh || fresh[i])
			r = add_line(n, e, &lines[i]);
		if (e)
			all[m++] = e;
	}
	while (r == 0 && old < n->n)
		retire(n, n->all[old++]);
	/* Short of memory: whoever was not come to stays, so that all of it is freed in the end. */
	for (; old < n->n && m < n_lines; old++)
		all[m++] = n->all[old];
	for (; old < n->n; old++)
		entry_free(n->all[old]);
	free(n->all);
	n->all = all;
	n->n = m;
	return r;
}

static int read_all(struct node *n, struct diag *d)
{
	struct proc_line *lines = NULL;
	size_t n_lines = 0;
	double cpu = clock_now_s(CLOCK_THREAD_CPUTIME_ID);
	int r = proc_lines(n->args.cgroup, &lines, &n_lines, d);

	if (r < 0)
		return r;
	r = node_merge(n, lines, NULL, n_lines);
	free(lines);
	n->pass_ms = (clock_now_s(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e3;
	return r;
}

/* --- The budget --- */

double node_credit_max(const struct node *n)
{
	double s = n->args.scheduled && n->args.interval_s > KEEP_S ? n->args.interval_s : KEEP_S;

	return n->args.budget_percent * 10 * s;
}

static void earn(struct node *n)
{
	double per_s = n->args.budget_percent * 10;

	n->credit_ms += per_s * n->look.span_s;
	/* What the start was given is for the start, however long that takes. */
	if (n->number && n->credit_ms > node_credit_max(n) &&
	    (!n->args.scheduled || n->look.elapsed_s > n->args.interval_s))
		n->credit_ms = node_credit_max(n);
}

/* All of loiter is at work for the node. */
static void account(struct node *n, double probe_cores)
{
	struct overhead *o = &n->look.overhead;
	double now = clock_now_s(CLOCK_PROCESS_CPUTIME_ID) * 1e3;
	double per_s = n->args.budget_percent * 10;

	o->cpu_ms = now - n->before_ms;
	n->before_ms = now;
	n->spent_ms = 0;
	n->credit_ms -= o->cpu_ms + probe_cores * n->look.span_s * 1e3;
	if (n->look.elapsed_s > 0)
		o->core_percent = (now - n->cpu_ms + n->exams_ms) / 10 / n->look.elapsed_s;
	o->target_cpu = probe_cores;
	o->target_percent = -1;
	o->rss_bytes = self_rss_bytes();
	o->budget_percent = n->args.budget_percent;
	n->look.next_s = n->args.scheduled ? turns_step_s(&n->rule) : n->args.interval_s;
	if (n->pass_ms > PASS_SHARE * per_s * n->look.next_s)
		n->look.next_s = n->pass_ms / (PASS_SHARE * per_s);
}

static void begin_look(struct node *n)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!n->number)
		n->start = n->before = now;
	n->look = (struct node_look){ .number = n->number,
				      .elapsed_s = clock_between_s(n->start, now),
				      .span_s = clock_between_s(n->before, now) };
	n->before = now;
	clock_gettime(CLOCK_REALTIME, &n->look.time);
	for (size_t i = 0; i < n->n; i++) {
		n->all[i]->locks = NULL;
		n->all[i]->lock_findings = NULL;
		n->all[i]->n_lock_findings = 0;
	}
	forget_gone(n);
	arena_free(n->arena);
	n->arena = arena_new();
	earn(n);
}

static int look_at_locks(struct node *n, double *probe_cores, struct diag *d)
{
	struct collector_report *report = &n->look.futex;
	int r = 0;

	report->asked = n->args.futex;
	report->on = n->locks;
	if (n->locks)
		r = node_locks_look(n, n->locks, probe_cores, &n->locks_refused);
	if (r < 0 && r != -ENOMEM) {
		/* It ends here, and the rest goes on. */
		node_locks_close(TAKE(n->locks));
		report->on = false;
		r = 0;
	}
	if (report->asked && !report->on)
		report->refused = n->locks_refused.why;
	(void)d;
	return r;
}

static int look_on_time(struct node *n)
{
	int r = node_glance_all(n);

	if (r == 0)
		r = node_watch_open_all(n);
	return r < 0 ? r : node_look_at_due(n);
}

int node_look(struct node *n, const struct node_look **ret, struct diag *d)
{
	double probe_cores = 0;
	int r;

	begin_look(n);
	if (!n->arena)
		return -ENOMEM;
	if (n->args.scheduled)
		node_exams_take(n);
	r = n->args.scheduled ? node_turns_read(n, d) : read_all(n, d);
	if (r == 0)
		r = look_at_locks(n, &probe_cores, d);
	if (r == 0)
		r = n->args.scheduled ? look_on_time(n) : node_watch_all(n);
	if (r == 0)
		r = node_describe_all(n);
	if (r < 0)
		return r;
	n->look.probed = n->probed;
	n->look.probed_max = n->args.probes ? NODE_PROBED : 0;
	if (n->args.scheduled) {
		node_exams_ask(n);
		node_keep_step(n);
	}
	account(n, probe_cores);
	n->number++;
	*ret = &n->look;
	return 0;
}

int node_finish(struct node *n, int pid, const struct snapshot **ret, struct diag *d)
{
	struct node_entry *e = node_find(n, pid);
	int r;

	for (size_t i = 0; i < n->n_gone && (!e || !e->watched); i++)
		if (n->gone[i]->line.pid == pid)
			e = n->gone[i];
	if (!e || !e->watched)
		return diag_fail(d, -ENODATA, "it was not watched");
	r = node_watch_finish(n, e->watched, d);
	if (r == 0)
		*ret = e->watched->closing;
	return r;
}

void node_tell(const struct node *n, struct node_self *ret)
{
	ret->discovers = node_turns_discover(n);
	ret->discovery_lost = n->discovery_lost;
	ret->left_out = n->left_out;
	node_keep_tell(n, ret);
}
