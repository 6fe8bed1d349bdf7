// SPDX-License-Identifier: Apache-2.0
/* The table of layouts, and DWARF that does not give one. */
#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "goruntime/layout.h"

static struct go_layout layout(int minor, int patch)
{
	struct go_layout l;

	assert_int_equal(layout_lookup(minor, patch, &l, NULL), 0);
	return l;
}

static void every_release_has_the_fields_that_it_should(void **state)
{
	int first, last;

	(void)state;
	layout_range(&first, &last);
	assert_int_equal(first, 18);
	assert_true(last >= 27);
	for (int minor = first; minor <= last; minor++) {
		struct go_layout l = layout(minor, 0);

		assert_int_equal(l.minor, minor);
		assert_string_equal(l.source, "table");
#define LOOK(name, type, member, from, to) \
	assert_int_equal(l.name >= 0, minor >= (from) && minor <= (to));
		LAYOUT_FIELDS(LOOK)
#undef LOOK
	}
}

static void fields_of_g_stand_apart(void **state)
{
	int first, last;

	(void)state;
	layout_range(&first, &last);
	for (int minor = first; minor <= last; minor++) {
		struct go_layout l = layout(minor, 999);
		bool taken[1024] = { false };

		assert_in_range(l.g_size, 300, sizeof(taken) - 1);
#define LOOK(name, type, member, from, to)                                       \
	if (strcmp(type, "runtime.g") == 0 && (const char *)(member) && l.name >= 0) { \
		assert_true(l.name < l.g_size);                                  \
		assert_false(taken[l.name]);                                     \
		taken[l.name] = true;                                            \
	}
		LAYOUT_FIELDS(LOOK)
#undef LOOK
	}
}

/* From the table of offsets that the prototypes of this project measured. */
static void known_offsets_are_as_measured(void **state)
{
	(void)state;
	assert_int_equal(layout(18, 10).g_gopc, 296);
	assert_int_equal(layout(21, 0).g_waiting, 312);
	assert_int_equal(layout(24, 9).g_status, 152);
	assert_int_equal(layout(25, 4).m_curg, 184);
	assert_int_equal(layout(26, 8).sudog_c, 96);
	assert_int_equal(layout(27, 1).hchan_recvq_first, 64);
}

static void a_patch_release_takes_the_newest_row_that_is_not_newer(void **state)
{
	(void)state;
	/* Go 1.23.3: runtime.timer grew; Go 1.23.12 and 1.24.6: runtime.m did. */
	assert_int_equal(layout(23, 2).polldesc_rd, 152);
	assert_int_equal(layout(23, 3).polldesc_rd, 160);
	assert_int_equal(layout(23, 11).m_alllink, 328);
	assert_int_equal(layout(23, 12).m_alllink, 352);
	assert_int_equal(layout(23, 99).m_alllink, 352);
	assert_int_equal(layout(24, 5).m_alllink, 328);
	assert_int_equal(layout(24, 6).m_alllink, 352);
}

static void an_unknown_release_is_refused_and_the_known_ones_named(void **state)
{
	struct diag d = DIAG_INIT;
	struct go_layout l;

	(void)state;
	assert_int_equal(layout_lookup(17, 13, &l, &d), -EOPNOTSUPP);
	assert_non_null(strstr(d.why, "Go 1.17"));
	assert_non_null(strstr(d.why, "1.18 to 1."));
	assert_int_equal(layout_lookup(99, 0, &l, NULL), -EOPNOTSUPP);
	assert_int_equal(layout_lookup(-1, 0, &l, NULL), -EOPNOTSUPP);
}

static void a_file_that_is_no_elf_is_malformed(void **state)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	struct diag d = DIAG_INIT;
	struct go_layout l;

	(void)state;
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(layout_from_dwarf(fd, 26, &l, &d), -EBADMSG);
	assert_string_equal(d.why, "not an ELF file");
	close(fd);
}

/* This very test has DWARF, but a C program's. */
static void dwarf_without_a_go_runtime_gives_no_layout(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct diag d = DIAG_INIT;
	struct go_layout l;

	(void)state;
	assert_int_equal(layout_from_dwarf(fd, 26, &l, &d), -ENODATA);
	close(fd);
}

/* Whatever is cut off: an error each time, and never a crash. */
static void a_truncated_file_gives_no_layout(void **state)
{
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	off_t size = lseek(self, 0, SEEK_END);

	(void)state;
	for (int part = 0; part < 16; part++) {
		int fd = memfd_create("part", MFD_CLOEXEC);
		off_t at = 0;
		struct go_layout l;
		int r;

		while (at < size * part / 16) {
			char buf[65536];
			ssize_t n = pread(self, buf, sizeof(buf), at);

			assert_int_equal(write(fd, buf, (size_t)n), n);
			at += n;
		}
		assert_int_equal(ftruncate(fd, size * part / 16), 0);
		r = layout_from_dwarf(fd, 26, &l, NULL);
		assert_true(r == -ENODATA || r == -EBADMSG);
		close(fd);
	}
	close(self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_release_has_the_fields_that_it_should),
		cmocka_unit_test(fields_of_g_stand_apart),
		cmocka_unit_test(known_offsets_are_as_measured),
		cmocka_unit_test(a_patch_release_takes_the_newest_row_that_is_not_newer),
		cmocka_unit_test(an_unknown_release_is_refused_and_the_known_ones_named),
		cmocka_unit_test(a_file_that_is_no_elf_is_malformed),
		cmocka_unit_test(dwarf_without_a_go_runtime_gives_no_layout),
		cmocka_unit_test(a_truncated_file_gives_no_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
