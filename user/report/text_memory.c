// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "analysis/memory_origin.h"
#include "base/cleanup.h"
#include "report/text_activity_parts.h"
#include "report/words.h"

enum { PLACES = 64 };

#define MEMORY_MIN (256u << 10)	/* bytes of one place in an interval: less is no line */

/* Sites that differ in their callers alone. */
struct place {
	const struct frame *at;	/* NULL unknown */
	enum traced_memory_kind kind;
	enum memory_origin origin;
	uint64_t bytes;
};

static bool takes(enum traced_memory_kind kind)
{
	return kind == TRACED_MMAP_ANON || kind == TRACED_MREMAP_GROW || kind == TRACED_BRK_GROW;
}

static bool gives_back(enum traced_memory_kind kind)
{
	return kind == TRACED_MUNMAP || kind == TRACED_MREMAP_SHRINK || kind == TRACED_BRK_SHRINK ||
	       kind == TRACED_MADV_DONTNEED;
}

static uint64_t sum(const struct memory_activity *m, bool (*of)(enum traced_memory_kind kind))
{
	uint64_t bytes = 0;

	for (int kind = 0; kind < TRACED_MEMORY_KINDS; kind++)
		if (of((enum traced_memory_kind)kind))
			bytes += m->totals[kind].bytes;
	return bytes;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_place(const struct place *a, const struct place *b)
{
	if (a->kind != b->kind || a->origin != b->origin || !a->at || !b->at)
		return a->kind == b->kind && a->at == b->at;
	return a->at->line == b->at->line && same_text(a->at->function, b->at->function) &&
	       same_text(a->at->file, b->at->file);
}

/* Most bytes first. What finds no place among the largest is too small to be shown. */
static size_t sum_places(const struct activity_out *o, const struct memory_activity *m,
			 struct place *ret)
{
	size_t n = 0;

	for (uint32_t k = 0; k < m->n_sites; k++) {
		const struct memory_site *s = &m->sites[k];
		struct place p = { .kind = s->kind, .bytes = s->sum.bytes };
		size_t at = 0;

		if (!takes(s->kind) && s->kind != TRACED_FAULT)
			continue;
		if (s->stack.n)
			p.origin = memory_origin(&s->stack, o->module, &p.at);
		while (at < n && !same_place(&ret[at], &p))
			at++;
		if (at == PLACES)
			continue;
		if (at < n)
			p.bytes += ret[at].bytes;
		else
			n++;
		for (; at && ret[at - 1].bytes < p.bytes; at--)
			ret[at] = ret[at - 1];
		ret[at] = p;
	}
	return n;
}

static void print_place(const struct activity_out *o, const struct place *p)
{
	static const char *const by[] = {
		[MEMORY_ORIGIN_UNKNOWN] = "", [MEMORY_ORIGIN_GO] = "Go's runtime for  ",
		[MEMORY_ORIGIN_MALLOC] = "malloc for  ", [MEMORY_ORIGIN_PROGRAM] = "",
	};
	char words[WORDS_NUMBER];

	line_pad(o->l, ACTIVITY_INSIDE);
	line_printf(o->l, "+%s  %s  ", words_bytes(p->bytes, words),
		    p->kind == TRACED_FAULT ? "first used" : traced_memory_kind_word(p->kind));
	line_put(o->l, (size_t)p->origin < ARRAY_SIZE(by) ? by[p->origin] : "");
	activity_place(o, p->at);
	line_end(o->l, o->out);
}

void text_memory(const struct activity_out *o, const struct memory_activity *m)
{
	uint64_t taken = sum(m, takes), given = sum(m, gives_back);
	uint64_t faults = m->totals[TRACED_FAULT].bytes;
	struct place places[PLACES];
	char words[WORDS_NUMBER];
	struct flow f;
	size_t n;

	if (!(m->seen > 0) || (taken < MEMORY_MIN && given < MEMORY_MIN && faults < MEMORY_MIN))
		return;
	f = activity_head(o, "MEMORY", ACTIVITY_BODY);
	if (taken)
		flow_printf(&f, "%s mapped", words_bytes(taken, words));
	if (given)
		flow_printf(&f, "%s given back", words_bytes(given, words));
	if (faults)
		flow_printf(&f, "%s first used", words_bytes(faults, words));
	activity_seen(&f, m->seen);
	flow_end(&f);
	n = sum_places(o, m, places);
	for (size_t k = 0; k < n && k < ACTIVITY_SHOWN && places[k].bytes >= MEMORY_MIN; k++)
		print_place(o, &places[k]);
}
