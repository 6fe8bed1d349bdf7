// SPDX-License-Identifier: Apache-2.0
/*
 * layout-check PID FILE: what loiter finds out about the Go runtime of a process by each way alone,
 * and which wrong layouts it would have accepted, as JSON. FILE is the one that holds the runtime.
 * Exit 0 unless something failed that should not. For tests/live/test_layouts.py.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/goruntime.h"
#include "target/maps.h"
#include "target/mem_live.h"
#include "target/process.h"
#include "target/threads.h"

struct subject {
	struct process *p;
	struct maps *maps;
	struct mem *live;
	struct elf_image *elf;
	struct arena *arena;
	struct go_runtime *rt;
	int32_t *tids;
	size_t n_tids;
};

static void die(const char *what, const struct diag *d)
{
	fprintf(stderr, "layout-check: %s: %s\n", what, d->why);
	exit(1);
}

static uint64_t find_bias(const struct subject *s, const char *path)
{
	const struct elf_segment *segments;
	size_t n;

	segments = elf_image_segments(s->elf, &n);
	for (size_t i = 0; i < s->maps->n; i++)
		for (size_t k = 0; k < n; k++)
			if (strcmp(s->maps->all[i].path, path) == 0 &&
			    s->maps->all[i].offset == (segments[k].offset & ~0xfffull))
				return s->maps->all[i].start - (segments[k].vaddr & ~0xfffull);
	return 0;
}

static void open_subject(struct subject *s, pid_t pid, const char *path)
{
	struct diag d = DIAG_INIT;
	struct go_runtime_source src;
	struct buildinfo build;

	if (process_open(pid, &s->p, &d) < 0 || maps_read(s->p, &s->maps, &d) < 0)
		die("process", &d);
	if (threads_list(s->p, &s->tids, &s->n_tids, &d) < 0 || mem_live_open(s->p, &s->live) < 0)
		die("threads", &d);
	if (elf_image_open(open(path, O_RDONLY | O_CLOEXEC), &s->elf, &d) < 0)
		die(path, &d);
	s->arena = arena_new();
	if (buildinfo_read(s->elf, s->arena, &build, &d) < 0)
		die("build information", &d);
	src = (struct go_runtime_source){
		.elf = s->elf,
		.bias = find_bias(s, path),
		.live = s->live,
		.build = &build,
		.tids = s->tids,
		.n_tids = s->n_tids,
	};
	if (go_runtime_open(&src, s->arena, &s->rt, &d) < 0)
		die("runtime", &d);
}

static void close_subject(struct subject *s)
{
	go_runtime_close(s->rt);
	arena_free(s->arena);
	elf_image_close(s->elf);
	mem_close(s->live);
	free(s->tids);
	maps_free(s->maps);
	process_close(s->p);
}

static void print_ways(const struct subject *s)
{
	static const struct {
		const char *name;
		enum locate_ways way;
	} ways[] = { { "symbol", LOCATE_SYMBOL },
		     { "code", LOCATE_CODE },
		     { "search", LOCATE_SEARCH } };
	const struct go_runtime *rt = s->rt;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		uint64_t allgs = 0, last_gc;

		locate_allgs(&rt->md, rt->tab, s->elf, &rt->layout, s->live, rt->file, ways[i].way,
			     &allgs, NULL);
		last_gc = locate_last_gc(&rt->md, rt->tab, s->elf, &rt->layout, s->live, rt->file,
					 ways[i].way);
		printf(" \"%s\": {\"allgs\": %llu, \"last_gc\": %llu},\n", ways[i].name,
		       (unsigned long long)allgs, (unsigned long long)last_gc);
	}
}

/* runtime.nanotime() of the last collection; -1 when it cannot be read. */
static void print_last_gc(const struct subject *s)
{
	uint64_t at;

	if (mem_read_u64(s->live, s->rt->globals.last_gc, &at) < 0)
		at = UINT64_MAX;
	printf(" \"last_gc_ns\": %lld,\n", (long long)at);
}

static void print_reasons(const struct go_globals *g)
{
	printf(" \"reasons\": [");
	for (uint32_t i = 0; i < g->n_wait_reasons; i++)
		printf("%s\"%s\"", i ? ", " : "", g->wait_reasons[i]);
	printf("],\n");
}

/* Fields in which the binary's own DWARF differs from the layout that was used. */
static void print_dwarf(const struct subject *s)
{
	const struct go_layout *l = &s->rt->layout;
	struct go_layout dwarf;
	struct diag d = DIAG_INIT;
	const char *comma = "";

	if (layout_from_dwarf(elf_image_fd(s->elf), l->minor, &dwarf, &d) < 0) {
		printf(" \"dwarf\": \"%s\",\n", d.why);
		return;
	}
	printf(" \"dwarf\": [");
#define COMPARE(name, type, member, from, to)                                                      \
	if (dwarf.name != l->name) {                                                               \
		printf("%s\"%s\"", comma, #name);                                                  \
		comma = ", ";                                                                      \
	}
	LAYOUT_FIELDS(COMPARE)
#undef COMPARE
	printf("],\n");
}

static bool accepted(const struct subject *s, const struct go_layout *l)
{
	return layout_validate(l, &s->rt->globals, &s->rt->md, s->rt->tab, s->live, s->tids,
			       s->n_tids, NULL) == 0;
}

/* Every layout that is wrong in one field, or in all, by one word, and is taken for right. */
static void print_accepted(const struct subject *s)
{
	static const int shifts[] = { 8, -8 };
	const char *comma = "";

	printf(" \"accepted\": [");
	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
		struct go_layout all = s->rt->layout;

#define SHIFT(name, type, member, from, to)                                                        \
	if (all.name >= 0) {                                                                       \
		struct go_layout one = s->rt->layout;                                              \
		one.name += shifts[i];                                                             \
		all.name += shifts[i];                                                             \
		if (accepted(s, &one)) {                                                           \
			printf("%s\"%s%+d\"", comma, #name, shifts[i]);                            \
			comma = ", ";                                                              \
		}                                                                                  \
	}
		LAYOUT_FIELDS(SHIFT)
#undef SHIFT
		if (accepted(s, &all)) {
			printf("%s\"all%+d\"", comma, shifts[i]);
			comma = ", ";
		}
	}
	printf("]\n");
}

int main(int argc, char **argv)
{
	struct subject s = { 0 };

	if (argc != 3) {
		fprintf(stderr, "usage: layout-check PID FILE\n");
		return 2;
	}
	open_subject(&s, (pid_t)atoi(argv[1]), argv[2]);
	printf("{\"layout\": \"%s\", \"minor\": %d,\n", s.rt->layout.source, s.rt->minor);
	print_ways(&s);
	print_last_gc(&s);
	print_reasons(&s.rt->globals);
	print_dwarf(&s);
	print_accepted(&s);
	printf("}\n");
	close_subject(&s);
	return 0;
}
