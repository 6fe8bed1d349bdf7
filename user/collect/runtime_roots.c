// SPDX-License-Identifier: Apache-2.0
/* What the Go runtime itself keeps, as roots of the heap: one root for each kind of it. */
#include <errno.h>

#include "base/cleanup.h"
#include "collect/heap_roots.h"
#include "goruntime/roots.h"

/*
 * NULL: holds nothing in this sense. What only a weak pointer leads to is the next collection's, and
 * words on a thread's stack may be old.
 */
static const char *const names[GO_ROOT_KINDS] = {
	[GO_ROOT_FINALIZER] = "(finalizers)",
	[GO_ROOT_CLEANUP] = "(cleanups)",
	[GO_ROOT_SPECIAL] = "(pinned objects)",
	[GO_ROOT_QUEUE] = "(finalizers to be run)",
	[GO_ROOT_MODULE] = "(variables of plugins)",
};

struct runtime_roots {
	struct heap_roots *r;
	const struct object_graph *g;
	uint32_t root[GO_ROOT_KINDS];
	bool added[GO_ROOT_KINDS];
};

static int visit(void *arg, enum go_root_kind kind, uint64_t word)
{
	struct runtime_roots *all = arg;
	const struct heap_root root = { .kind = RETAINER_RUNTIME, .name = names[kind] };
	int n = 0;

	if (!root.name || object_graph_find(all->g, word) == EDGES_NO_NODE)
		return 0;
	if (!all->added[kind])
		n = heap_roots_add(all->r, &root, &all->root[kind]);
	all->added[kind] = true;
	return n < 0 ? n : heap_roots_point(all->r, all->g, all->root[kind], word);
}

int heap_roots_add_runtime(struct heap_roots *r, const struct retention_source *src,
			   const struct object_graph *g, struct diag *d)
{
	struct runtime_roots all = { .r = r, .g = g };
	struct go_roots_stats stats = { 0 };
	int n = go_roots_visit(src->heap, visit, &all, &stats, NULL);

	/* Not known in this release: the rest of the heap is told all the same. */
	if (n == -EOPNOTSUPP)
		return 0;
	return n < 0 ? diag_fail(d, n, "what the Go runtime keeps cannot be read") : 0;
}
