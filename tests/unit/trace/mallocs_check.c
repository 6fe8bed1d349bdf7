// SPDX-License-Identifier: Apache-2.0
/*
 * mallocs [SAMPLE_EVERY [SLOTS [no-session]]], commands besides collect:
 *	burst MS	one of so long; answers {}
 *	arm, disarm	the ends of a burst
 *	pace PERCENT	bursts by themselves from now on, inside that budget
 *	step		ends an interval of that; what it cost
 *	sites MS	what analysis/ says of all that was collected; of age after so long
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analysis/malloc_sites.h"
#include "trace/calibrate.h"
#include "trace/mallocs.h"
#include "trace/pace.h"
#include "trace/target.h"
#include "trace_check.h"

static struct mallocs_trace *trace;
static struct malloc_book *book;
static struct calibration calibration;
static struct pace *pace;
static pid_t pid;

static int start(const struct process *p, const struct trace_target *t, int argc, char **argv,
		 struct diag *d)
{
	struct mallocs_trace_args args = {
		.sample_every = argc > 0 ? (uint32_t)atoi(argv[0]) : 1,
		.slots = argc > 1 ? (uint32_t)atoi(argv[1]) : 0,
		.no_session = argc > 2 && strcmp(argv[2], "no-session") == 0,
	};

	pid = t->pid;
	book = malloc_book_new();
	return book ? mallocs_trace_open(p, t, &args, &trace, d) : -ENOMEM;
}

static void print(const struct traced_mallocs *m, FILE *f)
{
	static const char *const fates[] = { "freed", "reused", "changed", "forgotten",
					    "rewritten", "unsure" };

	fprintf(f,
		"{\"bursts\": %u, \"armed_ns\": %" PRIu64 ", \"attached_ns\": %" PRIu64
		", \"entry_hits\": %" PRIu64 ", \"return_hits\": %" PRIu64 ", \"outside\": %" PRIu64 ", \"allocs\": %" PRIu64
		", \"bytes\": %" PRIu64 ", \"frees\": %" PRIu64 ", \"sampled\": %" PRIu64
		", \"short_lived\": %" PRIu64 ", \"young\": %" PRIu64 ", \"followed\": %zu, \"lost\": %" PRIu64
		", \"unreadable\": %" PRIu64 ", \"survivors\": [",
		m->bursts, m->armed_ns, m->attached_ns, m->entry_hits, m->return_hits, m->outside, m->allocs,
		m->bytes, m->frees, m->sampled, m->short_lived, m->young,
		m->followed, m->lost, m->unreadable);
	for (size_t i = 0; i < m->n_survivors; i++) {
		const struct traced_malloc_survivor *s = &m->survivors[i];

		fprintf(f,
			"%s{\"id\": %" PRIu64 ", \"addr\": %" PRIu64 ", \"bytes\": %" PRIu64
			", \"at_ns\": %" PRIu64 ", \"tid\": %d, \"goid\": %" PRIu64
			", \"pc\": %" PRIu64 ", \"stack_bytes\": %zu, ",
			i ? ", " : "", s->id, s->addr, s->bytes, s->at_ns, s->tid, s->goid,
			s->stack.regs[STACK_COPY_PC], s->stack.n_bytes);
		print_go(f, s->go_pcs, s->n_go_pcs);
		fputc('}', f);
	}
	fputs("], \"ends\": [", f);
	for (size_t i = 0; i < m->n_ends; i++)
		fprintf(f, "%s[%" PRIu64 ", \"%s\"]", i ? ", " : "", m->ends[i].id,
			fates[m->ends[i].fate]);
	fputs("]}", f);
}

/* A real caller unwinds; here the instruction after the call is the site. */
static int keep(const struct traced_mallocs *m)
{
	int r = 0;

	for (size_t i = 0; i < m->n_survivors && r == 0; i++)
		r = malloc_book_add(book, m->survivors[i].stack.regs[STACK_COPY_PC],
				    &m->survivors[i]);
	for (size_t i = 0; i < m->n_ends; i++)
		malloc_book_end(book, &m->ends[i]);
	return r;
}

static int judge(uint64_t age_ms, FILE *f)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct malloc_site *sites;
	struct timespec t;
	size_t n;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (!a)
		return -ENOMEM;
	r = malloc_book_sites(book, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec,
			      age_ms * 1000000, a, &sites, &n);
	if (r < 0)
		return r;
	fputc('[', f);
	for (size_t i = 0; i < n; i++)
		fprintf(f,
			"%s{\"pc\": %" PRIu64 ", \"candidate\": %s, \"survivors\": %" PRIu64
			", \"gone\": %" PRIu64 ", \"aged\": %" PRIu64 ", \"share\": %f}",
			i ? ", " : "", sites[i].site, sites[i].candidate ? "true" : "false",
			sites[i].survivors, sites[i].gone, sites[i].aged, sites[i].share);
	fputc(']', f);
	return 0;
}

static int start_pace(double percent)
{
	struct pace_collector c;
	struct diag d = DIAG_INIT;
	int r = calibrate((uint32_t)getpid(), &calibration, &d);

	if (r == 0)
		r = pace_open(pid, percent, 0.001, &pace, &d);
	if (r < 0)
		return r;
	mallocs_trace_collector(trace, &calibration, &c);
	return pace_add(pace, &c);
}

static int step(FILE *f)
{
	struct pace_report p;
	struct diag d = DIAG_INIT;
	int r = pace_step(pace, 1, &p, &d);

	if (r < 0)
		return r;
	fprintf(f,
		"{\"elapsed_s\": %g, \"target_cores\": %g, \"budget_cores\": %g, \"probe_cores\": %g, "
		"\"duty\": %g, \"hit_ns\": %g, \"bursts\": %" PRIu64 ", \"failed\": %d}",
		p.elapsed_s, p.target_cores, p.budget_cores, p.probe_cores, p.collectors[0].duty,
		p.collectors[0].hit_ns, p.collectors[0].bursts, p.collectors[0].failed);
	return 0;
}

static int collect(FILE *f)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct traced_mallocs m;
	int r;

	if (!a)
		return -ENOMEM;
	r = mallocs_trace_collect(trace, a, &m);
	if (r == 0)
		r = keep(&m);
	if (r == 0)
		print(&m, f);
	return r;
}

static int answer(const char *command, FILE *f)
{
	bool is_burst = strncmp(command, "burst ", 6) == 0;
	struct diag d = DIAG_INIT;
	int r = 0;

	if (strcmp(command, "collect") == 0)
		return collect(f);
	if (strcmp(command, "step") == 0 && pace)
		return step(f);
	if (strncmp(command, "sites ", 6) == 0)
		return judge((uint64_t)atoi(command + 6), f);
	if (is_burst || strcmp(command, "arm") == 0)
		r = mallocs_trace_arm(trace, &d);
	else if (strncmp(command, "pace ", 5) == 0 && !pace)
		r = start_pace(atof(command + 5));
	else if (strcmp(command, "disarm") != 0)
		return -EINVAL;
	if (r < 0) {
		fprintf(stderr, "%s\n", d.why);
		return r;
	}
	if (is_burst)
		usleep((useconds_t)atoi(command + 6) * 1000);
	if (is_burst || strcmp(command, "disarm") == 0)
		mallocs_trace_disarm(trace);
	fputs("{}", f);
	return 0;
}

static void stop(void)
{
	pace_close(pace);
	mallocs_trace_close(trace);
	malloc_book_free(book);
}

const struct checker mallocs_checker = { "mallocs", start, answer, stop };
