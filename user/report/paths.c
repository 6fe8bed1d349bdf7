// SPDX-License-Identifier: Apache-2.0
#include "report/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct frame no_stack = { .function = "[no stack]" };

uint32_t paths_depth(const struct group *g)
{
	return g->stack.n ? g->stack.n : 1;
}

const struct frame *paths_frame(const struct group *g, uint32_t i)
{
	return g->stack.n ? &g->stack.frames[g->stack.n - 1 - i] : &no_stack;
}

/* By name; frames without one by address, and before the others. */
static int compare_frames(const struct frame *a, const struct frame *b)
{
	if (a->function && b->function)
		return a->function == b->function ? 0 : strcmp(a->function, b->function);
	if (a->function || b->function)
		return a->function ? 1 : -1;
	return (a->pc > b->pc) - (a->pc < b->pc);
}

uint32_t paths_common(const struct group *a, const struct group *b)
{
	uint32_t n = paths_depth(a) < paths_depth(b) ? paths_depth(a) : paths_depth(b);
	uint32_t i = 0;

	while (i < n && compare_frames(paths_frame(a, i), paths_frame(b, i)) == 0)
		i++;
	return i;
}

static int compare_paths(const void *a, const void *b)
{
	const struct group *x = *(const struct group *const *)a;
	const struct group *y = *(const struct group *const *)b;
	uint32_t i = paths_common(x, y);

	if (i == paths_depth(x) || i == paths_depth(y))
		return (paths_depth(x) > i) - (paths_depth(y) > i);
	return compare_frames(paths_frame(x, i), paths_frame(y, i));
}

int paths_sort(const struct snapshot *s, struct paths *ret)
{
	struct paths p = { .groups = calloc((size_t)s->n_groups + 1, sizeof(*p.groups)) };

	if (!p.groups)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (!s->groups[i].system)
			p.groups[p.n++] = &s->groups[i];
	qsort(p.groups, p.n, sizeof(*p.groups), compare_paths);
	*ret = p;
	return 0;
}

void paths_done(struct paths *p)
{
	free(p->groups);
	*p = (struct paths){ 0 };
}
