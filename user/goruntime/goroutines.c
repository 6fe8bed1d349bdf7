// SPDX-License-Identifier: Apache-2.0
/*
 * A chunk of goroutines goes through four steps: read the g structs, read the stacks that they
 * name, read the g structs again, walk the stacks of those that did not change in between. Equal
 * goid, status, saved registers, stack bounds and trackingSeq (which counts every exit from
 * running, modulo 256) before and after are the proof that the stack in between belongs to that
 * state. The others go into the next try.
 */
#include "goruntime/goroutines.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "goruntime/batch.h"
#include "goruntime/gstruct.h"
#include "model/limits.h"

/*
 * Measured at a million with 4 KiB stacks: half as many cost 5 % more CPU, an eighth 17 %, for each
 * call has its price; twice as many cost 7 % more again, and leave more time to tear.
 */
#define CHUNK 1024
/* Stacks are read and walked in portions of at most this; one is below LIMIT_STACK_BYTES. */
#define STACK_PORTION (4u << 20)
#define G_ROOM (1u << 20)
#define TRIES 4
/* Frames of walked stacks that wait for their visits: a chunk's worth, unless stacks are deep. */
#define FRAME_ROOM (32 * CHUNK)
/*
 * From so many on a second thread helps. It halves the time that the answer spans, for the same
 * CPU time; more would ask too much of a machine that has something else to do.
 */
#define MANY 65536
#define MAX_WORKERS 2

_Static_assert(LIMIT_STACK_BYTES <= STACK_PORTION, "a stack must fit a portion");
_Static_assert(LIMIT_FRAMES <= FRAME_ROOM, "a stack's frames must fit");

/* A goroutine whose second look agreed, waiting for its visit. */
struct pending {
	uint32_t index;
	uint32_t n_frames;
	struct walk_frame *frames;
	enum unwind_end end;
	struct span stack;
};

/* Where a goroutine is. */
struct place {
	uint64_t addr, slot;
};

/* One thread's share of the work: chunks, until there are no more. */
struct worker {
	struct scan *scan;
	struct mem *mem;
	struct mem *own_mem;		/* a clone, when there are several workers */
	struct unwinder *unwinder;
	pthread_t thread;
	struct scan_stats stats;	/* added to the scan's at each flush */
	uint8_t *g_copy;		/* G_ROOM bytes */
	uint8_t *stacks;		/* STACK_PORTION bytes */
	struct walk_frame *frames;	/* FRAME_ROOM of them, for the pending visits */
	size_t n_frames;
	struct pending pending[CHUNK];
	uint32_t n_pending;
	struct go_g gs[CHUNK];
	struct want g_wants[CHUNK], stack_wants[CHUNK], scratch[CHUNK];
	const struct want *stack_of[CHUNK];	/* NULL: it has none to be read */
	uint32_t members[CHUNK];	/* whose second look comes together */
	struct mem_req reqs[CHUNK];
	struct place again[CHUNK];	/* for the next try */
	uint32_t n_again;
	bool last_try;
};

/* What the workers share. Everything below the lock is used under it. */
struct scan {
	struct go_runtime *rt;
	const struct scan_options *o;
	uint64_t array, len;		/* runtime.allgs */
	uint32_t g_bytes;		/* of a g struct that we need */
	pthread_mutex_t lock;
	struct scan_stats *stats;
	uint64_t next;			/* first goroutine that no worker has taken */
	int error;			/* ends all workers */
	struct diag *diag;
};

/* --- One worker --- */

static void try_again(struct worker *w, uint32_t i)
{
	w->again[w->n_again++] = (struct place){ w->gs[i].addr, w->gs[i].slot };
}

static void add_stats(struct scan_stats *sum, struct scan_stats *part)
{
	sum->slots += part->slots;
	sum->read += part->read;
	sum->torn += part->torn;
	sum->retried += part->retried;
	sum->unreadable += part->unreadable;
	sum->broken += part->broken;
	sum->known += part->known;
	*part = (struct scan_stats){ 0 };
}

/* Makes the pending visits, one worker at a time. */
static int flush(struct worker *w)
{
	struct scan *s = w->scan;
	int r;

	pthread_mutex_lock(&s->lock);
	r = s->error;
	/* Pointers are chased in memory as it is now. */
	if (w->n_pending)
		memcache_drop(s->rt->chase);
	for (uint32_t i = 0; r == 0 && i < w->n_pending; i++) {
		const struct pending *p = &w->pending[i];
		const struct go_walk walk = {
			.g = &w->gs[p->index],
			.frames = p->frames,
			.n_frames = p->n_frames,
			.end = p->end,
			.stack = p->stack,
			.last_try = w->last_try,
		};

		r = s->o->visit(s->o->arg, &walk);
		if (r == LOOK_AGAIN) {
			try_again(w, p->index);
			r = 0;
		} else {
			w->stats.read++;
			w->stats.broken += p->end == UNWIND_BROKEN;
		}
	}
	add_stats(s->stats, &w->stats);
	pthread_mutex_unlock(&s->lock);
	w->n_pending = 0;
	w->n_frames = 0;
	return r;
}

static int walk_stack(struct worker *w, uint32_t i, struct pending *p)
{
	const struct want *stack = w->stack_of[i];
	const struct go_g *g = &w->gs[i];
	int r;

	if (FRAME_ROOM - w->n_frames < LIMIT_FRAMES) {
		r = flush(w);
		if (r < 0)
			return r;
	}
	p->stack = span_of(stack->at, stack->len);
	p->frames = w->frames + w->n_frames;
	p->n_frames = (uint32_t)unwind(w->unwinder, p->stack, g->pc, g->in_syscall, p->frames,
				       LIMIT_FRAMES, &p->end);
	w->n_frames += p->n_frames;
	return 0;
}

/* The second look at one goroutine, and its stack when nothing has moved. */
static int look_again(struct worker *w, uint32_t i, const uint8_t *bytes)
{
	struct pending p = { .index = i, .end = UNWIND_WHOLE };
	const struct go_g *g = &w->gs[i];
	struct go_g now;
	int r;

	gstruct_parse(&w->scan->rt->layout, bytes, g->addr, &now);
	/* Two looks at a running one have only the goroutine in common, and need no more. */
	if (g->state == GO_RUNNING ? now.state != GO_RUNNING || now.goid != g->goid
				   : !gstruct_same(g, &now)) {
		try_again(w, i);
		return 0;
	}
	if (w->stack_of[i] && !w->stack_of[i]->at) {
		w->stats.unreadable++;
		return 0;
	}
	if (w->stack_of[i]) {
		r = walk_stack(w, i, &p);
		if (r < 0)
			return r;
	}
	w->pending[w->n_pending++] = p;
	return 0;
}

/*
 * Reads the g structs of n sorted wants and hands each to fn, whose negative errno ends it. Those
 * that are absent are counted.
 */
static int each_g(struct worker *w, struct want *wants, size_t n,
		  int (*fn)(struct worker *w, uint32_t i, const uint8_t *bytes))
{
	while (n) {
		size_t taken;
		int r = batch_read(w->mem, wants, n, w->g_copy, G_ROOM, w->reqs, &taken);

		if (r < 0)
			return r;
		for (size_t i = 0; i < taken; i++) {
			if (!wants[i].at) {
				w->stats.unreadable++;
				continue;
			}
			r = fn(w, wants[i].index, wants[i].at);
			if (r < 0)
				return r;
		}
		wants += taken;
		n -= taken;
	}
	return 0;
}

static int first_look(struct worker *w, uint32_t i, const uint8_t *bytes)
{
	uint64_t slot = w->gs[i].slot;

	gstruct_parse(&w->scan->rt->layout, bytes, w->gs[i].addr, &w->gs[i]);
	w->gs[i].slot = slot;
	return 0;
}

static struct want want_g(const struct worker *w, uint32_t i)
{
	return (struct want){ w->gs[i].addr, w->scan->g_bytes, i, NULL };
}

/* The second look at the first n members: the owners of stacks just read, or those without. */
static int finish_portion(struct worker *w, size_t n)
{
	int r;

	for (size_t k = 0; k < n; k++)
		w->g_wants[k] = want_g(w, w->members[k]);
	batch_sort(w->g_wants, n, w->scratch);
	r = each_g(w, w->g_wants, n, look_again);
	return r < 0 ? r : flush(w);
}

/* Sorts the goroutines that were read into those with a stack and those without (members). */
static void sort_out(struct worker *w, uint32_t n, size_t *n_stacks, size_t *n_bare)
{
	const struct scan_options *o = w->scan->o;

	*n_stacks = *n_bare = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct go_g *g = &w->gs[i];

		w->stack_of[i] = NULL;
		if (g->goid == 0 || gstruct_is_nobody(g))
			continue;
		if (g->state == GO_RUNNING) {
			w->members[(*n_bare)++] = i;
		} else if (!gstruct_has_stack(g) || !gstruct_sane_stack(g)) {
			try_again(w, i);
		} else if (o->known && o->known(o->arg, g)) {
			w->stats.known++;
		} else {
			uint64_t used = g->stack_hi - g->sp;

			w->stack_wants[(*n_stacks)++] = (struct want){
				g->sp, used < LIMIT_STACK_BYTES ? used : LIMIT_STACK_BYTES, i, NULL,
			};
		}
	}
	batch_sort(w->stack_wants, *n_stacks, w->scratch);
}

static int scan_chunk(struct worker *w, const struct place *places, uint32_t n)
{
	size_t n_stacks, n_bare;
	int r;

	w->n_again = 0;
	for (uint32_t i = 0; i < n; i++) {
		w->gs[i] = (struct go_g){ .addr = places[i].addr, .slot = places[i].slot };
		w->g_wants[i] = want_g(w, i);
	}
	batch_sort(w->g_wants, n, w->scratch);
	r = each_g(w, w->g_wants, n, first_look);
	if (r < 0)
		return r;
	sort_out(w, n, &n_stacks, &n_bare);
	r = finish_portion(w, n_bare);
	if (r < 0)
		return r;
	for (size_t done = 0, taken; done < n_stacks; done += taken) {
		struct want *wants = w->stack_wants + done;

		r = batch_read(w->mem, wants, n_stacks - done, w->stacks, STACK_PORTION, w->reqs,
			       &taken);
		if (r < 0)
			return r;
		for (size_t k = 0; k < taken; k++) {
			w->stack_of[wants[k].index] = &wants[k];
			w->members[k] = wants[k].index;
		}
		r = finish_portion(w, taken);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A chunk, and what was torn of it again until it holds still or has had its tries. */
static int scan_with_retries(struct worker *w, const struct place *places, uint32_t n)
{
	struct place again[CHUNK];
	int r;

	w->last_try = false;
	r = scan_chunk(w, places, n);
	for (int i = 1; r == 0 && w->n_again && i < TRIES; i++) {
		uint32_t n_again = w->n_again;

		memcpy(again, w->again, n_again * sizeof(*again));
		w->last_try = i == TRIES - 1;
		r = scan_chunk(w, again, n_again);
		w->stats.retried += n_again - w->n_again;
	}
	w->stats.torn += w->n_again;
	w->stats.slots += n;
	return r < 0 ? r : flush(w);
}

/* --- All of them --- */

/* The next chunk that nobody has taken; 0 when there is none or somebody failed. */
static uint32_t take_chunk(struct scan *s, uint64_t *at)
{
	uint32_t n = 0;

	pthread_mutex_lock(&s->lock);
	*at = s->next;
	if (!s->error && s->next < s->len)
		n = s->len - s->next < CHUNK ? s->len - s->next : CHUNK;
	s->next += n;
	if (n && s->o->progress)
		s->o->progress(s->o->arg, s->next, s->len);
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void fail(struct scan *s, int r)
{
	pthread_mutex_lock(&s->lock);
	if (!s->error)
		s->error = r;
	pthread_mutex_unlock(&s->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct scan *s = w->scan;
	struct place places[CHUNK];
	uint64_t addrs[CHUNK], at;
	uint32_t n;

	while ((n = take_chunk(s, &at))) {
		int r = mem_read(w->mem, s->array + at * 8, addrs, n * 8);

		if (r == -EFAULT)
			diag_fail(s->diag, r, "runtime.allgs lies in memory that is not there");
		for (uint32_t i = 0; r == 0 && i < n; i++)
			places[i] = (struct place){ addrs[i], at + i };
		if (r == 0)
			r = scan_with_retries(w, places, n);
		if (r < 0)
			fail(s, r);
	}
	return NULL;
}

static void worker_free(struct worker *w)
{
	if (!w)
		return;
	free(w->frames);
	free(w->stacks);
	free(w->g_copy);
	unwinder_free(w->unwinder);
	mem_close(w->own_mem);
	free(w);
}

static struct worker *worker_new(struct scan *s, bool shares)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->scan = s;
	w->mem = s->rt->live;
	w->unwinder = unwinder_new(s->rt->tab, &s->rt->tab_lock);
	w->g_copy = malloc(G_ROOM);
	w->stacks = malloc(STACK_PORTION);
	w->frames = calloc(FRAME_ROOM, sizeof(*w->frames));
	if (!w->unwinder || !w->g_copy || !w->stacks || !w->frames ||
	    (shares && mem_clone(s->rt->live, &w->own_mem) < 0)) {
		worker_free(w);
		return NULL;
	}
	/* The visits chase pointers through rt->live, so none of several workers may use it. */
	if (w->own_mem)
		w->mem = w->own_mem;
	return w;
}

/* Starts as many workers as are worth it; one that cannot be had is done without. */
static int scan_all(struct scan *s)
{
	bool many = s->len >= MANY && !s->o->known && s->rt->live->ops->clone &&
		    get_nprocs() > 1;
	struct worker *workers[MAX_WORKERS] = { NULL };
	size_t n = 0, want = many ? MAX_WORKERS : 1;

	for (; n < want; n++) {
		workers[n] = worker_new(s, many);
		if (!workers[n])
			break;
		if (n && pthread_create(&workers[n]->thread, NULL, work, workers[n]) != 0) {
			worker_free(workers[n]);
			break;
		}
	}
	if (n)
		work(workers[0]);
	for (size_t i = 0; i < n; i++) {
		if (i)
			pthread_join(workers[i]->thread, NULL);
		worker_free(workers[i]);
	}
	return n ? s->error : -ENOMEM;
}

int goroutines_scan(struct go_runtime *rt, const struct scan_options *o, struct scan_stats *ret,
		    struct diag *d)
{
	struct scan s = { .rt = rt, .o = o, .stats = ret, .diag = d };
	int r;

	*ret = (struct scan_stats){ 0 };
	s.g_bytes = gstruct_bytes(&rt->layout);
	r = go_runtime_allgs(rt, &s.array, &s.len, d);
	if (r < 0)
		return r;
	pthread_mutex_init(&s.lock, NULL);
	r = scan_all(&s);
	pthread_mutex_destroy(&s.lock);
	return r;
}
