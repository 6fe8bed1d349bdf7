// SPDX-License-Identifier: Apache-2.0
#include "goruntime/heap_locate.h"

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "goruntime/operands.h"

/* runtime.gcMarkTermination, the largest of those that are read, names some 120 globals. */
#define OPERANDS_MAX 512
#define OFFSETS_MAX 10
#define PAGE 4096

enum function {
	GC_SWEEP,
	MARKROOT_SPANS,
	MARK_TERMINATION,
	MHEAP_INIT,
	REFILL,
	GC_START,
	PERSISTENT_ALLOC,
	MARK_BIT_EPOCH,
	STACK_BUCKET,
	QUEUE_FINALIZER,
	COMMON_INIT,
	FREE_SPECIAL,
	MARKROOT,
	FUNCTIONS
};

static const char *const names[FUNCTIONS] = {
	[GC_SWEEP] = "runtime.gcSweep",
	[MARKROOT_SPANS] = "runtime.markrootSpans",
	[MARK_TERMINATION] = "runtime.gcMarkTermination",
	[MHEAP_INIT] = "runtime.(*mheap).init",
	[REFILL] = "runtime.(*mcache).refill",
	[GC_START] = "runtime.gcStart",
	[PERSISTENT_ALLOC] = "runtime.persistentalloc1",
	[MARK_BIT_EPOCH] = "runtime.nextMarkBitArenaEpoch",
	[STACK_BUCKET] = "runtime.stkbucket",
	[QUEUE_FINALIZER] = "runtime.queuefinalizer",
	[COMMON_INIT] = "runtime.mcommoninit",
	[FREE_SPECIAL] = "runtime.freeSpecial",
	[MARKROOT] = "runtime.markroot",
};

struct operands {
	uint64_t addrs[OPERANDS_MAX];
	int n;
};

struct locate {
	struct go_runtime *rt;
	struct operands of[FUNCTIONS];
};

/* What a function names of one variable: offsets in it, those that are negative left out. */
struct shape {
	enum function function;
	int n;
	int32_t offsets[OFFSETS_MAX];
};

static bool names_it(const struct operands *o, uint64_t addr)
{
	for (int i = 0; i < o->n; i++)
		if (o->addrs[i] == addr)
			return true;
	return false;
}

static bool fits(const struct operands *o, const struct shape *s, uint64_t base)
{
	for (int i = 0; i < s->n; i++)
		if (s->offsets[i] >= 0 && !names_it(o, base + (uint32_t)s->offsets[i]))
			return false;
	return true;
}

static bool in_data(const struct moduledata *md, uint64_t addr)
{
	return (addr >= md->data && addr < md->edata) || (addr >= md->bss && addr < md->ebss) ||
	       (addr >= md->noptrdata && addr < md->enoptrdata) ||
	       (addr >= md->noptrbss && addr < md->enoptrbss);
}

/* The one base at which all offsets of the shape are named; 0 none, or more than one. */
static uint64_t by_shape(const struct locate *c, const struct shape *s)
{
	const struct operands *o = &c->of[s->function];
	uint64_t found = 0;
	int first = 0;

	while (first < s->n && s->offsets[first] < 0)
		first++;
	for (int i = 0; first < s->n && i < o->n; i++) {
		uint64_t base = o->addrs[i] - (uint32_t)s->offsets[first];

		if (!in_data(&c->rt->md, base) || !fits(o, s, base))
			continue;
		if (found && found != base)
			return 0;
		found = base;
	}
	return found;
}

static uint64_t by_symbol(const struct go_runtime *rt, unsigned int ways, const char *name)
{
	uint64_t addr;

	if (!(ways & LOCATE_SYMBOL) || !rt->elf || elf_image_symbol(rt->elf, name, &addr) < 0)
		return 0;
	return addr + rt->md.bias;
}

/* What all that say something say; 0 when they do not agree. */
static uint64_t agreed(const uint64_t *said, size_t n)
{
	uint64_t ret = 0;

	for (size_t i = 0; i < n; i++) {
		if (!said[i])
			continue;
		if (ret && ret != said[i])
			return 0;
		ret = said[i];
	}
	return ret;
}

static uint64_t struct_at(const struct locate *c, unsigned int ways, const char *symbol,
			  const struct shape *a, const struct shape *b)
{
	const uint64_t said[] = {
		by_symbol(c->rt, ways, symbol),
		by_shape(c, a),
		by_shape(c, b),
	};

	return agreed(said, ARRAY_SIZE(said));
}

static int operands_of(struct mem *code, const struct func *f, bool words, struct operands *o)
{
	return (words ? operands_words : operands_globals)(code, f->entry, f->end, o->addrs,
							   OPERANDS_MAX);
}

static int read_operands(struct locate *c)
{
	struct go_runtime *rt = c->rt;
	struct func funcs[FUNCTIONS];
	int r;

	pthread_mutex_lock(&rt->tab_lock);
	r = pclntab_find_names(rt->tab, names, FUNCTIONS, funcs);
	pthread_mutex_unlock(&rt->tab_lock);
	if (r < 0)
		return r;
	for (int i = 0; i < FUNCTIONS; i++) {
		bool words = i == PERSISTENT_ALLOC || i == STACK_BUCKET ||
			     i == QUEUE_FINALIZER || i == COMMON_INIT;
		struct operands *o = &c->of[i];

		if (!funcs[i].name)
			continue;
		o->n = operands_of(rt->file, &funcs[i], words, o);
		if (o->n == -EFAULT)
			o->n = operands_of(rt->live, &funcs[i], words, o);
		if (o->n == -ENOMEM || o->n == -ESRCH)
			return o->n;
	}
	return 0;
}

static bool points_to_page(struct mem *m, uint64_t at, uint64_t *page)
{
	return mem_read_u64(m, at, page) == 0 && *page && *page % PAGE == 0;
}

/* A word that points to a chunk: page-aligned, and its first word is another one or 0. */
static bool heads_chunks(struct mem *m, uint64_t at)
{
	uint64_t chunk, next;

	return points_to_page(m, at, &chunk) && mem_read_u64(m, chunk, &next) == 0 &&
	       next % PAGE == 0 && (!next || mem_read_u64(m, next, &chunk) == 0);
}

/* stkbucket() reads the hash table's address; what it names else points to no whole page. */
static bool heads_profile(struct mem *m, uint64_t at)
{
	uint64_t page;

	return points_to_page(m, at, &page);
}

/*
 * persistentalloc1() reads and swaps persistentChunks; of globalAlloc, whose base points to a chunk
 * too, it takes the address. heap_metadata.c holds what is found against where mspans lie.
 */
static uint64_t pointer_at(const struct locate *c, unsigned int ways, const char *name,
			   enum function function, bool (*is)(struct mem *m, uint64_t at))
{
	const struct operands *o = &c->of[function];
	uint64_t symbol = by_symbol(c->rt, ways, name), found = 0;

	for (int i = 0; i < o->n; i++) {
		uint64_t at = o->addrs[i];

		if (!in_data(&c->rt->md, at) || at % 8 || !is(c->rt->live, at))
			continue;
		if (found && found != at)
			return symbol;	/* two, so neither */
		found = at;
	}
	return agreed((const uint64_t[]){ symbol, found }, 2);
}

static uint64_t gc_bits_at(const struct locate *c, unsigned int ways)
{
	const struct shape all = { MARK_BIT_EPOCH, 5, { 0, 8, 16, 24, 32 } };

	return agreed((const uint64_t[]){ by_symbol(c->rt, ways, "runtime.gcBitsArenas"),
					  by_shape(c, &all) },
		      2);
}

/*
 * queuefinalizer() looks at finq, then finc, then allfin, and at no other word before these
 * (runtime/mfinal.go, Go 1.18 to 1.27). The first two are the first block and its free list.
 */
#define FINALIZER_WORDS 3

static uint64_t finalizers_at(const struct locate *c, unsigned int ways)
{
	const struct operands *o = &c->of[QUEUE_FINALIZER];
	uint64_t found = 0;

	if (o->n >= FINALIZER_WORDS)
		found = o->addrs[FINALIZER_WORDS - 1];
	for (int i = 0; found && i < FINALIZER_WORDS; i++)
		if (!in_data(&c->rt->md, o->addrs[i]))
			found = 0;
	return agreed((const uint64_t[]){ by_symbol(c->rt, ways, "runtime.allfin"), found }, 2);
}

/* The one word of a variable with pointers that mcommoninit() uses: it puts a new m before all. */
static uint64_t threads_at(const struct locate *c, unsigned int ways)
{
	const struct operands *o = &c->of[COMMON_INIT];
	const struct moduledata *md = &c->rt->md;
	uint64_t found = 0;
	int n = 0;

	for (int i = 0; i < o->n; i++) {
		uint64_t at = o->addrs[i];

		if ((at >= md->data && at < md->edata) || (at >= md->bss && at < md->ebss)) {
			found = at;
			n++;
		}
	}
	return agreed((const uint64_t[]){ by_symbol(c->rt, ways, "runtime.allm"),
					  n == 1 ? found : 0 },
		      2);
}

/* freeSpecial() takes its address, markroot() reads one word of it, gcMarkTermination() two. */
static uint64_t cleanups_at(const struct locate *c, const struct go_heap_layout *l,
			    unsigned int ways)
{
	const struct shape root = { MARKROOT, 1, { l->cleanups_all } };
	const struct shape sums = { MARK_TERMINATION, 2, { l->cleanups_queued,
							   l->cleanups_executed } };
	const struct operands *o = &c->of[FREE_SPECIAL];
	uint64_t found = 0;
	int n = 0;

	if (l->cleanups_all < 0)
		return 0;
	for (int i = 0; i < o->n; i++) {
		if (!in_data(&c->rt->md, o->addrs[i]) ||
		    !fits(&c->of[MARKROOT], &root, o->addrs[i]) ||
		    !fits(&c->of[MARK_TERMINATION], &sums, o->addrs[i]))
			continue;
		found = o->addrs[i];
		n++;
	}
	return agreed((const uint64_t[]){ by_symbol(c->rt, ways, "runtime.gcCleanups"),
					  n == 1 ? found : 0 },
		      2);
}

static void find_mheap(const struct locate *c, const struct go_heap_layout *l, unsigned int ways,
		       struct heap_globals *ret)
{
	const struct shape sweep = {
		GC_SWEEP,
		8,
		{ l->heap_sweepgen, l->heap_reclaim_index, l->heap_arena_list,
		  l->heap_arena_list + 8, l->heap_arena_list + 16, l->heap_sweep_arenas,
		  l->heap_sweep_arenas + 8, l->heap_sweep_arenas + 16 },
	};
	const struct shape mark = {
		MARKROOT_SPANS,
		4,
		{ l->heap_sweepgen, l->heap_arenas, l->heap_mark_arenas, l->heap_mark_arenas + 8 },
	};

	ret->mheap = struct_at(c, ways, "runtime.mheap_", &sweep, &mark);
}

static void find_memstats(const struct locate *c, const struct go_heap_layout *l,
			  unsigned int ways, struct heap_globals *ret)
{
	const struct shape end = {
		MARK_TERMINATION,
		7,
		{ l->memstats_last_gc_unix, l->memstats_pause_total, l->memstats_pause_ns,
		  l->memstats_pause_end, l->memstats_numgc, l->memstats_numforcedgc,
		  l->memstats_last_gc },
	};
	const struct shape init = {
		MHEAP_INIT,
		4,
		{ l->memstats_mspan_sys, l->memstats_mcache_sys, l->memstats_gc_sys,
		  l->memstats_other_sys },
	};

	ret->memstats = struct_at(c, ways, "runtime.memstats", &end, &init);
}

static void find_controller(const struct locate *c, const struct go_heap_layout *l,
			    unsigned int ways, struct heap_globals *ret)
{
	/* Go 1.19: the goal is worked out by functions of its own; the sums moved in. */
	const struct shape end = {
		MARK_TERMINATION,
		5,
		{ l->gc_percent, l->gc_last_heap_goal, l->gc_heap_live,
		  l->minor < 19 ? l->gc_heap_goal : -1, l->gc_trigger },
	};
	const struct shape start = {
		GC_START,
		4,
		{ l->gc_percent, l->gc_heap_live, l->gc_heap_goal, l->gc_trigger },
	};
	const struct shape refill = { REFILL, 2, { l->gc_percent, l->gc_total_alloc } };

	ret->controller = struct_at(c, ways, "runtime.gcController", &end,
				    l->minor < 19 ? &start : &refill);
}

int heap_locate(struct go_runtime *rt, const struct go_heap_layout *l, unsigned int ways,
		struct heap_globals *ret)
{
	struct locate c = { .rt = rt };
	int r = ways & LOCATE_CODE ? read_operands(&c) : 0;

	if (r < 0)
		return r;
	find_mheap(&c, l, ways, ret);
	find_memstats(&c, l, ways, ret);
	find_controller(&c, l, ways, ret);
	ret->chunks = pointer_at(&c, ways, "runtime.persistentChunks", PERSISTENT_ALLOC,
				 heads_chunks);
	ret->profile = pointer_at(&c, ways, "runtime.buckhash", STACK_BUCKET, heads_profile);
	ret->gc_bits = gc_bits_at(&c, ways);
	ret->finalizers = finalizers_at(&c, ways);
	ret->cleanups = cleanups_at(&c, l, ways);
	ret->threads = threads_at(&c, ways);
	return 0;
}
