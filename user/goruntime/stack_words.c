// SPDX-License-Identifier: Apache-2.0
#include "goruntime/stack_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/limits.h"

/* Of a _defer, from fn on: up to Go 1.21 fn, _panic, link; since Go 1.22 fn, link, head. */
#define DEFER_WORDS 3
/* 64 registers of 64 bytes, which no machine has. */
#define XREGS_MAX 4096

/* A variable on the stack, waiting for a pointer to it. */
struct variable {
	uint32_t at, bytes;	/* in the copy */
	uint32_t ptr_words;
	const uint64_t *bits;
};

struct stack_words {
	struct go_runtime *rt;
	struct frame_maps *maps;
	uint64_t *words;
	size_t n, room;
	struct variable *variables;	/* ascending; bits NULL: done */
	size_t n_variables, variables_room;
	uint32_t *inward;		/* offsets that are pointed to from this very stack */
	size_t n_inward, inward_room;
	uint64_t base, lo, hi;		/* of the copy; of the stack */
	bool failed;			/* memory was short */
};

void stack_words_free(struct stack_words *s)
{
	if (!s)
		return;
	frame_maps_free(s->maps);
	free(s->words);
	free(s->variables);
	free(s->inward);
	free(s);
}

int stack_words_open(struct go_runtime *rt, struct stack_words **ret)
{
	CLEANUP(stack_words_free_p) struct stack_words *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->rt = rt;
	r = frame_maps_open(rt, &s->maps);
	if (r < 0)
		return r;
	*ret = TAKE(s);
	return 0;
}

static bool has_room(void **array, size_t *room, size_t n, size_t size)
{
	size_t more = *room ? *room * 2 : 256;
	void *p;

	if (n < *room)
		return true;
	p = realloc(*array, more * size);
	if (!p)
		return false;
	*array = p;
	*room = more;
	return true;
}

static void add_word(struct stack_words *s, uint64_t word)
{
	if (word < 4096)
		return;
	if (word >= s->lo && word < s->hi) {
		if (word < s->base)
			return;
		if (!has_room((void **)&s->inward, &s->inward_room, s->n_inward,
			      sizeof(*s->inward))) {
			s->failed = true;
			return;
		}
		s->inward[s->n_inward++] = (uint32_t)(word - s->base);
		return;
	}
	if (!has_room((void **)&s->words, &s->room, s->n, sizeof(*s->words))) {
		s->failed = true;
		return;
	}
	s->words[s->n++] = word;
}

/* The words from `at` on that the bits name; NULL: all of them. */
static void add_words(struct stack_words *s, struct span stack, uint64_t at, uint32_t n,
		      const uint64_t *bits)
{
	for (uint32_t i = 0; i < n && at + i * 8ull + 8 <= stack.len; i++)
		if (!bits || bits[i / 64] >> (i % 64) & 1)
			add_word(s, span_u64(&stack, at + i * 8ull));
}

static void add_variable(struct stack_words *s, int64_t at, const struct frame_object *o,
			 uint64_t sp, size_t len)
{
	/* One below the stack pointer has no room yet. */
	if (at < (int64_t)sp || (uint64_t)at + o->bytes > len || !o->ptr_words)
		return;
	if (!has_room((void **)&s->variables, &s->variables_room, s->n_variables,
		      sizeof(*s->variables))) {
		s->failed = true;
		return;
	}
	s->variables[s->n_variables++] = (struct variable){
		(uint32_t)at, o->bytes, o->ptr_words, o->bits,
	};
}

/*
 * A frame from sp on: locals, the saved frame pointer, the return address at sp + delta, arguments
 * (runtime/traceback.go: varp is below the saved frame pointer when there is a frame).
 */
static void add_frame(struct stack_words *s, struct span stack, uint64_t sp,
		      const struct frame_map *map, bool all)
{
	uint64_t ret = sp + (uint32_t)map->delta, args = ret + 8;
	uint64_t locals_end = map->delta > 0 ? ret - 8 : ret;

	if (all) {
		add_words(s, stack, sp, (uint32_t)((locals_end - sp) / 8), NULL);
		add_words(s, stack, args, map->n_args, NULL);
	} else {
		/* More locals than the frame is long: the tables lie. */
		if (map->n_locals <= (locals_end - sp) / 8)
			add_words(s, stack, locals_end - map->n_locals * 8ull, map->n_locals,
				  map->locals);
		add_words(s, stack, args, map->n_args, map->args);
	}
	for (uint32_t i = 0; i < map->n_objects; i++) {
		const struct frame_object *o = &map->objects[i];

		add_variable(s, (int64_t)(o->off < 0 ? locals_end : args) + o->off, o, sp,
			     stack.len);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static struct variable *variable_at(struct stack_words *s, uint32_t off)
{
	size_t lo = 0, hi = s->n_variables;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->variables[mid].at <= off)
			lo = mid;
		else
			hi = mid;
	}
	if (hi == 0 || off < s->variables[lo].at || off - s->variables[lo].at >= s->variables[lo].bytes)
		return NULL;
	return &s->variables[lo];
}

/* Each variable that is pointed to from the stack, once; what it points to may be more of them. */
static void follow_inward(struct stack_words *s, struct span stack)
{
	if (s->n_variables)
		qsort(s->variables, s->n_variables, sizeof(*s->variables), by_place);
	while (s->n_inward) {
		struct variable *v = variable_at(s, s->inward[--s->n_inward]);
		const uint64_t *bits = v ? v->bits : NULL;

		if (!bits)
			continue;
		v->bits = NULL;
		add_words(s, stack, v->at, v->ptr_words, bits);
	}
}

/* Of a record that lies on the stack or in memory: those bytes of it. */
static bool get_record(struct stack_words *s, struct span stack, uint64_t addr, uint8_t *buf,
		       size_t len)
{
	if (addr < s->lo || addr >= s->hi)
		return mem_read(s->rt->chase, addr, buf, len) == 0;
	if (addr < s->base || addr - s->base > stack.len || stack.len - (addr - s->base) < len)
		return false;
	memcpy(buf, stack.data + (addr - s->base), len);
	return true;
}

/*
 * The compiler calls the words of a record on the stack numbers, as the runtime looks at each of
 * them by itself (cmd/compile, deferstruct; runtime/mgcmark.go, scanstack). Behind fn stand link and
 * other pointers (runtime2.go, type _defer): all are taken. False: not all records were seen.
 */
static bool add_defers(struct stack_words *s, const struct go_walk *w)
{
	const struct go_layout *l = &s->rt->layout;
	uint64_t at = w->g->defers;
	uint8_t bytes[DEFER_WORDS * 8];
	struct span record = span_of(bytes, sizeof(bytes));

	if (l->defer_link < l->defer_fn || l->defer_link - l->defer_fn > (DEFER_WORDS - 1) * 8)
		return !at;
	for (uint32_t n = 0; at; n++) {
		if (n == LIMIT_DEFERS ||
		    !get_record(s, w->stack, at + (uint64_t)l->defer_fn, bytes, sizeof(bytes)))
			return false;
		add_word(s, at);
		add_words(s, record, 0, DEFER_WORDS, NULL);
		at = span_u64(&record, (uint64_t)(l->defer_link - l->defer_fn));
	}
	/* A _panic lives on the stack: it is a variable of its frame that this points to. */
	add_word(s, w->g->panics);
	return true;
}

/* Go 1.26: vector registers of a goroutine that was stopped anywhere (runtime/preempt_xreg.go). */
static bool add_xregs(struct stack_words *s, const struct go_g *g)
{
	uint8_t bytes[XREGS_MAX];
	size_t len = (size_t)s->rt->layout.xregs_size;

	if (!g->xregs)
		return true;
	if (len > sizeof(bytes) || mem_read(s->rt->chase, g->xregs, bytes, len) < 0)
		return false;
	add_words(s, span_of(bytes, len), 0, (uint32_t)(len / 8), NULL);
	return true;
}

static void begin(struct stack_words *s, uint64_t base, uint64_t lo, uint64_t hi)
{
	s->n = s->n_variables = s->n_inward = 0;
	s->base = base;
	s->lo = lo;
	s->hi = hi;
	s->failed = false;
}

int stack_words_all(struct stack_words *s, struct span stack, uint64_t lo, uint64_t hi,
		    struct stack_found *ret)
{
	begin(s, lo, lo, hi);
	add_words(s, stack, 0, (uint32_t)(stack.len / 8), NULL);
	*ret = (struct stack_found){ s->words, s->n, .conservative = true };
	return s->failed ? -ENOMEM : 0;
}

int stack_words_walk(struct stack_words *s, const struct go_walk *w, struct stack_found *ret)
{
	bool all = false;

	if (w->end == UNWIND_BROKEN || !w->n_frames) {
		int r = stack_words_all(s, w->stack, w->g->stack_lo, w->g->stack_hi, ret);

		ret->cut = w->stack.len < w->g->stack_hi - w->g->sp;
		return r;
	}
	begin(s, w->g->sp, w->g->stack_lo, w->g->stack_hi);
	*ret = (struct stack_found){ .cut = w->end == UNWIND_CUT };
	for (size_t i = 0; i < w->n_frames; i++) {
		const struct walk_frame *f = &w->frames[i];
		const struct frame_map *map = frame_maps_get(s->maps, f->pc, f->exact);

		if (!map)
			return -ENOMEM;
		add_frame(s, w->stack, f->sp_off, map, all || map->unknown);
		ret->conservative = ret->conservative || all || map->unknown;
		all = map->frees_caller;
	}
	ret->lost = !add_defers(s, w) || !add_xregs(s, w->g);
	follow_inward(s, w->stack);
	ret->words = s->words;
	ret->n = s->n;
	return s->failed ? -ENOMEM : 0;
}
