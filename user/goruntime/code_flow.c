// SPDX-License-Identifier: Apache-2.0
#include "goruntime/code_flow.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of functions that start goroutines and wait; a larger one is generated, and is not looked at. */
#define CODE_MAX (256u << 10)

struct code_flow {
	ZydisDecoder decoder;
	uint8_t *bytes;
	uint64_t entry;
	size_t len;
	struct code_call *calls;
	size_t n_calls, room;
	uint8_t *passed;	/* by offset of an instruction */
	uint32_t *open;		/* offsets from which ways are still to be followed */
	size_t n_open;
};

/* What an instruction does to the way. */
struct step {
	uint8_t length;
	bool call, jump, falls, returns;
	uint64_t target;	/* of a call or a jump; 0 not fixed */
};

static bool decode(const struct code_flow *f, size_t at, struct step *ret)
{
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];

	if (at >= f->len || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&f->decoder, f->bytes + at,
								 f->len - at, &insn, ops)))
		return false;
	*ret = (struct step){ .length = insn.length, .falls = true };
	switch (insn.meta.category) {
	case ZYDIS_CATEGORY_CALL:
		ret->call = true;
		break;
	case ZYDIS_CATEGORY_COND_BR:
		ret->jump = true;
		break;
	case ZYDIS_CATEGORY_UNCOND_BR:
		ret->jump = true;
		ret->falls = false;
		break;
	case ZYDIS_CATEGORY_RET:
		ret->returns = true;
		ret->falls = false;
		break;
	default:
		/* What Go writes behind a call that does not return. */
		ret->falls = insn.mnemonic != ZYDIS_MNEMONIC_UD2 &&
			     insn.mnemonic != ZYDIS_MNEMONIC_INT3;
		break;
	}
	if ((ret->call || ret->jump) && ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	    !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&insn, &ops[0], f->entry + at, &ret->target)))
		ret->target = 0;
	return true;
}

static int add_call(struct code_flow *f, uint64_t at, const struct step *s)
{
	if (f->n_calls == f->room) {
		size_t room = f->room ? f->room * 2 : 32;
		struct code_call *calls = realloc(f->calls, room * sizeof(*calls));

		if (!calls)
			return -ENOMEM;
		f->calls = calls;
		f->room = room;
	}
	f->calls[f->n_calls++] = (struct code_call){
		.at = at, .next = at + s->length, .target = s->target,
	};
	return 0;
}

static int find_calls(struct code_flow *f)
{
	struct step s;
	int r = 0;

	for (size_t at = 0; r == 0 && decode(f, at, &s); at += s.length)
		if (s.call && s.target)
			r = add_call(f, f->entry + at, &s);
	return r;
}

int code_flow_open(struct mem *code, uint64_t entry, uint64_t end, struct code_flow **ret)
{
	CLEANUP(code_flow_close_p) struct code_flow *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	if (end <= entry || end - entry > CODE_MAX)
		return -EBADMSG;
	f->entry = entry;
	f->len = end - entry;
	f->bytes = malloc(f->len);
	f->passed = calloc(f->len, 1);
	f->open = calloc(f->len, sizeof(*f->open));
	if (!f->bytes || !f->passed || !f->open)
		return -ENOMEM;
	ZydisDecoderInit(&f->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	r = mem_read(code, entry, f->bytes, f->len);
	if (r == 0)
		r = find_calls(f);
	if (r < 0)
		return r;
	*ret = TAKE(f);
	return 0;
}

void code_flow_close(struct code_flow *f)
{
	if (!f)
		return;
	free(f->bytes);
	free(f->calls);
	free(f->passed);
	free(f->open);
	free(f);
}

struct code_call *code_flow_calls(struct code_flow *f, size_t *n)
{
	*n = f->n_calls;
	return f->calls;
}

static bool is_barred(const struct code_flow *f, uint64_t at)
{
	size_t low = 0, high = f->n_calls;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->calls[middle].at == at)
			return f->calls[middle].bar;
		if (f->calls[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Each offset is opened once at most, so there is room. */
static void open_at(struct code_flow *f, uint64_t addr)
{
	uint64_t at = addr - f->entry;

	if (addr < f->entry || at >= f->len || f->passed[at])
		return;
	f->passed[at] = 1;
	f->open[f->n_open++] = (uint32_t)at;
}

bool code_flow_follow(struct code_flow *f, uint64_t from)
{
	bool returns = false;

	memset(f->passed, 0, f->len);
	f->n_open = 0;
	open_at(f, from);
	while (f->n_open) {
		size_t at = f->open[--f->n_open];
		struct step s;

		if (!decode(f, at, &s))
			continue;
		returns = returns || s.returns;
		/* What grows the stack begins the function anew; so does no loop. */
		if (s.jump && s.target && s.target != f->entry)
			open_at(f, s.target);
		if (s.falls && !(s.call && is_barred(f, f->entry + at)))
			open_at(f, f->entry + at + s.length);
	}
	return returns;
}

bool code_flow_passed(const struct code_flow *f, uint64_t addr)
{
	return addr >= f->entry && addr - f->entry < f->len && f->passed[addr - f->entry];
}
