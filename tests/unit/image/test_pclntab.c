// SPDX-License-Identifier: Apache-2.0
#include "image/pclntab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "fake_pclntab.h"
#include "model/limits.h"

static struct fake_pclntab fake;
static struct mem *mem;
static struct pclntab *tab;

static int open_fake(struct diag *d)
{
	struct mem_range r = { FAKE_TAB, fake.bytes, fake.len };

	assert_int_equal(mem_array_open(&r, 1, &mem), 0);
	return pclntab_open(mem, &fake.where, &tab, d);
}

static void open_good(int minor)
{
	struct diag d = DIAG_INIT;

	fake_pclntab_build(minor, &fake);
	assert_int_equal(open_fake(&d), 0);
}

static int close_fake(void **state)
{
	(void)state;
	pclntab_close(tab);
	mem_close(mem);
	tab = NULL;
	mem = NULL;
	return 0;
}

static int frames_at(uint64_t pc, enum func_kind callee, struct frame *frames)
{
	return pclntab_frames(tab, pc, pc, &callee, frames, 8);
}

static void assert_frame(const struct frame *f, const char *function, const char *file,
			 uint32_t line)
{
	assert_string_equal(f->function, function);
	assert_string_equal(f->file, file);
	assert_int_equal(f->line, line);
}

static void a_pc_reads_as_its_function_file_and_line(void **state)
{
	struct frame f[8];

	(void)state;
	open_good(22);
	assert_int_equal(frames_at(fake_pc(FAKE_PLAIN, 0x3f), FUNC_NORMAL, f), 1);
	assert_frame(f, "main.plain", "a.go", 10);
	assert_true(f[0].pc == fake_pc(FAKE_PLAIN, 0x3f) && f[0].entry == FAKE_TEXT);
	assert_int_equal(f[0].start_line, 9);
	assert_false(f[0].inlined);
	assert_int_equal(frames_at(fake_pc(FAKE_PLAIN, 0x40), FUNC_NORMAL, f), 1);
	assert_frame(f, "main.plain", "a.go", 11);
}

static void inlined_calls_come_innermost_first(void **state)
{
	static const int minors[] = { 18, 20, 22, 27 };
	struct frame f[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		open_good(minors[i]);
		assert_int_equal(frames_at(fake_pc(FAKE_CALLER, 0x3f), FUNC_NORMAL, f), 3);
		assert_frame(&f[0], "main.inner", "b.go", 7);
		assert_frame(&f[1], "main.middle", "b.go", 5);
		assert_frame(&f[2], "main.caller", "a.go", 20);
		assert_true(f[0].inlined && f[1].inlined && !f[2].inlined);
		assert_true(f[0].entry == fake_pc(FAKE_CALLER, 0));
		assert_true(f[1].pc == fake_pc(FAKE_CALLER, 0x29));
		assert_true(f[2].pc == fake_pc(FAKE_CALLER, 0x11));
		assert_int_equal(f[0].start_line, minors[i] < 20 ? 0 : 6);
		close_fake(NULL);
	}
}

static void fewer_frames_than_there_are_is_not_an_error(void **state)
{
	struct frame f[1];
	enum func_kind callee = FUNC_NORMAL;
	uint64_t pc = fake_pc(FAKE_CALLER, 0x3f);

	(void)state;
	open_good(22);
	assert_int_equal(pclntab_frames(tab, pc, pc, &callee, f, 1), 1);
	assert_string_equal(f[0].function, "main.inner");
}

static void a_wrapper_is_left_out_unless_it_called_a_panic(void **state)
{
	static const int minors[] = { 18, 21, 22, 24, 25, 27 };
	struct frame f[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		enum func_kind callee = FUNC_NORMAL;
		uint64_t wrapper = fake_pc(FAKE_WRAPPER, 8), panic = fake_pc(FAKE_GOPANIC, 8);

		open_good(minors[i]);
		assert_int_equal(pclntab_frames(tab, wrapper, wrapper, &callee, f, 8), 0);
		assert_int_equal(callee, FUNC_WRAPPER);
		assert_int_equal(pclntab_frames(tab, panic, panic, &callee, f, 8), 1);
		assert_int_equal(callee, FUNC_GOPANIC);
		assert_int_equal(pclntab_frames(tab, wrapper, wrapper, &callee, f, 8), 1);
		assert_string_equal(f[0].function, "main.wrapper");
		close_fake(NULL);
	}
}

static void type_arguments_are_shortened_as_each_release_does(void **state)
{
	static const struct {
		int minor;
		const char *generic, *twice;
	} all[] = {
		{ 20, "main.generic[go.shape.int].func1",
		  "main.(*box[go.shape.[]string]).convert[go.shape.int]" },
		{ 21, "main.generic[...].func1", "main.(*box[...]" },
		{ 27, "main.generic[...].func1", "main.(*box[...]).convert[...]" },
	};
	struct frame f[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		open_good(all[i].minor);
		frames_at(fake_pc(FAKE_GENERIC, 0), FUNC_NORMAL, f);
		assert_string_equal(f[0].function, all[i].generic);
		frames_at(fake_pc(FAKE_TWICE, 0), FUNC_NORMAL, f);
		assert_string_equal(f[0].function, all[i].twice);
		close_fake(NULL);
	}
}

static void functions_are_found_by_name(void **state)
{
	static const char *const names[] = { "runtime.gopanic", "no.such", "gopanic", "main.plain" };
	struct func f[4], one;

	(void)state;
	open_good(22);
	assert_int_equal(pclntab_find_names(tab, names, 4, f), 0);
	assert_true(f[0].entry == fake_pc(FAKE_GOPANIC, 0));
	assert_null(f[1].name);
	assert_null(f[2].name);	/* the end of a name is not a name */
	assert_true(f[3].entry == FAKE_TEXT);
	assert_int_equal(pclntab_find_name(tab, "main.caller", &one), 0);
	assert_true(one.end == fake_pc(FAKE_WRAPPER, 0));
	assert_int_equal(pclntab_find_name(tab, "no.such", &one), -ENOENT);
	/* Inlined functions have a name but no code of their own. */
	assert_int_equal(pclntab_find_name(tab, "main.inner", &one), -ENOENT);
}

static void of_two_functions_of_one_name_the_wrapper_is_not_meant(void **state)
{
	uint32_t wrapper, gopanic;
	struct func f;

	(void)state;
	open_good(22);
	/* Both records at their name offset. */
	memcpy(&wrapper, fake.bytes + fake.at_ftab + 8 * FAKE_WRAPPER + 4, 4);
	memcpy(&gopanic, fake.bytes + fake.at_ftab + 8 * FAKE_GOPANIC + 4, 4);
	memcpy(fake.bytes + fake.at_ftab + wrapper + 4, fake.bytes + fake.at_ftab + gopanic + 4, 4);
	assert_int_equal(pclntab_find_name(tab, "runtime.gopanic", &f), 0);
	assert_true(f.entry == fake_pc(FAKE_GOPANIC, 0));
}

static void frame_sizes_and_pcdata_are_read(void **state)
{
	struct func f;
	int32_t v;
	uint64_t addr;

	(void)state;
	open_good(25);
	assert_int_equal(pclntab_find(tab, fake_pc(FAKE_CALLER, 5), &f), 0);
	assert_int_equal(pclntab_sp_delta(tab, &f, fake_pc(FAKE_CALLER, 0xf), &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(pclntab_sp_delta(tab, &f, fake_pc(FAKE_CALLER, 0x10), &v), 0);
	assert_int_equal(v, 24);
	assert_int_equal(pclntab_pcdata(tab, &f, 2, fake_pc(FAKE_CALLER, 0x20), &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(pclntab_pcdata(tab, &f, 0, fake_pc(FAKE_CALLER, 0x20), &v), -ENODATA);
	assert_int_equal(pclntab_pcdata(tab, &f, 3, fake_pc(FAKE_CALLER, 0x20), &v), -ENODATA);
	assert_int_equal(pclntab_funcdata(tab, &f, 3, &addr), 0);
	assert_true(addr == fake.where.gofunc);
	assert_int_equal(pclntab_funcdata(tab, &f, 0, &addr), -ENODATA);
	assert_int_equal(pclntab_funcdata(tab, &f, 4, &addr), -ENODATA);
}

static void a_pc_outside_every_function_is_not_found(void **state)
{
	struct func f;

	(void)state;
	open_good(22);
	assert_int_equal(pclntab_find(tab, FAKE_TEXT - 1, &f), -ENOENT);
	assert_int_equal(pclntab_find(tab, fake_pc(FAKE_FUNCS, 0), &f), -ENOENT);
	assert_int_equal(pclntab_find(tab, 0, &f), -ENOENT);
	assert_int_equal(pclntab_find(tab, UINT64_MAX, &f), -ENOENT);
	assert_int_equal(pclntab_func(tab, FAKE_FUNCS, &f), -ENOENT);
	assert_int_equal(pclntab_find(tab, fake_pc(FAKE_FUNCS, 0) - 1, &f), 0);
	assert_string_equal(f.name, "main.(*box[go.shape.[]string]).convert[go.shape.int]");
}

/* Builds, sets 8 bytes at an offset, opens. */
static int open_damaged(size_t at, uint64_t value)
{
	struct diag d = DIAG_INIT;
	int r;

	fake_pclntab_build(22, &fake);
	memcpy(fake.bytes + at, &value, sizeof(value));
	r = open_fake(&d);
	assert_true(r == 0 || d.why[0]);
	close_fake(NULL);
	return r;
}

static void a_header_that_lies_is_refused(void **state)
{
	(void)state;
	assert_int_equal(open_damaged(0, 0x08010000fffffffbull), -EOPNOTSUPP);	/* Go 1.2 */
	assert_int_equal(open_damaged(0, 0x04010000fffffff1ull), -EBADMSG);	/* 32-bit */
	assert_int_equal(open_damaged(8, 0), -EBADMSG);
	assert_int_equal(open_damaged(8, 1ull << 40), -EBADMSG);
	assert_int_equal(open_damaged(8, 0xfff), -EFAULT);
	assert_int_equal(open_damaged(32, 8), -EBADMSG);
	assert_int_equal(open_damaged(40, UINT64_MAX), -EBADMSG);
	assert_int_equal(open_damaged(64, 1ull << 33), -EBADMSG);
	assert_int_equal(open_damaged(64, 80), -EBADMSG);
	assert_int_equal(open_damaged(24, 12345), 0);	/* textStart is not used */
}

static void a_truncated_table_is_an_error_not_a_crash(void **state)
{
	struct diag d = DIAG_INIT;

	(void)state;
	for (size_t len = 0; len < fake.len; len++) {
		struct frame f[8];
		int r;

		fake_pclntab_build(22, &fake);
		fake.len = len;
		r = open_fake(&d);
		if (r == 0)
			r = frames_at(fake_pc(FAKE_CALLER, 0x3f), FUNC_NORMAL, f);
		assert_true(r == -EFAULT || (r == 3 && len >= fake.at_tree));
		close_fake(NULL);
	}
}

static void an_inline_tree_that_leads_back_to_itself_ends(void **state)
{
	struct frame f[8];
	uint32_t itself = 0x3f;

	(void)state;
	open_good(22);
	/* parentPc of the second record: the very pc that it is inlined at. */
	memcpy(fake.bytes + fake.at_tree + 16 + 8, &itself, sizeof(itself));
	assert_int_equal(frames_at(fake_pc(FAKE_CALLER, 0x3f), FUNC_NORMAL, f), -EBADMSG);
}

static void an_inlined_call_from_outside_its_function_is_malformed(void **state)
{
	struct frame f[8];
	uint32_t outside = 0x100;

	(void)state;
	open_good(22);
	memcpy(fake.bytes + fake.at_tree + 16 + 8, &outside, sizeof(outside));
	assert_int_equal(frames_at(fake_pc(FAKE_CALLER, 0x3f), FUNC_NORMAL, f), -EBADMSG);
}

static void a_name_beyond_the_name_table_is_malformed(void **state)
{
	uint32_t record, far = 1u << 30;
	struct func f;

	(void)state;
	open_good(22);
	memcpy(&record, fake.bytes + fake.at_ftab + 4, sizeof(record));
	memcpy(fake.bytes + fake.at_ftab + record + 4, &far, sizeof(far));
	assert_int_equal(pclntab_find(tab, FAKE_TEXT, &f), -EBADMSG);
	assert_int_equal(pclntab_find(tab, fake_pc(FAKE_CALLER, 0), &f), 0);
}

static void a_record_of_another_function_is_malformed(void **state)
{
	struct func f;

	(void)state;
	open_good(22);
	memcpy(fake.bytes + fake.at_ftab + 4, fake.bytes + fake.at_ftab + 12, 4);
	assert_int_equal(pclntab_find(tab, FAKE_TEXT, &f), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_pc_reads_as_its_function_file_and_line, close_fake),
		cmocka_unit_test(inlined_calls_come_innermost_first),
		cmocka_unit_test_teardown(fewer_frames_than_there_are_is_not_an_error, close_fake),
		cmocka_unit_test(a_wrapper_is_left_out_unless_it_called_a_panic),
		cmocka_unit_test(type_arguments_are_shortened_as_each_release_does),
		cmocka_unit_test_teardown(functions_are_found_by_name, close_fake),
		cmocka_unit_test_teardown(of_two_functions_of_one_name_the_wrapper_is_not_meant,
					  close_fake),
		cmocka_unit_test_teardown(frame_sizes_and_pcdata_are_read, close_fake),
		cmocka_unit_test_teardown(a_pc_outside_every_function_is_not_found, close_fake),
		cmocka_unit_test(a_header_that_lies_is_refused),
		cmocka_unit_test(a_truncated_table_is_an_error_not_a_crash),
		cmocka_unit_test_teardown(an_inline_tree_that_leads_back_to_itself_ends,
					  close_fake),
		cmocka_unit_test_teardown(an_inlined_call_from_outside_its_function_is_malformed,
					  close_fake),
		cmocka_unit_test_teardown(a_name_beyond_the_name_table_is_malformed, close_fake),
		cmocka_unit_test_teardown(a_record_of_another_function_is_malformed, close_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
