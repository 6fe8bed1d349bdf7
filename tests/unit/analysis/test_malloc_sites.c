// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "../unit.h"

#include "analysis/malloc_sites.h"

enum { LEAK = 1, CACHE = 2, RARE = 3 };

static uint64_t next_id;

static uint64_t survive(struct malloc_book *b, uint64_t site, uint64_t at, uint64_t bytes)
{
	const struct traced_malloc_survivor s = {
		.id = next_id + 1, .bytes = bytes, .at_ns = at,
		.addr = 16 * (next_id + 1), .header = bytes, .print = 1,
	};

	next_id++;
	assert_int_equal(malloc_book_add(b, site, &s), 0);
	return s.id;
}

static void end(struct malloc_book *b, uint64_t id, enum traced_malloc_fate fate)
{
	malloc_book_end(b, &(struct traced_malloc_end){ id, fate });
}

static const struct malloc_site *find(const struct malloc_site *sites, size_t n, uint64_t site)
{
	for (size_t i = 0; i < n; i++)
		if (sites[i].site == site)
			return &sites[i];
	fail();
	return NULL;
}

struct fixture {
	struct malloc_book *book;
	struct arena *arena;
	struct malloc_site *sites;
	size_t n;
};

static void begin(struct fixture *f)
{
	f->book = malloc_book_new();
	f->arena = arena_new();
	assert_non_null(f->book);
	assert_non_null(f->arena);
}

static void done(struct fixture *f)
{
	malloc_book_free(f->book);
	arena_free(f->arena);
}

static void judge(struct fixture *f, uint64_t now, uint64_t age)
{
	assert_int_equal(malloc_book_sites(f->book, now, age, f->arena, &f->sites, &f->n), 0);
}

static void one_end_that_was_seen_clears_the_site(void **state)
{
	struct fixture f;
	uint64_t last = 0;

	(void)state;
	begin(&f);
	for (int i = 0; i < 10; i++) {
		survive(f.book, LEAK, 100, 32);
		last = survive(f.book, CACHE, 100, 64);
	}
	end(f.book, last, TRACED_MALLOC_REUSED);
	judge(&f, 1000, 500);
	assert_int_equal(f.n, 2);
	assert_true(find(f.sites, f.n, LEAK)->candidate);
	assert_false(find(f.sites, f.n, CACHE)->candidate);
	assert_int_equal(find(f.sites, f.n, CACHE)->here, 9);
	assert_int_equal(find(f.sites, f.n, CACHE)->gone, 1);
	/* Though the cache has more bytes, the candidate comes first. */
	assert_int_equal(f.sites[0].site, LEAK);
	done(&f);
}

static void the_young_and_the_few_are_no_candidates(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 10; i++)
		survive(f.book, LEAK, 900, 32);
	survive(f.book, RARE, 100, 32);
	judge(&f, 1000, 500);
	assert_false(find(f.sites, f.n, LEAK)->candidate);
	assert_false(find(f.sites, f.n, RARE)->candidate);
	assert_int_equal(find(f.sites, f.n, LEAK)->oldest_ns, 100);
	judge(&f, 1400, 500);
	assert_true(find(f.sites, f.n, LEAK)->candidate);
	done(&f);
}

static void one_that_is_no_longer_followed_speaks_neither_way(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 5; i++) {
		uint64_t id = survive(f.book, LEAK, 100, 32);

		if (i < 2)
			end(f.book, id, TRACED_MALLOC_FORGOTTEN);
	}
	judge(&f, 1000, 500);
	assert_true(f.sites[0].candidate);
	assert_int_equal(f.sites[0].here, 3);
	assert_int_equal(f.sites[0].survivors, 5);
	assert_int_equal(f.sites[0].gone, 0);
	done(&f);
}

static void shares_are_of_the_bytes_of_age(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 3; i++) {
		survive(f.book, LEAK, 100, 300);
		survive(f.book, RARE, 100, 100);
		survive(f.book, CACHE, 990, 1 << 20);
	}
	judge(&f, 1000, 500);
	assert_true(find(f.sites, f.n, LEAK)->share == 0.75);
	assert_true(find(f.sites, f.n, RARE)->share == 0.25);
	assert_true(find(f.sites, f.n, CACHE)->share == 0);
	done(&f);
}

static void a_book_of_many_intervals_keeps_who_is_here(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 5; i++)
		survive(f.book, LEAK, 1, 16);
	/* Four times the rows there are. */
	for (int i = 0; i < 4 * 65536; i++)
		end(f.book, survive(f.book, CACHE, 1, 16), TRACED_MALLOC_FREED);
	judge(&f, 1000, 500);
	assert_int_equal(find(f.sites, f.n, LEAK)->here, 5);
	assert_true(find(f.sites, f.n, LEAK)->candidate);
	assert_int_equal(find(f.sites, f.n, CACHE)->here, 0);
	assert_int_equal(find(f.sites, f.n, CACHE)->gone, 4 * 65536);
	done(&f);
}

static void ends_of_strangers_and_second_ends_are_ignored(void **state)
{
	struct fixture f;
	uint64_t id;

	(void)state;
	begin(&f);
	end(f.book, 12345678, TRACED_MALLOC_FREED);
	id = survive(f.book, CACHE, 1, 16);
	end(f.book, id, TRACED_MALLOC_FREED);
	end(f.book, id, TRACED_MALLOC_FREED);
	judge(&f, 1000, 500);
	assert_int_equal(f.sites[0].gone, 1);
	assert_int_equal(f.sites[0].here, 0);
	done(&f);
}

/* --- Who is watched --- */

#define SECOND 1000000000ull

static void survive_many(struct fixture *f, uint64_t site, int n, uint64_t bytes)
{
	for (int i = 0; i < n; i++)
		survive(f->book, site, SECOND, bytes);
}

/* How often each of the three sites is picked when `n` may be. */
static void pick(struct fixture *f, int n, uint64_t now, int *by_site)
{
	struct malloc_pick p;

	memset(by_site, 0, 4 * sizeof(*by_site));
	for (int i = 0; i < n && malloc_book_pick(f->book, now, (uint64_t)i, &p); i++)
		by_site[p.site]++;
}

static void the_site_of_which_the_least_is_known_is_watched_first(void **state)
{
	struct fixture f;
	int n[4];

	(void)state;
	begin(&f);
	survive_many(&f, LEAK, 20, 64);
	survive_many(&f, CACHE, 20, 32);
	pick(&f, 4, 20 * SECOND, n);
	assert_int_equal(n[LEAK], 2);
	assert_int_equal(n[CACHE], 2);
	/* One more that begins later gets what is free then. */
	survive_many(&f, RARE, 5, 32);
	malloc_book_watched(f.book, CACHE, MALLOC_WATCH_NOTHING, 0);
	malloc_book_watched(f.book, CACHE, MALLOC_WATCH_NOTHING, 0);
	end(f.book, survive(f.book, CACHE, 1, 32), TRACED_MALLOC_FREED);
	pick(&f, 4, 20 * SECOND, n);
	assert_int_equal(n[RARE], 3);
	assert_int_equal(n[LEAK], 1);
	assert_int_equal(n[CACHE], 0);
	/* Of all together, one more than is needed. */
	pick(&f, 9, 20 * SECOND, n);
	assert_int_equal(n[RARE] + n[LEAK], 1);
	done(&f);
}

static void a_site_that_is_known_leaves_room_for_others(void **state)
{
	struct fixture f;
	int n[4];

	(void)state;
	begin(&f);
	survive_many(&f, LEAK, 20, 64);
	for (int i = 0; i < MALLOC_WATCHED_MIN; i++)
		malloc_book_watched(f.book, LEAK, MALLOC_WATCH_UNTOUCHED, 35 * SECOND);
	pick(&f, 4, 20 * SECOND, n);
	assert_int_equal(n[LEAK], 1);
	survive_many(&f, RARE, 5, 32);
	pick(&f, 4, 20 * SECOND, n);
	assert_int_equal(n[RARE], 3);
	assert_int_equal(n[LEAK], 0);
	/* Nor for ever. */
	for (int i = 0; i < 6; i++) {
		malloc_book_watched(f.book, LEAK, MALLOC_WATCH_UNTOUCHED, 35 * SECOND);
		pick(&f, 4, 20 * SECOND, n);
	}
	assert_int_equal(n[LEAK], 0);
	done(&f);
}

static void nobody_is_watched_twice_or_who_tells_nothing(void **state)
{
	struct malloc_pick p;
	struct fixture f;
	uint64_t ids[3];

	(void)state;
	begin(&f);
	for (int i = 0; i < 3; i++)
		ids[i] = survive(f.book, LEAK, SECOND, 64);
	end(f.book, ids[0], TRACED_MALLOC_UNSURE);
	/* Too young: they may still be in their first use. */
	assert_false(malloc_book_pick(f.book, 2 * SECOND, 7, &p));
	assert_true(malloc_book_pick(f.book, 4 * SECOND, 7, &p));
	assert_true(p.id == ids[1] || p.id == ids[2]);
	assert_int_equal(p.site, LEAK);
	assert_int_equal(p.addr, p.id * 16);
	assert_int_equal(p.header, 64);
	assert_int_equal(p.print, 1);
	assert_int_equal(p.at_ns, SECOND);
	ids[0] = p.id;
	assert_true(malloc_book_pick(f.book, 4 * SECOND, 7, &p));
	assert_true(p.id != ids[0]);
	assert_false(malloc_book_pick(f.book, 4 * SECOND, 7, &p));
	done(&f);
}

static void who_is_of_age_is_watched_before_who_is_not(void **state)
{
	struct malloc_pick p;
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 50; i++)
		survive(f.book, LEAK, i == 25 ? SECOND : 10 * SECOND, 64);
	assert_true(malloc_book_pick(f.book, 15 * SECOND, 99, &p));
	assert_int_equal(p.at_ns, SECOND);
	done(&f);
}

static void a_watch_is_judged_by_when_it_was_touched(void **state)
{
	const struct malloc_pick p = { .at_ns = SECOND };

	(void)state;
	assert_int_equal(malloc_watch_judge(&p, 5 * SECOND, 0, 36 * SECOND), MALLOC_WATCH_ON);
	assert_int_equal(malloc_watch_judge(&p, 5 * SECOND, 0, 37 * SECOND),
			 MALLOC_WATCH_UNTOUCHED);
	/* In its first ten seconds: that is no use of what should be gone. */
	assert_int_equal(malloc_watch_judge(&p, 5 * SECOND, 10 * SECOND, 40 * SECOND),
			 MALLOC_WATCH_NOTHING);
	assert_int_equal(malloc_watch_judge(&p, 5 * SECOND, 11 * SECOND, 12 * SECOND),
			 MALLOC_WATCH_TOUCHED);
}

static const struct malloc_site *after(struct fixture *f, int untouched, enum malloc_watch how)
{
	begin(f);
	survive_many(f, LEAK, 10, 64);
	for (int i = 0; i < untouched; i++)
		malloc_book_watched(f->book, LEAK, MALLOC_WATCH_UNTOUCHED,
				    (35 + (uint64_t)(i + 1) % 3) * SECOND);
	malloc_book_watched(f->book, LEAK, how, 20 * SECOND);
	judge(f, 66 * SECOND, 10 * SECOND);
	return find(f->sites, f->n, LEAK);
}

static void three_that_nobody_touched_make_a_suspect(void **state)
{
	const struct malloc_site *s;
	struct fixture f;

	(void)state;
	s = after(&f, 2, MALLOC_WATCH_NOTHING);
	assert_true(s->candidate && !s->suspect && !s->in_use);
	done(&f);
	s = after(&f, 3, MALLOC_WATCH_NOTHING);
	assert_true(s->candidate && s->suspect);
	assert_int_equal(s->untouched, 3);
	assert_int_equal(s->watched_ns, 35 * SECOND);
	judge(&f, 65 * SECOND, 10 * SECOND);
	assert_true(f.sites[0].candidate && !f.sites[0].suspect);
	/* An old one that may be another's does not count. */
	for (uint64_t id = next_id - 9; id <= next_id; id++)
		end(f.book, id, TRACED_MALLOC_UNSURE);
	judge(&f, 66 * SECOND, 10 * SECOND);
	assert_true(f.sites[0].candidate && !f.sites[0].suspect);
	done(&f);
}

static void one_that_was_touched_or_is_anothers_clears_the_site(void **state)
{
	const struct malloc_site *s;
	struct fixture f;

	(void)state;
	s = after(&f, 5, MALLOC_WATCH_TOUCHED);
	assert_true(s->in_use && !s->candidate && !s->suspect);
	assert_int_equal(s->touched, 1);
	done(&f);
	s = after(&f, 5, MALLOC_WATCH_STALE);
	assert_true(s->in_use && !s->suspect);
	assert_int_equal(s->gone, 1);
	done(&f);
}

static void contents_that_change_late_clear_the_site_and_early_ones_say_nothing(void **state)
{
	const struct malloc_site *s;
	struct fixture f;
	uint64_t id;

	(void)state;
	begin(&f);
	survive_many(&f, LEAK, 10, 64);
	id = survive(f.book, LEAK, SECOND, 64);
	end(f.book, id, TRACED_MALLOC_UNSURE);
	judge(&f, 50 * SECOND, 10 * SECOND);
	s = find(f.sites, f.n, LEAK);
	assert_true(s->candidate && s->here == 11 && s->rewritten == 0);
	end(f.book, id, TRACED_MALLOC_REWRITTEN);
	judge(&f, 50 * SECOND, 10 * SECOND);
	s = find(f.sites, f.n, LEAK);
	assert_true(s->in_use && !s->candidate && s->here == 10 && s->rewritten == 1);
	assert_int_equal(s->gone, 0);
	done(&f);
}

static void what_is_in_use_has_no_share_and_is_full_soon(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	survive_many(&f, LEAK, 3, 100);
	survive_many(&f, CACHE, 70, 1000);
	assert_false(malloc_book_full(f.book, CACHE));
	end(f.book, next_id, TRACED_MALLOC_FREED);
	assert_true(malloc_book_full(f.book, CACHE));
	assert_false(malloc_book_full(f.book, LEAK));
	assert_false(malloc_book_full(f.book, RARE));
	judge(&f, 50 * SECOND, 10 * SECOND);
	assert_true(find(f.sites, f.n, LEAK)->share == 1);
	assert_true(find(f.sites, f.n, CACHE)->share == 0);
	done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_end_that_was_seen_clears_the_site),
		cmocka_unit_test(the_young_and_the_few_are_no_candidates),
		cmocka_unit_test(one_that_is_no_longer_followed_speaks_neither_way),
		cmocka_unit_test(shares_are_of_the_bytes_of_age),
		cmocka_unit_test(a_book_of_many_intervals_keeps_who_is_here),
		cmocka_unit_test(ends_of_strangers_and_second_ends_are_ignored),
		cmocka_unit_test(the_site_of_which_the_least_is_known_is_watched_first),
		cmocka_unit_test(a_site_that_is_known_leaves_room_for_others),
		cmocka_unit_test(nobody_is_watched_twice_or_who_tells_nothing),
		cmocka_unit_test(who_is_of_age_is_watched_before_who_is_not),
		cmocka_unit_test(a_watch_is_judged_by_when_it_was_touched),
		cmocka_unit_test(three_that_nobody_touched_make_a_suspect),
		cmocka_unit_test(one_that_was_touched_or_is_anothers_clears_the_site),
		cmocka_unit_test(contents_that_change_late_clear_the_site_and_early_ones_say_nothing),
		cmocka_unit_test(what_is_in_use_has_no_share_and_is_full_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
