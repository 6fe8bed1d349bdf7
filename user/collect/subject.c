// SPDX-License-Identifier: Apache-2.0
#include "collect/subject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "goruntime/goruntime.h"
#include "model/limits.h"
#include "target/mem_live.h"
#include "target/mem_sealed.h"
#include "target/sealed.h"
#include "target/threads.h"

#define FIRST_PAGE 4096

/* Of a pid_t, and of what begins with one. */
static int by_number(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

struct thread_name {
	pid_t own, ours;
};

static void free_names(struct thread_name **names)
{
	free(*names);
}

/* A runtime in another pid namespace knows its threads by other ids than we do. */
static int learn_own_tids(struct subject *s)
{
	CLEANUP(free_names) struct thread_name *names = calloc(s->n_tids, sizeof(*names));
	pid_t *own = calloc(s->n_tids, sizeof(*own));

	if (!names || !own) {
		free(own);
		return -ENOMEM;
	}
	if (!threads_own_ids(s->process, s->tids, s->n_tids, own)) {
		free(own);
		return 0;
	}
	for (size_t i = 0; i < s->n_tids; i++) {
		names[i].own = own[i];
		names[i].ours = s->tids[i];
	}
	qsort(names, s->n_tids, sizeof(*names), by_number);
	s->our_tids = s->tids;
	s->tids = own;
	for (size_t i = 0; i < s->n_tids; i++) {
		s->tids[i] = names[i].own;
		s->our_tids[i] = names[i].ours;
	}
	return 0;
}

static const pid_t *find_tid(const struct subject *s, pid_t tid)
{
	return s->n_tids ? bsearch(&tid, s->tids, s->n_tids, sizeof(*s->tids), by_number) : NULL;
}

bool subject_has_tid(const struct subject *s, pid_t tid)
{
	return find_tid(s, tid) != NULL;
}

pid_t subject_our_tid(const struct subject *s, pid_t tid)
{
	const pid_t *found;

	if (!s->our_tids || tid == 0)
		return tid;
	found = find_tid(s, tid);
	return found ? s->our_tids[found - s->tids] : 0;
}

int subject_open_process(pid_t pid, struct subject **ret, struct diag *d)
{
	CLEANUP(subject_close_p) struct subject *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = process_open(pid, &s->process, d);
	if (r == 0)
		r = maps_read(s->process, &s->own_maps, d);
	if (r == 0)
		r = mem_live_open(s->process, &s->own_mem);
	if (r == 0)
		r = threads_list(s->process, &s->tids, &s->n_tids, d);
	if (r == 0)
		r = learn_own_tids(s);
	if (r < 0)
		return r;
	s->maps = s->own_maps;
	s->mem = s->own_mem;
	*ret = TAKE(s);
	return 0;
}

int subject_seal(struct subject *s, bool stops, struct diag *d)
{
	struct mem *sealed;
	int r = process_seal(s->process, stops, d);

	if (r < 0 || stops)
		return r;
	r = mem_sealed_open(s->process, &sealed);
	if (r < 0)
		return r;
	mem_close(s->own_mem);
	s->mem = s->own_mem = sealed;
	return 0;
}

int subject_open_core(const char *path, struct subject **ret, struct diag *d)
{
	CLEANUP(subject_close_p) struct subject *s = calloc(1, sizeof(*s));
	struct core_facts facts;
	int r;

	if (!s)
		return -ENOMEM;
	r = core_open(path, &s->core, d);
	if (r < 0)
		return r;
	s->maps = core_maps(s->core);
	s->mem = core_mem(s->core);
	core_facts(s->core, &facts);
	s->tids = calloc(facts.threads ? facts.threads : 1, sizeof(*s->tids));
	if (!s->tids)
		return -ENOMEM;
	s->n_tids = facts.threads;
	if (facts.threads)
		memcpy(s->tids, facts.tids, facts.threads * sizeof(*s->tids));
	qsort(s->tids, s->n_tids, sizeof(*s->tids), by_number);
	*ret = TAKE(s);
	return 0;
}

void subject_close(struct subject *s)
{
	if (!s)
		return;
	elf_image_close(s->elf);
	mem_close(s->own_mem);
	maps_free(s->own_maps);
	process_close(s->process);
	core_close(s->core);
	free(s->tids);
	free(s->our_tids);
	free(s);
}

static int open_mapping(const struct subject *s, const struct mapping *m, struct diag *d)
{
	return s->core ? core_open_file(s->core, m, d) : maps_open_file(s->process, m, d);
}

static bool same_file(const struct mapping *a, const struct mapping *b)
{
	return a->dev == b->dev && a->ino == b->ino && (a->ino || strcmp(a->path, b->path) == 0);
}

/* The executable's own first mapping; NULL when it cannot be told. */
static const struct mapping *exe_mapping(const struct subject *s)
{
	struct core_facts facts = { 0 };

	if (s->core)
		core_facts(s->core, &facts);
	for (size_t i = 0; i < s->maps->n; i++) {
		const struct mapping *m = &s->maps->all[i];

		if (s->core ? facts.exe && strcmp(m->path, facts.exe) == 0
			    : m->ino && m->ino == s->process->exe_ino &&
				      m->dev == s->process->exe_dev)
			return m;
	}
	return NULL;
}

/* Run-time minus file addresses, by the segment that a mapping of the file shows. */
static int find_bias(const struct elf_image *e, const struct mapping *m, uint64_t *ret)
{
	size_t n;
	const struct elf_segment *seg = elf_image_segments(e, &n);

	for (size_t i = 0; i < n; i++) {
		uint64_t page_off = seg[i].offset & ~4095ull;

		if (m->offset >= page_off && m->offset < seg[i].offset + seg[i].filesz) {
			*ret = m->start - (seg[i].vaddr - seg[i].offset + m->offset);
			return 0;
		}
	}
	return -ENODATA;
}

/*
 * A core names its files by path, and a path may hold another build by now. The first page has the
 * program headers and the build id, and most cores kept it.
 */
static int check_same_build(const struct subject *s, const struct mapping *m, int fd,
			    struct diag *d)
{
	uint8_t then[FIRST_PAGE], now[FIRST_PAGE];

	if (!s->core || m->offset != 0 || mem_read(s->mem, m->start, then, sizeof(then)) < 0)
		return 0;
	if (pread(fd, now, sizeof(now), 0) == (ssize_t)sizeof(now) &&
	    memcmp(then, now, sizeof(now)) == 0)
		return 0;
	diag_fail(d, -EBADMSG, "%s is not the file that ran when the core was made", m->path);
	return diag_hint(d, -EBADMSG, "put that build back in its place");
}

/* Does this file hold a Go runtime? Takes it when it does. */
static int try_file(struct subject *s, const struct mapping *m, struct arena *a, struct diag *d)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	int fd = open_mapping(s, m, d);
	int r;

	if (fd < 0)
		return fd;
	r = check_same_build(s, m, fd, d);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = elf_image_open(fd, &e, d);
	if (r == 0)
		r = buildinfo_read(e, a, &s->build, d);
	if (r == 0)
		r = find_bias(e, m, &s->bias);
	if (r < 0)
		return r;
	s->elf = TAKE(e);
	s->go_file = arena_strdup(a, m->path);
	return s->go_file ? 0 : -ENOMEM;
}

static bool is_first_of_file(const struct maps *maps, size_t i)
{
	for (size_t k = i; k-- > 0;)
		if (same_file(&maps->all[k], &maps->all[i]))
			return false;
	return true;
}

/* Libraries in the order of their addresses; the first with a runtime is taken. */
static int try_libraries(struct subject *s, const struct mapping *exe, struct arena *a)
{
	for (size_t i = 0; i < s->maps->n; i++) {
		const struct mapping *m = &s->maps->all[i];
		struct diag ignored;

		if (m->path[0] != '/' || (exe && same_file(m, exe)) ||
		    !is_first_of_file(s->maps, i))
			continue;
		if (try_file(s, m, a, &ignored) == 0)
			return 0;
	}
	return -ENODATA;
}

int subject_find_go(struct subject *s, struct arena *a, struct diag *d)
{
	const struct mapping *exe = exe_mapping(s);
	struct diag why = DIAG_INIT;
	int r = -ENODATA;

	if (exe)
		r = try_file(s, exe, a, &why);
	s->go_in_exe = r == 0;
	if (r == 0)
		return 0;
	if (try_libraries(s, exe, a) == 0)
		return 0;
	if (r != -ENODATA) {
		if (d)
			*d = why;
		return r;
	}
	return diag_fail(d, -ENODATA,
			 "not a Go program: neither its executable nor its libraries carry Go "
			 "build information");
}

int subject_open_runtime(const struct subject *s, struct arena *a, struct go_runtime **ret,
			 struct diag *d)
{
	const struct go_runtime_source src = {
		.elf = s->elf,
		.bias = s->bias,
		.live = s->mem,
		.build = &s->build,
		.tids = s->tids,
		.n_tids = s->n_tids,
	};

	return go_runtime_open(&src, a, ret, d);
}
