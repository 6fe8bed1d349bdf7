// SPDX-License-Identifier: Apache-2.0
/* What survivors hold: soon after their burst, and later. */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "trace/chunk.h"
#include "trace/follow.h"
#include "trace/mallocs_state.h"

void mallocs_print_survivors(struct mallocs_trace *m)
{
	uint32_t n = (uint32_t)m->n_slots, out = 0, n_prints = 0;
	uint64_t *addrs = calloc(n, sizeof(*addrs));
	uint32_t *slots = calloc(n, sizeof(*slots));
	struct chunk_to_print *prints = calloc(n, sizeof(*prints));
	int r = -ENOMEM;

	if (addrs && slots && prints)
		r = bpf_map_lookup_batch(bpf_map__fd(m->skel->maps.live), NULL, &out, addrs, slots,
					 &n, NULL);
	for (uint32_t i = 0; (r == 0 || r == -ENOENT) && i < n; i++) {
		if (slots[i] >= m->n_slots)
			continue;
		slots[n_prints] = slots[i];
		prints[n_prints++] = (struct chunk_to_print){
			.addr = addrs[i],
			.header = m->slots[slots[i]].header,
		};
	}
	if (n_prints && chunk_prints(m->heap, prints, n_prints) == 0)
		for (uint32_t i = 0; i < n_prints; i++)
			m->prints[slots[i]] = prints[i].print;
	free(addrs);
	free(slots);
	free(prints);
}

int mallocs_trace_stands(struct mallocs_trace *m, uint64_t addr, uint64_t header, uint64_t print)
{
	struct chunk_to_print now = { addr, header, 0 };
	uint64_t size;
	int r;

	pthread_mutex_lock(&m->lock);
	r = mem_read_u64(m->heap, addr - 8, &size);
	if (r == 0)
		r = chunk_prints(m->heap, &now, 1);
	if (r == 0)
		r = now.print == print && !((size ^ header) & ~(uint64_t)CHUNK_PREV_INUSE);
	if (r == 1)
		r = chunk_stands(m->heap, addr, header);
	pthread_mutex_unlock(&m->lock);
	return r == -EFAULT ? 0 : r;
}

void mallocs_trace_forget(struct mallocs_trace *m, uint64_t id)
{
	pthread_mutex_lock(&m->lock);
	follow_drop(m->follow, id);
	pthread_mutex_unlock(&m->lock);
}
