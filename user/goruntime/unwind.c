// SPDX-License-Identifier: Apache-2.0
#include "goruntime/unwind.h"

#include <stdlib.h>
#include <string.h>

/* funcFlag_TOPFRAME and funcFlag_SPWRITE (Go 1.18 runtime/symtab.go; abi.FuncFlag* since 1.21). */
#define FLAG_TOP_FRAME 1
#define FLAG_SP_WRITE 2

/* What the walk needs of one pc. A program parks at some thousands of pcs, a million times each. */
struct pc_fact {
	uint64_t pc;		/* 0 empty */
	int32_t delta;		/* bytes from sp to the return address */
	uint8_t unknown;	/* no function, or no frame size there */
	uint8_t top;		/* the stack ends with this frame */
	uint8_t goexit;		/* ... and it is not shown */
	uint8_t sp_write;
	uint8_t injected;	/* it was put on the stack by a signal */
	uint8_t at_entry;
};

/* Hostile stacks may name any number of pcs: beyond this the cache starts anew. */
#define MAX_FACTS (1u << 20)

struct unwinder {
	struct pclntab *tab;
	pthread_mutex_t *lock;		/* of tab; NULL when nobody else uses it */
	struct pc_fact *facts;
	size_t n, slots;	/* slots is a power of two */
};

struct unwinder *unwinder_new(struct pclntab *tab, pthread_mutex_t *lock)
{
	struct unwinder *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->tab = tab;
	u->lock = lock;
	u->slots = 4096;
	u->facts = calloc(u->slots, sizeof(*u->facts));
	if (!u->facts) {
		free(u);
		return NULL;
	}
	return u;
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	free(u->facts);
	free(u);
}

static size_t slot_of(const struct unwinder *u, uint64_t pc)
{
	return (pc * 0x9e3779b97f4a7c15ull >> 32) & (u->slots - 1);
}

static void make_room(struct unwinder *u)
{
	struct pc_fact *old = u->facts, *facts;
	size_t n = u->slots;

	if (n < MAX_FACTS) {
		facts = calloc(n * 2, sizeof(*facts));
		if (facts) {
			u->facts = facts;
			u->slots = n * 2;
			for (size_t i = 0; i < n; i++) {
				size_t at = slot_of(u, old[i].pc);

				if (!old[i].pc)
					continue;
				while (facts[at].pc)
					at = (at + 1) & (u->slots - 1);
				facts[at] = old[i];
			}
			free(old);
			return;
		}
	}
	memset(u->facts, 0, n * sizeof(*u->facts));
	u->n = 0;
}

static struct pc_fact learn(struct unwinder *u, uint64_t pc)
{
	struct pc_fact fact = { .pc = pc };
	struct func f;

	if (pclntab_find(u->tab, pc, &f) < 0) {
		fact.unknown = 1;
		return fact;
	}
	fact.at_entry = pc == f.entry;
	fact.goexit = f.kind == FUNC_GOEXIT;
	fact.top = fact.goexit || f.kind == FUNC_TOP || (f.flag & FLAG_TOP_FRAME);
	fact.injected = f.kind == FUNC_ASYNC_PREEMPT || f.kind == FUNC_SIGPANIC ||
			f.kind == FUNC_DEBUG_CALL;
	/*
	 * cgocallback writes SP too, but keeps a valid frame on both stacks
	 * (runtime.unwinder.resolveInternal).
	 */
	fact.sp_write = (f.flag & FLAG_SP_WRITE) && strcmp(f.name, "runtime.cgocallback") != 0;
	if (f.pcsp == 0)
		fact.top = 1;	/* external code without frame information: the walk ends there */
	else if (!fact.top && pclntab_sp_delta(u->tab, &f, pc, &fact.delta) < 0)
		fact.unknown = 1;
	if (fact.delta < 0)
		fact.unknown = 1;
	return fact;
}

static const struct pc_fact *fact_of(struct unwinder *u, uint64_t pc)
{
	size_t at = slot_of(u, pc);

	for (; u->facts[at].pc; at = (at + 1) & (u->slots - 1))
		if (u->facts[at].pc == pc)
			return &u->facts[at];
	if (u->n * 2 >= u->slots) {
		make_room(u);
		for (at = slot_of(u, pc); u->facts[at].pc;)
			at = (at + 1) & (u->slots - 1);
	}
	if (u->lock)
		pthread_mutex_lock(u->lock);
	u->facts[at] = learn(u, pc);
	if (u->lock)
		pthread_mutex_unlock(u->lock);
	u->n++;
	return &u->facts[at];
}

size_t unwind(struct unwinder *u, struct span stack, uint64_t pc, bool syscall,
	      struct walk_frame *frames, size_t max, enum unwind_end *end)
{
	uint64_t sp = 0;	/* offset in the copy */
	bool injected = false;
	size_t n = 0;

	*end = UNWIND_BROKEN;
	while (pc) {
		const struct pc_fact *fact = fact_of(u, pc);

		if (fact->unknown)
			return n;
		if (fact->goexit) {
			*end = UNWIND_WHOLE;
			return n;
		}
		if (n == max) {
			*end = UNWIND_CUT;
			return n;
		}
		frames[n++] = (struct walk_frame){
			.pc = pc,
			.sp_off = (uint32_t)sp,
			.exact = injected || fact->at_entry,
		};
		if (fact->top || (fact->sp_write && n > 1 && !syscall)) {
			*end = UNWIND_WHOLE;
			return n;
		}
		injected = fact->injected;
		syscall = false;	/* the exemption is for the innermost frame */
		sp += (uint32_t)fact->delta;
		if (!span_has(&stack, sp, 8)) {
			*end = UNWIND_CUT;
			return n;
		}
		pc = span_u64(&stack, sp);
		sp += 8;
	}
	return n;
}
