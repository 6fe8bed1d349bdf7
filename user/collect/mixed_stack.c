// SPDX-License-Identifier: Apache-2.0
#include "collect/mixed_stack.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/cleanup.h"
#include "collect/symbolize.h"
#include "goruntime/goruntime.h"
#include "native/symbols.h"
#include "native/unwind.h"

bool mixed_stack_is_go(const struct mixed_source *s, uint64_t pc)
{
	return s->rt && pc >= s->rt->md.text && pc < s->rt->md.etext;
}

/* Go code on whatever stack the thread was: exact wherever it stood, also in a prologue. */
static int unwind_go(const struct mixed_source *s, const struct stack_copy *copy,
		     struct mixed_stack *ret)
{
	CLEANUP(unwinder_free_p) struct unwinder *u = unwinder_new(s->rt->tab, &s->rt->tab_lock);
	struct walk_frame frames[LIMIT_C_FRAMES];
	struct span bytes = { copy->bytes, copy->n_bytes };
	enum unwind_end end;
	size_t n;

	if (!u)
		return -ENOMEM;
	n = unwind(u, bytes, copy->regs[STACK_COPY_PC], false, frames, LIMIT_C_FRAMES, &end);
	for (size_t i = 0; i < n; i++)
		ret->pcs[i] = frames[i].pc;
	ret->n = (uint32_t)n;
	ret->truncated = end != UNWIND_WHOLE;
	return 0;
}

static int unwind_c(const struct mixed_source *s, const struct stack_copy *copy, bool returned,
		    struct mixed_stack *ret)
{
	struct cfi_regs regs;
	struct unwound u;
	int r;

	unwind_all_regs(copy->regs, &regs);
	/* It may belong to the next line, or to the next function: its call is what is meant. */
	regs.value[CFI_PC] -= returned;
	r = unwind_copy(s->modules, &regs, copy->bytes, copy->n_bytes, NULL, &u);
	if (r < 0)
		return r;
	memcpy(ret->pcs, u.pcs, u.n * sizeof(*u.pcs));
	ret->n = u.n;
	ret->truncated = u.truncated;
	return 0;
}

static void add_goroutine(const struct mixed_source *s, const uint64_t *pcs, size_t n,
			  struct mixed_stack *ret)
{
	uint32_t keep = 0;

	/* What Go has on the system stack is the way from the goroutine's, and no call. */
	while (keep < ret->n && !mixed_stack_is_go(s, ret->pcs[keep]))
		keep++;
	if (keep)
		ret->n = keep;
	ret->goroutine = ret->n;
	for (size_t i = 0; i < n && ret->n < MIXED_FRAMES; i++)
		ret->pcs[ret->n++] = pcs[i];
	ret->truncated = false;
}

int mixed_stack_unwind(const struct mixed_source *s, const struct stack_copy *copy, bool returned,
		       const uint64_t *go_pcs, size_t n_go_pcs, struct mixed_stack *ret)
{
	int r;

	ret->n = 0;
	ret->truncated = false;
	if (mixed_stack_is_go(s, copy->regs[STACK_COPY_PC]))
		r = unwind_go(s, copy, ret);
	else
		r = unwind_c(s, copy, returned, ret);
	if (r < 0)
		return r;
	ret->goroutine = ret->n;
	if (s->rt && n_go_pcs)
		add_goroutine(s, go_pcs, n_go_pcs, ret);
	return 0;
}

void mixed_stack_take(const uint64_t *pcs, size_t n, bool whole, struct mixed_stack *ret)
{
	ret->n = (uint32_t)(n < MIXED_FRAMES ? n : MIXED_FRAMES);
	memcpy(ret->pcs, pcs, ret->n * sizeof(*pcs));
	ret->goroutine = ret->n;
	ret->truncated = !whole;
}

void mixed_stack_extend(struct mixed_stack *s, const uint64_t *pcs, size_t n, bool whole)
{
	if (!s->truncated || s->goroutine != s->n)
		return;
	for (uint32_t i = s->n; i > 1; i--) {
		for (size_t k = 1; k < n; k++) {
			/* A walk that broke off earlier has nothing to add. */
			if (pcs[k] != s->pcs[i - 1] || n - k <= s->n - i + 1)
				continue;
			s->n = i;
			while (++k < n && s->n < MIXED_FRAMES)
				s->pcs[s->n++] = pcs[k];
			s->goroutine = s->n;
			s->truncated = !whole;
			return;
		}
	}
}

uint64_t mixed_stack_hash(const struct mixed_stack *s)
{
	uint64_t h = XXH3_64bits_withSeed(s->pcs, s->n * sizeof(s->pcs[0]), s->goroutine);

	return h ? h : 1;
}

/* --- Names --- */

static int name_go(const struct mixed_source *s, const struct mixed_stack *m, uint32_t from,
		   uint32_t to, struct arena *a, struct stack *ret)
{
	struct walk_frame frames[MIXED_FRAMES];
	struct go_walk walk = { .end = UNWIND_WHOLE, .frames = frames, .n_frames = to - from };
	struct group g = { 0 };
	int r;

	for (uint32_t i = from; i < to; i++)
		frames[i - from] = (struct walk_frame){
			.pc = m->pcs[i], .exact = i == 0 || i == m->goroutine,
		};
	pthread_mutex_lock(&s->rt->tab_lock);
	r = symbolize_walk(s->rt->tab, &walk, a, &g);
	pthread_mutex_unlock(&s->rt->tab_lock);
	if (r < 0)
		return r;
	*ret = g.stack;
	/* The runtime's switch of stacks is no call of the program's. */
	if (from == m->goroutine && ret->n && ret->frames[0].function &&
	    strcmp(ret->frames[0].function, "runtime.systemstack_switch") == 0) {
		ret->frames++;
		ret->n--;
	}
	return 0;
}

static int name_c(const struct mixed_source *s, const struct mixed_stack *m, uint32_t from,
		  uint32_t to, struct arena *a, struct stack *ret)
{
	uint64_t pcs[MIXED_FRAMES];

	memcpy(pcs, m->pcs + from, (to - from) * sizeof(*pcs));
	/* symbols_stack() takes the first for exact. */
	pcs[0] -= from && from != m->goroutine;
	return symbols_stack(s->modules, pcs, to - from, false, true, a, ret);
}

static int append(struct arena *a, struct stack *all, const struct stack *more)
{
	struct frame *frames;

	all->truncated |= more->truncated;
	if (!all->n) {
		all->frames = more->frames;
		all->n = more->n;
		return 0;
	}
	frames = arena_alloc(a, (size_t)all->n + more->n, sizeof(*frames));
	if (!frames)
		return -ENOMEM;
	memcpy(frames, all->frames, all->n * sizeof(*frames));
	if (more->n)
		memcpy(frames + all->n, more->frames, more->n * sizeof(*frames));
	all->frames = frames;
	all->n += more->n;
	return 0;
}

int mixed_stack_name(const struct mixed_source *s, const struct mixed_stack *m, struct arena *a,
		     struct stack *ret)
{
	struct stack all = { .truncated = m->truncated };
	int r = 0;

	/* One language after the other. */
	for (uint32_t from = 0, to; r == 0 && from < m->n; from = to) {
		bool go = mixed_stack_is_go(s, m->pcs[from]);
		struct stack part = { 0 };

		for (to = from + 1; to < m->n && to != m->goroutine; to++)
			if (mixed_stack_is_go(s, m->pcs[to]) != go)
				break;
		r = go ? name_go(s, m, from, to, a, &part) : name_c(s, m, from, to, a, &part);
		if (r == 0)
			r = append(a, &all, &part);
	}
	if (r == 0)
		*ret = all;
	return r;
}
