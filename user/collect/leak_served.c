// SPDX-License-Identifier: Apache-2.0
#include "collect/leak_served.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "goruntime/heap.h"

enum {
	WORDS_MAX = 256,	/* of one stack: those nearest to the wait */
	CHANS_MAX = 8,		/* of one select */
	OBJECT_MAX = 1024,	/* bytes of one object that are read */
	CAPTURES_MAX = 16,	/* variables of one closure */
};

struct leak_witness {
	uint64_t g;		/* address of its runtime.g */
	uint64_t chans[CHANS_MAX];
	uint64_t words[WORDS_MAX];
	uint32_t n_chans, n_words;
};

struct leak_served {
	struct arena *arena;
	struct go_heap *heap;
	const struct go_span *spans;
	size_t n_spans;
};

static void add_chan(struct leak_witness *w, const struct wait_chan *c)
{
	if (c->addr && c->dir == CHAN_RECV && !c->has_timer && w->n_chans < CHANS_MAX)
		w->chans[w->n_chans++] = c->addr;
}

static void add_chans(struct leak_witness *w, const struct wait_object *o)
{
	if (o->known && o->kind == WAIT_CHAN)
		add_chan(w, &o->chan);
	for (uint32_t i = 0; o->known && o->kind == WAIT_SELECT && i < o->select.n; i++)
		add_chan(w, &o->select.cases[i]);
}

/* Could it be the address of an object? Not one on the stack itself. */
static bool may_point(const struct go_g *g, uint64_t word)
{
	return word >= 4096 && word % 8 == 0 && (word < g->stack_lo || word >= g->stack_hi);
}

static void add_word(struct leak_witness *w, uint64_t word)
{
	for (uint32_t i = 0; i < w->n_words; i++)
		if (w->words[i] == word)
			return;
	w->words[w->n_words++] = word;
}

int leak_witness_note(const struct go_walk *w, const struct wait_object *object, struct arena *a,
		      struct leak_witness **ret)
{
	struct leak_witness found = { .g = w->g->addr };
	struct leak_witness *kept;
	struct span stack = w->stack;

	if (*ret)
		return 0;
	add_chans(&found, object);
	if (!found.n_chans)
		return 0;
	for (size_t at = 0; at + 8 <= stack.len && found.n_words < WORDS_MAX; at += 8) {
		uint64_t word = span_u64(&stack, at);

		if (may_point(w->g, word))
			add_word(&found, word);
	}
	kept = arena_alloc(a, 1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	*kept = found;
	*ret = kept;
	return 0;
}

/* --- The heap --- */

int leak_served_open(struct go_runtime *rt, struct leak_served **ret)
{
	CLEANUP(leak_served_free_p) struct leak_served *l = calloc(1, sizeof(*l));
	struct diag ignored = DIAG_INIT;
	int r;

	if (!l)
		return -ENOMEM;
	l->arena = arena_new();
	if (!l->arena)
		return -ENOMEM;
	r = go_heap_open(rt, l->arena, &l->heap, &ignored);
	if (r == 0)
		r = go_heap_spans(l->heap, &l->spans, &l->n_spans, &ignored);
	if (r == -ENOMEM)
		return r;
	/* Without it nothing is found, now and later. */
	if (r < 0)
		l->n_spans = 0;
	*ret = TAKE(l);
	return 0;
}

void leak_served_free(struct leak_served *l)
{
	if (!l)
		return;
	arena_free(l->arena);
	free(l);
}

uint64_t leak_served_object(const struct leak_served *l, uint64_t addr, size_t *len)
{
	size_t low = 0, high = l->n_spans;
	const struct go_span *s;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->spans[middle].base <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return 0;
	s = &l->spans[low - 1];
	if (s->state != GO_SPAN_IN_USE || s->noscan || s->elem_size < 8 ||
	    addr - s->base >= s->bytes)
		return 0;
	*len = s->elem_size < OBJECT_MAX ? s->elem_size : OBJECT_MAX;
	return s->base + (addr - s->base) / s->elem_size * s->elem_size;
}

/* --- The object --- */

enum what { NOTHING, CLOSURE, CHANS_ALONE, OBJECT };

struct view {
	enum what what;
	uint32_t chans;		/* those that it has, a bit each */
	uint64_t words[OBJECT_MAX / 8];
	size_t n;
};

static uint32_t chan_bit(const struct leak_witness *w, uint64_t word)
{
	for (uint32_t i = 0; i < w->n_chans; i++)
		if (w->chans[i] == word)
			return 1u << i;
	return 0;
}

/*
 * What an object is to the wait. One that knows the goroutine is the runtime's (a sudog); one that
 * begins with an address of code is a closure, and its captures are variables.
 */
static void look_at(struct go_runtime *rt, const struct leak_witness *w, struct view *v)
{
	bool more = false;

	for (size_t i = 0; i < v->n; i++) {
		uint32_t chan = chan_bit(w, v->words[i]);

		if (v->words[i] == w->g)
			return;
		v->chans |= chan;
		more = more || (v->words[i] && !chan);
	}
	if (v->words[0] >= rt->md.text && v->words[0] < rt->md.etext)
		v->what = CLOSURE;
	else if (v->chans)
		v->what = more ? OBJECT : CHANS_ALONE;
}

static void read_at(struct go_runtime *rt, const struct leak_served *l,
		    const struct leak_witness *w, uint64_t addr, struct view *ret)
{
	size_t len = 0;
	uint64_t at = leak_served_object(l, addr, &len);

	ret->what = NOTHING;
	ret->chans = 0;
	ret->n = len / 8;
	if (at && !chan_bit(w, at) && mem_read(rt->live, at, ret->words, ret->n * 8) == 0)
		look_at(rt, w, ret);
}

/*
 * A method of a pointer among its own functions. Only then is what has nothing but channels an
 * object, and not a slice of them or one captured variable.
 */
static bool is_method(const struct stack *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->frames[i].function && strstr(s->frames[i].function, ".(*"))
			return true;
	return false;
}

static uint32_t served_by(const struct view *v, bool method)
{
	return v->what == OBJECT || (v->what == CHANS_ALONE && method) ? v->chans : 0;
}

/* A closure that the stack holds stands for the variables that it captured. */
static uint32_t served_behind(struct go_runtime *rt, const struct leak_served *l,
			      const struct leak_witness *w, const struct view *closure, bool method)
{
	struct view v;
	uint32_t chans = 0;

	for (size_t i = 1; i < closure->n && i < CAPTURES_MAX; i++) {
		if (closure->words[i] % 8)
			continue;
		read_at(rt, l, w, closure->words[i], &v);
		chans |= served_by(&v, method);
	}
	return chans;
}

bool leak_served_find(struct go_runtime *rt, const struct leak_served *l,
		      const struct leak_witness *w, const struct stack *stack)
{
	bool method = is_method(stack);
	uint32_t chans = 0;
	struct view v;

	for (uint32_t i = 0; i < w->n_words; i++) {
		read_at(rt, l, w, w->words[i], &v);
		chans |= v.what == CLOSURE ? served_behind(rt, l, w, &v, method)
					   : served_by(&v, method);
	}
	return chans == (1u << w->n_chans) - 1;
}
