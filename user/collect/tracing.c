// SPDX-License-Identifier: Apache-2.0
#include "collect/tracing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "collect/collector.h"
#include "collect/goroutine_watch.h"
#include "collect/heap_watch.h"
#include "collect/lock_watch.h"
#include "collect/memory_watch.h"
#include "collect/oncpu.h"
#include "collect/thread_watch.h"
#include "collect/trace_go.h"
#include "native/modules.h"
#include "target/process.h"
#include "trace/host_pid.h"
#include "trace/pace.h"
#include "trace/target.h"

/* What watching an idle target may cost, in cores: else nothing of it would ever be seen. */
#define FLOOR_CORES 0.005

static const struct collector_ops *const rows[] = {
	&goroutine_watch_collector,
	&lock_watch_collector,
	&heap_watch_collector,
	&memory_watch_collector,
	&thread_watch_collector,
	&oncpu_watch_collector,
};
enum { ROWS = ARRAY_SIZE(rows), FINDINGS_MAX = 64 };

/* One that runs. */
struct running {
	const struct collector_ops *ops;
	void *it;
	int paced;		/* its index in the pace; -1: always on */
	int steady;		/* that of what it has on for good; -1 */
};

struct tracing {
	struct trace_target target;
	struct modules *modules;
	struct pace *pace;
	struct running all[ROWS];
	size_t n, n_paced;
	unsigned int asked;
	struct diag refused[COLLECTORS];
	bool is_refused[COLLECTORS];
	struct diag absent[COLLECTORS];	/* what the process has not for it; see tracing_refused() */
	struct arena *arena;		/* of the last look */
	struct activity now;
	struct arena *found_arena;
	const struct finding *found;
	uint32_t n_found;
	struct tracing_cost cost;
	struct timespec looked;
};

/* --- Opening --- */

static void refuse(struct tracing *t, enum collector which, const struct diag *why)
{
	if (!t->is_refused[which])
		t->refused[which] = *why;
	t->is_refused[which] = true;
}

static int open_row(struct tracing *t, const struct tracing_args *args,
		    const struct collector_source *src, const struct collector_ops *ops)
{
	struct running *c = &t->all[t->n];
	struct diag why = DIAG_INIT;
	int r;

	*c = (struct running){ .ops = ops, .paced = -1, .steady = -1 };
	if (ops->probes && !src->calibration) {
		refuse(t, ops->which, &args->why);
		return 0;
	}
	r = ops->open(src, &c->it, &why);
	if (r == 0)
		t->n++;
	/* libbpf means a type that it did not find as well. */
	if (r == -ESRCH && process_check(src->process, NULL) < 0)
		return r;
	if (r < 0 && !why.why[0])
		diag_fail(&why, r, "%s: %s", collector_name(ops->which), strerror(-r));
	/* The kernel's memory, or what we may have of it, far more likely than ours. */
	if (r == -ENOMEM)
		diag_fail(&why, r, "there is not enough memory for its programs");
	if (r == -ENODATA)
		t->absent[ops->which] = why;
	else if (r < 0 || why.why[0])
		refuse(t, ops->which, &why);
	return 0;
}

/* One that was opened and cannot be paced. */
static void drop(struct tracing *t, struct running *c, int err)
{
	struct diag why = DIAG_INIT;

	diag_fail(&why, err, "its bursts cannot be paced: %s", strerror(-err));
	refuse(t, c->ops->which, &why);
	c->ops->close(c->it);
	*c = t->all[--t->n];
}

/* What cannot be accounted for is left out of the account: it is held to the budget by itself. */
static void add_steady(struct tracing *t, struct running *c)
{
	struct pace_collector pc;

	if (!c->ops->steady)
		return;
	c->ops->steady(c->it, &pc);
	if (pace_add(t->pace, &pc) == 0)
		c->steady = (int)t->n_paced++;
}

/* The budget begins here: what loading has cost is not held against the first bursts. */
static int start_pace(struct tracing *t, double percent, struct diag *d)
{
	int r = pace_open(t->target.pid, percent, FLOOR_CORES, &t->pace, d);

	for (size_t i = 0; r == 0 && i < t->n;) {
		struct running *c = &t->all[i];
		struct pace_collector pc;
		int err;

		if (!c->ops->paced || !c->ops->paced(c->it, &pc)) {
			i++;
			continue;
		}
		err = pace_add(t->pace, &pc);
		if (err < 0) {
			drop(t, c, err);
			continue;
		}
		c->paced = (int)t->n_paced++;
		add_steady(t, c);
		i++;
	}
	return r;
}

static void calibrate_once(struct tracing_args *args)
{
	uint32_t own;

	if (args->calibrated)
		return;
	args->calibrated = true;
	args->uncalibrated = host_pid_own(&own, &args->why);
	if (!args->uncalibrated)
		args->uncalibrated = calibrate(own, &args->calibration, &args->why);
}

/* Each step takes a tenth of a second or more. */
static bool stopped(const struct tracing_args *args)
{
	return args->stop && args->stop();
}

int tracing_open(const struct process *p, struct mem *live, struct go_runtime *rt,
		 struct elf_image *elf, struct tracing_args *args, struct tracing **ret,
		 struct diag *d)
{
	CLEANUP(tracing_close_p) struct tracing *t = calloc(1, sizeof(*t));
	struct collector_source src;
	int r;

	if (!t)
		return -ENOMEM;
	t->asked = args->collectors;
	if (stopped(args))
		return -ECANCELED;
	calibrate_once(args);
	r = trace_target_fill(p, &t->target, d);
	if (r == 0 && rt)
		trace_go_describe(rt, &t->target.go);
	if (r == 0)
		r = modules_open(p, &t->modules, d);
	src = (struct collector_source){ p, live, t->modules, &t->target, rt, elf,
					 args->uncalibrated ? NULL : &args->calibration,
					 args->budget_percent, FLOOR_CORES };
	for (size_t i = 0; r == 0 && i < ROWS; i++)
		if (stopped(args))
			r = -ECANCELED;
		else if (t->asked & 1u << rows[i]->which)
			r = open_row(t, args, &src, rows[i]);
	if (r == 0 && args->budget_percent > 0)
		r = start_pace(t, args->budget_percent, d);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &t->looked);
	*ret = TAKE(t);
	return 0;
}

void tracing_close(struct tracing *t)
{
	if (!t)
		return;
	/* Its threads arm and disarm what is closed next. */
	pace_close(t->pace);
	for (size_t i = 0; i < t->n; i++)
		t->all[i].ops->close(t->all[i].it);
	modules_close(t->modules);
	arena_free(t->arena);
	arena_free(t->found_arena);
	free(t);
}

bool tracing_runs(const struct tracing *t, enum collector which)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->all[i].ops->which == which)
			return true;
	return false;
}

const struct diag *tracing_refused(const struct tracing *t, enum collector which)
{
	if (t->is_refused[which])
		return &t->refused[which];
	/* A part of it that has no meaning here is nothing to speak of. */
	return !tracing_runs(t, which) && *t->absent[which].why ? &t->absent[which] : NULL;
}

/* --- One look --- */

static void report_refusals(struct tracing *t, struct activity *now)
{
	for (int c = 0; c < COLLECTORS; c++) {
		const struct diag *why = tracing_refused(t, (enum collector)c);

		now->collectors[c].asked = t->asked & 1u << c;
		now->collectors[c].refused = why ? why->why : NULL;
	}
}

static void report_pace(struct tracing *t, const struct running *c, const struct pace_report *pace,
			struct activity *now)
{
	struct collector_report *r = &now->collectors[c->ops->which];

	r->on = true;
	if (c->paced < 0) {
		r->seen = 1;
		return;
	}
	if (pace->collectors[c->paced].failed)
		refuse(t, c->ops->which, &pace->collectors[c->paced].why);
	/* Of two that share a name the one that is seen less says what to expect. */
	if (!r->hits || pace->collectors[c->paced].seen < r->seen)
		r->seen = pace->collectors[c->paced].seen;
	r->hits += pace->collectors[c->paced].hits;
	r->cores += pace->collectors[c->paced].cores;
	if (c->steady >= 0)
		r->cores += pace->collectors[c->steady].cores;
}

static int look_at(struct tracing *t, struct running *c, const struct pace_report *pace,
		   double span_s, struct activity *now)
{
	struct collector_span span = {
		.span_s = span_s,
		.seen = c->paced < 0 ? 1 : pace->collectors[c->paced].seen,
		.arena = t->arena,
	};
	struct diag why = DIAG_INIT;
	int r = c->ops->look(c->it, &span, now, &why);

	if (r == -ENOMEM || r == -ESRCH)
		return r;
	if (r < 0)
		now->collectors[c->ops->which].refused = arena_strdup(t->arena, why.why);
	return 0;
}

/* Copies: what a collector returned stands until its next look alone. */
static int find(struct tracing *t, const struct activity *now)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct finding *all = a ? arena_alloc(a, FINDINGS_MAX, sizeof(*all)) : NULL;
	uint32_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		const struct running *c = &t->all[i];
		const struct finding *some = NULL;
		uint32_t n_some = 0;
		int r = 0;

		if (c->ops->findings)
			r = c->ops->findings(c->it, now, t->arena, &some, &n_some);
		for (uint32_t k = 0; r == 0 && k < n_some && n < FINDINGS_MAX; k++)
			r = finding_copy(a, &some[k], &all[n++]);
		if (r < 0)
			return r;
	}
	arena_free(t->found_arena);
	t->found_arena = TAKE(a);
	t->found = all;
	t->n_found = n;
	return 0;
}

void tracing_findings(const struct tracing *t, const struct finding **ret, uint32_t *n)
{
	*ret = t->found;
	*n = t->n_found;
}

int tracing_look(struct tracing *t, double own_share, const struct activity **ret,
		 struct tracing_cost *cost, struct diag *d)
{
	struct pace_report pace = { 0 };
	double span_s = clock_since_s(t->looked);
	int r;

	clock_gettime(CLOCK_MONOTONIC, &t->looked);
	arena_free(t->arena);
	t->arena = arena_new();
	t->now = (struct activity){ 0 };
	if (!t->arena)
		return -ENOMEM;
	r = pace_step(t->pace, own_share, &pace, d);
	if (r == 0)
		r = modules_refresh(t->modules, d);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t->n; i++)
		report_pace(t, &t->all[i], &pace, &t->now);
	report_refusals(t, &t->now);
	for (size_t i = 0; r == 0 && i < t->n; i++)
		r = look_at(t, &t->all[i], &pace, span_s, &t->now);
	if (r == 0)
		r = find(t, &t->now);
	if (r < 0)
		return r;
	t->now.findings = t->found;
	t->now.n_findings = t->n_found;
	for (int c = 0; c < COLLECTORS; c++)
		t->now.lost += t->now.collectors[c].lost;
	t->cost.target_s += pace.probe_cores * pace.elapsed_s;
	t->cost.used_s += pace.target_cores * pace.elapsed_s;
	t->cost.budget_cores = pace.budget_cores;
	*cost = t->cost;
	*ret = &t->now;
	return 0;
}
