// SPDX-License-Identifier: Apache-2.0
#include "native/lock_look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addrmap.h"
#include "base/cleanup.h"
#include "model/limits.h"
#include "native/modules.h"
#include "native/pthread.h"
#include "native/symbols.h"
#include "native/thread.h"
#include "native/unwind.h"
#include "target/process.h"
#include "target/threads.h"

/* Frames that can say what the thread waits for. */
#define NAMED_FRAMES 6

struct look {
	const struct process *process;
	struct modules *modules;
	struct mem *live;
	const struct lock_hint *hints;
	size_t n_hints;
	struct arena *arena;
	pid_t *tids, *own;	/* ours, and the process's own; NULL when they are the same */
	size_t n;
	struct lock_wait *waits;
	struct lock_holder *holders;
	struct addrmap *words;		/* index of each word's crowd */
	struct lock_crowd *crowds;	/* others: all that wait, until the end */
	uint32_t n_crowds;
	bool crowded;			/* somebody was left out */
	struct lock_look out;
};

static void look_done(struct look *l)
{
	addrmap_free(l->words);
	free(l->crowds);
	free(l->tids);
	free(l->own);
}

/* Our number for a thread that the process calls so; 0 when it has no such thread (any more). */
static pid_t tid_of_own(const struct look *l, pid_t own)
{
	const pid_t *all = l->own ? l->own : l->tids;

	for (size_t i = 0; own > 0 && i < l->n; i++)
		if (all[i] == own)
			return l->tids[i];
	return 0;
}

static const struct lock_hint *find_hint(const struct look *l, pid_t tid)
{
	size_t low = 0, high = l->n_hints;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->hints[mid].tid == tid)
			return &l->hints[mid];
		if (l->hints[mid].tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* NULL when there is none, or the thread has run since it was made. */
static const struct lock_hint *hint_of(const struct look *l, const struct native_thread *t)
{
	const struct lock_hint *h = find_hint(l, t->tid);

	return h && h->switches == t->switches && h->regs[CFI_RSP] == t->sp &&
	       h->regs[CFI_PC] == t->pc ? h : NULL;
}

/* --- Crowds --- */

/* One more that waits on that word. 0 it is one of those to look at; 1 it is not; -ENOMEM. */
static int join_crowd(struct look *l, uint64_t futex)
{
	uint32_t at;

	if (addrmap_get(l->words, futex, &at) < 0) {
		at = l->n_crowds++;
		l->crowds[at] = (struct lock_crowd){ .futex = futex };
		if (addrmap_put(l->words, futex, at) < 0)
			return -ENOMEM;
	}
	if (++l->crowds[at].others <= LIMIT_LOCK_SAMPLE)
		return 0;
	l->crowded = true;
	return 1;
}

/* One that was left out was looked at all the same. */
static void leave_crowd(struct look *l, uint64_t futex)
{
	uint32_t at;

	if (addrmap_get(l->words, futex, &at) == 0 && l->crowds[at].others > LIMIT_LOCK_SAMPLE)
		l->crowds[at].others--;
}

/* By what was traced a moment ago, which costs nothing: is it one of a crowd that is known? */
static bool is_one_of_many(struct look *l, pid_t tid)
{
	const struct lock_hint *h = find_hint(l, tid);
	uint32_t at;

	if (!h || addrmap_get(l->words, h->regs[CFI_RDI], &at) < 0 ||
	    l->crowds[at].others < LIMIT_LOCK_SAMPLE ||
	    !pthread_locks_with((uint32_t)h->regs[CFI_RSI], (uint32_t)h->regs[CFI_RDX]))
		return false;
	l->crowds[at].others++;
	l->crowded = true;
	return true;
}

static int by_futex(const void *a, const void *b)
{
	const struct lock_crowd *x = a, *y = b;

	return (x->futex > y->futex) - (x->futex < y->futex);
}

/* Those beyond the sample. */
static int keep_crowds(struct look *l)
{
	struct lock_crowd *kept = arena_alloc(l->arena, (size_t)l->n_crowds + 1, sizeof(*kept));
	uint32_t n = 0;

	if (!kept)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->n_crowds; i++)
		if (l->crowds[i].others > LIMIT_LOCK_SAMPLE)
			kept[n++] = (struct lock_crowd){
				l->crowds[i].futex, l->crowds[i].others - LIMIT_LOCK_SAMPLE
			};
	if (n)
		qsort(kept, n, sizeof(*kept), by_futex);
	l->out.crowds = kept;
	l->out.n_crowds = n;
	return 0;
}

static int walk_thread(struct look *l, const struct native_thread *t, struct unwound *ret)
{
	const struct lock_hint *hint = hint_of(l, t);
	struct cfi_regs regs;
	int r;

	if (hint)
		unwind_all_regs(hint->regs, &regs);
	else
		native_thread_regs(t, &regs);
	r = unwind_live(l->modules, &regs, l->live, ret);
	if (r == -EFAULT) {
		/* A stack that is no memory of ours to read: there is still the pc. */
		*ret = (struct unwound){ .pcs = { t->pc }, .n = 1, .truncated = true };
		return 0;
	}
	return r;
}

/* The names of the inner frames, in the arena. */
static int name_inner(struct look *l, const struct unwound *u, const char **names)
{
	for (uint32_t i = 0; i < u->n && i < NAMED_FRAMES; i++) {
		const char *s = symbols_function(l->modules, u->pcs[i], i != 0);

		names[i] = s ? arena_intern(l->arena, s, strnlen(s, LIMIT_NAME)) : NULL;
		if (s && !names[i])
			return -ENOMEM;
	}
	return 0;
}

/* Lines cost more than the rest of the look: for locks, which can be somebody's fault. */
static bool wants_lines(enum lock_kind k)
{
	return k == LOCK_MUTEX || k == LOCK_RWLOCK || k == LOCK_JOIN;
}

static void fill_wait(struct look *l, const struct native_thread *t, const struct pthread_lock *k,
		      struct lock_wait *w)
{
	const struct lock_hint *hint = hint_of(l, t);

	*w = (struct lock_wait){
		.tid = t->tid,
		.start_ticks = t->start_ticks,
		.switches = t->switches,
		.comm = arena_strdup(l->arena, t->comm),
		.futex = t->args[0],
		.word = k->word,
		.kind = k->kind,
		.lock = k->lock,
		.for_read = k->for_read,
		.timed = k->timed,
		.owner = tid_of_own(l, k->owner),
		.waited_ns = hint ? hint->waited_ns : WAIT_UNKNOWN,
	};
	w->validated = k->consistent && w->owner;
}

/* 0 taken; -EAGAIN it moved meanwhile. */
static int take_wait(struct look *l, const struct native_thread *t)
{
	struct lock_wait *w = &l->waits[l->out.n_waits];
	const char *names[NAMED_FRAMES] = { NULL };
	struct pthread_lock k;
	struct unwound u;
	int r = walk_thread(l, t, &u);

	if (r == 0)
		r = name_inner(l, &u, names);
	if (r == 0)
		r = pthread_lock_read(l->live, t, names, NAMED_FRAMES, &k);
	if (r < 0)
		return r == -EFAULT ? -EAGAIN : r;
	/* After the last read: until now the stack and the lock were those of this very wait. */
	if (!native_thread_unmoved(l->process, t))
		return -EAGAIN;
	fill_wait(l, t, &k, w);
	if (!w->comm)
		return -ENOMEM;
	r = symbols_stack(l->modules, u.pcs, u.n, u.truncated, wants_lines(w->kind), l->arena,
			  &w->stack);
	if (r == 0)
		l->out.n_waits++;
	return r;
}

static int take_waits(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct native_thread t;
		int r;

		if (i == LIMIT_LOCK_WAITS) {
			l->out.not_looked_at += (uint32_t)(l->n - i);
			break;
		}
		if (is_one_of_many(l, l->tids[i]))
			continue;
		r = native_thread_peek(l->process, l->tids[i], &t);
		if (r == 0 && !pthread_may_wait_for_lock(&t))
			continue;
		if (r == 0)
			r = join_crowd(l, t.args[0]);
		if (r > 0)
			continue;
		if (r == 0)
			r = native_thread_read(l->process, l->tids[i], &t);
		if (r == 0 && t.state == 'S' && pthread_may_wait_for_lock(&t))
			r = take_wait(l, &t);
		if (r == -EAGAIN)
			l->out.not_looked_at++;
		else if (r < 0 && r != -ESRCH)
			return r;
	}
	return 0;
}

static int take_holder(struct look *l, pid_t tid)
{
	struct lock_holder *h = &l->holders[l->out.n_holders];
	struct native_thread t;
	struct unwound u = { .n = 0 };
	char wchan[64] = "";
	int r = native_thread_read(l->process, tid, &t);

	if (r == -EAGAIN || r == -ESRCH)
		return 0;
	if (r == 0 && t.blocked) {
		native_thread_wchan(l->process, tid, wchan, sizeof(wchan));
		r = walk_thread(l, &t, &u);
		/* It went on: then it is a thread that runs, and has no stack to show. */
		if (r == 0 && !native_thread_unmoved(l->process, &t))
			u.n = 0;
	}
	if (r < 0)
		return r;
	*h = (struct lock_holder){ .tid = tid, .state = t.state,
				   .comm = arena_strdup(l->arena, t.comm) };
	if (u.n && wchan[0])
		h->sleeps_in = arena_strdup(l->arena, wchan);
	if (!h->comm || (u.n && wchan[0] && !h->sleeps_in))
		return -ENOMEM;
	if (u.n)
		r = symbols_stack(l->modules, u.pcs, u.n, u.truncated, true, l->arena, &h->stack);
	if (r == 0)
		l->out.n_holders++;
	return r;
}

static int by_tid(const void *a, const void *b)
{
	const struct lock_wait *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static bool is_looked_at(const struct look *l, pid_t tid)
{
	for (uint32_t i = 0; i < l->out.n_waits; i++)
		if (l->waits[i].tid == tid)
			return true;
	return false;
}

/*
 * Who holds a lock may be one of a crowd at another one: a cycle goes through it. What is found so
 * may lead to the next.
 */
static int take_owners_in_crowds(struct look *l)
{
	uint32_t n = l->out.n_waits;

	for (uint32_t i = 0; l->crowded && i < l->out.n_waits; i++) {
		pid_t owner = l->waits[i].owner;
		struct native_thread t;
		int r;

		if (!owner || is_looked_at(l, owner))
			continue;
		r = native_thread_read(l->process, owner, &t);
		if (r < 0 || t.state != 'S' || !pthread_may_wait_for_lock(&t))
			continue;
		r = take_wait(l, &t);
		if (r == 0)
			leave_crowd(l, t.args[0]);
		else if (r != -EAGAIN && r != -ESRCH)
			return r;
	}
	if (l->out.n_waits > n)
		qsort(l->waits, l->out.n_waits, sizeof(*l->waits), by_tid);
	return 0;
}

static int take_holders(struct look *l)
{
	for (uint32_t i = 0; i < l->out.n_waits; i++) {
		const struct lock_wait *w = &l->waits[i];
		int r;

		if (!w->owner || w->kind == LOCK_JOIN || lock_look_wait(&l->out, w->owner) ||
		    lock_look_holder(&l->out, w->owner))
			continue;
		r = take_holder(l, w->owner);
		if (r < 0)
			return r;
	}
	return 0;
}

static int list_threads(struct look *l, struct diag *d)
{
	int r = threads_list(l->process, &l->tids, &l->n, d);

	if (r < 0)
		return r;
	l->own = calloc(l->n, sizeof(*l->own));
	if (!l->own)
		return -ENOMEM;
	if (!threads_own_ids(l->process, l->tids, l->n, l->own)) {
		free(l->own);
		l->own = NULL;
	}
	l->out.threads = (uint32_t)l->n;
	l->waits = arena_alloc(l->arena, l->n, sizeof(*l->waits));
	l->holders = arena_alloc(l->arena, l->n, sizeof(*l->holders));
	l->words = addrmap_new();
	l->crowds = calloc(l->n, sizeof(*l->crowds));
	if (!l->waits || !l->holders || !l->words || !l->crowds)
		return -ENOMEM;
	l->out.waits = l->waits;
	l->out.holders = l->holders;
	return 0;
}

int lock_look_take(const struct process *p, struct modules *m, struct mem *live,
		   const struct lock_hint *hints, size_t n_hints, struct arena *a,
		   struct lock_look *ret, struct diag *d)
{
	CLEANUP(look_done) struct look l = { .process = p, .modules = m, .live = live,
					     .hints = hints, .n_hints = n_hints, .arena = a };
	int r = modules_refresh(m, d);

	if (r == 0)
		r = list_threads(&l, d);
	if (r == 0)
		r = take_waits(&l);
	if (r == 0)
		r = take_owners_in_crowds(&l);
	if (r == 0)
		r = keep_crowds(&l);
	if (r == 0)
		r = take_holders(&l);
	if (r == -EPERM)
		return diag_fail(d, r, "what its threads wait for may not be read");
	if (r < 0)
		return r;
	*ret = l.out;
	return 0;
}
