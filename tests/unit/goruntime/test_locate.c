// SPDX-License-Identifier: Apache-2.0
/* The parts that find the runtime's variables: operands, slices of goroutines, wait reasons. */
#include "../unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/gshape.h"
#include "goruntime/operands.h"
#include "goruntime/wait_reasons.h"
#include "model/goroutine.h"

#define CODE 0x400000ull
#define DATA 0x500000ull

/* `op...` and the 32-bit distance from the end of the instruction to a global in the data. */
struct code {
	uint8_t bytes[256];
	size_t n;
};

static void emit(struct code *c, const char *op, size_t len)
{
	memcpy(c->bytes + c->n, op, len);
	c->n += len;
}

static void emit_global(struct code *c, const char *op, size_t len, uint64_t global, size_t tail)
{
	int32_t distance;

	emit(c, op, len);
	distance = (int32_t)(global - (CODE + c->n + sizeof(distance) + tail));
	emit(c, (const char *)&distance, sizeof(distance));
}

#define MOV_RCX "\x48\x8b\x0d"		/* mov rcx, [rip + x] */
#define MOV_TO_RAX "\x48\x89\x05"	/* mov [rip + x], rax */
#define LEA_RAX "\x48\x8d\x05"
#define CMP_BYTE "\x80\x3d"		/* cmp byte [rip + x], imm8 */
#define MOV_EDX "\x8b\x15"		/* mov edx, [rip + x] */
#define CMP_RBX "\x48\x39\x1d"		/* cmp [rip + x], rbx */
#define TEST_RCX "\x48\x85\xc9"
#define SUB_RBX_RCX "\x48\x29\xcb"
#define JE "\x74\x0f"

static struct mem *open_code(const struct code *c)
{
	const struct mem_range range = { CODE, c->bytes, c->n };
	struct mem *m;

	assert_int_equal(mem_array_open(&range, 1, &m), 0);
	return m;
}

static void words_are_the_8_byte_globals_read_or_written(void **state)
{
	struct code c = { .n = 0 };
	CLEANUP(mem_close_p) struct mem *m = NULL;
	uint64_t words[8];

	(void)state;
	emit_global(&c, LEA_RAX, 3, DATA + 64, 0);
	emit_global(&c, MOV_RCX, 3, DATA + 8, 0);
	emit_global(&c, CMP_BYTE, 2, DATA + 32, 1);
	emit(&c, "\x00", 1);
	emit_global(&c, MOV_EDX, 2, DATA + 40, 0);
	emit_global(&c, MOV_TO_RAX, 3, DATA, 0);
	emit_global(&c, MOV_RCX, 3, DATA + 8, 0);
	m = open_code(&c);
	assert_int_equal(operands_words(m, CODE, CODE + c.n, words, 8), 2);
	assert_int_equal(words[0], DATA + 8);
	assert_int_equal(words[1], DATA);
	assert_int_equal(operands_words(m, CODE, CODE + c.n, words, 1), 1);
}

static void globals_are_of_any_size_and_by_address_too(void **state)
{
	struct code c = { .n = 0 };
	CLEANUP(mem_close_p) struct mem *m = NULL;
	uint64_t addrs[8];

	(void)state;
	emit_global(&c, LEA_RAX, 3, DATA + 64, 0);
	emit_global(&c, MOV_RCX, 3, DATA + 8, 0);
	emit_global(&c, CMP_BYTE, 2, DATA + 32, 1);
	emit(&c, "\x00", 1);
	emit_global(&c, MOV_EDX, 2, DATA + 40, 0);
	emit_global(&c, MOV_RCX, 3, DATA + 64, 0);
	emit(&c, TEST_RCX JE SUB_RBX_RCX, 8);
	m = open_code(&c);
	assert_int_equal(operands_globals(m, CODE, CODE + c.n, addrs, 8), 4);
	assert_int_equal(addrs[0], DATA + 64);
	assert_int_equal(addrs[1], DATA + 8);
	assert_int_equal(addrs[2], DATA + 32);
	assert_int_equal(addrs[3], DATA + 40);
	assert_int_equal(operands_globals(m, CODE, CODE + c.n, addrs, 2), 2);
}

static void what_is_no_instruction_ends_the_search(void **state)
{
	struct code c = { .n = 0 };
	CLEANUP(mem_close_p) struct mem *m = NULL;
	uint64_t words[8];

	(void)state;
	emit_global(&c, MOV_RCX, 3, DATA + 8, 0);
	emit(&c, "\x06", 1);	/* push es: not in 64-bit mode */
	emit_global(&c, MOV_TO_RAX, 3, DATA, 0);
	m = open_code(&c);
	assert_int_equal(operands_words(m, CODE, CODE + c.n, words, 8), 1);
	assert_int_equal(operands_words(m, CODE, CODE + 5, words, 8), 0);
}

static void code_that_cannot_be_read_or_has_no_sane_size_is_an_error(void **state)
{
	struct code c = { .n = 16 };
	CLEANUP(mem_close_p) struct mem *m = open_code(&c);
	struct operands_elapsed e[2];
	uint64_t words[8];

	(void)state;
	assert_int_equal(operands_words(m, DATA, DATA + 16, words, 8), -EFAULT);
	assert_int_equal(operands_words(m, CODE, CODE + (1 << 20), words, 8), -EBADMSG);
	assert_int_equal(operands_words(m, CODE, CODE, words, 8), -EBADMSG);
	assert_int_equal(operands_elapsed(m, CODE + 8, CODE, e, 2), -EBADMSG);
}

static int count_elapsed(const struct code *c, struct operands_elapsed *ret)
{
	CLEANUP(mem_close_p) struct mem *m = open_code(c);

	return operands_elapsed(m, CODE, CODE + c->n, ret, 4);
}

/* As Go 1.26.8 compiles gcTrigger.test. */
static void elapsed_time_is_told_by_its_shape(void **state)
{
	struct code c = { .n = 0 };
	struct operands_elapsed e[4];

	(void)state;
	emit_global(&c, MOV_RCX, 3, DATA + 24, 0);
	emit(&c, "\x66\x90", 2);
	emit(&c, TEST_RCX JE SUB_RBX_RCX, 8);
	emit_global(&c, CMP_RBX, 3, DATA + 48, 0);
	assert_int_equal(count_elapsed(&c, e), 1);
	assert_int_equal(e[0].since, DATA + 24);
	assert_int_equal(e[0].period, DATA + 48);
}

static void other_shapes_are_not_elapsed_time(void **state)
{
	struct operands_elapsed e[4];
	struct code untested = { .n = 0 }, overwritten = { .n = 0 }, other = { .n = 0 };

	(void)state;
	emit_global(&untested, MOV_RCX, 3, DATA + 24, 0);
	emit(&untested, SUB_RBX_RCX, 3);
	emit_global(&untested, CMP_RBX, 3, DATA + 48, 0);
	assert_int_equal(count_elapsed(&untested, e), 0);

	emit_global(&overwritten, MOV_RCX, 3, DATA + 24, 0);
	emit(&overwritten, TEST_RCX "\x31\xc9" SUB_RBX_RCX, 8);	/* xor ecx, ecx */
	emit_global(&overwritten, CMP_RBX, 3, DATA + 48, 0);
	assert_int_equal(count_elapsed(&overwritten, e), 0);

	emit_global(&other, MOV_RCX, 3, DATA + 24, 0);
	emit(&other, TEST_RCX SUB_RBX_RCX, 6);
	emit_global(&other, "\x48\x39\x05", 3, DATA + 48, 0);	/* cmp [x], rax */
	assert_int_equal(count_elapsed(&other, e), 0);
}

/* Goroutines in an array: a heap of g structs, and a bss whose words the tests set. */
struct heap {
	struct go_layout l;
	uint8_t bytes[16 * 512];
	uint64_t slots[16];
	uint64_t bss[40000];
	struct mem *m;
};

#define HEAP 0xc000000000ull
#define SLOTS 0xc000100000ull
#define BSS 0x600000ull

static void put(struct heap *h, int g, int32_t at, uint64_t v, size_t len)
{
	memcpy(h->bytes + 512 * g + at, &v, len);
}

static struct heap *heap_new(void)
{
	struct heap *h = calloc(1, sizeof(*h));
	const struct mem_range ranges[] = { { HEAP, h->bytes, sizeof(h->bytes) },
					    { SLOTS, h->slots, sizeof(h->slots) },
					    { BSS, h->bss, sizeof(h->bss) } };

	assert_int_equal(layout_lookup(26, 0, &h->l, NULL), 0);
	assert_int_equal(mem_array_open(ranges, 3, &h->m), 0);
	for (int i = 0; i < 16; i++) {
		h->slots[i] = HEAP + 512 * (uint64_t)i;
		put(h, i, h->l.g_stack_lo, 0xc000200000 + 0x800 * (uint64_t)i, 8);
		put(h, i, h->l.g_stack_hi, 0xc000200800 + 0x800 * (uint64_t)i, 8);
		put(h, i, h->l.g_status, i % 4 == 3 ? GO_DEAD : GO_WAITING | GSCAN, 4);
		put(h, i, h->l.g_goid, (uint64_t)i + 1, 8);
	}
	return h;
}

static void heap_free(struct heap *h)
{
	mem_close(h->m);
	free(h);
}
DEFINE_CLEANUP(struct heap, heap_free)

static void set_slice(struct heap *h, size_t word, uint64_t len)
{
	h->bss[word] = SLOTS;
	h->bss[word + 1] = len;
	h->bss[word + 2] = 16;
}

static int search(const struct heap *h, uint64_t ret[2])
{
	return gslice_search(&h->l, h->m, BSS, BSS + sizeof(h->bss), ret);
}

static void the_one_slice_of_goroutines_is_found_wherever_it_stands(void **state)
{
	/* The first word, the last, and both sides of where one chunk of reading ends. */
	static const size_t words[] = { 0, 39997, 32764, 32765, 32766, 32767, 32768 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		CLEANUP(heap_free_p) struct heap *h = heap_new();
		uint64_t at[2];

		set_slice(h, words[i], 16);
		assert_int_equal(search(h, at), 1);
		assert_int_equal(at[0], BSS + 8 * words[i]);
	}
}

static void two_slices_are_both_named(void **state)
{
	CLEANUP(heap_free_p) struct heap *h = heap_new();
	uint64_t at[2];

	(void)state;
	set_slice(h, 10, 16);
	set_slice(h, 20, 15);
	assert_int_equal(search(h, at), 2);
	assert_int_equal(at[0], BSS + 8 * 10);
	assert_int_equal(at[1], BSS + 8 * 20);
}

static void too_few_goroutines_are_no_proof(void **state)
{
	CLEANUP(heap_free_p) struct heap *h = heap_new();
	uint64_t at[2];

	(void)state;
	set_slice(h, 10, 2);
	assert_int_equal(search(h, at), 0);
}

static void a_slice_of_other_things_is_none_of_goroutines(void **state)
{
	CLEANUP(heap_free_p) struct heap *h = heap_new();
	uint64_t at[2];

	(void)state;
	set_slice(h, 10, 16);
	for (int i = 0; i < 6; i++)
		put(h, i, h->l.g_stack_hi, 17, 8);
	assert_int_equal(search(h, at), 0);
}

static void a_few_torn_goroutines_do_not_matter(void **state)
{
	CLEANUP(heap_free_p) struct heap *h = heap_new();
	uint64_t at[2];

	(void)state;
	set_slice(h, 10, 16);
	put(h, 0, h->l.g_stack_hi, 17, 8);
	put(h, 1, h->l.g_status, 5, 4);
	assert_int_equal(search(h, at), 1);
}

static void an_absurd_length_is_no_slice(void **state)
{
	const struct gslice good = { SLOTS, 16, 16 }, over = { SLOTS, 17, 16 },
			    huge = { SLOTS, 16, 1ull << 40 }, odd = { SLOTS + 1, 16, 16 },
			    none = { SLOTS, 0, 16 };

	(void)state;
	assert_true(gslice_plausible(&good));
	assert_false(gslice_plausible(&over));
	assert_false(gslice_plausible(&huge));
	assert_false(gslice_plausible(&odd));
	assert_false(gslice_plausible(&none));
}

/* A target cannot make the search endless by a bss full of what looks like slices. */
static void a_bss_full_of_likely_slices_is_given_up(void **state)
{
	CLEANUP(heap_free_p) struct heap *h = heap_new();
	struct mem_range ranges[64];
	uint64_t at[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(h->bss); i++)
		h->bss[i] = 8192;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct mem_range){ BSS + i * sizeof(h->bss), h->bss, sizeof(h->bss) };
	mem_close(h->m);
	assert_int_equal(mem_array_open(ranges, ARRAY_SIZE(ranges), &h->m), 0);
	assert_int_equal(gslice_search(&h->l, h->m, BSS, BSS + 64 * sizeof(h->bss), at), -EBADMSG);
}

/* runtime.waitReasonStrings in an array. */
struct strings {
	uint64_t data[4096];
	char text[4096];
	size_t used;
	struct moduledata md;
	struct mem *m;
	struct arena *arena;
};

static void set_string(struct strings *s, size_t index, const char *text)
{
	s->data[1000 + 2 * index] = *text ? CODE + s->used : 0;
	s->data[1001 + 2 * index] = strlen(text);
	memcpy(s->text + s->used, text, strlen(text));
	s->used += strlen(text);
}

static struct strings *strings_new(void)
{
	static const char *const texts[] = { "", "GC assist marking", "IO wait", "select",
					     "chan receive", "chan send", "semacquire", "sleep" };
	struct strings *s = calloc(1, sizeof(*s));
	const struct mem_range ranges[] = { { CODE, s->text, sizeof(s->text) },
					    { DATA, s->data, sizeof(s->data) } };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		set_string(s, i, texts[i]);
	s->md.data = DATA;
	s->md.edata = DATA + sizeof(s->data);
	s->arena = arena_new();
	assert_int_equal(mem_array_open(ranges, 2, &s->m), 0);
	return s;
}

static void strings_free(struct strings *s)
{
	arena_free(s->arena);
	mem_close(s->m);
	free(s);
}
DEFINE_CLEANUP(struct strings, strings_free)

static int find_reasons(struct strings *s, const char ***reasons, uint32_t *n, struct diag *d)
{
	return wait_reasons_find(&s->md, s->m, s->m, s->arena, reasons, n, d);
}

static void wait_reasons_are_read_to_their_end(void **state)
{
	CLEANUP(strings_free_p) struct strings *s = strings_new();
	const char **reasons;
	uint32_t n;

	(void)state;
	assert_int_equal(find_reasons(s, &reasons, &n, NULL), 0);
	assert_int_equal(n, 8);
	assert_string_equal(reasons[0], "");
	assert_string_equal(reasons[2], "IO wait");
	assert_string_equal(reasons[7], "sleep");
}

static void unprintable_or_unreadable_text_ends_the_reasons(void **state)
{
	CLEANUP(strings_free_p) struct strings *s = strings_new();
	const char **reasons;
	uint32_t n;

	(void)state;
	set_string(s, 8, "fine");
	set_string(s, 9, "not \x1b[31m fine");
	set_string(s, 10, "never reached");
	assert_int_equal(find_reasons(s, &reasons, &n, NULL), 0);
	assert_int_equal(n, 9);
	s->data[1000 + 2 * 8] = 1;
	assert_int_equal(find_reasons(s, &reasons, &n, NULL), 0);
	assert_int_equal(n, 8);
}

static void endless_reasons_are_cut(void **state)
{
	CLEANUP(strings_free_p) struct strings *s = strings_new();
	const char **reasons;
	uint32_t n;

	(void)state;
	for (size_t i = 8; i < 1000; i++)
		set_string(s, i, "x");
	assert_int_equal(find_reasons(s, &reasons, &n, NULL), 0);
	assert_int_equal(n, 256);
}

static void a_table_without_a_word_that_all_releases_have_is_refused(void **state)
{
	CLEANUP(strings_free_p) struct strings *s = strings_new();
	struct diag d = DIAG_INIT;
	const char **reasons;
	uint32_t n;

	(void)state;
	set_string(s, 6, "something else");
	assert_int_equal(find_reasons(s, &reasons, &n, &d), -EOPNOTSUPP);
	assert_non_null(strstr(d.why, "semacquire"));
}

static void data_without_reasons_is_refused(void **state)
{
	CLEANUP(strings_free_p) struct strings *s = strings_new();
	struct diag d = DIAG_INIT;
	const char **reasons;
	uint32_t n;

	(void)state;
	set_string(s, 1, "GC assist walking");
	assert_int_equal(find_reasons(s, &reasons, &n, &d), -EOPNOTSUPP);
	assert_string_equal(d.why, "runtime.waitReasonStrings was not found");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_the_8_byte_globals_read_or_written),
		cmocka_unit_test(globals_are_of_any_size_and_by_address_too),
		cmocka_unit_test(what_is_no_instruction_ends_the_search),
		cmocka_unit_test(code_that_cannot_be_read_or_has_no_sane_size_is_an_error),
		cmocka_unit_test(elapsed_time_is_told_by_its_shape),
		cmocka_unit_test(other_shapes_are_not_elapsed_time),
		cmocka_unit_test(the_one_slice_of_goroutines_is_found_wherever_it_stands),
		cmocka_unit_test(two_slices_are_both_named),
		cmocka_unit_test(too_few_goroutines_are_no_proof),
		cmocka_unit_test(a_slice_of_other_things_is_none_of_goroutines),
		cmocka_unit_test(a_few_torn_goroutines_do_not_matter),
		cmocka_unit_test(an_absurd_length_is_no_slice),
		cmocka_unit_test(a_bss_full_of_likely_slices_is_given_up),
		cmocka_unit_test(wait_reasons_are_read_to_their_end),
		cmocka_unit_test(unprintable_or_unreadable_text_ends_the_reasons),
		cmocka_unit_test(endless_reasons_are_cut),
		cmocka_unit_test(a_table_without_a_word_that_all_releases_have_is_refused),
		cmocka_unit_test(data_without_reasons_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
