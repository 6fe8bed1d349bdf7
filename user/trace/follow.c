// SPDX-License-Identifier: Apache-2.0
#include "trace/follow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "bpf/events.h"
#include "trace/chunk.h"

enum { BATCH = 256 };

/* What is younger may still be filled in. */
#define YOUNG_NS 10000000000u

struct followed {
	uint64_t id;			/* 0: nobody here */
	struct follow_survivor s;
	bool unsure;			/* and told to be */
};

struct follow {
	int aged_fd;
	volatile uint64_t *fates;
	struct mem *heap;
	struct followed all[FOLLOW_MAX];
	uint32_t vacant[FOLLOW_MAX];	/* a stack of indices */
	size_t n_vacant;
	uint32_t oldest;		/* where room is made; goes round */
	uint64_t last;			/* number that was given out */
	struct traced_malloc_end forgotten[FOLLOW_MAX];
	size_t n_forgotten;
};

int follow_new(int aged_fd, volatile uint64_t *fates, struct mem *heap, struct follow **ret)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->aged_fd = aged_fd;
	f->fates = fates;
	f->heap = heap;
	/* The lowest index on top, so that ages go with indices as long as nobody leaves. */
	for (uint32_t i = FOLLOW_MAX; i-- > 0;)
		f->vacant[f->n_vacant++] = i;
	*ret = f;
	return 0;
}

void follow_free(struct follow *f)
{
	free(f);
}

static void leave(struct follow *f, uint32_t i)
{
	uint32_t index;

	/* The address may have been given to a younger survivor, whose entry stays. */
	if (bpf_map_lookup_elem(f->aged_fd, &f->all[i].s.addr, &index) == 0 && index == i)
		bpf_map_delete_elem(f->aged_fd, &f->all[i].s.addr);
	f->all[i].id = 0;
	f->vacant[f->n_vacant++] = i;
}

static void forget_oldest(struct follow *f)
{
	if (f->n_forgotten < FOLLOW_MAX)
		f->forgotten[f->n_forgotten++] = (struct traced_malloc_end){
			.id = f->all[f->oldest].id,
			.fate = TRACED_MALLOC_FORGOTTEN,
		};
	leave(f, f->oldest);
	f->oldest = (f->oldest + 1) % FOLLOW_MAX;
}

/* An id is a number of its own, and below that its index. */
static uint32_t index_of(uint64_t id)
{
	_Static_assert((FOLLOW_MAX & (FOLLOW_MAX - 1)) == 0, "indices are the low bits of an id");

	return (uint32_t)(id % FOLLOW_MAX);
}

void follow_drop(struct follow *f, uint64_t id)
{
	if (id && f->all[index_of(id)].id == id)
		leave(f, index_of(id));
}

int follow_add(struct follow *f, const struct follow_survivor *s, uint64_t *id)
{
	uint32_t i;
	int r;

	if (!f->n_vacant)
		forget_oldest(f);
	i = f->vacant[f->n_vacant - 1];
	f->fates[i] = EV_FATE_NONE;
	r = bpf_map_update_elem(f->aged_fd, &s->addr, &i, BPF_ANY);
	if (r < 0)
		return r;
	f->n_vacant--;
	*id = ++f->last * FOLLOW_MAX + i;
	f->all[i] = (struct followed){ .id = *id, .s = *s };
	return 0;
}

/* What is read of each: its own header, the next chunk's, and what it begins with. */
enum { OWN, NEXT, CONTENTS, READS };

struct look {
	uint64_t now_ns;
	struct mem_req reqs[BATCH][READS];
	uint64_t own[BATCH], next[BATCH];
	unsigned char contents[BATCH][CHUNK_PRINT_BYTES];
	uint32_t who[BATCH];
	size_t n;
};

/* What the chunk's two headers say. */
static bool is_allocated(const struct follow_survivor *s, const struct look *l, size_t k)
{
	if (l->reqs[k][OWN].err)
		return false;
	/* The first flag is about the chunk before. */
	if ((l->own[k] ^ s->header) & ~(uint64_t)CHUNK_PREV_INUSE)
		return false;
	if (s->header & CHUNK_IS_MMAPPED || l->reqs[k][NEXT].err)
		return true;
	return l->next[k] & CHUNK_PREV_INUSE;
}

/*
 * What its contents say. While it is young they may still be filled in, so that whose they are is
 * not sure, and what they are now is what they are to stay.
 */
static bool is_untouched(struct followed *w, const struct look *l, size_t k, bool *news)
{
	const struct mem_req *r = &l->reqs[k][CONTENTS];
	uint64_t print = r->err || !r->len ? 0 : chunk_print(l->contents[k], r->len);
	bool young = l->now_ns < w->s.at_ns + YOUNG_NS;

	*news = false;
	if (print == w->s.print && print)
		return true;
	if (!young && w->s.print)
		return false;
	*news = !w->unsure;
	w->unsure = true;
	w->s.print = print;
	return true;
}

static int look_at(struct follow *f, struct look *l, struct traced_malloc_end *ends, size_t *n)
{
	int r = mem_read_many(f->heap, l->reqs[0], READS * l->n);

	if (r < 0)
		return r;
	for (size_t k = 0; k < l->n; k++) {
		struct followed *w = &f->all[l->who[k]];
		bool here = is_allocated(&w->s, l, k), news;

		if (here && is_untouched(w, l, k, &news)) {
			if (news)
				ends[(*n)++] = (struct traced_malloc_end){ w->id,
									   TRACED_MALLOC_UNSURE };
			continue;
		}
		ends[(*n)++] = (struct traced_malloc_end){
			w->id, here ? TRACED_MALLOC_REWRITTEN : TRACED_MALLOC_CHANGED
		};
		leave(f, l->who[k]);
	}
	l->n = 0;
	return 0;
}

static void add_look(struct look *l, uint32_t i, const struct follow_survivor *s)
{
	struct mem_req *r = l->reqs[l->n];

	r[OWN] = (struct mem_req){ .addr = s->addr - 8, .buf = &l->own[l->n], .len = 8 };
	r[NEXT] = (struct mem_req){
		.addr = s->addr - 8 + (s->header & ~(uint64_t)CHUNK_FLAGS),
		.buf = &l->next[l->n],
		.len = 8,
	};
	r[CONTENTS] = (struct mem_req){
		.addr = s->addr,
		.buf = l->contents[l->n],
		.len = (uint32_t)chunk_print_len(s->header),
	};
	l->who[l->n++] = i;
}

int follow_ends(struct follow *f, uint64_t now_ns, struct traced_malloc_end *ends, size_t *n)
{
	struct look *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->now_ns = now_ns;
	*n = 0;
	for (size_t i = 0; i < f->n_forgotten; i++)
		ends[(*n)++] = f->forgotten[i];
	f->n_forgotten = 0;
	for (uint32_t i = 0; i < FOLLOW_MAX && r == 0; i++) {
		uint64_t fate = f->fates[i];

		if (!f->all[i].id)
			continue;
		if (fate != EV_FATE_NONE) {
			ends[(*n)++] = (struct traced_malloc_end){
				.id = f->all[i].id,
				.fate = fate == EV_FATE_FREED ? TRACED_MALLOC_FREED :
								TRACED_MALLOC_REUSED,
			};
			leave(f, i);
			continue;
		}
		add_look(l, i, &f->all[i].s);
		if (l->n == BATCH)
			r = look_at(f, l, ends, n);
	}
	if (r == 0)
		r = look_at(f, l, ends, n);
	free(l);
	return r;
}

size_t follow_count(const struct follow *f)
{
	return FOLLOW_MAX - f->n_vacant;
}
