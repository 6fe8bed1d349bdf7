// SPDX-License-Identifier: Apache-2.0
#include "image/buildinfo.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "fake_elf.h"

static struct fake_elf fake;
static struct arena *arena;
static struct diag d;

static int setup(void **state)
{
	(void)state;
	fake_elf_build(&fake);
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static int read_fake(struct buildinfo *ret)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;

	d = (struct diag)DIAG_INIT;
	assert_int_equal(elf_image_open(fake_elf_file(fake.bytes, sizeof(fake.bytes)), &e, &d), 0);
	return buildinfo_read(e, arena, ret, &d);
}

static void assert_demo(const struct buildinfo *b)
{
	assert_string_equal(b->go_version, "go1.22.12");
	assert_string_equal(b->module, "example.org/demo");
	assert_string_equal(b->path, "example.org/demo/cmd");
	assert_true(b->cgo && b->cgo_known);
	assert_int_equal(b->minor, 22);
	assert_int_equal(b->patch, 12);
}

static void the_linker_s_blob_is_read(void **state)
{
	struct buildinfo b;

	(void)state;
	assert_int_equal(read_fake(&b), 0);
	assert_demo(&b);
}

static void it_is_found_without_a_section_table(void **state)
{
	struct buildinfo b;

	(void)state;
	fake_elf_drop_sections(&fake);
	assert_int_equal(read_fake(&b), 0);
	assert_demo(&b);
}

static void a_program_without_it_is_not_a_go_program(void **state)
{
	struct buildinfo b;

	(void)state;
	fake.bytes[FAKE_AT_BUILDINFO]++;
	assert_int_equal(read_fake(&b), -ENODATA);
	assert_non_null(strstr(d.why, "not a Go program"));
}

/* Both ended in a search that went round the address space. */
static void a_segment_at_the_end_of_memory_is_searched_once(void **state)
{
	struct buildinfo b;
	Elf64_Phdr p;

	(void)state;
	fake_elf_drop_sections(&fake);
	fake.bytes[FAKE_AT_BUILDINFO]++;
	memcpy(&p, fake.bytes + sizeof(Elf64_Ehdr) + sizeof(p), sizeof(p));
	p.p_vaddr = UINT64_MAX - p.p_memsz;
	memcpy(fake.bytes + sizeof(Elf64_Ehdr) + sizeof(p), &p, sizeof(p));
	assert_int_equal(read_fake(&b), -ENODATA);
}

static void a_section_of_no_bytes_is_not_searched(void **state)
{
	const size_t at = FAKE_AT_SECTIONS + 2 * sizeof(Elf64_Shdr);
	struct buildinfo b;
	Elf64_Shdr s;

	(void)state;
	fake.bytes[FAKE_AT_BUILDINFO]++;
	memcpy(&s, fake.bytes + at, sizeof(s));
	s.sh_type = SHT_NOBITS;
	s.sh_size = UINT64_MAX / 2;
	memcpy(fake.bytes + at, &s, sizeof(s));
	assert_int_equal(read_fake(&b), -ENODATA);
}

static void the_form_of_go_1_17_is_refused(void **state)
{
	struct buildinfo b;

	(void)state;
	fake.bytes[FAKE_AT_BUILDINFO + 15] = 0;
	assert_int_equal(read_fake(&b), -EOPNOTSUPP);
}

static void strings_past_the_end_are_malformed(void **state)
{
	const uint8_t *blob = fake.bytes + FAKE_AT_BUILDINFO;
	struct buildinfo b;
	size_t whole = 0;

	(void)state;
	for (size_t len = 0; len < 0x300; len++) {
		int r = buildinfo_parse(span_of(blob, len), arena, &b, &d);

		assert_true(r == 0 || r == -EBADMSG);
		if (r == 0 && !whole)
			whole = len;
		assert_true((r == 0) == (whole != 0));
	}
	assert_true(whole > 32 + 11);
}

static void a_program_without_modules_has_a_version_only(void **state)
{
	uint8_t blob[64] = "\xff Go buildinf:\x08\x02";
	struct buildinfo b;

	(void)state;
	memcpy(blob + 32, "\x06go1.20\0", 8);
	assert_int_equal(buildinfo_parse(span_of(blob, 40), arena, &b, &d), 0);
	assert_string_equal(b.go_version, "go1.20");
	assert_null(b.module);
	assert_null(b.path);
	assert_false(b.cgo_known);
	assert_int_equal(b.minor, 20);
	memcpy(blob + 32, "\0\0", 2);
	assert_int_equal(buildinfo_parse(span_of(blob, 40), arena, &b, &d), -EBADMSG);
}

static void versions_read_as_releases_or_not(void **state)
{
	static const struct {
		const char *s;
		bool ok;
		int minor, patch;
	} all[] = {
		{ "go1.24.9", true, 24, 9 },
		{ "go1.24", true, 24, 0 },
		{ "go1.27rc1", true, 27, 0 },
		{ "go1.24.9 X:nocoverageredesign", true, 24, 9 },
		{ "go1.22.12-vendor", true, 22, 12 },
		{ "go1.18.10", true, 18, 10 },
		{ "devel go1.25-0123abc Tue", false, -1, 0 },
		{ "go2.1", false, -1, 0 },
		{ "go1.", false, -1, 0 },
		{ "go1.99999999999", false, -1, 0 },
		{ "go1.20.", false, -1, 0 },
		{ "go", false, -1, 0 },
		{ "", false, -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int minor = 7, patch = 7;

		assert_int_equal(buildinfo_version(all[i].s, &minor, &patch), all[i].ok);
		assert_int_equal(minor, all[i].minor);
		assert_int_equal(patch, all[i].patch);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_linker_s_blob_is_read),
		CASE(it_is_found_without_a_section_table),
		CASE(a_program_without_it_is_not_a_go_program),
		CASE(a_segment_at_the_end_of_memory_is_searched_once),
		CASE(a_section_of_no_bytes_is_not_searched),
		CASE(the_form_of_go_1_17_is_refused),
		CASE(strings_past_the_end_are_malformed),
		CASE(a_program_without_modules_has_a_version_only),
		CASE(versions_read_as_releases_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
