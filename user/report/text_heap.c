// SPDX-License-Identifier: Apache-2.0
#include "report/text_heap.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/heap_sites.h"
#include "analysis/site.h"
#include "report/text_finding.h"
#include "report/words.h"

enum { SHOWN = 5, BYTES_COLUMNS = 10, OBJECTS_COLUMNS = 12, GAP = 2 };

static void put_numbers(struct line *l, int64_t bytes, int64_t objects)
{
	char words[WORDS_NUMBER];

	line_put_right(l, words_bytes((uint64_t)bytes, words), BYTES_COLUMNS);
	line_put_right(l, words_count((uint64_t)objects, words), OBJECTS_COLUMNS);
	line_pad(l, BYTES_COLUMNS + OBJECTS_COLUMNS + GAP);
}

static void print_head(struct line *l, FILE *out, const char *what)
{
	line_style(l, STYLE_DIM);
	line_put_right(l, "BYTES", BYTES_COLUMNS);
	line_put_right(l, "OBJECTS", OBJECTS_COLUMNS);
	line_pad(l, BYTES_COLUMNS + OBJECTS_COLUMNS + GAP);
	line_put(l, what);
	line_end(l, out);
}

/* The place in the program's own code, and what allocated for it where that is another function. */
static void put_place(struct line *l, const struct stack *stack, const char *module)
{
	const struct frame *f = site_frame(stack, module), *inner = stack->frames;
	char place[WORDS_CELL];

	if (!f) {
		line_put(l, "no stack");
		return;
	}
	line_put(l, words_place(f, l->width - l->at, place));
	if (f != inner && inner->function)
		line_printf(l, " by %s", inner->function);
}

static int print_sites(const struct snapshot *s, struct line *l, FILE *out)
{
	const struct heap_profile *p = s->heap_profile;
	struct frame frames[LIMIT_FRAMES];
	struct heap_stack *stacks;
	struct stack stack;
	size_t n;
	int r = heap_stacks(p, &stacks, &n);

	if (r < 0)
		return r;
	if (n)
		print_head(l, out, "ALLOCATED AT");
	for (size_t i = 0; i < n && i < SHOWN && stacks[i].all.inuse_bytes > 0; i++) {
		heap_site_stack(p, stacks[i].site, frames, &stack);
		put_numbers(l, stacks[i].all.inuse_bytes, stacks[i].all.inuse_objects);
		put_place(l, &stack, s->process.module);
		line_end(l, out);
	}
	free(stacks);
	return 0;
}

static void print_types(const struct heap_profile *p, struct line *l, FILE *out)
{
	uint64_t all = 0, typed = 0;
	char words[WORDS_NUMBER], more[WORDS_NUMBER];

	for (size_t i = 0; i < p->n_classes; i++) {
		all += p->classes[i].bytes;
		typed += p->classes[i].typed_bytes;
	}
	if (p->n_types)
		print_head(l, out, "TYPE");
	for (size_t i = 0; i < p->n_types && i < SHOWN; i++) {
		put_numbers(l, (int64_t)p->types[i].bytes, (int64_t)p->types[i].objects);
		line_put(l, p->types[i].type);
		line_end(l, out);
	}
	if (!p->n_classes)
		return;
	line_printf(l, "  of %s in objects, the types of %s are known%s", words_bytes(all, words),
		    words_bytes(typed, more), p->types_estimated ? ", by a sample" : "");
	line_end(l, out);
}

static void put_sums(const struct heap_profile *p, struct line *l)
{
	struct heap_estimate sum = heap_profile_estimate(p);
	char words[WORDS_NUMBER], more[WORDS_NUMBER];

	line_printf(l, "  %s live in %s objects", words_bytes((uint64_t)sum.inuse_bytes, words),
		    words_count((uint64_t)sum.inuse_objects, more));
	line_printf(l, " \xc2\xb7 %s ever allocated",
		    words_bytes((uint64_t)sum.alloc_bytes, words));
}

int text_heap(const struct snapshot *s, struct line *l, FILE *out)
{
	const struct heap_profile *p = s->heap_profile;
	int r = 0;

	fputc('\n', out);
	line_style(l, STYLE_BOLD);
	line_put(l, "HEAP");
	line_style(l, STYLE_NONE);
	if (p->state == HEAP_PROFILE_READ)
		put_sums(p, l);
	else
		line_put(l, p->n_classes ? "  by type: it has no profile" : "  has no profile");
	line_end(l, out);
	if (p->state == HEAP_PROFILE_READ)
		r = print_sites(s, l, out);
	else
		print_types(p, l, out);
	if (p->why)
		text_sentence(l, out, 0, "note: ", p->why);
	if (p->before_first_gc)
		text_sentence(l, out, 0, "note: ", "no collection has been completed: what was "
			      "freed is not known");
	if (p->cut || p->odd)
		text_sentence(l, out, 0, "note: ", "not all of the profile could be read: these "
			      "are lower bounds");
	return r;
}
