// SPDX-License-Identifier: Apache-2.0
#include "goruntime/heap_state.h"
#include "goruntime/object_graph.h"

int object_graph_of_heap(struct go_heap *h, uint64_t max_bytes, bool last,
			 struct object_graph **ret, struct diag *d)
{
	struct object_graph_source src = {
		.arenas = h->arenas, .heap = h, .max_bytes = max_bytes, .last = last,
	};
	int r = go_heap_spans(h, &src.spans, &src.n_spans, d);

	return r < 0 ? r : object_graph_build(h->rt, &src, ret, d);
}
