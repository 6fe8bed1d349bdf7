// SPDX-License-Identifier: Apache-2.0
/* What mappings that only come say: whose they are, what RSS climbs by, which are findings. */
#include "../unit.h"

#include <string.h>

#include "analysis/memory_climb.h"
#include "analysis/memory_findings.h"
#include "analysis/memory_origin.h"
#include "base/cleanup.h"

#define MIB (1u << 20)

#define STACK(name, ...) \
	static const char *const name##_names[] = { __VA_ARGS__ }; \
	struct frame name##_frames[ARRAY_SIZE(name##_names)] = { 0 }; \
	const struct stack name = { name##_frames, ARRAY_SIZE(name##_names), false }; \
	for (size_t i_ = 0; i_ < ARRAY_SIZE(name##_names); i_++) \
		name##_frames[i_].function = name##_names[i_]

static void check_origin(const struct stack *s, enum memory_origin origin, const char *at)
{
	const struct frame *found;

	assert_int_equal(memory_origin(s, NULL, &found), origin);
	assert_string_equal(found->function, at);
}

static void the_caller_of_mmap_is_whose_it_is(void **state)
{
	STACK(direct, "__mmap", "grow", "main");
	STACK(go, "internal/runtime/syscall/linux.Syscall6", "syscall.RawSyscall6",
	      "syscall.mmap", "syscall.(*mmapper).Mmap", "syscall.Mmap", "os.helper", "main.f");
	STACK(go118, "syscall.Syscall6", "syscall.Mmap", "example.org/db.open", "main.f");
	STACK(cgo, "mmap64", "in_c", "_cgo_0_Cfunc_in_c", "main._Cfunc_in_c", "main.f");

	(void)state;
	check_origin(&direct, MEMORY_ORIGIN_PROGRAM, "grow");
	check_origin(&go, MEMORY_ORIGIN_PROGRAM, "main.f");
	check_origin(&go118, MEMORY_ORIGIN_PROGRAM, "example.org/db.open");
	check_origin(&cgo, MEMORY_ORIGIN_PROGRAM, "in_c");
}

static void behind_an_allocator_it_is_the_allocators(void **state)
{
	STACK(plain, "__mmap", "libc.so.6+0x95f27", "libc.so.6+0x96cfb", "malloc", "load", "main");
	STACK(cpp, "mmap", "sysmalloc", "_int_malloc", "malloc", "operator new(unsigned long)",
	      "Cache::put");
	STACK(sbrk, "brk", "sbrk", "calloc", "load");
	STACK(bare, "__mmap", "libc.so.6+0x95f27", "malloc");

	(void)state;
	check_origin(&plain, MEMORY_ORIGIN_MALLOC, "load");
	check_origin(&cpp, MEMORY_ORIGIN_MALLOC, "Cache::put");
	check_origin(&sbrk, MEMORY_ORIGIN_MALLOC, "load");
	check_origin(&bare, MEMORY_ORIGIN_UNKNOWN, "__mmap");
}

static void the_go_runtimes_is_its_own(void **state)
{
	STACK(heap, "runtime.mmap", "runtime.sysMap", "runtime.(*mheap).grow", "runtime.mallocgc",
	      "main.f");
	STACK(cgo, "__mmap", "x_cgo_mmap", "runtime.(*mheap).alloc", "runtime.mallocgc", "main.f");
	STACK(stripped, "__mmap", "prog-1.27+0x52885b", "runtime.(*mheap).alloc",
	      "runtime.mallocgc", "main.f", "runtime.goexit");
	STACK(thread, "__mmap", "malloc", "pthread_create", "runtime.newosproc", "main.f");
	STACK(own, "__mmap", "prog-1.27+0x5", "runtime.cgocall", "main._Cfunc_f", "main.f",
	      "runtime.goexit");
	STACK(nameless, "__mmap");
	struct frame unknown = { .pc = 7 };
	const struct stack none = { 0 }, odd = { &unknown, 1, false };
	const struct frame *at;

	(void)state;
	check_origin(&heap, MEMORY_ORIGIN_GO, "main.f");
	check_origin(&cgo, MEMORY_ORIGIN_GO, "main.f");
	check_origin(&stripped, MEMORY_ORIGIN_GO, "main.f");
	check_origin(&thread, MEMORY_ORIGIN_GO, "main.f");
	check_origin(&own, MEMORY_ORIGIN_PROGRAM, "prog-1.27+0x5");
	check_origin(&nameless, MEMORY_ORIGIN_UNKNOWN, "__mmap");
	assert_int_equal(memory_origin(&none, NULL, &at), MEMORY_ORIGIN_UNKNOWN);
	assert_null(at);
	assert_int_equal(memory_origin(&odd, NULL, &at), MEMORY_ORIGIN_UNKNOWN);
	assert_ptr_equal(at, &unknown);
}

/* Ten looks, 5 s apart, at which the parts have grown by `step`; what the last one says. */
static const char *climb(const struct memory_parts *step, struct arena *a, uint32_t until)
{
	CLEANUP(memory_climb_free_p) struct memory_climb *c = memory_climb_new();
	const char *ret = NULL;

	for (uint32_t i = 0; i < 10; i++) {
		uint32_t k = i < until ? i : until;
		const struct memory_parts p = {
			.rss_anon = 100 * MIB + k * step->rss_anon,
			.rss_file = 10 * MIB + k * step->rss_file,
			.go = 64 * MIB + k * step->go,
			.c_heap = MIB + k * step->c_heap,
			.other = 7 * MIB + k * step->other,
		};

		assert_int_equal(memory_climb_add(c, 5.0 * i, &p, a, &ret), 0);
	}
	return ret;
}

static void rss_is_put_down_to_the_part_that_grows_with_it(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	const struct memory_parts c_heap = { .rss_anon = 2 * MIB, .c_heap = 2 * MIB };
	const struct memory_parts both = { .rss_anon = 4 * MIB, .go = MIB, .other = 3 * MIB };
	const struct memory_parts files = { .rss_file = 3 * MIB };
	const struct memory_parts touched = { .rss_anon = 2 * MIB };
	const struct memory_parts space = { .other = 100 * MIB };

	(void)state;
	assert_string_equal(climb(&c_heap, a, 99), "the C heap +24.0 MiB a minute");
	assert_string_equal(climb(&both, a, 99), "other mappings +36.0 MiB a minute, "
			    "Go's heap and stacks +12.0 MiB a minute");
	assert_string_equal(climb(&files, a, 99), "files that are mapped +36.0 MiB a minute");
	assert_string_equal(climb(&touched, a, 99),
			    "memory that was mapped before and is touched now +24.0 MiB a minute");
	assert_null(climb(&space, a, 99));
	/* It filled up. */
	assert_null(climb(&c_heap, a, 6));
}

static struct memory_growth growing(enum memory_origin origin, const struct stack *s)
{
	return (struct memory_growth){
		.origin = origin, .stack = *s, .bytes = 60 * MIB, .calls = 240,
		.had_bytes = 60 * MIB, .grown = 50 * MIB, .window_s = 300,
		.bytes_per_min = 10 * MIB, .then = 30 * MIB, .stayed = 30 * MIB, .age_s = 180,
	};
}

static uint32_t judge(const struct memory_growth *g, uint32_t n, double unbroken_s, double other,
		      struct arena *a, const struct finding **ret)
{
	const struct memory_activity m = { .growing = g, .n_growing = n };
	const struct memory_findings_source s = { .memory = &m, .unbroken_s = unbroken_s,
						  .seen = 0.25, .other_per_min = other };
	uint32_t found;

	assert_int_equal(memory_findings(&s, a, ret, &found), 0);
	return found;
}

static void a_site_that_keeps_what_it_maps_is_a_finding(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	STACK(direct, "__mmap", "grow", "main");
	struct memory_growth g = growing(MEMORY_ORIGIN_PROGRAM, &direct);
	const struct finding *f;

	(void)state;
	assert_int_equal(judge(&g, 1, 300, 0, a, &f), 1);
	assert_string_equal(f->pattern, "native-growth");
	assert_int_equal(f->verdict, VERDICT_SUSPECT);
	assert_string_equal(f->site, "grow");
	assert_int_equal(f->bytes, 60 * MIB);
	assert_string_equal(f->evidence[0],
			    "+10.0 MiB a minute, 0 of 30.0 MiB given back in 3 min; "
			    "1 GiB in 102 min");
	assert_int_equal(f->n_evidence, 2);
	g.stayed = 27 * MIB;
	g.bytes_per_min = MIB / 4.0;
	judge(&g, 1, 300, 0, a, &f);
	assert_string_equal(f->evidence[0],
			    "+0.2 MiB a minute, 3.0 of 30.0 MiB given back in 3 min; "
			    "360 MiB in a day");
}

static void of_malloc_large_blocks_alone_tell_who_asked(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	STACK(stack, "__mmap", "malloc", "load", "main");
	struct memory_growth g = growing(MEMORY_ORIGIN_MALLOC, &stack);
	const struct finding *f;

	(void)state;
	assert_int_equal(judge(&g, 1, 300, 0, a, &f), 1);
	assert_string_equal(f->pattern, "cgo-heap");
	assert_string_equal(f->site, "load");
	g.calls = 60 * MIB / 4096;
	assert_int_equal(judge(&g, 1, 300, 0, a, &f), 0);
	g.calls = 240;
	g.kind = TRACED_BRK_GROW;
	assert_int_equal(judge(&g, 1, 300, 0, a, &f), 0);
}

static void the_go_heap_and_the_unknown_are_none(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	STACK(stack, "__mmap");
	const struct memory_growth all[] = { growing(MEMORY_ORIGIN_GO, &stack),
					     growing(MEMORY_ORIGIN_UNKNOWN, &stack) };
	const struct finding *f;

	(void)state;
	assert_int_equal(judge(all, 2, 300, 0, a, &f), 0);
}

static void with_gaps_the_maps_must_show_it_too(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	STACK(direct, "__mmap", "grow", "main");
	struct memory_growth two[] = { growing(MEMORY_ORIGIN_PROGRAM, &direct),
				       growing(MEMORY_ORIGIN_PROGRAM, &direct) };
	const struct finding *f;

	(void)state;
	assert_int_equal(judge(two, 1, 100, 2.0 * MIB, a, &f), 0);
	assert_int_equal(judge(two, 1, 100, -1, a, &f), 0);
	/* Seen in a quarter of the time: the rate is that of the maps, by share. */
	two[1].bytes_per_min = 30 * MIB;
	assert_int_equal(judge(two, 2, 100, 160.0 * MIB, a, &f), 2);
	assert_memory_equal(f[0].evidence[0], "+40.0 MiB a minute", 18);
	assert_memory_equal(f[1].evidence[0], "+120.0 MiB a minute", 19);
	assert_int_equal(f[0].n_evidence, 3);
	assert_int_equal(f[0].verdict, VERDICT_CANDIDATE);
	/* It maps and unmaps all the time: what it seems to keep is another's. */
	two[0].had_bytes = 6000ull * MIB;
	assert_int_equal(judge(two, 1, 100, 160.0 * MIB, a, &f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_caller_of_mmap_is_whose_it_is),
		cmocka_unit_test(behind_an_allocator_it_is_the_allocators),
		cmocka_unit_test(the_go_runtimes_is_its_own),
		cmocka_unit_test(rss_is_put_down_to_the_part_that_grows_with_it),
		cmocka_unit_test(a_site_that_keeps_what_it_maps_is_a_finding),
		cmocka_unit_test(of_malloc_large_blocks_alone_tell_who_asked),
		cmocka_unit_test(the_go_heap_and_the_unknown_are_none),
		cmocka_unit_test(with_gaps_the_maps_must_show_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
