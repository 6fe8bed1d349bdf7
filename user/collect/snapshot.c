// SPDX-License-Identifier: Apache-2.0
#include "collect/snapshot.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "analysis/verdict.h"
#include "collect/gather.h"
#include "collect/subject.h"
#include "goruntime/goruntime.h"
#include "target/sockets.h"

static double seconds_since(struct timespec start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* What the file says, for both kinds of subject. */
static void describe_binary(struct subject *subject, struct snapshot *s)
{
	struct process_info *p = &s->process;

	p->go_version = subject->build.go_version;
	p->module = subject->build.module ? subject->build.module : subject->build.path;
	p->cgo = subject->build.cgo;
	p->cgo_known = subject->build.cgo_known;
	p->stripped = elf_image_stripped(subject->elf);
	p->build_id = elf_image_build_id(subject->elf, s->arena);
	if (!subject->go_in_exe)
		p->module_file = subject->go_file;
}

/* The target's nanotime() runs on its own CLOCK_MONOTONIC. 0 when it cannot be told. */
static int64_t nanotime_of(const struct process_facts *f)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000ll + now.tv_nsec + f->monotonic_offset_ns;
}

static int describe_process(struct subject *subject, struct snapshot *s,
			    struct process_facts *facts)
{
	struct process_info *p = &s->process;
	int r = process_facts_read(subject->process, s->arena, facts);

	if (r < 0)
		return r;
	p->pid = subject->process->pid;
	p->start_time = subject->process->start_ticks;
	p->exe = facts->exe;
	p->name = facts->exe ? base_name(facts->exe)
			     : arena_strdup(s->arena, subject->process->comm);
	p->uptime_s = facts->uptime_s;
	p->rss_bytes = facts->rss_bytes;
	p->threads = facts->threads;
	p->cgroup = facts->cgroup;
	p->container_id = facts->container_id;
	p->unit = facts->unit;
	return 0;
}

static int describe_core(const char *path, struct subject *subject, struct snapshot *s)
{
	struct process_info *p = &s->process;
	struct core_facts facts;

	core_facts(subject->core, &facts);
	p->pid = facts.pid;
	p->exe = facts.exe ? arena_strdup(s->arena, facts.exe) : NULL;
	p->name = base_name(p->exe);
	p->uptime_s = -1;
	p->threads = facts.threads;
	p->core_file = arena_strdup(s->arena, path);
	return p->core_file ? 0 : -ENOMEM;
}

/* From an open subject to a judged snapshot. now_ns: the target's nanotime, 0 unknown. */
static int take(struct subject *subject, const struct snapshot_options *o, int64_t now_ns,
		struct sockets *sockets, struct snapshot *s, struct diag *d)
{
	CLEANUP(go_runtime_close_p) struct go_runtime *rt = NULL;
	struct go_runtime_source src;
	int r = subject_find_go(subject, s->arena, d);

	if (r < 0)
		return r;
	describe_binary(subject, s);
	src = (struct go_runtime_source){
		.elf = subject->elf,
		.bias = subject->bias,
		.live = subject->mem,
		.build = &subject->build,
		.tids = subject->tids,
		.n_tids = subject->n_tids,
	};
	r = go_runtime_open(&src, s->arena, &rt, d);
	if (r < 0)
		return r;
	rt->now_ns = now_ns;
	r = gather_goroutines(rt, sockets, o, s, d);
	for (uint64_t i = 0; r == 0 && s->goroutines && i < s->n_goroutines; i++)
		s->goroutines[i].tid = subject_our_tid(subject, s->goroutines[i].tid);
	return r < 0 ? r : verdict_judge(s);
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
		r = describe_process(subject, s, &facts);
	if (r == 0)
		r = sockets_open(subject->process, &sockets);
	if (r == 0)
		r = take(subject, o, nanotime_of(&facts), sockets, s, d);
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
	s->duration_ms = seconds_since(start) * 1e3;
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
	s->duration_ms = seconds_since(start) * 1e3;
	*ret = TAKE(s);
	return 0;
}
