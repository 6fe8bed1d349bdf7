// SPDX-License-Identifier: Apache-2.0
/*
 * Which processes there are, and whose line is read in this look of a node that is scheduled. The
 * kernel tells who has come and gone; a walk through /proc is the check, rare where that works, and
 * made in each look where it does not.
 */
#include "collect/node_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/limits.h"
#include "trace/processes.h"

/* Intervals between two walks in which everything is read, whoever was told of. */
#define CHECK_INTERVALS 10

struct node_finder {
	struct processes_trace *trace;	/* NULL: refused, or it has failed */
	pid_t *skipped;		/* by the last check: kernel threads and the like, ascending */
	size_t n_skipped;
	double checked_s;	/* of the node; negative: never */
	struct diag refused;
};

/* What one look reads. In the look's arena. */
struct round {
	struct node *node;
	int proc_fd;
	bool check, listed;
	double now_s;
	struct traced_processes told;
	const pid_t *pids;	/* candidates, ascending */
	size_t n_pids;
	struct proc_line *lines;
	bool *fresh;
	size_t n;
	uint64_t left_out;
};

int node_turns_open(struct node *n)
{
	int r = 0;

	n->finder = calloc(1, sizeof(*n->finder));
	if (!n->finder)
		return -ENOMEM;
	n->finder->checked_s = -1;
	/* A cgroup's processes are listed by it; what the kernel tells is of all. */
	if (n->args.discover && !n->args.cgroup)
		r = processes_trace_open(&n->finder->trace, &n->finder->refused);
	return r == -ENOMEM ? r : 0;
}

void node_turns_close(struct node *n)
{
	if (!n->finder)
		return;
	processes_trace_close(n->finder->trace);
	free(n->finder->skipped);
	free(n->finder);
}

bool node_turns_discover(const struct node *n)
{
	return n->finder && n->finder->trace;
}

const struct diag *node_discovery_trouble(const struct node *n)
{
	return n->finder && n->finder->refused.why[0] ? &n->finder->refused : NULL;
}

static bool has(const pid_t *pids, size_t n, pid_t pid)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (pids[mid] == pid)
			return true;
		if (pids[mid] < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* Both ascending, each pid once. In the look's arena. */
static int join(struct node *n, const pid_t *a, size_t n_a, const pid_t *b, size_t n_b,
		const pid_t **ret, size_t *ret_n)
{
	pid_t *all = arena_alloc(n->arena, n_a + n_b + 1, sizeof(*all));
	size_t i = 0, k = 0, m = 0;

	if (!all)
		return -ENOMEM;
	while (i < n_a || k < n_b) {
		bool first = k == n_b || (i < n_a && a[i] <= b[k]);
		pid_t pid = first ? a[i] : b[k];

		i += i < n_a && a[i] == pid;
		k += k < n_b && b[k] == pid;
		all[m++] = pid;
	}
	*ret = all;
	*ret_n = m;
	return 0;
}

/* --- Who there may be --- */

/* What the kernel told, since the last time; where that fails, it is not asked again. */
static int hear(struct round *r)
{
	struct node *n = r->node;
	struct node_finder *f = n->finder;
	struct traced_processes now;
	int err;

	if (!f->trace)
		return 0;
	err = processes_trace_collect(f->trace, n->arena, &now);
	if (err == -ENOMEM)
		return err;
	if (err < 0) {
		diag_fail(&f->refused, err, "events of processes cannot be read: %s", strerror(-err));
		processes_trace_close(TAKE(f->trace));
		r->check = true;
		return 0;
	}
	n->discovery_lost += now.lost;
	r->check = r->check || now.lost;
	return join(n, r->told.pids, r->told.n, now.pids, now.n, &r->told.pids, &r->told.n);
}

static int list_known(struct round *r)
{
	struct node *n = r->node;
	pid_t *known = arena_alloc(n->arena, n->n + 1, sizeof(*known));

	if (!known)
		return -ENOMEM;
	for (size_t i = 0; i < n->n; i++)
		known[i] = n->all[i]->line.pid;
	return join(n, known, n->n, r->told.pids, r->told.n, &r->pids, &r->n_pids);
}

/* Whoever comes between the listing and what is told before it, is told after it. */
static int list_proc(struct round *r, struct diag *d)
{
	struct node *n = r->node;
	pid_t *pids = NULL;
	size_t n_pids = 0;
	int err = proc_pids(n->args.cgroup, r->proc_fd, &pids, &n_pids, d);

	if (err == 0)
		err = join(n, pids, n_pids, NULL, 0, &r->pids, &r->n_pids);
	free(pids);
	return err < 0 ? err : hear(r);
}

static int list(struct round *r, struct diag *d)
{
	struct node_finder *f = r->node->finder;
	double every_s = CHECK_INTERVALS * r->node->args.interval_s;
	int err = hear(r);

	if (err < 0)
		return err;
	r->check = r->check || f->checked_s < 0 || r->now_s - f->checked_s >= every_s;
	r->listed = r->check || !f->trace;
	return r->listed ? list_proc(r, d) : list_known(r);
}

/* --- Whose line is read --- */

static bool is_due(const struct round *r, const struct node_entry *e)
{
	return r->now_s + turns_step_s(&r->node->rule) / 2 >= e->turn.glance_s ||
	       e->looks < 2;
}

static void keep_line(struct round *r, const struct proc_line *line, bool fresh)
{
	if (line != &r->lines[r->n])
		r->lines[r->n] = *line;
	r->fresh[r->n++] = fresh;
}

/* A new one may be found by the check alone: then the kernel should have told of it. */
static void consider_new(struct round *r, pid_t pid, pid_t *skipped, size_t *n_skipped)
{
	struct node *n = r->node;
	struct node_finder *f = n->finder;

	if (!r->check && !has(r->told.pids, r->told.n, pid) && has(f->skipped, f->n_skipped, pid))
		return;
	if (!proc_line_read(r->proc_fd, pid, &r->lines[r->n])) {
		skipped[(*n_skipped)++] = pid;
		return;
	}
	if (r->n >= LIMIT_NODE_PROCESSES) {
		r->left_out++;
		return;
	}
	n->discovery_lost += f->trace && f->checked_s >= 0 && !has(r->told.pids, r->told.n, pid);
	keep_line(r, &r->lines[r->n], true);
}

static int read_lines(struct round *r)
{
	struct node *n = r->node;
	struct node_finder *f = n->finder;
	size_t at = 0, n_skipped = 0;
	pid_t *skipped = calloc(r->n_pids + 1, sizeof(*skipped));

	r->lines = arena_alloc(n->arena, r->n_pids + 1, sizeof(*r->lines));
	r->fresh = arena_alloc(n->arena, r->n_pids + 1, sizeof(*r->fresh));
	if (!skipped || !r->lines || !r->fresh) {
		free(skipped);
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->n_pids; i++) {
		pid_t pid = r->pids[i];
		const struct node_entry *e;

		while (at < n->n && n->all[at]->line.pid < pid)
			at++;
		e = at < n->n && n->all[at]->line.pid == pid ? n->all[at] : NULL;
		if (!e)
			consider_new(r, pid, skipped, &n_skipped);
		else if (!r->check && !is_due(r, e) && !has(r->told.pids, r->told.n, pid))
			keep_line(r, &e->line, false);
		else if (proc_line_read(r->proc_fd, pid, &r->lines[r->n]))
			keep_line(r, &r->lines[r->n], true);
	}
	if (r->listed)
		n->left_out = r->left_out;
	else
		n->left_out += r->left_out;
	if (!r->check) {
		free(skipped);
		return 0;
	}
	free(f->skipped);
	f->skipped = skipped;
	f->n_skipped = n_skipped;
	f->checked_s = r->now_s;
	return 0;
}

int node_turns_read(struct node *n, struct diag *d)
{
	struct round r = { .node = n, .now_s = n->look.elapsed_s };
	double cpu = clock_now_s(CLOCK_THREAD_CPUTIME_ID);
	int err;

	r.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r.proc_fd < 0)
		return diag_fail(d, -errno, "/proc cannot be opened");
	err = list(&r, d);
	if (err == 0)
		err = read_lines(&r);
	close(r.proc_fd);
	if (err == 0)
		err = node_merge(n, r.lines, r.fresh, r.n);
	n->pass_ms = (clock_now_s(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e3;
	return err;
}
