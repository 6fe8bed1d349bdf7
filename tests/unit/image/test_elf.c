// SPDX-License-Identifier: Apache-2.0
#include "image/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"
#include "fake_elf.h"

static struct fake_elf fake;
static struct elf_image *elf;
static struct diag d;

/* Opens the first len bytes of the fake as it stands. */
static int open_fake(size_t len)
{
	d = (struct diag)DIAG_INIT;
	return elf_image_open(fake_elf_file(fake.bytes, len), &elf, &d);
}

static int setup(void **state)
{
	(void)state;
	fake_elf_build(&fake);
	assert_int_equal(open_fake(sizeof(fake.bytes)), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	elf_image_close(elf);
	elf = NULL;
	return 0;
}

static void segments_and_sections_are_read(void **state)
{
	const struct elf_segment *s;
	uint64_t addr, size;
	size_t n;

	(void)state;
	s = elf_image_segments(elf, &n);
	assert_int_equal(n, 2);
	assert_true(s[0].executable && !s[0].writable && s[1].writable && !s[1].executable);
	assert_true(s[1].vaddr == FAKE_BASE + FAKE_AT_DATA && s[1].memsz == 0x2000);
	assert_int_equal(elf_image_section(elf, ".gopclntab", &addr, &size), 0);
	assert_true(addr == FAKE_TAB && size == 0x800);
	assert_int_equal(elf_image_section(elf, ".gopcln", &addr, &size), -ENODATA);
	/* Not in memory: not a section for us. */
	assert_int_equal(elf_image_section(elf, ".strtab", &addr, &size), -ENODATA);
}

static void symbols_are_found_by_their_whole_name(void **state)
{
	uint64_t v;

	(void)state;
	assert_false(elf_image_stripped(elf));
	assert_int_equal(elf_image_symbol(elf, "runtime.text", &v), 0);
	assert_true(v == FAKE_TEXT);
	assert_int_equal(elf_image_symbol(elf, "main.main", &v), 0);
	assert_true(v == FAKE_TEXT + 0x100);
	/* Undefined ones are passed over; a name may be the end of another. */
	assert_int_equal(elf_image_symbol(elf, "text", &v), 0);
	assert_true(v == 2);
	assert_int_equal(elf_image_symbol(elf, "runtime.tex", &v), -ENODATA);
	assert_int_equal(elf_image_symbol(elf, "main", &v), -ENODATA);
}

static void a_file_without_a_section_table_still_opens(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	uint64_t addr, size;

	(void)state;
	teardown(NULL);
	fake_elf_drop_sections(&fake);
	assert_int_equal(open_fake(FAKE_AT_SYMBOLS), 0);
	assert_true(elf_image_stripped(elf));
	assert_int_equal(elf_image_section(elf, ".gopclntab", &addr, &size), -ENODATA);
	assert_int_equal(elf_image_symbol(elf, "main.main", &addr), -ENODATA);
	assert_non_null(elf_image_build_id(elf, a));
}

static void the_gnu_build_id_comes_before_go_s(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();

	(void)state;
	assert_string_equal(elf_image_build_id(elf, a), "00112233445566778899aabbccddeeff");
	teardown(NULL);
	fake.bytes[FAKE_AT_NOTES + 40] = 'X';
	assert_int_equal(open_fake(sizeof(fake.bytes)), 0);
	assert_string_equal(elf_image_build_id(elf, a), "ab_/cd-/ef/9");
	teardown(NULL);
	fake.bytes[FAKE_AT_NOTES + 20] = '\n';
	assert_int_equal(open_fake(sizeof(fake.bytes)), 0);
	assert_null(elf_image_build_id(elf, a));
}

static void constant_bytes_are_served_and_writable_ones_are_not(void **state)
{
	const uint64_t bias = 0x7000000;
	CLEANUP(mem_close_p) struct mem *m = NULL;
	CLEANUP(mem_close_p) struct mem *all = NULL;
	uint64_t v;

	(void)state;
	assert_int_equal(elf_image_mem(elf, bias, &m), 0);
	assert_int_equal(mem_read_u64(m, bias + FAKE_TAB, &v), 0);
	assert_memory_equal(&v, fake.tab.bytes, 8);
	assert_int_equal(mem_read_u64(m, FAKE_TAB, &v), -EFAULT);
	/* Across the end of the read-only segment. */
	assert_int_equal(mem_read_u64(m, bias + FAKE_BASE + FAKE_AT_DATA - 4, &v), -EFAULT);
	assert_int_equal(mem_read_u64(m, bias + FAKE_BASE + FAKE_AT_MODULE, &v), -EFAULT);
	assert_int_equal(elf_image_mem_all(elf, bias, &all), 0);
	assert_int_equal(mem_read_u64(all, bias + FAKE_BASE + FAKE_AT_MODULE, &v), 0);
	assert_true(v == FAKE_TAB);
	/* bss: the file does not say. */
	assert_int_equal(mem_read_u64(all, bias + FAKE_BASE + FAKE_AT_DATA + 0x1000, &v), -EFAULT);
	assert_int_equal(mem_read_u64(all, UINT64_MAX - 8, &v), -EFAULT);
}

static void what_the_file_cannot_say_comes_from_the_process(void **state)
{
	const uint64_t word = 0x1234, at = FAKE_BASE + FAKE_AT_MODULE;
	const struct mem_range r = { at, &word, sizeof(word) };
	CLEANUP(mem_close_p) struct mem *live = NULL;
	CLEANUP(mem_close_p) struct mem *m = NULL;
	uint64_t v;

	(void)state;
	assert_int_equal(mem_array_open(&r, 1, &live), 0);
	assert_int_equal(elf_image_mem_over(elf, 0, live, &m), 0);
	assert_int_equal(mem_read_u64(m, at, &v), 0);
	assert_true(v == word);
	assert_int_equal(mem_read_u64(m, FAKE_TAB, &v), 0);
	assert_int_equal(mem_read_u64(m, at + 8, &v), -EFAULT);
}

/* Sets n bytes of the header and opens; what that gives. */
static int open_with(size_t at, uint64_t value, size_t n)
{
	int r;

	fake_elf_build(&fake);
	memcpy(fake.bytes + at, &value, n);
	r = open_fake(sizeof(fake.bytes));
	if (r == 0)
		teardown(NULL);
	return r;
}

static void what_is_not_an_amd64_program_is_told_apart(void **state)
{
	(void)state;
	teardown(NULL);
	assert_int_equal(open_with(0, 'X', 1), -EBADMSG);
	assert_int_equal(open_with(EI_CLASS, ELFCLASS32, 1), -EOPNOTSUPP);
	assert_non_null(strstr(d.why, "32-bit"));
	assert_int_equal(open_with(EI_DATA, ELFDATA2MSB, 1), -EOPNOTSUPP);
	assert_int_equal(open_with(18, EM_AARCH64, 2), -EOPNOTSUPP);
	assert_non_null(strstr(d.why, "arm64"));
	assert_int_equal(elf_image_open(open("/", O_RDONLY | O_CLOEXEC), &elf, &d), -EBADMSG);
}

static void a_header_that_asks_for_too_much_is_refused(void **state)
{
	const size_t phdr = 64;

	(void)state;
	teardown(NULL);
	assert_int_equal(open_with(56, 0xffff, 2), -EBADMSG);		/* e_phnum PN_XNUM */
	assert_int_equal(open_with(56, 0, 2), -EBADMSG);
	assert_int_equal(open_with(phdr + 32, 1ull << 40, 8), -EBADMSG);	/* p_filesz */
	assert_int_equal(open_with(phdr + 16, UINT64_MAX - 8, 8), -EBADMSG);	/* p_vaddr */
	assert_int_equal(open_with(phdr + 8, UINT64_MAX - 8, 8), -EBADMSG);	/* p_offset */
	/* Extended numbering with a million sections. */
	fake_elf_build(&fake);
	fake.bytes[60] = 0;
	memset(fake.bytes + FAKE_AT_SECTIONS + 32, 0xff, 3);
	assert_int_equal(open_fake(sizeof(fake.bytes)), -EBADMSG);
}

static void a_truncated_file_is_an_error_not_a_crash(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	uint64_t v;

	(void)state;
	teardown(NULL);
	for (size_t len = 0; len < sizeof(fake.bytes); len += len < 0x300 ? 1 : 61) {
		int r = open_fake(len);

		assert_true(r == (len < FAKE_AT_SYMBOLS ? -EBADMSG : 0));
		if (r < 0) {
			assert_true(d.why[0]);
			continue;
		}
		elf_image_symbol(elf, "main.main", &v);
		elf_image_build_id(elf, a);
		teardown(NULL);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(segments_and_sections_are_read),
		CASE(symbols_are_found_by_their_whole_name),
		CASE(a_file_without_a_section_table_still_opens),
		CASE(the_gnu_build_id_comes_before_go_s),
		CASE(constant_bytes_are_served_and_writable_ones_are_not),
		CASE(what_the_file_cannot_say_comes_from_the_process),
		CASE(what_is_not_an_amd64_program_is_told_apart),
		CASE(a_header_that_asks_for_too_much_is_refused),
		CASE(a_truncated_file_is_an_error_not_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
