// SPDX-License-Identifier: Apache-2.0
#include "collect/heap_profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addrmap.h"
#include "collect/symbolize.h"
#include "collect/heap_shares.h"
#include "goruntime/heap_state.h"
#include "goruntime/mbuckets.h"

/*
 * What the values of heap_names.known are of. Return addresses of user space leave the highest
 * bits free.
 */
#define KEY_LAST (1ull << 63)	/* the frames of a stack's last address, inlined ones too */
#define KEY_HIDDEN (1ull << 62)	/* is it of the runtime? */
#define NO_FRAME UINT32_MAX
/* Stacks this deep may be cut: the least that any release keeps (mprof.go, maxStack). */
#define SHALLOW 32

struct heap_names {
	struct go_runtime *rt;
	struct arena *arena;
	struct addrmap *known;
	struct frame *frames;
	size_t n, room;
	bool full;		/* LIMIT_HEAP_PCS was met: further ones have no frames */
};

static void names_done(struct heap_names *names)
{
	addrmap_free(names->known);
	free(names->frames);
}

static int add_frame(struct heap_names *names, const struct frame *f)
{
	if (names->n == NO_FRAME)
		return -ENOMEM;
	if (names->n == names->room) {
		size_t room = names->room ? 2 * names->room : 1024;
		struct frame *more = reallocarray(names->frames, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		names->frames = more;
		names->room = room;
	}
	names->frames[names->n] = *f;
	symbolize_own(names->arena, &names->frames[names->n]);
	names->n++;
	return 0;
}

/*
 * The profile has a return address for each logical frame, so that all but the last stand for their
 * innermost frame alone. The last may have lost what it is inlined in: runtime/pprof expands it
 * (runtime_expandFinalInlineFrame).
 */
static int make_frames(struct heap_names *names, uint64_t pc, bool last, uint32_t *ret)
{
	enum func_kind callee = last ? FUNC_NORMAL : FUNC_GOPANIC;	/* shows wrappers */
	struct frame frames[LIMIT_INLINE_DEPTH];
	int n = pclntab_frames(names->rt->tab, pc, pc - 1, &callee, frames,
			       last ? LIMIT_INLINE_DEPTH : 1);
	size_t first = names->n;
	int r = 0;

	if (n == -ENOMEM)
		return n;
	if (n <= 0) {
		frames[0] = (struct frame){ .pc = pc };
		n = 1;
	}
	for (int i = 0; r == 0 && i < n; i++)
		if (!frames[i].function || strcmp(frames[i].function, "runtime.goexit") != 0)
			r = add_frame(names, &frames[i]);
	*ret = names->n > first ? (uint32_t)first : NO_FRAME;
	return r;
}

/* The first of the address's frames, which end where one is not inlined; NO_FRAME: it has none. */
static int frames_of(struct heap_names *names, uint64_t pc, bool last, uint32_t *ret)
{
	uint64_t key = last ? pc | KEY_LAST : pc;
	int r;

	if (addrmap_get(names->known, key, ret) == 0)
		return 0;
	*ret = NO_FRAME;
	if (addrmap_count(names->known) >= LIMIT_HEAP_PCS) {
		names->full = true;
		return 0;
	}
	r = make_frames(names, pc, last, ret);
	return r < 0 ? r : addrmap_put(names->known, key, *ret);
}

/* runtime/pprof/protomem.go leaves out the innermost frames that are the runtime's own. */
static int is_runtime(struct heap_names *names, uint64_t pc, uint32_t *ret)
{
	enum func_kind callee = FUNC_GOPANIC;
	struct frame f;
	int n;

	*ret = false;
	if (addrmap_get(names->known, pc | KEY_HIDDEN, ret) == 0 ||
	    addrmap_count(names->known) >= LIMIT_HEAP_PCS)
		return 0;
	/* runtime.FuncForPC looks up the return address itself. */
	n = pclntab_frames(names->rt->tab, pc, pc, &callee, &f, 1);
	if (n == -ENOMEM)
		return n;
	*ret = n > 0 && f.function &&
	       (strncmp(f.function, "runtime.", 8) == 0 ||
		/* Go 1.24 */
		(names->rt->minor >= 24 && strncmp(f.function, "internal/runtime/", 17) == 0));
	return addrmap_put(names->known, pc | KEY_HIDDEN, *ret);
}

/* How many of the innermost addresses are not shown; all of the runtime: none. */
static int hidden(struct heap_names *names, const struct mbucket *b, uint32_t *ret)
{
	*ret = 0;
	for (uint32_t i = 0; i < b->n_stack; i++) {
		uint32_t own;
		int r = is_runtime(names, b->stack[i] & ~(KEY_LAST | KEY_HIDDEN), &own);

		if (r < 0)
			return r;
		if (!own) {
			*ret = i;
			return 0;
		}
	}
	return 0;
}

static int name_stack(struct heap_names *names, const struct mbucket *b, struct heap_site *ret)
{
	uint32_t index[LIMIT_FRAMES], n = 0, skip, at = NO_FRAME, *kept;
	int r = hidden(names, b, &skip);

	if (r < 0)
		return r;
	for (uint32_t i = skip; i < b->n_stack; i++) {
		bool last = i + 1 == b->n_stack;

		r = frames_of(names, b->stack[i] & ~(KEY_LAST | KEY_HIDDEN), last, &at);
		if (r < 0)
			return r;
		for (uint32_t k = at; at != NO_FRAME && k < names->n; k++) {
			if (n == LIMIT_FRAMES)
				ret->truncated = true;
			else
				index[n++] = k;
			if (!last || !names->frames[k].inlined)
				break;
		}
	}
	/* A whole stack ends in runtime.goexit, which has no frame here. */
	if (b->n_stack >= SHALLOW && at != NO_FRAME)
		ret->truncated = true;
	kept = arena_alloc(names->arena, n ? n : 1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	memcpy(kept, index, n * sizeof(*kept));
	ret->frames = kept;
	ret->n_frames = n;
	return 0;
}

static int name_sites(struct heap_names *names, const struct mbuckets *found,
		      struct heap_profile *p)
{
	struct heap_site *sites = arena_alloc(names->arena, found->n + 1, sizeof(*sites));
	struct frame *frames;

	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; i < found->n; i++) {
		const struct mbucket *b = &found->buckets[i];
		struct heap_site *s = &sites[p->n_sites];
		int r;

		if (b->odd) {
			p->odd++;
			continue;
		}
		/* Known to the runtime, and nothing of it published yet. */
		if (!b->allocs)
			continue;
		*s = (struct heap_site){ .object_bytes = b->object_bytes,
					 .allocs = b->allocs,
					 .frees = b->frees };
		r = name_stack(names, b, s);
		if (r < 0)
			return r;
		p->n_sites++;
	}
	frames = arena_alloc(names->arena, names->n + 1, sizeof(*frames));
	if (!frames)
		return -ENOMEM;
	if (names->n)
		memcpy(frames, names->frames, names->n * sizeof(*frames));
	p->frames = frames;
	p->n_frames = names->n;
	p->cut |= names->full;
	p->sites = sites;
	return 0;
}

/*
 * What the profile is, and what is to be known of it. One that is off may have the runtime's first
 * allocations all the same, from before the rate was set.
 */
static void explain(const struct mbuckets_where *where, struct heap_profile *p)
{
	p->state = HEAP_PROFILE_READ;
	if (p->rate <= 0 && where->linked_out) {
		p->state = HEAP_PROFILE_LINKED_OUT;
		p->why = "nothing in the program could show a heap profile (runtime/pprof, "
			 "net/http/pprof), so the linker has turned it off";
	} else if (p->rate <= 0) {
		p->state = HEAP_PROFILE_OFF;
		p->why = "runtime.MemProfileRate is 0: the program records no allocations";
	} else if (!p->n_sites) {
		p->why = "the program has not recorded an allocation yet";
	}
}

static int read_profile(struct go_runtime *rt, struct arena *a, struct arena *scratch,
			struct heap_profile *p, struct diag *d)
{
	CLEANUP(names_done) struct heap_names names = { .rt = rt, .arena = a };
	struct mbuckets_layout layout;
	struct mbuckets_where where;
	struct mbuckets found;
	struct go_heap_layout heap;
	int r = heap_layout_find(rt, &heap, d);

	if (r == 0)
		r = mbuckets_locate(rt, LOCATE_ALL, &where, d);
	if (r < 0)
		return r;
	layout = mbuckets_layout_of(&heap);
	r = mbuckets_read(rt->live, &layout, &where, scratch, &found, d);
	if (r < 0)
		return r;
	names.known = addrmap_new();
	if (!names.known)
		return -ENOMEM;
	p->rate = found.rate;
	p->before_first_gc = found.before_first_gc;
	p->unsettled = found.unsettled;
	p->cut = found.cut;
	r = name_sites(&names, &found, p);
	if (r == 0)
		explain(&where, p);
	return r;
}

int heap_profile_read(struct go_runtime *rt, struct arena *a, struct heap_profile **ret,
		      struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	struct heap_profile *p = arena_alloc(a, 1, sizeof(*p));
	struct diag why = DIAG_INIT;
	int r;

	if (!scratch || !p)
		return -ENOMEM;
	p->rate = WAIT_UNKNOWN;
	r = read_profile(rt, a, scratch, p, &why);
	if (r == -ESRCH || r == -EPERM || r == -ENOMEM) {
		if (d)
			*d = why;
		return r;
	}
	if (r < 0) {
		*p = (struct heap_profile){ .rate = WAIT_UNKNOWN };
		p->why = arena_strdup(a, why.why);
		if (!p->why)
			return -ENOMEM;
	}
	if (p->state != HEAP_PROFILE_READ) {
		r = heap_shares_read(rt, a, p, d);
		if (r < 0)
			return r;
	}
	*ret = p;
	return 0;
}
