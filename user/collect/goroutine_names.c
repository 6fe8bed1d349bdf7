// SPDX-License-Identifier: Apache-2.0
#include "collect/goroutine_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addrmap.h"
#include "base/arena.h"
#include "collect/symbolize.h"
#include "goruntime/goruntime.h"
#include "model/traced_goroutine.h"

/*
 * A program has some hundred sites. More than this is one that makes them up (a recursion of any
 * depth), and then what is kept is of no use.
 */
enum { KEPT_MAX = 4096 };
#define KEPT_BYTES (4u << 20)

struct goroutine_names {
	struct go_runtime *rt;
	struct arena *arena;
	struct addrmap *by_hash, *by_pc;	/* of the arrays */
	struct stack *stacks;
	struct frame *frames;
	uint32_t n_stacks, n_frames;
};

struct goroutine_names *goroutine_names_new(struct go_runtime *rt)
{
	CLEANUP(goroutine_names_free_p) struct goroutine_names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->rt = rt;
	n->arena = arena_new();
	n->by_hash = addrmap_new();
	n->by_pc = addrmap_new();
	n->stacks = calloc(KEPT_MAX, sizeof(*n->stacks));
	n->frames = calloc(KEPT_MAX, sizeof(*n->frames));
	if (!n->arena || !n->by_hash || !n->by_pc || !n->stacks || !n->frames)
		return NULL;
	return TAKE(n);
}

void goroutine_names_free(struct goroutine_names *n)
{
	if (!n)
		return;
	arena_free(n->arena);
	addrmap_free(n->by_hash);
	addrmap_free(n->by_pc);
	free(n->stacks);
	free(n->frames);
	free(n);
}

int goroutine_names_begin(struct goroutine_names *n)
{
	struct arena *fresh;

	if (n->n_stacks < KEPT_MAX / 2 && n->n_frames < KEPT_MAX / 2 &&
	    arena_bytes(n->arena) < KEPT_BYTES)
		return 0;
	fresh = arena_new();
	if (!fresh)
		return -ENOMEM;
	arena_free(n->arena);
	n->arena = fresh;
	addrmap_clear(n->by_hash);
	addrmap_clear(n->by_pc);
	n->n_stacks = n->n_frames = 0;
	return 0;
}

/* The frames of a walk in the kernel: a goroutine's first function is called by goexit, in no code. */
static size_t take_frames(struct go_runtime *rt, const struct traced_stack *s,
			  struct walk_frame *ret)
{
	size_t n = 0;

	for (; n < s->n && n < TRACED_FRAMES; n++) {
		struct func f;

		if (pclntab_find(rt->tab, s->frames[n] - 1, &f) == 0 && f.kind == FUNC_GOEXIT)
			break;
		ret[n] = (struct walk_frame){ .pc = s->frames[n] };
	}
	return n;
}

static int name_stack(struct goroutine_names *n, const struct traced_stack *s, struct stack *ret)
{
	struct walk_frame frames[TRACED_FRAMES];
	struct go_walk walk = { .frames = frames, .end = s->whole ? UNWIND_WHOLE : UNWIND_CUT };
	struct group g = { 0 };
	int r;

	pthread_mutex_lock(&n->rt->tab_lock);
	walk.n_frames = take_frames(n->rt, s, frames);
	r = symbolize_walk(n->rt->tab, &walk, n->arena, &g);
	pthread_mutex_unlock(&n->rt->tab_lock);
	*ret = g.stack;
	return r;
}

int goroutine_names_stack(struct goroutine_names *n, const struct traced_goroutine *t,
			  uint64_t hash, struct stack *ret)
{
	const struct traced_stack *s;
	uint32_t at;
	int r;

	*ret = (struct stack){ .truncated = true };
	if (addrmap_get(n->by_hash, hash, &at) == 0) {
		*ret = n->stacks[at];
		return 0;
	}
	s = traced_stack_find(t, hash);
	if (!s || n->n_stacks == KEPT_MAX)
		return 0;
	r = name_stack(n, s, ret);
	if (r == 0)
		r = addrmap_put(n->by_hash, hash, n->n_stacks);
	if (r < 0)
		return r;
	n->stacks[n->n_stacks++] = *ret;
	return 0;
}

/* A wrapper that the compiler made around the function of a go statement is in no stack, but here. */
static int name_pc(struct goroutine_names *n, uint64_t pc, uint64_t lookup, struct frame *ret)
{
	struct func f;
	int r = symbolize_pc(n->rt->tab, pc, lookup, n->arena, ret);

	if (r < 0 || ret->function || pclntab_find(n->rt->tab, lookup, &f) < 0)
		return r;
	ret->entry = f.entry;
	ret->function = arena_intern(n->arena, f.name, strlen(f.name));
	return ret->function ? 0 : -ENOMEM;
}

int goroutine_names_frame(struct goroutine_names *n, uint64_t pc, bool exact, struct frame *ret)
{
	uint64_t key = pc << 1 | exact;
	uint32_t at;
	int r;

	*ret = (struct frame){ .pc = pc };
	if (addrmap_get(n->by_pc, key, &at) == 0) {
		*ret = n->frames[at];
		return 0;
	}
	if (n->n_frames == KEPT_MAX)
		return 0;
	pthread_mutex_lock(&n->rt->tab_lock);
	r = name_pc(n, pc, exact ? pc : pc - 1, ret);
	pthread_mutex_unlock(&n->rt->tab_lock);
	if (r == 0)
		r = addrmap_put(n->by_pc, key, n->n_frames);
	if (r < 0)
		return r;
	n->frames[n->n_frames++] = *ret;
	return 0;
}
