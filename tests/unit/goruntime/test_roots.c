// SPDX-License-Identifier: Apache-2.0
/* What the runtime keeps besides, in an array, and with values that no runtime has. */
#include "../unit.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/roots.h"
#include "goruntime/roots_parts.h"
#include "roots_world.h"

#define WORDS_MAX 512

static struct heap_world world;

struct found {
	struct {
		enum go_root_kind kind;
		uint64_t word;
	} all[WORDS_MAX];
	size_t n;
	int ends;		/* what visit returns; 0 goes on */
	struct go_roots_stats stats;
};

static struct heap_world *build(void)
{
	roots_world_build(&world);
	return &world;
}

static void rebuild(struct heap_world *w)
{
	heap_world_close(w);
	roots_world_build(w);
}

static void done(struct heap_world **w)
{
	heap_world_close(*w);
}

static int visit(void *arg, enum go_root_kind kind, uint64_t word)
{
	struct found *f = arg;

	if (f->n < WORDS_MAX) {
		f->all[f->n].kind = kind;
		f->all[f->n++].word = word;
	}
	return f->ends;
}

static bool has(const struct found *f, enum go_root_kind kind, uint64_t word)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->all[i].kind == kind && f->all[i].word == word)
			return true;
	return false;
}

static int look(struct heap_world *w, struct found *f)
{
	struct diag d = DIAG_INIT;

	*f = (struct found){ .ends = f->ends };
	if (!w->heap && roots_world_open(w, &d) < 0)
		fail_msg("%s", d.why);
	return go_roots_visit(w->heap, visit, f, &f->stats, NULL);
}

static void each_kind_names_what_it_keeps(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	assert_true(go_roots_complete(&f.stats));
	assert_int_equal(f.stats.specials, RW_N_SPECIALS);
	assert_true(has(&f, GO_ROOT_FINALIZER, HW_HEAP + 2 * HW_ELEM));
	assert_true(has(&f, GO_ROOT_FINALIZER, RW_FUNCTION(0)));
	assert_true(has(&f, GO_ROOT_WEAK, HW_HEAP + 3 * HW_ELEM + 8));
	assert_true(has(&f, GO_ROOT_WEAK, RW_FUNCTION(2)));
	assert_true(has(&f, GO_ROOT_SPECIAL, HW_HEAP + HW_LARGE * HW_PAGE));
	assert_true(has(&f, GO_ROOT_CLEANUP, RW_FUNCTION(4)));
	assert_true(has(&f, GO_ROOT_CLEANUP, RW_FUNCTION(5)));
	/* Three words each, and not the object. */
	assert_int_equal(f.stats.words[GO_ROOT_CLEANUP], 6);
	assert_false(has(&f, GO_ROOT_CLEANUP, HW_HEAP + 3 * HW_PAGE));
}

static void queues_end_where_they_say(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(has(&f, GO_ROOT_QUEUE, RW_FUNCTION(20 + i)));
		assert_true(has(&f, GO_ROOT_QUEUE, RW_FUNCTION(30 + i)));
	}
	assert_int_equal(f.stats.words[GO_ROOT_QUEUE], 4);
}

static void a_thread_that_works_has_a_stack_and_an_idle_one_none(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	assert_int_equal(f.stats.threads, 1);
	assert_true(has(&f, GO_ROOT_G0_STACK, RW_FUNCTION(40)));
	assert_true(has(&f, GO_ROOT_G0_STACK, RW_FUNCTION(41)));

	/* In the kernel: what lies below where the g0 goes on is old. */
	roots_world_word(w, RW_GS + 0x200 + (uint32_t)w->rt.layout.g_status, GO_SYSCALL);
	assert_int_equal(look(w, &f), 0);
	assert_true(has(&f, GO_ROOT_G0_STACK, RW_FUNCTION(40)));
	assert_false(has(&f, GO_ROOT_G0_STACK, RW_FUNCTION(41)));
}

static void a_thread_rests_without_work_and_in_a_call_that_go_made(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_layout *l = &w->rt.layout;
	struct found f = { 0 };
	int32_t tids[2];
	size_t n;

	(void)state;
	assert_int_equal(look(w, &f), 0);
	roots_world_word(w, RW_THREADS + (uint32_t)l->m_procid, 7);
	roots_world_word(w, RW_THREADS + 0x400 + (uint32_t)l->m_procid, 8);
	assert_int_equal(go_roots_resting(w->heap, tids, 2, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(tids[0], 8);

	roots_world_word(w, RW_GS + 0x200 + (uint32_t)l->g_status, GO_SYSCALL);
	assert_int_equal(go_roots_resting(w->heap, tids, 2, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(tids[0], 7);

	/* C may have anything in its registers. */
	roots_world_word(w, RW_THREADS + (uint32_t)l->m_incgo, 1);
	assert_int_equal(go_roots_resting(w->heap, tids, 2, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(tids[0], 8);
}

static void registers_tell_how_much_of_a_stack_is_in_use(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const uint64_t elsewhere = 0x1234, low = RW_STACK + 0x80, high = RW_STACK + 0x200;
	const uint64_t *const words[] = { &elsewhere, &low, &high };
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		f = (struct found){ 0 };
		assert_int_equal(go_roots_visit_stopped(w->heap, words[i], 1, visit, &f, &f.stats,
							NULL),
				 0);
		assert_true(has(&f, GO_ROOT_G0_STACK, RW_FUNCTION(40)));
		/* At 64, and the red zone is 128 below the pointer. */
		assert_int_equal(has(&f, GO_ROOT_G0_STACK, RW_FUNCTION(41)), i == 1);
	}
}

static void a_second_visit_reads_anew(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	roots_world_special(w, 0, w->l.finalizer_special_fn, RW_FUNCTION(99), 8);
	assert_int_equal(look(w, &f), 0);
	assert_true(has(&f, GO_ROOT_FINALIZER, RW_FUNCTION(99)));
	assert_false(has(&f, GO_ROOT_FINALIZER, RW_FUNCTION(0)));
}

static void a_visit_ends_it(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct found f = { .ends = -E2BIG };

	(void)state;
	assert_int_equal(look(w, &f), -E2BIG);
	assert_int_equal(f.n, 1);
	f.ends = 1;
	assert_int_equal(look(w, &f), 1);
}

/* --- What no runtime has --- */

static void must_be_torn(struct heap_world *w)
{
	struct found f = { 0 };

	assert_int_equal(look(w, &f), 0);
	assert_int_equal(f.stats.torn, 1);
	assert_false(go_roots_complete(&f.stats));
}

static void a_list_that_goes_round_ends(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	roots_world_special(w, 5, w->l.special_next, roots_world_special_at(4), 8);
	must_be_torn(w);
	roots_world_special(w, 5, w->l.special_next, roots_world_special_at(5), 8);
	must_be_torn(w);
}

static void an_unknown_kind_an_offset_outside_and_disorder_are_torn(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	roots_world_special(w, 6, w->l.special_kind, 11, 1);
	must_be_torn(w);
	roots_world_special(w, 6, w->l.special_kind, 0, 1);
	must_be_torn(w);
	rebuild(w);
	roots_world_special(w, 6, w->l.special_offset, 8 * HW_PAGE, 8);
	must_be_torn(w);
	rebuild(w);
	roots_world_special(w, 2, w->l.special_offset, HW_ELEM, 8);
	must_be_torn(w);
}

static void a_span_that_is_not_there_is_torn(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	heap_world_owner(w, 3, 4);
	must_be_torn(w);
	rebuild(w);
	heap_world_span(w, 3, w->l.span_state, 0, 1);
	must_be_torn(w);
}

static void a_span_whose_specials_are_not_announced_is_torn(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	memset(w->arena + w->l.arena_page_specials, 0, 64);
	must_be_torn(w);
}

static void a_special_in_no_memory_is_torn(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	roots_world_special(w, 5, w->l.special_next, 0x1000, 8);
	must_be_torn(w);
}

static void queues_that_go_round_or_are_too_full_are_torn(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	roots_world_word(w, RW_FINALIZERS + (uint32_t)w->l.fin_block_alllink,
			 HW_PERSISTENT + RW_FINALIZERS);
	must_be_torn(w);
	rebuild(w);
	roots_world_word(w, RW_CLEANUPS + (uint32_t)w->l.cleanup_block_n, 0xffffffff);
	must_be_torn(w);
}

static void threads_that_go_round_are_torn(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	roots_world_word(w, RW_THREADS + 0x400 + (uint32_t)w->rt.layout.m_alllink,
			 HW_PERSISTENT + RW_THREADS);
	must_be_torn(w);
	memset(w->heads + RW_ALLM, 0, 8);
	must_be_torn(w);
}

static void no_arena_is_unreadable(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	heap_world_mheap(w, w->l.heap_arena_list, 0x1000);
	assert_int_equal(look(w, &f), 0);
	assert_int_equal(f.stats.unreadable, 1);
}

static void what_was_not_found_is_said(void **state)
{
	uint64_t *const globals[] = { &world.at.finalizers, &world.at.cleanups, &world.at.threads };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++) {
		CLEANUP(done) struct heap_world *w = build();
		struct diag d = DIAG_INIT;
		struct found f = { 0 };

		assert_int_equal(roots_world_open(w, NULL), 0);
		if (i == 0)
			w->heap->at.finalizers = 0;
		else if (i == 1)
			w->heap->at.cleanups = 0;
		else
			w->heap->at.threads = 0;
		assert_int_equal(go_roots_visit(w->heap, visit, &f, &f.stats, &d), -EOPNOTSUPP);
		assert_non_null(strstr(d.why, "was not found"));
	}
}

static void other_modules_count_word_by_word(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	/* The second module is said to stand in w->lists, with data there and no bss. */
	uint64_t at = HW_LISTS + 128 - 208, word = RW_FUNCTION(50);
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	assert_int_equal(f.stats.words[GO_ROOT_MODULE], 0);
	memcpy(w->controller + RW_MODULE, &at, 8);
	w->lists[16] = HW_LISTS + 256;
	w->lists[17] = HW_LISTS + 264;
	w->lists[32] = word;
	assert_int_equal(look(w, &f), 0);
	assert_true(has(&f, GO_ROOT_MODULE, word));
	assert_int_equal(f.stats.words[GO_ROOT_MODULE], 1);
	w->lists[17] = HW_LISTS + (1ull << 40);
	assert_int_equal(look(w, &f), 0);
	assert_int_equal(f.stats.beyond, 1);
}

/* --- A target that goes on --- */

/* Takes a special off its list between the two readings of it, or puts it back. */
struct moving {
	struct mem mem;
	struct mem *under;
	struct heap_world *w;
	int calls, moves;	/* moves: how often it still changes */
};

static int moving_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	struct moving *v = (struct moving *)m;
	uint64_t at = roots_world_special_at(0);
	int r = mem_read(v->under, addr, buf, len);

	if (at >= addr && at - addr < len && ++v->calls % 2 && v->moves && v->moves--)
		roots_world_special(v->w, 0, v->w->l.special_next,
				    v->moves % 2 ? roots_world_special_at(2)
						 : roots_world_special_at(1), 8);
	return r;
}

static const struct mem_ops moving_ops = { .read = moving_read };

static void a_list_that_moves_is_read_again(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct moving v = { .mem.ops = &moving_ops, .w = w, .moves = 2 };
	struct found f = { 0 };

	(void)state;
	assert_int_equal(look(w, &f), 0);
	v.under = w->mem;
	w->rt.live = &v.mem;
	assert_int_equal(look(w, &f), 0);
	assert_true(go_roots_complete(&f.stats));
	assert_true(has(&f, GO_ROOT_WEAK, RW_FUNCTION(2)));
	assert_int_equal(v.calls, 6);

	v.moves = 1000;
	assert_int_equal(look(w, &f), 0);
	assert_int_equal(f.stats.torn, 1);
	/* Even so all was found that the list had at any time. */
	assert_true(has(&f, GO_ROOT_WEAK, RW_FUNCTION(2)));
	w->rt.live = w->mem;
}

static void kinds_of_specials_are_numbered_by_release(void **state)
{
	static const struct {
		int minor;
		uint8_t finalizer, weak, pin, cleanup, last;
	} all[] = {
		{ 18, 1, 0, 0, 0, 3 }, { 20, 1, 0, 0, 0, 3 }, { 21, 1, 0, 4, 0, 4 },
		{ 22, 1, 0, 4, 0, 4 }, { 23, 1, 2, 5, 0, 5 }, { 24, 1, 2, 5, 6, 6 },
		{ 25, 2, 3, 6, 7, 9 }, { 26, 2, 3, 6, 7, 10 }, { 27, 2, 3, 6, 7, 10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		assert_int_equal(special_kind_of(all[i].minor, all[i].finalizer), SPECIAL_FINALIZER);
		for (unsigned int n = 0; n < 256; n++) {
			enum special_kind k = special_kind_of(all[i].minor, (uint8_t)n);

			assert_int_equal(k == SPECIAL_UNKNOWN, n == 0 || n > all[i].last);
			assert_int_equal(k == SPECIAL_WEAK, n && n == all[i].weak);
			assert_int_equal(k == SPECIAL_PIN, n && n == all[i].pin);
			assert_int_equal(k == SPECIAL_CLEANUP, n && n == all[i].cleanup);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_names_what_it_keeps),
		cmocka_unit_test(queues_end_where_they_say),
		cmocka_unit_test(a_thread_that_works_has_a_stack_and_an_idle_one_none),
		cmocka_unit_test(a_thread_rests_without_work_and_in_a_call_that_go_made),
		cmocka_unit_test(registers_tell_how_much_of_a_stack_is_in_use),
		cmocka_unit_test(a_second_visit_reads_anew),
		cmocka_unit_test(a_visit_ends_it),
		cmocka_unit_test(a_list_that_goes_round_ends),
		cmocka_unit_test(an_unknown_kind_an_offset_outside_and_disorder_are_torn),
		cmocka_unit_test(a_span_that_is_not_there_is_torn),
		cmocka_unit_test(a_span_whose_specials_are_not_announced_is_torn),
		cmocka_unit_test(a_special_in_no_memory_is_torn),
		cmocka_unit_test(queues_that_go_round_or_are_too_full_are_torn),
		cmocka_unit_test(threads_that_go_round_are_torn),
		cmocka_unit_test(no_arena_is_unreadable),
		cmocka_unit_test(what_was_not_found_is_said),
		cmocka_unit_test(other_modules_count_word_by_word),
		cmocka_unit_test(a_list_that_moves_is_read_again),
		cmocka_unit_test(kinds_of_specials_are_numbered_by_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
