// SPDX-License-Identifier: Apache-2.0
/* Roots of a pass that are no goroutine's: variables of all modules, and what the runtime keeps. */
#include <errno.h>
#include <stdlib.h>

#include "collect/reach_build.h"
#include "goruntime/pointers.h"
#include "goruntime/roots.h"
#include "model/limits.h"

#define WINDOW (64u << 10)
/* moduledata: data, edata, bss, ebss at words 26 to 29 (image/moduledata.h). */
#define MODULE_WORDS 30
/* Of spans that are new since the pass began, besides a quarter of the heap. */
#define LATE_BYTES (64ull << 20)

struct section {
	uint64_t start, end;
	const uint64_t *mask;	/* NULL: each word may be a pointer */
	const struct go_span *span;	/* NULL: none; else free slots are left out */
};

static int scan_section(struct reach_build *b, const struct section *s)
{
	uint8_t *bytes = malloc(WINDOW);
	struct go_slots slots = { .known = false };
	int r = bytes ? 0 : -ENOMEM;

	for (uint64_t addr = s->start; addr < s->end && r == 0; addr += WINDOW) {
		size_t len = s->end - addr < WINDOW ? s->end - addr : WINDOW;
		struct span window = span_of(bytes, len);

		r = mem_read(b->src->rt->live, addr, bytes, len);
		if (r == -EFAULT) {
			reach_build_give_up(b, "variables of the program could not be read");
			r = 0;
			continue;
		}
		/* Behind the words: a slot that is free by now held nobody when they were read. */
		if (s->span)
			go_heap_slots_now(b->src->heap, s->span, &slots);
		for (size_t i = 0; i + 8 <= len && r == 0; i += 8) {
			uint64_t word = (addr + i - s->start) / 8;

			if (go_heap_slots_free(&slots, addr + i))
				continue;
			if (!s->mask || s->mask[word / 64] >> word % 64 & 1)
				r = reach_build_root(b, span_u64(&window, i));
		}
	}
	free(bytes);
	return r;
}

static int add_main_module(struct reach_build *b)
{
	const struct moduledata *md = &b->src->rt->md;
	struct section data = { .start = md->data, .end = md->edata };
	struct section bss = { .start = md->bss, .end = md->ebss };
	struct module_masks masks;
	int r = module_masks_read(b->src->rt, &masks);

	if (r < 0 && r != -EBADMSG && r != -EFAULT)
		return r;
	data.mask = masks.data;
	bss.mask = masks.bss;
	r = scan_section(b, &data);
	if (r == 0)
		r = scan_section(b, &bss);
	module_masks_done(&masks);
	return r;
}

/* Plugins and shared libraries with Go code: each word of their variables. */
static int add_other_modules(struct reach_build *b)
{
	struct go_runtime *rt = b->src->rt;
	uint64_t at = rt->md.next;

	for (uint32_t n = 0; at; n++) {
		uint64_t w[MODULE_WORDS];
		struct section data, bss;
		int r = mem_read(rt->live, at, w, sizeof(w));

		data = (struct section){ .start = w[26], .end = w[27] };
		bss = (struct section){ .start = w[28], .end = w[29] };
		if (r < 0 && r != -EFAULT)
			return r;
		if (r < 0 || n == LIMIT_MODULES || data.end - data.start > LIMIT_FILE_BYTES ||
		    bss.end - bss.start > LIMIT_FILE_BYTES) {
			reach_build_give_up(b, "the list of Go modules could not be read");
			return 0;
		}
		r = scan_section(b, &data);
		if (r == 0)
			r = scan_section(b, &bss);
		if (r < 0)
			return r;
		if (mem_read_u64(rt->live, at + (uint64_t)rt->layout.module_next, &at) < 0)
			at = 0;
	}
	return 0;
}

static int visit(void *arg, enum go_root_kind kind, uint64_t word)
{
	(void)kind;
	return reach_build_root(arg, word);
}

static int add_runtime(struct reach_build *b, struct diag *d)
{
	struct go_roots_stats stats = { 0 };
	struct diag why = DIAG_INIT;
	int r = b->src->stopped && b->src->n_words
			? go_roots_visit_stopped(b->src->heap, b->src->words, b->src->n_words,
						 visit, b, &stats, &why)
			: go_roots_visit(b->src->heap, visit, b, &stats, &why);

	if (r == -ESRCH || r == -EPERM || r == -ENOMEM || r == -E2BIG) {
		if (d)
			*d = why;
		return r;
	}
	if (r < 0)
		reach_build_give_up(b, "what the Go runtime itself keeps alive is not known: %s",
				    why.why);
	else if (!go_roots_complete(&stats))
		reach_build_give_up(b, "what the Go runtime itself keeps alive could not be read "
				    "whole (%llu torn, %llu unreadable, %llu too many)",
				    (unsigned long long)stats.torn,
				    (unsigned long long)stats.unreadable,
				    (unsigned long long)stats.beyond);
	return 0;
}

int reach_roots_add(struct reach_build *b, struct diag *d)
{
	int r = add_main_module(b);

	if (r == 0)
		r = add_other_modules(b);
	return r == 0 ? add_runtime(b, d) : r;
}

/* --- Late spans --- */

/*
 * Its pages were another span's before, or free: what that one's objects held stands in the free slots
 * still, and is nobody's.
 */
static int add_span(struct reach_build *b, const struct go_span *s, uint64_t *bytes)
{
	const struct section whole = {
		.start = s->base, .end = s->base + s->bytes, .span = s->class ? s : NULL,
	};

	b->pass->late_spans++;
	*bytes += s->bytes;
	if (*bytes > b->pass->scanned_bytes / 4 + LATE_BYTES) {
		reach_build_give_up(b, "the heap grows faster than it can be read");
		return 0;
	}
	return scan_section(b, &whole);
}

int reach_roots_add_late(struct reach_build *b, struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	const struct go_span *old, *now;
	struct go_heap *heap;
	size_t n_old, n_now, k = 0;
	uint64_t bytes = 0;
	int r = scratch ? go_heap_look_again(b->src->heap, scratch, &heap, d) : -ENOMEM;

	if (r == 0)
		r = go_heap_spans(b->src->heap, &old, &n_old, d);
	if (r == 0)
		r = go_heap_spans(heap, &now, &n_now, d);
	for (size_t i = 0; r == 0 && i < n_now && !*b->why_not; i++) {
		const struct go_span *s = &now[i];

		while (k < n_old && old[k].base < s->base)
			k++;
		if (s->state != GO_SPAN_IN_USE || s->noscan)
			continue;
		if (k == n_old || old[k].base != s->base || old[k].state != s->state ||
		    old[k].noscan || old[k].bytes != s->bytes ||
		    old[k].elem_size != s->elem_size)
			r = add_span(b, s, &bytes);
	}
	return r;
}
