// SPDX-License-Identifier: Apache-2.0
#include "goruntime/operands.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* The functions that are read have 250 to 6,000 bytes; what is larger is none of them. */
#define CODE_MAX (64u << 10)

struct code {
	ZydisDecoder decoder;
	uint8_t *bytes;
	uint64_t entry;
	size_t len, at;		/* at: of the next instruction */
	uint64_t pc;		/* of the current one */
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
};

static void code_done(struct code *c)
{
	free(c->bytes);
}

static int code_init(struct code *c, struct mem *m, uint64_t entry, uint64_t end)
{
	if (end <= entry || end - entry > CODE_MAX)
		return -EBADMSG;
	c->entry = entry;
	c->len = end - entry;
	c->bytes = malloc(c->len);
	if (!c->bytes)
		return -ENOMEM;
	ZydisDecoderInit(&c->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return mem_read(m, entry, c->bytes, c->len);
}

/* Decodes the next instruction; false at the end of the code, or where there is none. */
static bool code_next(struct code *c)
{
	if (c->at >= c->len ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&c->decoder, c->bytes + c->at, c->len - c->at,
						 &c->insn, c->ops)))
		return false;
	c->pc = c->entry + c->at;
	c->at += c->insn.length;
	return true;
}

/* Does operand i name a global, or its address? Go addresses globals by RIP. */
static bool is_global(const struct code *c, unsigned int i, uint64_t *ret)
{
	const ZydisDecodedOperand *op = &c->ops[i];

	return i < c->insn.operand_count_visible && op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       (op->mem.type == ZYDIS_MEMOP_TYPE_MEM || op->mem.type == ZYDIS_MEMOP_TYPE_AGEN) &&
	       op->mem.base == ZYDIS_REGISTER_RIP &&
	       ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&c->insn, op, c->pc, ret));
}

/* Is operand i an 8-byte global that is read or written? */
static bool is_word(const struct code *c, unsigned int i, uint64_t *ret)
{
	const ZydisDecodedOperand *op = &c->ops[i];

	return is_global(c, i, ret) && op->mem.type == ZYDIS_MEMOP_TYPE_MEM && op->size == 64;
}

static bool is_half(const struct code *c, unsigned int i, uint64_t *ret)
{
	const ZydisDecodedOperand *op = &c->ops[i];

	return is_global(c, i, ret) && op->mem.type == ZYDIS_MEMOP_TYPE_MEM && op->size == 32;
}

static bool is_register(const struct code *c, unsigned int i, ZydisRegister *ret)
{
	const ZydisDecodedOperand *op = &c->ops[i];

	if (i >= c->insn.operand_count_visible || op->type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    ZydisRegisterGetClass(op->reg.value) != ZYDIS_REGCLASS_GPR64)
		return false;
	*ret = op->reg.value;
	return true;
}

static int collect(struct mem *m, uint64_t entry, uint64_t end,
		   bool (*is)(const struct code *c, unsigned int i, uint64_t *ret),
		   uint64_t *addrs, size_t max)
{
	CLEANUP(code_done) struct code c = { 0 };
	size_t n = 0;
	int r = code_init(&c, m, entry, end);

	if (r < 0)
		return r;
	while (code_next(&c)) {
		for (unsigned int i = 0; i < c.insn.operand_count_visible; i++) {
			uint64_t addr;
			size_t k = 0;

			if (!is(&c, i, &addr))
				continue;
			while (k < n && addrs[k] != addr)
				k++;
			if (k == n && n < max)
				addrs[n++] = addr;
		}
	}
	return (int)n;
}

int operands_words(struct mem *m, uint64_t entry, uint64_t end, uint64_t *words, size_t max)
{
	return collect(m, entry, end, is_word, words, max);
}

int operands_halves(struct mem *m, uint64_t entry, uint64_t end, uint64_t *halves, size_t max)
{
	return collect(m, entry, end, is_half, halves, max);
}

int operands_globals(struct mem *m, uint64_t entry, uint64_t end, uint64_t *addrs, size_t max)
{
	return collect(m, entry, end, is_global, addrs, max);
}

/* How far the code has come; any other write to the register starts anew. */
enum elapsed_step { NOTHING, LOADED, TESTED, SUBTRACTED };

struct elapsed_state {
	enum elapsed_step step;
	ZydisRegister loaded, difference;
	uint64_t since;
};

static bool writes(const struct code *c, ZydisRegister reg)
{
	for (unsigned int i = 0; i < c->insn.operand_count; i++)
		if (c->ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (c->ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
		    ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
						     c->ops[i].reg.value) == reg)
			return true;
	return false;
}

/* The comparison that ends the shape: cmp [period], difference. */
static bool compares(const struct code *c, const struct elapsed_state *s, uint64_t *period)
{
	ZydisRegister a;

	if (s->step != SUBTRACTED || c->insn.mnemonic != ZYDIS_MNEMONIC_CMP)
		return false;
	return (is_word(c, 0, period) && is_register(c, 1, &a) && a == s->difference) ||
	       (is_word(c, 1, period) && is_register(c, 0, &a) && a == s->difference);
}

static void elapsed_step(const struct code *c, struct elapsed_state *s)
{
	ZydisRegister a, b;

	if (c->insn.mnemonic == ZYDIS_MNEMONIC_MOV && is_register(c, 0, &a) &&
	    is_word(c, 1, &s->since)) {
		s->step = LOADED;
		s->loaded = a;
	} else if (s->step == LOADED && c->insn.mnemonic == ZYDIS_MNEMONIC_TEST &&
		   is_register(c, 0, &a) && is_register(c, 1, &b) && a == s->loaded && b == a) {
		s->step = TESTED;
	} else if (s->step == TESTED && c->insn.mnemonic == ZYDIS_MNEMONIC_SUB &&
		   is_register(c, 0, &a) && is_register(c, 1, &b) && b == s->loaded) {
		s->step = SUBTRACTED;
		s->difference = a;
	} else if (s->step != NOTHING &&
		   writes(c, s->step == SUBTRACTED ? s->difference : s->loaded)) {
		s->step = NOTHING;
	}
}

int operands_elapsed(struct mem *m, uint64_t entry, uint64_t end, struct operands_elapsed *ret,
		     size_t max)
{
	CLEANUP(code_done) struct code c = { 0 };
	struct elapsed_state s = { NOTHING };
	size_t n = 0;
	int r = code_init(&c, m, entry, end);

	if (r < 0)
		return r;
	while (code_next(&c) && n < max) {
		uint64_t period;

		if (compares(&c, &s, &period)) {
			ret[n++] = (struct operands_elapsed){ s.since, period };
			s.step = NOTHING;
			continue;
		}
		elapsed_step(&c, &s);
	}
	return (int)n;
}
