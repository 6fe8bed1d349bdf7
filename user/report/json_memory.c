// SPDX-License-Identifier: Apache-2.0
/* What was asked of the kernel's memory and of the C library's, in the words of the contract. */
#include <inttypes.h>
#include <stdio.h>

#include "analysis/memory_origin.h"
#include "analysis/site.h"
#include "base/cleanup.h"
#include "report/json_event_parts.h"

static const char *kind_name(enum traced_memory_kind kind)
{
	static const char *const names[TRACED_MEMORY_KINDS] = {
		[TRACED_MMAP_ANON] = "mmap_anon",
		[TRACED_MMAP_FILE] = "mmap_file",
		[TRACED_MMAP_RESERVE] = "mmap_reserve",
		[TRACED_MUNMAP] = "munmap",
		[TRACED_MREMAP_GROW] = "mremap_grow",
		[TRACED_MREMAP_SHRINK] = "mremap_shrink",
		[TRACED_BRK_GROW] = "brk_grow",
		[TRACED_BRK_SHRINK] = "brk_shrink",
		[TRACED_MADV_DONTNEED] = "madvise_dontneed",
		[TRACED_MADV_FREE] = "madvise_free",
		[TRACED_FAULT] = "fault",
		[TRACED_FAULT_WRITE] = "fault_write",
	};

	return (unsigned int)kind < TRACED_MEMORY_KINDS ? names[kind] : NULL;
}

/* "origin", "site" and "stack": of memory the site is the caller of whoever hands it out. */
static void put_origin(struct jvalue *j, const struct events *e, const struct stack *s)
{
	static const char *const names[] = {
		[MEMORY_ORIGIN_UNKNOWN] = NULL,
		[MEMORY_ORIGIN_GO] = "go",
		[MEMORY_ORIGIN_MALLOC] = "malloc",
		[MEMORY_ORIGIN_PROGRAM] = "program",
	};
	const struct frame *at = NULL;
	enum memory_origin origin = s->n ? memory_origin(s, e->module, &at)
					 : MEMORY_ORIGIN_UNKNOWN;

	jvalue_string(j, "origin", (size_t)origin < ARRAY_SIZE(names) ? names[origin] : NULL);
	event_stack_at(j, e, s, at);
}

static struct jvalue memory_site(const struct events *e, uint32_t at)
{
	const struct memory_site *s = &e->a->memory->sites[at];
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "kind", kind_name(s->kind));
	jvalue_u64(&j, "calls", s->sum.calls);
	jvalue_u64(&j, "bytes", s->sum.bytes);
	put_origin(&j, e, &s->stack);
	return j;
}

static struct jvalue memory_growth(const struct events *e, uint32_t at)
{
	const struct memory_growth *g = &e->a->memory->growing[at];
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "kind", kind_name(g->kind));
	jvalue_u64(&j, "calls", g->calls);
	jvalue_u64(&j, "bytes", g->bytes);
	jvalue_u64(&j, "grown_bytes", g->grown);
	jvalue_real(&j, "window_s", g->window_s, 3);
	jvalue_real(&j, "bytes_per_min", g->bytes_per_min, 3);
	jvalue_u64(&j, "then_bytes", g->then);
	jvalue_u64(&j, "stayed_bytes", g->stayed);
	jvalue_real(&j, "age_s", g->age_s, 3);
	put_origin(&j, e, &g->stack);
	return j;
}

static struct jvalue memory_parts(const struct memory_parts *p)
{
	struct jvalue j = jvalue_object();

	jvalue_u64_known(&j, "rss_anon_bytes", p->rss_anon);
	jvalue_u64_known(&j, "rss_file_bytes", p->rss_file);
	jvalue_u64_known(&j, "rss_shared_bytes", p->rss_shared);
	jvalue_u64_known(&j, "go_bytes", p->go);
	jvalue_u64_known(&j, "c_heap_bytes", p->c_heap);
	jvalue_u64_known(&j, "stacks_bytes", p->stacks);
	jvalue_u64_known(&j, "other_bytes", p->other);
	jvalue_u64_known(&j, "files_bytes", p->files);
	return j;
}

static struct jvalue memory_totals(const struct memory_activity *m)
{
	struct jvalue j = jvalue_object();

	for (int kind = 0; kind < TRACED_MEMORY_KINDS; kind++) {
		struct jvalue one;

		if (!m->totals[kind].calls)
			continue;
		one = jvalue_object();
		jvalue_u64(&one, "calls", m->totals[kind].calls);
		jvalue_u64(&one, "bytes", m->totals[kind].bytes);
		jvalue_put(&j, kind_name((enum traced_memory_kind)kind), &one);
	}
	return j;
}

struct jvalue event_memory(const struct events *e)
{
	const struct memory_activity *m = e->a->memory;
	struct collector_report of_it = e->a->collectors[COLLECTOR_MEMORY];
	struct jvalue j, totals, parts;

	/* The hits, and the rest of what was lost, are those of c_heap. */
	of_it.on = m->seen > 0;
	of_it.seen = m->seen;
	if (e->a->c_heap) {
		of_it.hits = 0;
		of_it.lost -= of_it.lost < e->a->c_heap->lost ? of_it.lost : e->a->c_heap->lost;
	}
	j = event_object(&of_it);
	if (m->seen > 0) {
		totals = memory_totals(m);
		jvalue_put(&j, "totals", &totals);
	}
	jvalue_u64_known(&j, "peak_rss_bytes", m->peak_rss_bytes);
	parts = memory_parts(&m->parts);
	jvalue_put(&j, "parts", &parts);
	jvalue_string(&j, "climbs_by", m->climbs);
	event_list(&j, e, "growing", "growing_left_out", m->n_growing, memory_growth);
	event_list(&j, e, "sites", "sites_left_out", m->n_sites, memory_site);
	return j;
}

static void put_language(struct jvalue *j, const char *key, const struct stack *s)
{
	struct jvalue stack;

	if (!s->n)
		return;
	stack = json_stack(s);
	jvalue_put(j, key, &stack);
}

/* NULL: too little is known. */
static const char *c_heap_verdict(const struct c_heap_site *s)
{
	if (s->in_use)
		return verdict_name(VERDICT_OK);
	if (s->suspect)
		return verdict_name(VERDICT_SUSPECT);
	return s->candidate ? verdict_name(VERDICT_CANDIDATE) : NULL;
}

static struct jvalue c_heap_site(const struct events *e, uint32_t at)
{
	const struct c_heap_site *s = &e->a->c_heap->sites[at];
	struct jvalue j = jvalue_object();
	char id[20];

	snprintf(id, sizeof(id), "%016" PRIx64, s->id);
	jvalue_string(&j, "id", id);
	jvalue_bool(&j, "candidate", s->candidate);
	jvalue_string(&j, "verdict", c_heap_verdict(s));
	jvalue_u64(&j, "survivors", s->survivors);
	jvalue_u64(&j, "gone", s->gone);
	jvalue_u64(&j, "here", s->here);
	jvalue_u64(&j, "here_bytes", s->here_bytes);
	jvalue_u64(&j, "aged", s->aged);
	jvalue_u64(&j, "aged_bytes", s->aged_bytes);
	jvalue_u64(&j, "rewritten", s->rewritten);
	jvalue_u64(&j, "watching", s->watching);
	jvalue_u64(&j, "touched", s->touched);
	jvalue_u64(&j, "untouched", s->untouched);
	if (s->untouched)
		jvalue_real(&j, "watched_s", s->watched_s, 3);
	event_share(&j, "share", s->aged > 0 && !s->in_use, s->share);
	if (s->oldest_ns)
		jvalue_real(&j, "oldest_s", (double)s->oldest_ns / 1e9, 3);
	jvalue_string(&j, "site", site_string(e->arena, site_frame_mixed(&s->c, NULL)));
	put_language(&j, "c_stack", &s->c);
	put_language(&j, "go_stack", &s->go);
	return j;
}

struct jvalue event_c_heap(const struct events *e)
{
	const struct c_heap *h = e->a->c_heap;
	struct jvalue j = jvalue_object();
	double seen = e->i->span_s > 0 ? (double)h->armed_ns / 1e9 / e->i->span_s : -1;

	event_share(&j, "seen", seen >= 0, seen < 1 ? seen : 1);
	jvalue_count(&j, "hits", h->armed_ns ? (int64_t)h->hits : WAIT_UNKNOWN);
	jvalue_u64(&j, "lost", h->lost);
	jvalue_u64(&j, "bursts", h->bursts);
	jvalue_real(&j, "armed_s", (double)h->armed_ns / 1e9, TIME_DECIMALS);
	jvalue_count(&j, "allocs", h->armed_ns ? (int64_t)h->allocs : WAIT_UNKNOWN);
	jvalue_count(&j, "bytes", h->armed_ns ? (int64_t)h->bytes : WAIT_UNKNOWN);
	jvalue_string(&j, "unwatched", h->unwatched);
	event_list(&j, e, "sites", "sites_left_out", (uint32_t)h->n_sites, c_heap_site);
	return j;
}
