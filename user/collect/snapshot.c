// SPDX-License-Identifier: Apache-2.0
#include "collect/snapshot.h"

#include <errno.h>
#include <time.h>

#include "analysis/leak_judge.h"
#include "analysis/memory_verdict.h"
#include "analysis/site.h"
#include "analysis/verdict.h"
#include "base/clock.h"
#include "collect/describe.h"
#include "collect/gather.h"
#include "collect/heap_profile.h"
#include "collect/leak_holders.h"
#include "collect/leaks.h"
#include "collect/retention.h"
#include "collect/subject.h"
#include "collect/timer_watch.h"
#include "goruntime/goruntime.h"
#include "model/leaks.h"
#include "model/memory.h"
#include "target/sockets.h"

static int describe_core(const char *path, struct subject *subject, struct snapshot *s)
{
	struct process_info *p = &s->process;
	struct core_facts facts;

	core_facts(subject->core, &facts);
	p->pid = facts.pid;
	p->exe = facts.exe ? arena_strdup(s->arena, facts.exe) : NULL;
	p->name = p->exe ? site_base_name(p->exe) : NULL;
	p->uptime_s = -1;
	p->threads = facts.threads;
	p->core_file = arena_strdup(s->arena, path);
	return p->core_file ? 0 : -ENOMEM;
}

static int take_memory(struct subject *subject, struct go_runtime *rt, enum ledger_wish wish,
		       struct snapshot *s, struct diag *d)
{
	const char *why = NULL;
	int r = 0;

	if (subject->process)
		r = ledger_read(subject, rt, wish, s->arena, &s->memory, &why, d);
	if (why)
		snapshot_note(s, "%s", why);
	return r;
}

/* Before the goroutines are gathered: each one that is in the set is looked up there. */
static int find_leaks(struct subject *subject, struct go_runtime *rt,
		      const struct leaks_options *o, struct snapshot *s, struct diag *d)
{
	struct leak_set *l;
	int r;

	if (o->wish == LEAKS_NEVER && !o->prove)
		return 0;
	l = arena_alloc(s->arena, 1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	r = leaks_find(subject, rt, o, s->arena, l, d);
	if (r < 0)
		return r;
	s->leaks = l;
	if (l->why_not)
		snapshot_note(s, "%s", l->why_not);
	return 0;
}

/* How often, and over how long, what the verdicts rest on was read. */
static void note_passes(struct snapshot *s)
{
	const struct leak_set *l = s->leaks;

	if (!l || !l->passes)
		return;
	s->quality.passes = l->passes;
	s->quality.span_s = l->span_s;
	s->quality.stopped_ms = l->stopped_ms;
}

/* From an open subject to a judged snapshot. now_ns: the target's nanotime, 0 unknown. */
static int take(struct subject *subject, const struct snapshot_options *o, int64_t now_ns,
		struct sockets *sockets, struct snapshot *s, struct diag *d)
{
	CLEANUP(go_runtime_close_p) struct go_runtime *rt = NULL;
	CLEANUP(gather_close_p) struct gather *gather = NULL;
	int r = subject_find_go(subject, s->arena, d);

	if (r == -ENODATA && subject->process &&
	    (o->memory == LEDGER_ALWAYS || o->memory == LEDGER_LAZYFREE)) {
		r = take_memory(subject, NULL, o->memory, s, d);
		return r < 0 ? r : memory_judge(s);
	}
	if (r < 0)
		return r;
	describe_binary(subject, &s->process, s->arena);
	r = subject_open_runtime(subject, s->arena, &rt, d);
	if (r < 0)
		return r;
	rt->now_ns = now_ns;
	r = find_leaks(subject, rt, &o->leaks, s, d);
	if (r == 0)
		r = gather_open(rt, o, s->arena, &gather);
	if (r == 0)
		r = gather_take(gather, sockets, NULL, s, NULL, d);
	note_passes(s);
	if (r == 0 && s->leaks)
		r = leak_holders_find(rt, s, d);
	for (uint64_t i = 0; r == 0 && s->goroutines && i < s->n_goroutines; i++)
		s->goroutines[i].tid = subject_our_tid(subject, s->goroutines[i].tid);
	if (r == 0)
		r = take_memory(subject, rt, o->memory, s, d);
	if (r == 0 && o->heap_profile)
		r = heap_profile_read(rt, s->arena, &s->heap_profile, d);
	if (s->memory)
		s->memory->heap_sites = s->heap_profile;
	if (r == 0)
		r = verdict_judge(s);
	if (r == 0)
		r = timers_add(rt, s);
	if (r == 0)
		r = leak_judge(s);
	if (r == 0 && s->memory)
		r = retention_add(rt, subject->elf, o->memory == LEDGER_IF_CHEAP, s, d);
	return r < 0 ? r : memory_judge(s);
}

int snapshot_process(pid_t pid, const struct snapshot_options *o, struct snapshot **ret,
		     struct diag *d)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = snapshot_new();
	CLEANUP(subject_close_p) struct subject *subject = NULL;
	CLEANUP(sockets_close_p) struct sockets *sockets = NULL;
	struct process_facts facts;
	struct timespec start;
	int r;

	if (!s)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME, &s->time);
	clock_gettime(CLOCK_MONOTONIC, &start);
	r = subject_open_process(pid, &subject, d);
	if (r == 0)
		r = describe_process(subject, &s->process, s->arena, &facts);
	if (r == 0)
		r = sockets_open(subject->process, &sockets);
	if (r == 0 && o->opened)
		r = o->opened(o->opened_arg, subject, d);
	if (r == 0)
		r = take(subject, o, describe_nanotime(&facts), sockets, s, d);
	/*
	 * Whatever was read may be of another program when the pid exec'ed in between; and a target
	 * that exited explains any error better than the error itself.
	 */
	if (subject) {
		struct diag gone = DIAG_INIT;
		int check = process_check(subject->process, &gone);

		if (check < 0) {
			if (d)
				*d = gone;
			r = check == -ESTALE ? -ESRCH : check;
		}
	}
	if (r < 0)
		return diag_what(d, r, "pid %d", (int)pid);
	s->duration_ms = clock_since_s(start) * 1e3;
	*ret = TAKE(s);
	return 0;
}

int snapshot_core(const char *path, const struct snapshot_options *o, struct snapshot **ret,
		  struct diag *d)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = snapshot_new();
	CLEANUP(subject_close_p) struct subject *subject = NULL;
	struct timespec start;
	int r;

	if (!s)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME, &s->time);
	clock_gettime(CLOCK_MONOTONIC, &start);
	r = subject_open_core(path, &subject, d);
	if (r == 0)
		r = describe_core(path, subject, s);
	if (r == 0)
		r = take(subject, o, 0, NULL, s, d);
	if (r < 0)
		return diag_what(d, r, "%s", path);
	s->duration_ms = clock_since_s(start) * 1e3;
	*ret = TAKE(s);
	return 0;
}
