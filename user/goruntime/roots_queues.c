// SPDX-License-Identifier: Apache-2.0
/*
 * Finalizers and cleanups whose objects are gone, and that wait for their turn or run. Blocks of
 * them are never freed, and the list of all blocks only ever grows at its head.
 */
#include <errno.h>
#include <string.h>

#include "base/addrmap.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "goruntime/roots_parts.h"
#include "model/limits.h"

/* _FinBlockSize; cleanupBlockSize is 512. */
#define BLOCK_MAX 8192

/* A list of blocks of entries. Offsets in a block. */
struct queue {
	uint64_t head;		/* the address of the first */
	int32_t size, link, count, first;
	int32_t entry;		/* bytes of one, whole words */
};

static bool sane_queue(const struct queue *q)
{
	return q->size > 0 && q->size <= BLOCK_MAX && q->link >= 0 && q->link + 8 <= q->size &&
	       q->count >= 0 && q->count + 4 <= q->size && q->first >= 0 && q->first < q->size &&
	       q->entry >= 8 && q->entry % 8 == 0;
}

static int visit_block(struct roots *r, const struct queue *q, struct span *block)
{
	uint32_t n = span_u32(block, (uint32_t)q->count);

	if (n > (uint32_t)((q->size - q->first) / q->entry)) {
		r->stats->torn++;
		return 0;
	}
	/* Also numbers, as of the bytes that a finalizer returns: they point nowhere. */
	return roots_words(r, GO_ROOT_QUEUE, block->data + q->first,
			   (size_t)n * (uint32_t)q->entry / 8);
}

static int visit_queue(struct roots *r, const struct queue *q)
{
	CLEANUP(addrmap_free_p) struct addrmap *seen = addrmap_new();
	uint8_t bytes[BLOCK_MAX];
	uint32_t none;
	uint64_t at;
	int e = seen ? mem_read_u64(r->h->rt->live, q->head, &at) : -ENOMEM;

	for (uint32_t i = 0; e == 0 && at; i++) {
		struct span block = span_of(bytes, (size_t)q->size);

		if (i == LIMIT_GO_BLOCKS) {
			r->stats->beyond++;
			return 0;
		}
		if (at % 8 || at >= GO_ADDRESS_END || addrmap_get(seen, at, &none) == 0) {
			r->stats->torn++;
			return 0;
		}
		e = addrmap_put(seen, at, 0);
		if (e == 0)
			e = mem_read(r->h->rt->live, at, bytes, (size_t)q->size);
		if (e == 0)
			e = visit_block(r, q, &block);
		at = e == 0 ? span_u64(&block, (uint32_t)q->link) : 0;
	}
	if (e == -EFAULT) {
		r->stats->unreadable++;
		e = 0;
	}
	return e;
}

int roots_queues(struct roots *r, struct diag *d)
{
	const struct go_heap_layout *l = &r->h->layout;
	const struct queue finalizers = {
		r->h->at.finalizers, l->fin_block_size, l->fin_block_alllink, l->fin_block_cnt,
		l->fin_block_fin, l->fin_size,
	};
	const struct queue cleanups = {
		r->h->at.cleanups + (l->cleanups_all > 0 ? (uint32_t)l->cleanups_all : 0),
		l->cleanup_block_size, l->cleanup_block_alllink, l->cleanup_block_n,
		l->cleanup_block_first, l->cleanup_fn_size > 0 ? l->cleanup_fn_size : 8,
	};
	bool has_cleanups = l->cleanups_all >= 0;
	int e;

	if (!r->h->at.finalizers)
		return diag_fail(d, -EOPNOTSUPP,
				 "the queue of finalizers (runtime.allfin) was not found");
	if (has_cleanups && !r->h->at.cleanups)
		return diag_fail(d, -EOPNOTSUPP,
				 "the queue of cleanups (runtime.gcCleanups) was not found");
	if (!sane_queue(&finalizers) || (has_cleanups && !sane_queue(&cleanups)))
		return diag_fail(d, -EOPNOTSUPP, "the queues of finalizers of Go 1.%d are not known",
				 l->minor);
	e = visit_queue(r, &finalizers);
	if (e == 0 && has_cleanups)
		e = visit_queue(r, &cleanups);
	return e;
}
