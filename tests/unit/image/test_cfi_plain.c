// SPDX-License-Identifier: Apache-2.0
/* Which call frame information is plain enough to be shown to libdw. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "image/cfi_plain.h"
#include "image/elf.h"
#include "image/elf_symbol.h"

/* "zR", pcrel sdata4, rip at CFA - 8: what gcc writes, 24 bytes. */
static const uint8_t cie[] = {
	20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
};

struct frames {
	uint8_t bytes[512];
	size_t len;
};

static void add_cie(struct frames *f, const uint8_t *bytes)
{
	memcpy(f->bytes + f->len, bytes, sizeof(cie));
	f->len += sizeof(cie);
}

/* An FDE of these instructions, whose CIE stands at the offset. */
static void add_fde(struct frames *f, uint32_t its_cie, const uint8_t *ops, uint32_t n)
{
	uint32_t len = 4 + 8 + 1 + n, to_cie = (uint32_t)f->len + 4 - its_cie;
	uint8_t *p = f->bytes + f->len;

	memset(p, 0, 4 + len);
	memcpy(p, &len, 4);
	memcpy(p + 4, &to_cie, 4);
	p[12] = 0x10;	/* of sixteen bytes of code */
	memcpy(p + 17, ops, n);
	f->len += 4 + len;
}

static size_t plain(const struct frames *f)
{
	return cfi_plain_bytes(f->bytes, f->len);
}

/* What is plain of a CIE and an FDE of these instructions: all, or the CIE alone. */
static bool plain_ops(const uint8_t *ops, uint32_t n)
{
	struct frames f = { .len = 0 };
	size_t got;

	add_cie(&f, cie);
	add_fde(&f, 0, ops, n);
	got = plain(&f);
	assert_true(got == f.len || got == sizeof(cie));
	return got == f.len;
}
#define PLAIN(...) \
	plain_ops((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void what_compilers_write_is_plain(void **state)
{
	(void)state;
	assert_true(PLAIN(0x41, 0x0e, 0x10, 0x86, 2, 0x43, 0x0d, 6, 0x0a, 0xc6, 0x0b, 0, 0));
	assert_true(PLAIN(0x0f, 3, 0x77, 8, 6, 0x10, 6, 2, 0x76, 0));
	assert_true(PLAIN(0x02, 1, 0x03, 1, 2, 0x04, 1, 2, 3, 4, 0x2e, 0x80, 1));
	assert_true(PLAIN(0x11, 6, 0x7f, 0x12, 7, 0x78, 0x13, 0x70, 0x2f, 3, 1));
}

static void a_register_that_amd64_lacks_is_not(void **state)
{
	(void)state;
	assert_true(PLAIN(0x07, 125));
	assert_false(PLAIN(0x07, 126));
	assert_false(PLAIN(0x05, 0xff, 0xff, 0xff, 0x3f, 1));
	assert_false(PLAIN(0x0c, 0xff, 0xff, 0xff, 0x3f, 1));
	assert_false(PLAIN(0x09, 1, 0xff, 0xff, 0xff, 0x3f));
	assert_false(PLAIN(0x16, 0xff, 0xff, 0xff, 0x3f, 0));
}

static void states_that_pile_up_are_not(void **state)
{
	uint8_t ops[34];

	(void)state;
	memset(ops, 0x0a, 17);
	memset(ops + 17, 0x0b, 17);
	assert_false(plain_ops(ops, 34));
	assert_true(plain_ops(ops + 1, 32));
	assert_false(PLAIN(0x0b));
	assert_true(PLAIN(0x0a, 0x0b, 0x0a, 0x0b, 0x0a, 0x0b));
}

static void an_operand_beyond_the_entry_is_not(void **state)
{
	(void)state;
	assert_false(PLAIN(0x04, 1, 2, 3));
	assert_false(PLAIN(0x0f, 4, 1, 2, 3));
	assert_false(PLAIN(0x0e, 0x80));
	assert_false(PLAIN(0x0e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0));
	assert_false(PLAIN(0x3f));
}

static void what_stands_before_is_kept(void **state)
{
	struct frames f = { .len = 0 };
	size_t good;

	(void)state;
	add_cie(&f, cie);
	add_fde(&f, 0, (const uint8_t[]){ 0x41 }, 1);
	good = f.len;
	add_fde(&f, 0, (const uint8_t[]){ 0x3f }, 1);
	add_fde(&f, 0, (const uint8_t[]){ 0x41 }, 1);
	assert_int_equal(plain(&f), good);
}

static void it_ends_at_the_terminator(void **state)
{
	struct frames f = { .len = 0 };
	size_t good;

	(void)state;
	add_cie(&f, cie);
	good = f.len;
	f.len += 4;
	add_cie(&f, cie);
	assert_int_equal(plain(&f), good);
	assert_int_equal(cfi_plain_bytes(f.bytes + good, 4), 0);
}

static void an_fde_needs_a_cie_that_was_seen(void **state)
{
	struct frames f = { .len = 0 };

	(void)state;
	add_cie(&f, cie);
	add_fde(&f, 4, (const uint8_t[]){ 0x41 }, 1);
	assert_int_equal(plain(&f), sizeof(cie));
	assert_int_equal(cfi_plain_bytes(f.bytes + sizeof(cie), f.len - sizeof(cie)), 0);
}

static void an_augmentation_nobody_writes_is_not_plain(void **state)
{
	uint8_t other[sizeof(cie)];
	struct frames f = { .len = 0 };

	(void)state;
	memcpy(other, cie, sizeof(cie));
	other[9] = 'e';
	other[10] = 'h';
	add_cie(&f, other);
	assert_int_equal(plain(&f), 0);
}

static void a_whole_library_is_plain(void **state)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	uint64_t addr, size;
	uint8_t *bytes;

	(void)state;
	assert_int_equal(elf_image_open(open("/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY), &e,
					NULL), 0);
	assert_int_equal(elf_image_section(e, ".eh_frame", &addr, &size), 0);
	bytes = malloc(size);
	assert_non_null(bytes);
	/* Read-only data of libraries stands in the file where it stands in memory. */
	assert_int_equal(elf_read_at(elf_image_fd(e), addr, bytes, size), 0);
	assert_int_equal(cfi_plain_bytes(bytes, size), size - 4);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_compilers_write_is_plain),
		cmocka_unit_test(a_register_that_amd64_lacks_is_not),
		cmocka_unit_test(states_that_pile_up_are_not),
		cmocka_unit_test(an_operand_beyond_the_entry_is_not),
		cmocka_unit_test(what_stands_before_is_kept),
		cmocka_unit_test(it_ends_at_the_terminator),
		cmocka_unit_test(an_fde_needs_a_cie_that_was_seen),
		cmocka_unit_test(an_augmentation_nobody_writes_is_not_plain),
		cmocka_unit_test(a_whole_library_is_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
