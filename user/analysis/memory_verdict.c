// SPDX-License-Identifier: Apache-2.0
/* One look: what looks like a leak and is none, and what is not explained. */
#include "analysis/memory_verdict.h"

#include <errno.h>
#include <math.h>

#include "analysis/amount.h"
#include "analysis/count.h"
#include "analysis/memory_words.h"
#include "analysis/site.h"
#include "base/cleanup.h"

/* debug.SetMemoryLimit(): math.MaxInt64 is none. */
#define NO_LIMIT INT64_MAX
/* Of what spans have, so much lies free between objects where it is worth a word. */
#define FRAGMENTED_SHARE 0.3
/* Go makes stacks of 2 KiB (runtime/stack.go, stackMin); eight times that is no start. */
#define DEEP_STACK 16384.0
/* Threads of a Go program beyond what the scheduler takes by itself; and what one touches. */
#define MANY_THREADS 200
#define DEEP_THREAD_STACK (256 * 1024.0)
#define UNEXPLAINED_BYTES (1 * MIB)
#define UNEXPLAINED_SHARE 0.01

static bool known(int64_t v)
{
	return v != LOOK_UNKNOWN;
}

/* 0 for what is not known: of sums, where that is the least that can be said. */
static double or_0(int64_t v)
{
	return known(v) && v > 0 ? (double)v : 0;
}

static bool worth(const struct memory_look *l, double bytes)
{
	return bytes >= WORTH_BYTES && known(l->rss) && bytes >= WORTH_SHARE * (double)l->rss;
}

static const char *share_words(struct memory_found *f, const struct memory_look *l, double bytes)
{
	const char *s = arena_printf(f->arena, "%.0f %% of RSS", 100 * bytes / (double)l->rss);

	f->failed = f->failed || !s;
	return s ? s : "";
}

static void say_last_gc(const struct memory_look *l, struct memory_found *f)
{
	const char *age;

	if (!known(l->last_gc_age_ns))
		return;
	age = amount_span(f->arena, or_0(l->last_gc_age_ns) / 1e9);
	/* runtime/proc.go, forcegcperiod: two minutes, where GOGC is not off. */
	memory_found_say(f, "the last collection was %s ago%s", age ? age : "?",
			 known(l->gogc) && l->gogc >= 0 ? "; one comes every 2 min at the latest" :
							  "");
}

/* --- Go's heap --- */

static void heap_not_returned(const struct memory_look *l, struct memory_found *f)
{
	double lazy = or_0(l->go_heap_lazyfree), free = or_0(l->go_heap_free) + lazy;
	struct finding *to;

	if (!worth(l, free))
		return;
	to = memory_found_add(f, "heap-not-returned", VERDICT_EXPLAINED, free,
			      "%s (%s) are heap that Go has freed and not given back yet: no leak",
			      memory_bytes(f, free), share_words(f, l, free));
	/* Of pages that were given up lazily the runtime counts none as its own. */
	if (known(l->heap_idle) && known(l->heap_released) && l->heap_idle - l->heap_released > MIB)
		memory_found_say(f, "HeapIdle %s less HeapReleased %s is %s",
				 memory_bytes(f, or_0(l->heap_idle)),
				 memory_bytes(f, or_0(l->heap_released)),
				 memory_bytes(f, or_0(l->heap_idle) - or_0(l->heap_released)));
	if (lazy > 0)
		memory_found_say(f, "of it %s is given up by MADV_FREE: the kernel takes it when "
				 "it needs memory, and counts it until then", memory_bytes(f, lazy));
	if (known(l->heap_alloc))
		memory_found_say(f, "allocated are %s", memory_bytes(f, or_0(l->heap_alloc)));
	say_last_gc(l, f);
	memory_found_say(f, "the next allocations take it; what the goal of the next collection "
			 "leaves over goes back bit by bit");
	if (lazy > free / 2)
		to->advice = "GODEBUG=madvdontneed=1, where RSS is what others judge it by";
}

/* Free slots in spans that are in use: only objects of that size can have them. */
static void heap_fragmented(const struct memory_look *l, struct memory_found *f)
{
	double slots;

	if (!known(l->heap_inuse) || !known(l->heap_alloc))
		return;
	slots = or_0(l->heap_inuse) - or_0(l->heap_alloc);
	if (!worth(l, slots) || slots < FRAGMENTED_SHARE * or_0(l->heap_inuse))
		return;
	memory_found_add(f, "heap-not-returned", VERDICT_EXPLAINED, slots,
			 "%s (up to %s) are free slots between Go's objects: fragmentation, no "
			 "leak", memory_bytes(f, slots), share_words(f, l, slots));
	memory_found_say(f, "HeapInuse %s less HeapAlloc %s: spans go back whole, and these hold "
			 "an object each", memory_bytes(f, or_0(l->heap_inuse)),
			 memory_bytes(f, or_0(l->heap_alloc)));
	memory_found_say(f, "allocations of the same size take them");
}

/* What was alive at the last collection; negative unknown. */
static double marked(const struct memory_look *l)
{
	if (known(l->heap_marked))
		return or_0(l->heap_marked);
	/* Go 1.18 adds stacks and globals to what may come: this is a little too much then. */
	if (known(l->next_gc) && known(l->gogc) && l->gogc > 0)
		return or_0(l->next_gc) / (1 + (double)l->gogc / 100);
	return -1;
}

static const char *limit_words(const struct memory_look *l, struct memory_found *f)
{
	const char *s;

	if (!known(l->memory_limit) || l->memory_limit == NO_LIMIT)
		return "no GOMEMLIMIT";
	s = arena_printf(f->arena, "GOMEMLIMIT %s", memory_bytes(f, or_0(l->memory_limit)));
	f->failed = f->failed || !s;
	return s ? s : "";
}

static void collector_off(const struct memory_look *l, struct memory_found *f)
{
	bool limited = known(l->memory_limit) && l->memory_limit != NO_LIMIT;
	struct finding *to;

	if (!worth(l, or_0(l->heap_alloc)))
		return;
	if (limited) {
		memory_found_add(f, "gc-headroom", VERDICT_EXPLAINED, or_0(l->heap_alloc),
				 "GOGC=off: the heap may grow to GOMEMLIMIT, %s, before anything "
				 "is collected", memory_bytes(f, or_0(l->memory_limit)));
	} else {
		to = memory_found_add(f, "gc-headroom", VERDICT_EXPLAINED, or_0(l->heap_alloc),
				      "GOGC=off and no GOMEMLIMIT: nothing is ever collected");
		to->advice = "set GOGC or GOMEMLIMIT, unless the process ends soon";
	}
	memory_found_say(f, "allocated are %s, whatever died among it",
			 memory_bytes(f, or_0(l->heap_alloc)));
	say_last_gc(l, f);
}

static void gc_headroom(const struct memory_look *l, struct memory_found *f)
{
	double live = marked(l), room;

	if (known(l->gogc) && l->gogc < 0) {
		collector_off(l, f);
		return;
	}
	if (live < 0 || !known(l->next_gc) || !known(l->gogc))
		return;
	room = or_0(l->next_gc) - live;
	if (!worth(l, room))
		return;
	memory_found_add(f, "gc-headroom", VERDICT_EXPLAINED, room,
			 "Go's heap may grow to %s before the next collection: %s was alive at the "
			 "last one", memory_bytes(f, or_0(l->next_gc)), memory_bytes(f, live));
	memory_found_say(f, "GOGC=%lld leaves room for %s more; %s", (long long)l->gogc,
			 memory_bytes(f, room), limit_words(l, f));
	if (known(l->heap_alloc) && or_0(l->heap_alloc) > live)
		memory_found_say(f, "%s of that room is taken since, by what is alive and by what "
				 "is not", memory_bytes(f, or_0(l->heap_alloc) - live));
	say_last_gc(l, f);
}

static void held_by_leaks(const struct memory_look *l, struct memory_found *f)
{
	if (!known(l->held_by_leaks) || or_0(l->held_by_leaks) < MIB)
		return;
	memory_found_add(f, "goroutine-held", l->leaks, or_0(l->held_by_leaks),
			 "%s of the heap are reached from goroutines that can never run again, and "
			 "from nowhere else", memory_bytes(f, or_0(l->held_by_leaks)));
	f->all[f->n - 1].advice = "what ends these goroutines frees it";
}

/* --- Stacks --- */

static void say_stack_group(const struct memory_look *l, struct memory_found *f)
{
	const struct group *g = l->stack_group;
	char count[COUNT_WORDS];
	const char *site;

	if (!g || !g->stack_bytes)
		return;
	site = site_string(f->arena, site_frame(&g->stack, l->module));
	if (!site)
		return;
	f->all[f->n - 1].site = site;
	memory_found_say(f, "most are of %s goroutines here: %s", count_words(g->count, count),
			 memory_bytes(f, (double)g->stack_bytes));
}

static void stack_growth(const struct memory_look *l, struct memory_found *f)
{
	double resident = or_0(l->go_stacks), all, each;
	char count[COUNT_WORDS];

	if (!worth(l, resident) || !known(l->goroutines) || l->goroutines <= 0)
		return;
	all = known(l->stack_inuse) ? or_0(l->stack_inuse) : resident;
	each = all / (double)l->goroutines;
	if (each < DEEP_STACK)
		return;
	memory_found_add(f, "stack-growth", VERDICT_EXPLAINED, resident,
			 "%s (%s) are goroutines' stacks, %s each: they were deep once",
			 memory_bytes(f, resident), share_words(f, l, resident),
			 memory_bytes(f, each));
	memory_found_say(f, "%s goroutines; a stack begins with 2 KiB and doubles as it needs",
			 count_words((uint64_t)l->goroutines, count));
	say_stack_group(l, f);
	memory_found_say(f, "each collection halves those of which less than a quarter is used");
}

static void thread_stacks(const struct memory_look *l, struct memory_found *f)
{
	double all = or_0(l->thread_stacks);
	bool many = known(l->threads) && l->threads >= MANY_THREADS;
	char count[COUNT_WORDS];

	if (!worth(l, all) || !known(l->threads) || l->threads <= 0)
		return;
	if (!many && all / (double)l->threads < DEEP_THREAD_STACK)
		return;
	memory_found_add(f, "cgo-threads", many ? VERDICT_CANDIDATE : VERDICT_EXPLAINED, all,
			 "%s (%s) are the stacks of %s threads, %s each", memory_bytes(f, all),
			 share_words(f, l, all), count_words((uint64_t)l->threads, count),
			 memory_bytes(f, all / (double)l->threads));
	f->all[f->n - 1].count = (uint64_t)l->threads;
	if (!many) {
		memory_found_say(f, "what a thread has once touched of its stack stays with it "
				 "until it ends");
		return;
	}
	memory_found_say(f, "a call into C or the system that blocks holds a thread; whether they "
			 "grow, one look does not say");
	f->all[f->n - 1].advice = "look again with `loiter attach`, which names the calls";
}

/* --- C's heap, and the rest --- */

static void c_heap_free(const struct memory_look *l, struct memory_found *f)
{
	double free = or_0(l->c_heap_free);
	char arenas[COUNT_WORDS];
	bool trims = known(l->c_trimmable) && or_0(l->c_trimmable) >= WORTH_BYTES;

	if (!worth(l, free))
		return;
	memory_found_add(f, "heap-not-returned", VERDICT_EXPLAINED, free,
			 "%s (%s) of the C heap are free and not given back: no leak",
			 memory_bytes(f, free), share_words(f, l, free));
	if (known(l->c_in_use) && known(l->c_arenas))
		memory_found_say(f, "in use are %s; arenas: %s", memory_bytes(f, or_0(l->c_in_use)),
				 count_words((uint64_t)l->c_arenas, arenas));
	if (trims)
		memory_found_say(f, "%s are whole pages, which malloc_trim() gives back",
				 memory_bytes(f, or_0(l->c_trimmable)));
	if (known(l->c_fragmented) && or_0(l->c_fragmented) >= MIB)
		memory_found_say(f, "%s lie between blocks in use: malloc() can take them, the "
				 "kernel cannot", memory_bytes(f, or_0(l->c_fragmented)));
	if (trims)
		f->all[f->n - 1].advice = "malloc_trim(0) after such a peak, or M_ARENA_MAX";
}

static void unexplained(const struct memory_look *l, struct memory_found *f)
{
	double rest = or_0(l->unexplained);

	if (!known(l->rss) || rest < UNEXPLAINED_BYTES || rest < UNEXPLAINED_SHARE * (double)l->rss)
		return;
	memory_found_add(f, "unexplained", VERDICT_UNKNOWN, rest,
			 "%s (%s) are in no part that loiter can name", memory_bytes(f, rest),
			 share_words(f, l, rest));
}

int memory_verdict(const struct memory_look *l, struct arena *a, const struct finding **ret,
		   uint32_t *n)
{
	static void (*const rules[])(const struct memory_look *l, struct memory_found *f) = {
		held_by_leaks,	 thread_stacks, heap_not_returned, heap_fragmented,
		gc_headroom,	 stack_growth,	c_heap_free,	   unexplained,
	};
	struct memory_found f;

	if (memory_found_init(&f, a) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i](l, &f);
	return memory_found_end(&f, ret, n);
}
