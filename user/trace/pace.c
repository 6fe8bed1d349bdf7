// SPDX-License-Identifier: Apache-2.0
#include "trace/pace.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "trace/calibrate.h"
#include "trace/governor.h"

/*
 * A program's time is known by the least of the means of some times of so many runs: the kernel
 * measures by the wall clock, and on a machine with more to do than CPUs some of them wait in
 * between, for milliseconds.
 */
#define RUNS_ONE_TIME 200
#define TIMES_SURE 3
#define TIMES_ENOUGH 8
/* Its time before any run was measured: a stack walk and some map updates. */
#define PROGRAM_NS 1500.0
/* A collector that was not seen for so long gets a short burst: rates fall as well. */
#define FORGOTTEN_S 15.0
/* Programs that have hardly run by then are taken as they were measured. */
#define MEASURING_S 60.0
#define GLIMPSE_S 0.003

/* What may be overdrawn before the next step, in what an interval is allowed. */
#define OVERDRAWN 2.0
/* The next interval may be longer than the last. */
#define INTERVAL_MIN_S 1.0

struct paced {
	struct pace_collector c;
	struct burst *burst;
	_Atomic uint64_t count_max;	/* above it, it has been enough for this interval */
	struct pace_load last;
	double program_ns;
	bool program_known;
	uint64_t program_sum_ns, program_runs;	/* of all time, at the last mean */
	double least_ns;			/* of the means */
	unsigned int times;			/* there were */
	double since_seen_s;
	uint64_t switch_ns;	/* at the last step */
	int failed;		/* errno of its load: it is off for good */
};

struct pace {
	struct governor governor;
	clockid_t target_clock;
	uint64_t wall_ns, target_ns, own_ns;	/* at the last step */
	int stats_fd;		/* the kernel measures programs; -1: no more */
	double measured_s;
	struct paced paced[PACE_COLLECTORS];
	struct governor_item items[PACE_COLLECTORS];
	size_t n;
};

static int clock_ns(clockid_t id, uint64_t *ret)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		return -ESRCH;
	*ret = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	return 0;
}

int pace_open(pid_t pid, double percent, double floor_cores, struct pace **ret, struct diag *d)
{
	CLEANUP(pace_close_p) struct pace *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->governor = (struct governor){ .percent = percent, .floor_cores = floor_cores };
	/* As the utime and stime of /proc/PID/stat, in nanoseconds instead of ticks. */
	p->stats_fd = -1;
	p->target_clock = CLOCK_MONOTONIC;
	if ((pid && clock_getcpuclockid(pid, &p->target_clock) != 0) ||
	    clock_ns(p->target_clock, &p->target_ns) < 0)
		return diag_fail(d, -ESRCH, "it has ended");
	clock_ns(CLOCK_MONOTONIC, &p->wall_ns);
	clock_ns(CLOCK_PROCESS_CPUTIME_ID, &p->own_ns);
	/* Without it, programs are taken to cost PROGRAM_NS. */
	p->stats_fd = calibrate_programs_start();
	*ret = TAKE(p);
	return 0;
}

void pace_close(struct pace *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		burst_stop(p->paced[i].burst);
	if (p->stats_fd >= 0)
		close(p->stats_fd);
	free(p);
}

/* On the thread of its bursts. */
static bool enough(void *arg)
{
	struct paced *c = arg;
	uint64_t count;

	return c->c.count(c->c.ops.arg, &count) == 0 && count > atomic_load(&c->count_max);
}

int pace_add(struct pace *p, const struct pace_collector *c)
{
	struct paced *n = &p->paced[p->n];
	uint64_t seed;
	int r;

	if (p->n == PACE_COLLECTORS)
		return -ENOSPC;
	*n = (struct paced){ .c = *c, .count_max = UINT64_MAX, .program_ns = PROGRAM_NS };
	if (c->count && !c->ops.enough) {
		n->c.ops.enough = enough;
		n->c.ops.enough_arg = n;
	}
	r = c->load(c->ops.arg, &n->last);
	if (r < 0)
		return r;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = p->wall_ns;
	if (c->ops.arm) {
		r = burst_start(&n->c.ops, seed, &n->burst);
		if (r < 0)
			return r;
		burst_once(n->burst, GOVERNOR_FIRST_S);
	}
	p->items[p->n] = (struct governor_item){ .weight = c->weight, .slow = c->ops.slow, .always = !c->ops.arm,
						 .full_cores = -1 };
	p->n++;
	return 0;
}

/* The time of its programs, while the kernel measures. */
static void learn_program(struct paced *c, const struct pace_load *now)
{
	uint64_t ns, runs;
	double mean;

	if (now->whole) {
		c->program_ns = 0;
		c->program_known = true;
	}
	if (c->program_known ||
	    calibrate_programs_read(now->programs, now->n_programs, &ns, &runs) < 0 ||
	    runs < c->program_runs + RUNS_ONE_TIME)
		return;
	mean = (double)(ns - c->program_sum_ns) / (double)(runs - c->program_runs);
	c->program_sum_ns = ns;
	c->program_runs = runs;
	c->least_ns = c->times++ && c->least_ns < mean ? c->least_ns : mean;
	c->program_ns = c->least_ns;
	if (c->times < TIMES_SURE && c->program_ns > PROGRAM_NS)
		c->program_ns = PROGRAM_NS;
	c->program_known = c->times >= TIMES_ENOUGH;
}

static int account(struct pace *p, size_t i, double elapsed_s, struct pace_report *r)
{
	struct paced *c = &p->paced[i];
	struct governor_item *item = &p->items[i];
	struct pace_load now;
	uint64_t hits, outside;
	double armed_s;
	int err = c->c.load(c->c.ops.arg, &now);

	if (err < 0)
		return err;
	learn_program(c, &now);
	hits = now.hits - c->last.hits;
	outside = now.outside - c->last.outside;
	armed_s = (double)(now.armed_ns - c->last.armed_ns) / 1e9;
	c->last = now;
	item->hit_ns = now.trap_ns + c->program_ns;
	/* What is hit outside of the counted time has its price: as a part of each hit's. */
	if (hits)
		item->hit_ns *= 1 + (double)outside / (double)hits;
	item->hits = hits ? hits : outside;
	item->armed_s = armed_s;
	c->since_seen_s = armed_s > 0 ? 0 : c->since_seen_s + elapsed_s;
	r->collectors[i].name = c->c.name;
	r->collectors[i].seen = elapsed_s > armed_s ? armed_s / elapsed_s : armed_s > 0;
	r->collectors[i].hit_ns = item->hit_ns;
	r->collectors[i].hits = hits;
	return 0;
}

/* What cannot be accounted for may not go on; the others can. */
static void end_paced(struct pace *p, size_t i, int err)
{
	struct paced *c = &p->paced[i];

	c->failed = err;
	p->items[i].hits = 0;
	p->items[i].armed_s = 0;
	if (c->burst)
		burst_set_duty(c->burst, 0);
}

/*
 * Sets the pace that the governor has planned; allowed_s: what may be spent before the next step,
 * by all together.
 */
static void set_pace(struct pace *p, size_t i, double allowed_s, struct pace_report *r)
{
	struct paced *c = &p->paced[i];
	struct burst_state s;
	double more = p->items[i].hit_ns > 0 ? allowed_s * 1e9 / p->items[i].hit_ns : INFINITY;
	double duty = p->items[i].duty;

	if (c->c.most > 0 && duty > c->c.most)
		duty = c->c.most;
	r->collectors[i].duty = duty;
	r->collectors[i].cores = p->items[i].spent_cores;
	r->probe_cores += p->items[i].spent_cores;
	if (c->failed) {
		r->collectors[i].failed = c->failed;
		diag_fail(&r->collectors[i].why, c->failed, "its counters cannot be read: %s",
			  strerror(-c->failed));
		return;
	}
	if (!c->burst)
		return;
	atomic_store(&c->count_max, c->last.hits + c->last.outside +
			     (more < 1e15 ? (uint64_t)more : (uint64_t)1e15));
	burst_set_duty(c->burst, duty);
	if (c->since_seen_s >= FORGOTTEN_S) {
		burst_once(c->burst, GLIMPSE_S);
		c->since_seen_s = 0;
	}
	burst_state(c->burst, &s);
	r->collectors[i].bursts = s.bursts;
	r->collectors[i].failed = s.failed;
	r->collectors[i].why = s.why;
}

/* The kernel's measuring has a price of its own: it ends when all programs are known. */
static void end_measuring(struct pace *p, double elapsed_s)
{
	if (p->stats_fd < 0)
		return;
	p->measured_s += elapsed_s;
	for (size_t i = 0; i < p->n; i++)
		if (!p->paced[i].program_known && p->measured_s < MEASURING_S)
			return;
	close(p->stats_fd);
	p->stats_fd = -1;
}

/* What a burst's ends take, into the item; what they took since the last step, in seconds. */
static double weigh_switching(struct paced *c, struct governor_item *item)
{
	struct burst_state s;
	uint64_t ns;

	if (!c->burst)
		return 0;
	burst_state(c->burst, &s);
	if (s.bursts)
		item->switch_s = (double)s.switch_ns / (double)s.bursts / 1e9;
	ns = s.switch_ns - c->switch_ns;
	c->switch_ns = s.switch_ns;
	return (double)ns / 1e9;
}

int pace_step(struct pace *p, double own_share, struct pace_report *ret, struct diag *d)
{
	struct pace_report r = { .n_collectors = p->n };
	struct governor_time t;
	uint64_t wall, target, own;
	double allowed_s;

	if (clock_ns(p->target_clock, &target) < 0 || clock_ns(CLOCK_MONOTONIC, &wall) < 0 ||
	    clock_ns(CLOCK_PROCESS_CPUTIME_ID, &own) < 0)
		return diag_fail(d, -ESRCH, "it has ended");
	t = (struct governor_time){
		.elapsed_s = (double)(wall - p->wall_ns) / 1e9,
		.target_cpu_s = (double)(target - p->target_ns) / 1e9,
		.own_cpu_s = own_share * (double)(own - p->own_ns) / 1e9,
	};
	if (t.elapsed_s <= 0)
		return -EAGAIN;
	for (size_t i = 0; i < p->n; i++)
		t.switch_cpu_s += weigh_switching(&p->paced[i], &p->items[i]);
	for (size_t i = 0; i < p->n; i++) {
		int err = p->paced[i].failed ? 0 : account(p, i, t.elapsed_s, &r);

		if (err < 0)
			end_paced(p, i, err);
	}
	p->governor.granted_cores = 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->paced[i].c.granted && !p->paced[i].failed)
			p->governor.granted_cores += p->paced[i].c.granted(p->paced[i].c.ops.arg);
	governor_step(&p->governor, &t, p->items, p->n);
	allowed_s = OVERDRAWN * governor_budget(&p->governor, t.target_cpu_s / t.elapsed_s) *
		    (t.elapsed_s > INTERVAL_MIN_S ? t.elapsed_s : INTERVAL_MIN_S);
	for (size_t i = 0; i < p->n; i++)
		set_pace(p, i, allowed_s, &r);
	end_measuring(p, t.elapsed_s);
	p->wall_ns = wall;
	p->target_ns = target;
	p->own_ns = own;
	r.elapsed_s = t.elapsed_s;
	r.target_cores = t.target_cpu_s / t.elapsed_s;
	r.own_cores = t.own_cpu_s / t.elapsed_s;
	r.budget_cores = governor_budget(&p->governor,
					 r.target_cores > r.probe_cores
						 ? r.target_cores - r.probe_cores : 0);
	*ret = r;
	return 0;
}
