// SPDX-License-Identifier: Apache-2.0
#include "roots_world.h"

#include <string.h>

#include "base/cleanup.h"
#include "model/goroutine.h"

/* Go 1.27 (runtime/mheap.go). */
enum { TINY = 1, FINALIZER, WEAK, PROFILE, REACHABLE, PIN, CLEANUP_KIND };

static struct go_layout layout;

static const struct go_layout *go(void)
{
	if (!layout.minor)
		layout_lookup(27, 1, &layout, NULL);
	return &layout;
}

uint64_t roots_world_special_at(unsigned int i)
{
	return HW_PERSISTENT + RW_SPECIALS + RW_SPECIAL * (uint64_t)i;
}

void roots_world_special(struct heap_world *w, unsigned int i, int32_t off, uint64_t v, size_t len)
{
	memcpy(w->persistent + RW_SPECIALS + RW_SPECIAL * i + off, &v, len);
}

void roots_world_word(struct heap_world *w, uint64_t off, uint64_t v)
{
	memcpy(w->persistent + off, &v, 8);
}

static void special(struct heap_world *w, unsigned int i, uint8_t kind, uint64_t offset, int next)
{
	const struct go_heap_layout *l = &w->l;

	roots_world_special(w, i, l->special_kind, kind, 1);
	roots_world_special(w, i, l->special_offset, offset, 8);
	roots_world_special(w, i, l->special_next,
			    next < 0 ? 0 : roots_world_special_at((unsigned int)next), 8);
	if (kind == FINALIZER)
		roots_world_special(w, i, l->finalizer_special_fn, RW_FUNCTION(i), 8);
	if (kind == WEAK)
		roots_world_special(w, i, l->weak_special_handle, RW_FUNCTION(i), 8);
	for (int32_t at = l->cleanup_special_fn; kind == CLEANUP_KIND && at < l->cleanup_special_id;
	     at += 8)
		roots_world_special(w, i, at, RW_FUNCTION(i), 8);
}

static void hang(struct heap_world *w, int span, unsigned int first)
{
	uint64_t page = (uint64_t)span;

	heap_world_span(w, span, w->l.span_specials, roots_world_special_at(first), 8);
	w->arena[(size_t)w->l.arena_page_specials + page / 8] |= (uint8_t)(1u << page % 8);
}

static void build_queues(struct heap_world *w)
{
	const struct go_heap_layout *l = &w->l;
	const uint64_t heads[] = { HW_PERSISTENT + RW_FINALIZERS, HW_PERSISTENT + RW_THREADS,
				   HW_PERSISTENT + RW_CLEANUPS };
	uint64_t fin = RW_FINALIZERS + (uint32_t)l->fin_block_fin;
	uint64_t cleanup = RW_CLEANUPS + (uint32_t)l->cleanup_block_first;

	memcpy(w->heads + RW_ALLFIN, &heads[0], 8);
	memcpy(w->heads + RW_ALLM, &heads[1], 8);
	memcpy(w->heads + RW_CLEANUP_QUEUE + l->cleanups_all, &heads[2], 8);
	/* Two of each; what lies behind has been run. */
	roots_world_word(w, RW_FINALIZERS + (uint32_t)l->fin_block_cnt, 2);
	roots_world_word(w, RW_CLEANUPS + (uint32_t)l->cleanup_block_n, 2);
	for (uint64_t i = 0; i < 3; i++) {
		roots_world_word(w, fin + i * (uint32_t)l->fin_size, RW_FUNCTION(20 + i));
		roots_world_word(w, cleanup + i * (uint32_t)l->cleanup_fn_size, RW_FUNCTION(30 + i));
	}
}

static void build_threads(struct heap_world *w)
{
	const struct go_layout *l = go();
	uint64_t g0 = RW_GS, curg = RW_GS + 0x200, gsignal = RW_GS + 0x400;
	uint64_t idle = RW_THREADS + 0x400;

	roots_world_word(w, RW_THREADS + (uint32_t)l->m_g0, HW_PERSISTENT + g0);
	roots_world_word(w, RW_THREADS + (uint32_t)l->m_curg, HW_PERSISTENT + curg);
	roots_world_word(w, RW_THREADS + (uint32_t)w->l.m_gsignal, HW_PERSISTENT + gsignal);
	roots_world_word(w, RW_THREADS + (uint32_t)w->l.m_p, HW_PERSISTENT);
	roots_world_word(w, RW_THREADS + (uint32_t)l->m_alllink, HW_PERSISTENT + idle);
	roots_world_word(w, idle + (uint32_t)l->m_g0, 8);	/* is never looked at */
	roots_world_word(w, g0 + (uint32_t)l->g_stack_lo, RW_STACK);
	roots_world_word(w, g0 + (uint32_t)l->g_stack_hi, RW_STACK + RW_STACK_BYTES);
	roots_world_word(w, g0 + (uint32_t)l->g_sched_sp, RW_STACK + RW_STACK_BYTES - 64);
	roots_world_word(w, curg + (uint32_t)l->g_status, GO_RUNNING);
	w->chunk_bits[(0x1000 + RW_STACK_BYTES - 32) / 8] = RW_FUNCTION(40);
	w->chunk_bits[(0x1000 + 64) / 8] = RW_FUNCTION(41);
}

void roots_world_build(struct heap_world *w)
{
	heap_world_build(w);
	special(w, 0, FINALIZER, 2 * HW_ELEM, 1);
	special(w, 1, PROFILE, 2 * HW_ELEM, 2);
	special(w, 2, WEAK, 3 * HW_ELEM + 8, -1);
	special(w, 3, TINY, 0, 4);
	special(w, 4, CLEANUP_KIND, 0, 5);
	special(w, 5, CLEANUP_KIND, 0, -1);
	special(w, 6, PIN, 0, -1);
	hang(w, 0, 0);
	hang(w, 3, 3);
	hang(w, HW_LARGE, 6);
	build_queues(w);
	build_threads(w);
}

int roots_world_open(struct heap_world *w, struct diag *d)
{
	int r;

	w->at.finalizers = HW_CHUNKS_HEAD + RW_ALLFIN;
	w->at.threads = HW_CHUNKS_HEAD + RW_ALLM;
	w->at.cleanups = HW_CHUNKS_HEAD + RW_CLEANUP_QUEUE;
	r = heap_world_open(w, d);
	w->rt.layout = *go();
	/* The first module says where the next one is: a word of w->controller's end. */
	w->rt.md.addr = HW_CONTROLLER + RW_MODULE - (uint32_t)w->rt.layout.module_next;
	return r;
}

uint8_t *roots_world_piece(struct heap_world *w, size_t i, size_t *len)
{
	const struct go_heap_layout *l = &w->l;
	const struct {
		void *at;
		size_t len;
	} pieces[] = {
		{ w->persistent + RW_SPECIALS, RW_SPECIAL * RW_N_SPECIALS },
		{ w->persistent + RW_CLEANUPS, 128 },
		{ w->persistent + RW_THREADS, 0x800 },
		{ w->persistent + RW_GS, 0x600 },
		{ w->persistent + RW_FINALIZERS, 128 },
		{ w->heads, sizeof(w->heads) },
		{ w->arena + l->arena_page_specials, 64 },
		{ w->arena + l->arena_spans, 8 * 64 },
		{ w->controller + RW_MODULE, 64 },
		{ w->persistent + 4096, HW_SPANS * (size_t)l->span_size },
		{ w->mheap + l->heap_arena_list, 24 },
		{ w->lists, 128 },
	};

	if (i >= ARRAY_SIZE(pieces))
		return NULL;
	*len = pieces[i].len;
	return pieces[i].at;
}
