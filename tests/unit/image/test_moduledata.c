// SPDX-License-Identifier: Apache-2.0
#include "image/moduledata.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "fake_elf.h"

static struct fake_elf fake;
static struct diag d;

static int setup(void **state)
{
	(void)state;
	fake_elf_build(&fake);
	return 0;
}

static uint64_t *word(size_t i)
{
	return (uint64_t *)(void *)(fake.bytes + FAKE_AT_MODULE) + i;
}

/*
 * Finds it with the file as the fake was when it was written and the process's data as it is
 * now, so that a test can relocate the latter.
 */
static int find(int fd, uint64_t bias, struct moduledata *ret)
{
	const struct mem_range data = { bias + FAKE_BASE + FAKE_AT_DATA,
					fake.bytes + FAKE_AT_DATA, 0x1000 };
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	CLEANUP(mem_close_p) struct mem *live = NULL;
	CLEANUP(mem_close_p) struct mem *file = NULL;

	d = (struct diag)DIAG_INIT;
	assert_int_equal(elf_image_open(fd, &e, &d), 0);
	assert_int_equal(mem_array_open(&data, 1, &live), 0);
	assert_int_equal(elf_image_mem(e, bias, &file), 0);
	return moduledata_find(e, bias, live, file, &fake_fields, ret, &d);
}

static int find_here(struct moduledata *ret)
{
	return find(fake_elf_file(fake.bytes, sizeof(fake.bytes)), 0, ret);
}

static void assert_found(const struct moduledata *m, uint64_t bias)
{
	assert_true(m->addr == bias + FAKE_BASE + FAKE_AT_MODULE);
	assert_true(m->bias == bias);
	assert_true(m->pcheader == bias + FAKE_TAB);
	assert_true(m->text == bias + FAKE_TEXT && m->etext == bias + FAKE_ETEXT);
	assert_true(m->types == bias + FAKE_TAB && m->etypes == bias + FAKE_TAB + 0x1000);
	assert_true(m->gofunc == bias + fake.tab.where.gofunc);
	assert_true(m->next == 0);
}

static void it_is_found_by_the_word_that_points_to_the_pclntab(void **state)
{
	struct moduledata m;

	(void)state;
	assert_int_equal(find_here(&m), 0);
	assert_found(&m, 0);
}

static void it_is_found_without_a_section_table(void **state)
{
	struct moduledata m;

	(void)state;
	fake_elf_drop_sections(&fake);
	assert_int_equal(find_here(&m), 0);
	assert_found(&m, 0);
}

static void a_relocated_one_is_found_in_the_process(void **state)
{
	const uint64_t bias = 0x7f0000000000ull;
	int fd = fake_elf_file(fake.bytes, sizeof(fake.bytes));
	struct moduledata m;

	(void)state;
	for (size_t i = 0; i < 74; i++)
		if (*word(i) >= FAKE_BASE)
			*word(i) += bias;
	assert_int_equal(find(fd, bias, &m), 0);
	assert_found(&m, bias);
}

static void words_that_only_point_there_are_passed_over(void **state)
{
	struct moduledata m;

	(void)state;
	/* Somebody else's pointer to the table, before the real one. */
	for (size_t at = FAKE_AT_DATA + 0x400; at < FAKE_AT_MODULE; at += 8)
		memcpy(fake.bytes + at, word(0), 8);
	fake_elf_drop_sections(&fake);
	assert_int_equal(find_here(&m), 0);
	assert_found(&m, 0);
}

static void bytes_that_only_look_like_a_header_are_passed_over(void **state)
{
	struct moduledata m;

	(void)state;
	fake_elf_drop_sections(&fake);
	for (size_t at = FAKE_AT_TEXT; at < FAKE_AT_TEXT + 0x200; at += 0x40)
		memcpy(fake.bytes + at, fake.tab.bytes, 8);
	assert_int_equal(find_here(&m), 0);
	assert_found(&m, 0);
}

static void a_program_without_a_pclntab_has_none(void **state)
{
	struct moduledata m;

	(void)state;
	memset(fake.bytes + FAKE_AT_TAB, 0, 8);
	assert_int_equal(find_here(&m), -ENODATA);
	assert_non_null(strstr(d.why, "pclntab"));
}

static void a_table_that_nothing_points_to_is_not_enough(void **state)
{
	struct moduledata m;

	(void)state;
	*word(1) += 8;
	assert_int_equal(find_here(&m), -ENODATA);
	assert_non_null(strstr(d.why, "moduledata"));
}

static void bounds_outside_the_file_s_segments_are_malformed(void **state)
{
	static const size_t bounds[] = { 22, 23, 25, 27, 29, 31, 37, 38, 39, 40 };
	struct moduledata m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		setup(NULL);
		*word(bounds[i]) = 0x123456789000;
		assert_int_equal(find_here(&m), -EBADMSG);
		setup(NULL);
		*word(bounds[i]) = UINT64_MAX - 7;
		assert_int_equal(find_here(&m), -EBADMSG);
	}
}

/* Rounded up, its address is 0: once all of memory was looked through, page by page. */
static void a_segment_at_the_last_address_ends_the_search(void **state)
{
	Elf64_Ehdr header;
	Elf64_Phdr last;
	struct moduledata m;

	(void)state;
	fake_elf_drop_sections(&fake);
	memset(fake.bytes + FAKE_AT_TAB, 0, 8);
	memcpy(&header, fake.bytes, sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		uint8_t *at = fake.bytes + header.e_phoff + i * sizeof(last);

		memcpy(&last, at, sizeof(last));
		if (last.p_type != PT_LOAD)
			continue;
		last.p_vaddr = UINT64_MAX - 4;
		last.p_filesz = last.p_memsz = 4;
		memcpy(at, &last, sizeof(last));
	}
	assert_int_equal(find_here(&m), -ENODATA);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		CASE(it_is_found_by_the_word_that_points_to_the_pclntab),
		CASE(it_is_found_without_a_section_table),
		CASE(a_relocated_one_is_found_in_the_process),
		CASE(words_that_only_point_there_are_passed_over),
		CASE(bytes_that_only_look_like_a_header_are_passed_over),
		CASE(a_program_without_a_pclntab_has_none),
		CASE(a_table_that_nothing_points_to_is_not_enough),
		CASE(bounds_outside_the_file_s_segments_are_malformed),
		CASE(a_segment_at_the_last_address_ends_the_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
