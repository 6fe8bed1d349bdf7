// SPDX-License-Identifier: Apache-2.0
/*
 * layout-check PID FILE: what loiter finds out about the Go runtime of a process by each way alone,
 * and which wrong layouts it would have accepted, as JSON. FILE is the one that holds the runtime.
 * Exit 0 unless something failed that should not. For tests/live/test_layouts.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "subject.h"

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
	subject_open(&s, (pid_t)atoi(argv[1]), argv[2]);
	printf("{\"layout\": \"%s\", \"minor\": %d,\n", s.rt->layout.source, s.rt->minor);
	print_ways(&s);
	print_last_gc(&s);
	print_reasons(&s.rt->globals);
	print_dwarf(&s);
	print_accepted(&s);
	printf("}\n");
	subject_close(&s);
	return 0;
}
