// SPDX-License-Identifier: Apache-2.0
#include "collect/survivor_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "analysis/malloc_sites.h"
#include "base/clock.h"
#include "collect/collector.h"
#include "target/process.h"
#include "target/threads.h"
#include "trace/mallocs.h"
#include "trace/pace.h"
#include "trace/watchpoint_cost.h"
#include "trace/watchpoints.h"

/* How often a heap that is just changing is looked at. */
enum { STANDS_TRIES = 5 };

struct watched {
	struct malloc_pick pick;
	bool used;
};

/* What watching costs. */
struct expense {
	double percent, floor_cores;	/* the budget; percent 0: none */
	clockid_t clock;		/* the process's CPU time */
	uint64_t at_ns, cpu_ns, switches;	/* at the last look; at_ns 0: there was none */
	double switches_per_s;		/* between the last two; negative: not known */
	double budget_cores;
	uint64_t paid, armed_ns;	/* switches by watchpoints, and the time that was in */
	/*
	 * The first minutes, in which there is most to look into, may cost more, for the budget of
	 * a small process is too small for both this and the bursts: CPU seconds that are left for
	 * that, and the cores that were taken from them between the last two looks.
	 */
	double purse_s, granted_cores;
	bool has_purse;
};

struct survivor_watch {
	const struct process *process;
	struct expense expense;
	struct malloc_book *book;
	struct mallocs_trace *trace;
	struct watchpoints *points;	/* NULL: not opened yet */
	bool refused;			/* for good */
	struct diag why;		/* empty: they can be had */
	struct watched all[WATCHPOINTS_MAX];	/* by number of the watchpoint */
};

void survivor_watch_free(struct survivor_watch *s)
{
	if (!s)
		return;
	watchpoints_close(s->points);
	free(s);
}

const char *survivor_watch_refused(const struct survivor_watch *s)
{
	return *s->why.why ? s->why.why : NULL;
}

/* --- What it may cost --- */

/* Of the budget, when the purse is empty; and the purse, in seconds of the budget. */
#define PART 0.5
#define PURSE_S 120
/* The purse must last for so long when something is begun, and when it is to go on. */
#define BEGIN_S 40
#define GO_ON_S 10

static int count_on(const struct survivor_watch *s)
{
	int n = 0;

	for (int i = 0; i < WATCHPOINTS_MAX; i++)
		n += s->all[i].used;
	return n;
}

static int count_switches(const struct survivor_watch *s, uint64_t *ret)
{
	struct diag d = DIAG_INIT;
	pid_t *tids;
	size_t n;
	int r = threads_list(s->process, &tids, &n, &d);

	if (r < 0)
		return r;
	/* Of more than can be watched nobody wants to know. */
	r = threads_switches(s->process, tids, n < WATCHPOINTS_THREADS ? n : WATCHPOINTS_THREADS,
			     ret);
	free(tids);
	return r;
}

static void pay(struct expense *e, uint64_t switches, double span_s)
{
	double cores = (double)switches * watchpoint_switch_ns() / 1e9 / span_s;

	e->paid += switches;
	if (!e->has_purse)
		e->purse_s = PURSE_S * e->budget_cores;
	e->has_purse = true;
	e->granted_cores = cores < e->purse_s / span_s ? cores : e->purse_s / span_s;
	e->purse_s -= e->granted_cores * span_s;
}

/* What went by since the last look. */
static void account(struct survivor_watch *s)
{
	struct expense *e = &s->expense;
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC), cpu, switches;
	double span_s = (double)(now - e->at_ns) / 1e9;

	if (e->percent <= 0)
		return;
	if (!e->at_ns && clock_getcpuclockid(s->process->pid, &e->clock) != 0)
		return;
	cpu = clock_now_ns(e->clock);
	if (count_switches(s, &switches) < 0) {
		e->switches_per_s = -1;
		return;
	}
	/* Those of threads that ended are missing: then it is as often as it was. */
	if (e->at_ns && switches >= e->switches && span_s > 0) {
		double budget = e->percent / 100 * (double)(cpu - e->cpu_ns) / 1e9 / span_s;

		e->switches_per_s = (double)(switches - e->switches) / span_s;
		e->budget_cores = budget > e->floor_cores ? budget : e->floor_cores;
		pay(e, (uint64_t)count_on(s) * (switches - e->switches), span_s);
		e->armed_ns += count_on(s) ? now - e->at_ns : 0;
	}
	e->at_ns = now;
	e->cpu_ns = cpu;
	e->switches = switches;
}

struct survivor_watch *survivor_watch_new(const struct collector_source *src,
					  struct malloc_book *book, struct mallocs_trace *trace)
{
	struct survivor_watch *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->process = src->process;
	s->expense = (struct expense){ .percent = src->budget_percent,
				       .floor_cores = src->floor_cores, .switches_per_s = -1 };
	s->book = book;
	s->trace = trace;
	account(s);
	return s;
}

/* How many watchpoints can be had for so long. */
static int buys(const struct expense *e, double seconds)
{
	double each = e->switches_per_s * watchpoint_switch_ns() / 1e9;
	double cores = PART * e->budget_cores + e->purse_s / seconds;

	if (e->percent <= 0)
		return WATCHPOINTS_MAX;
	if (e->switches_per_s < 0)
		return 0;
	return each * WATCHPOINTS_MAX <= cores ? WATCHPOINTS_MAX : (int)(cores / each);
}

static int load(void *arg, struct pace_load *ret)
{
	const struct survivor_watch *s = arg;

	*ret = (struct pace_load){
		.hits = s->expense.paid,
		.armed_ns = s->expense.armed_ns,
		.trap_ns = s->expense.paid ? watchpoint_switch_ns() : 0,
		.whole = true,
	};
	return 0;
}

static double granted(void *arg)
{
	const struct survivor_watch *s = arg;

	return s->expense.granted_cores;
}

void survivor_watch_pace(struct survivor_watch *s, struct pace_collector *ret)
{
	*ret = (struct pace_collector){ .name = "watchpoints", .ops.arg = s, .load = load,
					.weight = 1, .granted = granted };
}

/* --- Watching --- */

/* Nobody came; but is it still the same allocation? */
static enum malloc_watch check_heap(struct survivor_watch *s, const struct malloc_pick *p)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < STANDS_TRIES; i++) {
		r = mallocs_trace_stands(s->trace, p->addr, p->header, p->print);
		if (r != 1)
			usleep(200);
	}
	if (r < 0)
		return MALLOC_WATCH_NOTHING;
	return r ? MALLOC_WATCH_UNTOUCHED : MALLOC_WATCH_STALE;
}

static void look_at(struct survivor_watch *s, int which)
{
	struct watched *w = &s->all[which];
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
	struct watchpoint_state state;
	enum malloc_watch how;

	watchpoints_state(s->points, which, &state);
	how = malloc_watch_judge(&w->pick, state.set_ns, state.touched_ns, now);
	if (how == MALLOC_WATCH_ON)
		return;
	if (how == MALLOC_WATCH_UNTOUCHED)
		how = check_heap(s, &w->pick);
	malloc_book_watched(s->book, w->pick.site, how, now - state.set_ns);
	watchpoints_clear(s->points, which);
	w->used = false;
}

static uint64_t random_bits(void)
{
	uint64_t bits;

	if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
		bits = clock_now_ns(CLOCK_MONOTONIC);
	return bits;
}

/* 1: there is nobody else to watch, or no watchpoint to be had. */
static int begin_one(struct survivor_watch *s)
{
	struct diag why = DIAG_INIT;
	struct malloc_pick pick;
	int r = 0;

	if (!malloc_book_pick(s->book, clock_now_ns(CLOCK_MONOTONIC), random_bits(), &pick))
		return 1;
	if (!s->points) {
		r = watchpoints_open(s->process, &s->points, &why);
		s->refused = r < 0;
	}
	if (r == 0)
		r = watchpoints_set(s->points, pick.addr, &why);
	if (r >= 0) {
		s->all[r] = (struct watched){ pick, true };
		s->why = (struct diag)DIAG_INIT;
		return 0;
	}
	malloc_book_watched(s->book, pick.site, MALLOC_WATCH_NOTHING, 0);
	if (r == -ENOMEM || r == -ESRCH)
		return r;
	s->why = why;
	return 1;
}

/* Those that have become too dear. */
static void break_off(struct survivor_watch *s, int keep)
{
	for (int i = 0; i < WATCHPOINTS_MAX && count_on(s) > keep; i++) {
		if (!s->all[i].used)
			continue;
		malloc_book_watched(s->book, s->all[i].pick.site, MALLOC_WATCH_NOTHING, 0);
		watchpoints_clear(s->points, i);
		s->all[i].used = false;
	}
}

static void say_too_dear(struct survivor_watch *s)
{
	struct expense *e = &s->expense;

	if (e->switches_per_s < 0 && e->at_ns)
		diag_fail(&s->why, -EAGAIN, "how often its threads are switched is not known");
	else if (e->switches_per_s >= 0)
		diag_fail(&s->why, -EAGAIN, "its threads are switched %.0f times a second, which "
			  "makes a watchpoint cost more than the budget allows", e->switches_per_s);
}

int survivor_watch_look(struct survivor_watch *s)
{
	int room, used, r = 0;

	account(s);
	for (int i = 0; i < WATCHPOINTS_MAX; i++)
		if (s->all[i].used)
			look_at(s, i);
	break_off(s, buys(&s->expense, GO_ON_S));
	room = buys(&s->expense, BEGIN_S);
	used = count_on(s);
	if (!room && !used)
		say_too_dear(s);
	for (; used < room && r == 0 && !s->refused; used++)
		r = begin_one(s);
	return r < 0 ? r : 0;
}
