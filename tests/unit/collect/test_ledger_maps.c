// SPDX-License-Identifier: Apache-2.0
/* What the mappings of a process are in the books, by what maps shows. */
#include "../unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "collect/ledger_maps.h"

#define MIB (1ull << 20)

/* 08:20 is a disk, 00:22 a tmpfs, 00:23 a hugetlbfs. */
static const char mountinfo[] = "37 36 0:34 / /dev/shm rw - tmpfs tmpfs rw\n"
				"38 36 0:35 / /huge rw - hugetlbfs none rw\n";

struct sorted {
	struct arena *arena;
	struct maps *maps;
	struct mounts *mounts;
	struct ledger_view view;
	struct ledger_book book;
};

static void sort(struct sorted *s, const char *text)
{
	s->arena = arena_new();
	assert_int_equal(maps_parse(text, strlen(text), &s->maps, NULL), 0);
	assert_int_equal(mounts_parse(mountinfo, &s->mounts), 0);
	s->view.maps = s->maps;
	s->view.mounts = s->mounts;
	assert_int_equal(ledger_maps_sort(&s->view, s->arena, &s->book), 0);
	assert_int_equal(s->book.n, s->maps->n);
}

static void done(struct sorted *s)
{
	arena_free(s->arena);
	maps_free(s->maps);
	mounts_free(s->mounts);
}

/* The kind of a single mapping, of a program with a C library. */
static struct ledger_mapping one(const char *line)
{
	struct sorted s = { .view.native = true };
	struct ledger_mapping m;

	sort(&s, line);
	m = s.book.mappings[0];
	done(&s);
	return m;
}

static void a_program_is_text_and_its_own_pages_are_data(void **state)
{
	struct sorted s = { .view.native = true };

	(void)state;
	sort(&s, "00400000-00500000 r--p 00000000 08:20 5 /bin/x\n"
		 "00500000-00600000 r-xp 00100000 08:20 5 /bin/x\n"
		 "00600000-00700000 rw-p 00200000 08:20 5 /bin/x\n"
		 "00800000-00900000 r--p 00000000 08:20 6 /usr/lib/locale/locale-archive\n"
		 "00900000-00a00000 rw-s 00000000 08:20 7 /var/data.db (deleted)\n");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(s.book.mappings[i].of_file, MEMORY_FILE_TEXT);
		assert_int_equal(s.book.mappings[i].own, MEMORY_FILE_DATA);
		assert_int_equal(s.book.mappings[i].file, 0);
	}
	assert_int_equal(s.book.mappings[3].of_file, MEMORY_FILE_DATA);
	assert_int_equal(s.book.mappings[4].of_file, MEMORY_FILE_DATA);
	assert_int_equal(s.book.n_files, 3);
	assert_string_equal(s.book.files[2].of.path, "/var/data.db");
	done(&s);
}

static void memory_that_others_can_have_is_shared(void **state)
{
	(void)state;
	assert_int_equal(one("1000-2000 rw-s 00000000 00:01 9 /dev/zero (deleted)\n").of_file,
			 MEMORY_SHARED);
	assert_int_equal(one("1000-2000 rw-s 00000000 00:22 9 /dev/shm/x\n").of_file,
			 MEMORY_SHARED);
	assert_int_equal(one("1000-2000 rw-s 00000000 00:22 9 /tmp/x\n").of_file, MEMORY_SHARED);
	assert_int_equal(one("1000-2000 rw-s 00000000 00:01 9 /SYSV00000000 (deleted)\n").of_file,
			 MEMORY_SHARED);
	assert_int_equal(one("1000-2000 rw-s 00000000 00:00 0 [anon_shmem:x]\n").own,
			 MEMORY_SHARED);
	/* A copy of a file in memory is the process's own. */
	assert_int_equal(one("1000-2000 rw-p 00000000 00:22 9 /tmp/x\n").own, MEMORY_FILE_DATA);
}

static void hugetlbfs_is_apart(void **state)
{
	(void)state;
	assert_true(one("200000-400000 rw-s 00000000 00:23 9 /memfd:x (deleted)\n").apart);
	assert_true(one("200000-400000 rw-p 00000000 00:23 9 /anon_hugepage (deleted)\n").apart);
	assert_true(one("200000-400000 rw-p 00000000 00:99 9 /anon_hugepage (deleted)\n").apart);
	assert_false(one("200000-400000 rw-p 00000000 00:00 0\n").apart);
	assert_true(one("200000-400000 rw-p 00000000 00:00 0\n").plain);
}

static void what_the_kernel_maps_is_its_own(void **state)
{
	struct ledger_mapping m = one("1000-2000 r-xp 00000000 00:00 0 [vdso]\n");

	(void)state;
	assert_int_equal(m.own, MEMORY_KERNEL_OTHER);
	assert_false(m.doubtful);
	m = one("1000-2000 r--p 00000000 00:00 0 [vvar]\n");
	assert_int_equal(m.of_file, MEMORY_KERNEL_OTHER);
	assert_true(m.doubtful);
	assert_true(one("1000-2000 rw-s 00000000 00:06 9 /dev/dri/card0\n").doubtful);
	m = one("1000-2000 rw-s 00000000 00:0f 9 anon_inode:[perf_event]\n");
	assert_int_equal(m.of_file, MEMORY_KERNEL_OTHER);
	assert_int_equal(one("1000-2000 rw-p 00000000 00:00 0 [stack]\n").own,
			 MEMORY_THREAD_STACKS);
	/* A program's own name for a directory is not the kernel's. */
	assert_int_equal(one("1000-2000 r--p 00000000 08:20 9 /home/[vdso]\n").of_file,
			 MEMORY_FILE_DATA);
}

static void a_heap_that_is_not_known_is_unexplained(void **state)
{
	struct sorted s = { .view.native = true };

	(void)state;
	sort(&s, "01000000-01200000 rw-p 00000000 00:00 0 [heap]\n"
		 "7f0004000000-7f0004300000 rw-p 00000000 00:00 0\n"
		 "7f0004300000-7f0008000000 ---p 00000000 00:00 0\n"
		 "7f0010300000-7f0010400000 rw-p 00000000 00:00 0\n"
		 "7f0010500000-7f0010600000 rw-p 00000000 00:06 9 /dev/zero\n");
	assert_int_equal(s.book.mappings[0].own, MEMORY_UNEXPLAINED);
	assert_int_equal(s.book.mappings[1].own, MEMORY_UNEXPLAINED);
	assert_int_equal(s.book.mappings[3].own, MEMORY_C_MMAP);
	assert_int_equal(s.book.mappings[4].own, MEMORY_C_MMAP);
	done(&s);
}

static void what_is_anonymous_in_a_go_program(void **state)
{
	static const char text[] = "c000000000-c004000000 rw-p 00000000 00:00 0\n"
				   "7f0010300000-7f0010400000 rw-p 00000000 00:00 0\n"
				   "7f0010500000-7f0010600000 rw-p 00000000 00:00 0 "
				   "[anon: Go: heap]\n";
	static const struct ledger_claim c[] = {
		{ 0xc000000000, 0xc000100000, MEMORY_GO_HEAP_LIVE },
	};
	const struct ledger_layer go = { c, 1, ledger_claim_at, 0 };
	struct sorted unread = { .view.go_unread = true };
	struct sorted partly = { .view.go = &go, .view.go_partly = true };
	struct sorted pure = { .view.go = &go }, cgo = { .view.go = &go, .view.native = true };

	(void)state;
	sort(&unread, text);
	assert_int_equal(unread.book.mappings[0].own, MEMORY_UNEXPLAINED);
	assert_int_equal(unread.book.mappings[1].own, MEMORY_UNEXPLAINED);
	assert_int_equal(unread.book.mappings[2].own, MEMORY_GO_OTHER);
	done(&unread);
	/* A hole in a layer that is not whole may be Go's, however long. */
	sort(&partly, text);
	assert_int_equal(partly.book.mappings[0].own, MEMORY_UNEXPLAINED);
	assert_int_equal(partly.book.mappings[0].gap_bytes, 0);
	assert_int_equal(partly.book.mappings[1].gap, MEMORY_C_MMAP);
	done(&partly);
	/* Little things are the runtime's where there is nobody else. */
	sort(&pure, text);
	assert_int_equal(pure.book.mappings[0].own, MEMORY_GO_OTHER);
	assert_int_equal(pure.book.mappings[0].gap, MEMORY_C_MMAP);
	assert_int_equal(pure.book.mappings[0].gap_bytes, MIB);
	assert_int_equal(pure.book.mappings[1].own, MEMORY_GO_OTHER);
	done(&pure);
	/* Where there is C, only a mapping without anything of Go's is C's. */
	sort(&cgo, text);
	assert_int_equal(cgo.book.mappings[0].own, MEMORY_UNEXPLAINED);
	assert_int_equal(cgo.book.mappings[1].own, MEMORY_C_MMAP);
	assert_int_equal(cgo.book.mappings[2].own, MEMORY_GO_OTHER);
	done(&cgo);
}

static void a_layer_touches_what_it_has_a_byte_of(void **state)
{
	static const struct ledger_claim c[] = { { 10, 20, 0 }, { 20, 30, 0 }, { 50, 60, 0 } };
	const struct ledger_layer layer = { c, 3, ledger_claim_at, 0 }, none = { 0 };

	(void)state;
	assert_false(ledger_layer_touches(&layer, 0, 10));
	assert_true(ledger_layer_touches(&layer, 0, 11));
	assert_true(ledger_layer_touches(&layer, 29, 50));
	assert_false(ledger_layer_touches(&layer, 30, 50));
	assert_true(ledger_layer_touches(&layer, 0, 100));
	assert_false(ledger_layer_touches(&layer, 60, 100));
	assert_false(ledger_layer_touches(&none, 0, 100));
	assert_false(ledger_layer_touches(NULL, 0, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_text_and_its_own_pages_are_data),
		cmocka_unit_test(memory_that_others_can_have_is_shared),
		cmocka_unit_test(hugetlbfs_is_apart),
		cmocka_unit_test(what_the_kernel_maps_is_its_own),
		cmocka_unit_test(a_heap_that_is_not_known_is_unexplained),
		cmocka_unit_test(what_is_anonymous_in_a_go_program),
		cmocka_unit_test(a_layer_touches_what_it_has_a_byte_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
