// SPDX-License-Identifier: Apache-2.0
/* Stacks of the process in an array (world.h), one function of which is given stack maps. */
#include "../unit.h"

#include <string.h>

#include "goruntime/stack_words.h"
#include "world.h"

/* As world.c has them: main.worker is the 15th function, each has 0x100 bytes and a frame of 0x28. */
#define WORKER 14
#define MAIN 15
#define PC(function) (WORLD_TEXT + (function) * 0x100ull + 0x40)
#define FUNCTAB 0x700u
#define PCTAB 0x680u
/* Room behind the tables, and behind the types, which is where funcdata is counted from. */
#define RECORD 0xb00u
#define GOFUNC 0x2000u
#define MAPS 0x2800u

#define STACK 0x7000000ull
#define STACK_WORDS 64
#define SP_WORD 16	/* where the innermost frame begins */

struct process {
	struct world w;
	struct stack_words *words;
	uint64_t stack[STACK_WORDS];
	struct go_g g;
	struct walk_frame frames[2];
	struct go_walk walk;
};

static void put32(struct process *p, uint32_t at, uint32_t v)
{
	memcpy(p->w.bytes + at, &v, sizeof(v));
}

/* Four words of locals, of which map 1 has the first and the third; two of arguments, the second. */
static void give_maps(struct process *p)
{
	static const uint8_t map_1_everywhere[] = { 2 * 2, 0x80, 0x02, 0 };
	uint64_t n_objects = 1;

	put32(p, FUNCTAB + WORKER * 8 + 4, RECORD - FUNCTAB);
	memcpy(p->w.bytes + RECORD, p->w.bytes + FUNCTAB + 18 * 8 + WORKER * 44, 44);
	put32(p, RECORD + 8, 16);		/* bytes of arguments */
	put32(p, RECORD + 28, 2);		/* tables of pcdata */
	p->w.bytes[RECORD + 43] = 3;		/* funcdata */
	memcpy(p->w.bytes + PCTAB + 32, map_1_everywhere, sizeof(map_1_everywhere));
	put32(p, RECORD + 44 + 4, 32);
	put32(p, RECORD + 52, MAPS - GOFUNC);
	put32(p, RECORD + 56, MAPS + 16 - GOFUNC);
	put32(p, RECORD + 60, MAPS + 32 - GOFUNC);
	put32(p, MAPS, 2);			/* arguments: two maps of two bits */
	put32(p, MAPS + 4, 2);
	p->w.bytes[MAPS + 9] = 2;
	put32(p, MAPS + 16, 2);			/* locals */
	put32(p, MAPS + 20, 4);
	p->w.bytes[MAPS + 25] = 5;
	/* The fourth local's address was taken. */
	memcpy(p->w.bytes + MAPS + 32, &n_objects, 8);
	put32(p, MAPS + 40, (uint32_t)-8);
	put32(p, MAPS + 44, 8);
	put32(p, MAPS + 48, 8);
	put32(p, MAPS + 52, MAPS + 64 - GOFUNC);
	p->w.bytes[MAPS + 64] = 1;
}

static void process_open(struct process *p)
{
	memset(p, 0, sizeof(*p));
	world_build(&p->w);
	give_maps(p);
	assert_int_equal(world_open(&p->w), 0);
	p->w.rt.md.rodata = WORLD_BASE + GOFUNC;
	assert_int_equal(stack_words_open(&p->w.rt, &p->words), 0);
	for (size_t i = 0; i < STACK_WORDS; i++)
		p->stack[i] = 0xc000000000ull + i * 0x1000;
	p->g = (struct go_g){ .stack_lo = STACK, .stack_hi = STACK + sizeof(p->stack),
			      .sp = STACK + SP_WORD * 8, .state = GO_WAITING };
	p->frames[0] = (struct walk_frame){ .pc = PC(WORKER), .sp_off = 0 };
	p->walk = (struct go_walk){ .g = &p->g, .frames = p->frames, .n_frames = 1,
		.stack = span_of(p->stack + SP_WORD, sizeof(p->stack) - SP_WORD * 8) };
}

static void process_close(struct process *p)
{
	stack_words_free(p->words);
	world_close(&p->w);
}

/* Is the word of the frame (0 its lowest) among those found? */
static bool found_word(const struct process *p, const struct stack_found *f, size_t word)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->words[i] == p->stack[SP_WORD + word])
			return true;
	return false;
}

static void only_what_the_map_names_is_found(void **state)
{
	struct stack_found f;
	struct process p;

	(void)state;
	process_open(&p);
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_true(found_word(&p, &f, 0));
	assert_true(found_word(&p, &f, 2));
	/* Behind saved frame pointer and return address come the arguments. */
	assert_true(found_word(&p, &f, 7));
	assert_int_equal(f.n, 3);
	assert_false(f.conservative);
	assert_false(f.cut);
	process_close(&p);
}

/* The function of a deferred call on the stack, where no map tells of it; a list of them ends. */
static void a_deferred_call_on_the_stack_counts(void **state)
{
	enum { RECORD_AT = 10 };
	size_t link, fn;
	struct stack_found f;
	struct process p;

	(void)state;
	process_open(&p);
	fn = RECORD_AT + (size_t)p.w.rt.layout.defer_fn / 8;
	link = RECORD_AT + (size_t)p.w.rt.layout.defer_link / 8;
	p.g.defers = STACK + (SP_WORD + RECORD_AT) * 8;
	p.stack[SP_WORD + link] = 0;
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_true(found_word(&p, &f, fn));
	assert_true(found_word(&p, &f, 0));
	assert_false(f.lost);
	p.stack[SP_WORD + link] = p.g.defers;
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_true(f.lost);
	p.stack[SP_WORD + link] = STACK + sizeof(p.stack) - 8;
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_true(f.lost);
	process_close(&p);
}

static void a_local_counts_when_it_is_pointed_to(void **state)
{
	struct stack_found f;
	struct process p;

	(void)state;
	process_open(&p);
	p.stack[SP_WORD + 2] = STACK + (SP_WORD + 3) * 8;
	/* It points to itself, which must come to an end. */
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_true(found_word(&p, &f, 3));
	assert_int_equal(f.n, 3);
	p.stack[SP_WORD + 3] = STACK + (SP_WORD + 3) * 8;
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_int_equal(f.n, 2);
	process_close(&p);
}

static void a_frame_without_a_map_is_taken_as_it_is(void **state)
{
	struct stack_found f;
	struct process p;

	(void)state;
	process_open(&p);
	p.frames[0].pc = PC(MAIN);
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_true(f.conservative);
	assert_int_equal(f.n, 4);
	/* And the caller of such a one, for what it is handed nobody knows. */
	p.frames[1] = (struct walk_frame){ .pc = PC(WORKER), .sp_off = 48 };
	p.walk.n_frames = 2;
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_int_equal(f.n, 4 + 4 + 2);
	process_close(&p);
}

static void a_walk_that_broke_off_means_every_word(void **state)
{
	struct stack_found f;
	struct process p;

	(void)state;
	process_open(&p);
	p.walk.end = UNWIND_BROKEN;
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_true(f.conservative);
	assert_int_equal(f.n, STACK_WORDS - SP_WORD);
	assert_int_equal(stack_words_all(p.words, span_of(p.stack, sizeof(p.stack)), STACK,
					 STACK + sizeof(p.stack), &f), 0);
	assert_int_equal(f.n, STACK_WORDS);
	process_close(&p);
}

static void maps_that_lie_beyond_their_frame_name_nothing(void **state)
{
	struct stack_found f;
	struct process p;

	(void)state;
	process_open(&p);
	/* A thousand locals in a frame of four words. */
	put32(&p, MAPS + 20, 1000);
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_int_equal(f.n, 1);
	process_close(&p);
	process_open(&p);
	/* More maps than anybody has, and an index beyond them. */
	put32(&p, MAPS + 16, 1);
	assert_int_equal(stack_words_walk(p.words, &p.walk, &f), 0);
	assert_true(f.conservative);
	process_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_map_names_is_found),
		cmocka_unit_test(a_deferred_call_on_the_stack_counts),
		cmocka_unit_test(a_local_counts_when_it_is_pointed_to),
		cmocka_unit_test(a_frame_without_a_map_is_taken_as_it_is),
		cmocka_unit_test(a_walk_that_broke_off_means_every_word),
		cmocka_unit_test(maps_that_lie_beyond_their_frame_name_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
