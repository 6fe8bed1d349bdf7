// SPDX-License-Identifier: Apache-2.0
#include "collect/symbolize.h"

#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "model/limits.h"

void symbolize_own(struct arena *a, struct frame *f)
{
	if (f->function)
		f->function = arena_intern(a, f->function, strlen(f->function));
	if (f->file)
		f->file = arena_intern(a, f->file, strlen(f->file));
}

int symbolize_walk(struct pclntab *tab, const struct go_walk *w, struct arena *a,
		   struct group *ret)
{
	struct frame frames[LIMIT_FRAMES], *kept;
	enum func_kind callee = FUNC_NORMAL;
	size_t n = 0;

	for (size_t i = 0; i < w->n_frames && n < LIMIT_FRAMES; i++) {
		uint64_t pc = w->frames[i].pc;
		int r = pclntab_frames(tab, pc, w->frames[i].exact ? pc : pc - 1, &callee,
				       frames + n, LIMIT_FRAMES - n);

		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			frames[n] = (struct frame){ .pc = pc };
			r = 1;
		}
		n += (size_t)r;
	}
	kept = arena_alloc(a, n ? n : 1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	memcpy(kept, frames, n * sizeof(*kept));
	for (size_t i = 0; i < n; i++)
		symbolize_own(a, &kept[i]);
	ret->stack = (struct stack){ kept, (uint32_t)n, w->end != UNWIND_WHOLE };
	if (!w->n_frames)
		ret->no_stack = "it runs on a thread, so its stack is in motion";
	return 0;
}

int symbolize_pc(struct pclntab *tab, uint64_t pc, uint64_t lookup, struct arena *a,
		 struct frame *ret)
{
	struct frame frames[LIMIT_INLINE_DEPTH];
	enum func_kind callee = FUNC_NORMAL;
	int n = pc ? pclntab_frames(tab, pc, lookup, &callee, frames, LIMIT_INLINE_DEPTH) : 0;

	if (n == -ENOMEM)
		return n;
	if (n <= 0)
		return 0;
	*ret = frames[0];
	symbolize_own(a, ret);
	return 0;
}

static void feed(XXH3_state_t *state, const char *s)
{
	if (!s)
		s = "";
	XXH3_64bits_update(state, s, strlen(s) + 1);
}

uint64_t symbolize_group_id(const struct group *g)
{
	XXH3_state_t state;

	XXH3_64bits_reset(&state);
	feed(&state, go_state_name(g->state));
	feed(&state, g->wait_reason);
	for (uint32_t i = 0; i < g->stack.n; i++) {
		feed(&state, g->stack.frames[i].function);
		XXH3_64bits_update(&state, &g->stack.frames[i].line, sizeof(uint32_t));
	}
	if (!g->stack.n)
		feed(&state, g->started.function);
	feed(&state, g->created_by.function);
	XXH3_64bits_update(&state, &g->created_by.line, sizeof(uint32_t));
	for (uint32_t i = 0; i < g->n_labels; i++) {
		feed(&state, g->labels[i].key);
		feed(&state, g->labels[i].value);
	}
	return XXH3_64bits_digest(&state);
}

uint64_t symbolize_site_id(const struct group *g)
{
	struct group bare = *g;

	bare.n_labels = 0;
	return symbolize_group_id(&bare);
}
