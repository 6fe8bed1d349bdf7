// SPDX-License-Identifier: Apache-2.0
/* Long waits in all processes of a node: traced once, and named where they are worth it. */
#include "collect/node_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collector.h"
#include "collect/lock_watch.h"
#include "model/traced_futex.h"
#include "native/modules.h"
#include "native/pthread.h"
#include "target/mem_live.h"
#include "target/process.h"
#include "trace/futex.h"
#include "trace/host_pid.h"
#include "trace/pace.h"

enum {
	SUSPECTS = 16,		/* processes whose locks are looked at, at one time */
	LOCKS_EACH = 8,		/* locks of one process that are named */
	IDLE_LOOKS = 3,		/* after so many without a long wait it is let go */
};
/* Who has slept so long for a lock may be locked out for good. */
#define ASLEEP_NS 1000000000ull
/* Of the budget; the rest is for looks. */
#define TRACE_SHARE 0.5

/* A process in which somebody waits long. The crew's while it is busy. */
struct suspect {
	bool busy;
	pid_t pid;
	uint64_t start_ticks;
	uint32_t idle;
	struct process *process;
	struct mem *live;
	struct modules *modules;
	struct lock_watch *watch;
	struct arena *arena;		/* of `traced` */
	struct traced_futex traced;	/* its part of what was traced */
	const struct lock_interval *interval;
	int err;
};

struct node_locks {
	struct futex_trace *trace;
	struct pace *pace;
	struct suspect *suspects[SUSPECTS];
};

/* One process's part of what was traced, before it is copied. */
struct part {
	struct node_entry *entry;
	uint64_t longest_ns, waits;
	uint32_t asleep;
};

/* --- Opening --- */

int node_locks_open(double budget_percent, struct node_locks **ret, struct diag *d)
{
	CLEANUP(node_locks_close_p) struct node_locks *l = calloc(1, sizeof(*l));
	struct pace_collector c;
	double percent = budget_percent * TRACE_SHARE;
	int r;

	if (!l)
		return -ENOMEM;
	if (!host_pid_is_ours())
		return diag_fail(d, -EOPNOTSUPP, "in a pid namespace of our own, processes cannot "
				 "be told by what the kernel calls them");
	r = futex_trace_open(NULL, FUTEX_THRESHOLD_NS, &l->trace, d);
	if (r == 0)
		r = pace_open(0, percent, percent / 100, &l->pace, d);
	if (r < 0)
		return r;
	futex_trace_collector(l->trace, &c);
	r = pace_add(l->pace, &c);
	if (r < 0)
		return diag_fail(d, r, "the tracing of long waits cannot be started");
	*ret = TAKE(l);
	return 0;
}

static void suspect_free(struct suspect *s)
{
	if (!s || crew_busy(&s->busy))
		return;
	lock_watch_close(s->watch);
	modules_close(s->modules);
	mem_close(s->live);
	process_close(s->process);
	arena_free(s->arena);
	free(s);
}

void node_locks_close(struct node_locks *l)
{
	if (!l)
		return;
	pace_close(l->pace);
	futex_trace_close(l->trace);
	for (size_t i = 0; i < SUSPECTS; i++)
		suspect_free(l->suspects[i]);
	free(l);
}

/* --- What the crew does --- */

static int open_suspect(struct suspect *s)
{
	struct collector_source src;
	int r = process_open(s->pid, &s->process, NULL);

	if (r == 0 && s->process->start_ticks != s->start_ticks)
		return -ESRCH;
	if (r == 0)
		r = mem_live_open(s->process, &s->live);
	if (r == 0)
		r = modules_open(s->process, &s->modules, NULL);
	src = (struct collector_source){ .process = s->process, .live = s->live,
					 .modules = s->modules };
	return r < 0 ? r : lock_watch_open_fed(&src, &s->watch, NULL);
}

static void look_at_suspect(void *arg)
{
	struct suspect *s = arg;

	s->err = s->watch ? modules_refresh(s->modules, NULL) : open_suspect(s);
	if (s->err < 0)
		return;
	lock_watch_feed(s->watch, &s->traced);
	s->err = lock_watch_look(s->watch, &s->interval, NULL);
}

/* --- Who is worth it --- */

/* Idle pools wait long for work, and a Go runtime's threads for goroutines: not for a lock. */
static bool is_lock(const struct traced_futex_lock *l)
{
	return pthread_locks_with(l->op, l->val);
}

static bool is_shut_out(const struct traced_futex_now *n)
{
	return n->waited_ns >= ASLEEP_NS && pthread_locks_with(n->op, n->val);
}

static struct part *part_of(struct node *n, struct part *parts, size_t *n_parts, pid_t tgid)
{
	struct node_entry *e = node_find(n, tgid);

	if (!e)
		return NULL;
	for (size_t i = 0; i < *n_parts; i++)
		if (parts[i].entry == e)
			return &parts[i];
	if (*n_parts == n->n)
		return NULL;
	parts[*n_parts] = (struct part){ .entry = e };
	return &parts[(*n_parts)++];
}

static int by_longest(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (!x->asleep != !y->asleep)
		return x->asleep ? -1 : 1;
	return (x->longest_ns < y->longest_ns) - (x->longest_ns > y->longest_ns);
}

/* Processes that have something to tell, the worst first. In the look's arena. */
static int divide(struct node *n, const struct traced_futex *t, struct part **ret, size_t *ret_n)
{
	struct part *parts = arena_alloc(n->arena, n->n + 1, sizeof(*parts)), *p;
	size_t m = 0;

	if (!parts)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_locks; i++) {
		p = is_lock(&t->locks[i]) ? part_of(n, parts, &m, t->locks[i].tgid) : NULL;
		if (!p)
			continue;
		p->waits += t->locks[i].waits;
		if (t->locks[i].longest_ns > p->longest_ns)
			p->longest_ns = t->locks[i].longest_ns;
		n->look.long_waits += t->locks[i].waits;
	}
	for (size_t i = 0; i < t->n_now; i++) {
		p = is_shut_out(&t->now[i]) ? part_of(n, parts, &m, t->now[i].tgid) : NULL;
		if (p)
			p->asleep++;
	}
	if (m)
		qsort(parts, m, sizeof(*parts), by_longest);
	*ret = parts;
	*ret_n = m;
	return 0;
}

/* --- One suspect --- */

static int copy_side(struct arena *a, const struct traced_futex_side *from,
		     struct traced_futex_side *to)
{
	uint8_t *bytes = arena_alloc(a, from->stack.n_bytes + 1, 1);

	if (!bytes)
		return -ENOMEM;
	*to = *from;
	if (from->stack.n_bytes)
		memcpy(bytes, from->stack.bytes, from->stack.n_bytes);
	to->stack.bytes = bytes;
	return 0;
}

/* Into an arena of its own, for its look may outlast this one of the node. */
static int copy_part(struct suspect *s, const struct traced_futex *t)
{
	struct traced_futex own = { .n_locks = 0 };
	struct arena *a = arena_new();
	int r = 0;

	arena_free(s->arena);
	s->arena = a;
	if (!a)
		return -ENOMEM;
	own.locks = arena_alloc(a, LOCKS_EACH, sizeof(*own.locks));
	own.now = arena_alloc(a, t->n_now + 1, sizeof(*own.now));
	if (!own.locks || !own.now)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < t->n_locks && own.n_locks < LOCKS_EACH; i++) {
		struct traced_futex_lock *l = &own.locks[own.n_locks];

		if (t->locks[i].tgid != s->pid || !is_lock(&t->locks[i]))
			continue;
		*l = t->locks[i];
		r = copy_side(a, &t->locks[i].waiter, &l->waiter);
		if (r == 0)
			r = copy_side(a, &t->locks[i].waker, &l->waker);
		own.n_locks++;
		own.waits += l->waits;
	}
	for (size_t i = 0; i < t->n_now; i++)
		if (t->now[i].tgid == s->pid)
			own.now[own.n_now++] = t->now[i];
	s->traced = own;
	return r;
}

static struct suspect *suspect_of(struct node_locks *l, const struct node_entry *e)
{
	struct suspect **free_place = NULL;

	for (size_t i = 0; i < SUSPECTS; i++) {
		struct suspect *s = l->suspects[i];

		if (s && s->pid == e->line.pid && s->start_ticks == e->line.stat.start_ticks)
			return s;
		if (!s && !free_place)
			free_place = &l->suspects[i];
	}
	if (!free_place)
		return NULL;
	*free_place = calloc(1, sizeof(**free_place));
	if (!*free_place)
		return NULL;
	(*free_place)->pid = e->line.pid;
	(*free_place)->start_ticks = e->line.stat.start_ticks;
	return *free_place;
}

/* What it has found, for the look of the node; the strings are the watch's until its next look. */
static int tell(struct node *n, const struct suspect *s, struct node_entry *e)
{
	const struct lock_interval *i = s->interval;
	struct lock_activity *locks = arena_alloc(n->arena, 1, sizeof(*locks));
	struct finding *all;

	all = arena_alloc(n->arena, (size_t)i->verdicts.n_cycles + i->verdicts.n_stalls + 1,
			  sizeof(*all));
	if (!locks || !all)
		return -ENOMEM;
	*locks = (struct lock_activity){
		.contended = i->contended, .n_contended = i->n_contended,
		.long_waits = i->long_waits, .sleepers = i->look.n_waits,
	};
	e->locks = locks;
	for (uint32_t k = 0; k < i->verdicts.n_cycles; k++)
		all[e->n_lock_findings++] = i->verdicts.cycles[k].finding;
	for (uint32_t k = 0; k < i->verdicts.n_stalls; k++)
		all[e->n_lock_findings++] = i->verdicts.stalls[k].finding;
	e->lock_findings = all;
	return 0;
}

static int look_at(struct node *n, struct suspect *s, struct node_entry *e,
		   const struct traced_futex *t)
{
	double cpu_ms;
	int r;

	if (crew_busy(&s->busy))
		return 0;
	/* What was found stands until the next look at it, which has to wait. */
	if (n->credit_ms - n->spent_ms <= 0)
		return s->interval ? tell(n, s, e) : 0;
	r = copy_part(s, t);
	if (r < 0)
		return r;
	s->interval = NULL;
	r = crew_run(n->crew, look_at_suspect, s, &s->busy, NODE_PATIENCE_S, &cpu_ms);
	n->spent_ms += cpu_ms;
	if (r < 0)
		return 0;
	if (s->err == -ENOMEM)
		return s->err;
	return s->err == 0 && s->interval ? tell(n, s, e) : 0;
}

/* Those with nothing to tell for a while, or that cannot be looked at, or have ended. */
static void let_go(struct node *n, struct node_locks *l)
{
	for (size_t i = 0; i < SUSPECTS; i++) {
		struct suspect *s = l->suspects[i];
		const struct node_entry *e = s ? node_find(n, s->pid) : NULL;

		if (!s || crew_busy(&s->busy))
			continue;
		if (++s->idle > IDLE_LOOKS || s->err < 0 || !e ||
		    e->line.stat.start_ticks != s->start_ticks)
			suspect_free(TAKE(l->suspects[i]));
	}
}

int node_locks_look(struct node *n, struct node_locks *l, double *probe_cores, struct diag *d)
{
	struct collector_report *report = &n->look.futex;
	struct pace_report pace;
	struct traced_futex t;
	struct part *parts = NULL;
	size_t m = 0;
	int r = pace_step(l->pace, 0, &pace, d);

	/* The first look comes right after the open. */
	if (r == -EAGAIN)
		return 0;
	if (r == 0 && pace.collectors[0].failed) {
		*d = pace.collectors[0].why;
		return pace.collectors[0].failed;
	}
	if (r == 0)
		r = futex_trace_collect(l->trace, n->arena, &t);
	if (r == 0)
		r = divide(n, &t, &parts, &m);
	if (r < 0)
		return r;
	report->seen = pace.collectors[0].seen;
	report->cores = pace.collectors[0].cores;
	report->hits = pace.collectors[0].hits;
	report->lost = t.lost;
	n->look.blind = t.blind;
	*probe_cores = pace.probe_cores;
	let_go(n, l);
	for (size_t i = 0; r == 0 && i < m; i++) {
		struct suspect *s = suspect_of(l, parts[i].entry);

		if (!s)
			break;
		s->idle = 0;
		r = look_at(n, s, parts[i].entry, &t);
	}
	return r;
}
