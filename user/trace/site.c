// SPDX-License-Identifier: Apache-2.0
#include "trace/site.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* How far in front of everything else a site is looked for; prologues have 10 to 60 bytes. */
#define PROLOGUE_MAX 128
/* The runtime's functions that are probed have 40 to 2,000 bytes. */
#define FUNCTION_MAX (64u << 10)

#define RAX_TO_R15_COUNT 16
#define PAGE 4096

struct walk {
	ZydisDecoder decoder;
	const uint8_t *code;
	size_t len, at, next;	/* of the current instruction, and of the one behind it */
	uint64_t entry;
	bool nops;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];

	bool checked;		/* the check for stack space is behind us */
	bool compared;		/* the last instruction was that check's comparison */
	uint32_t depth;		/* bytes between sp and the return address */
	bool own_frame;
};

const char *site_kind_name(enum site_kind k)
{
	static const char *const names[SITE_KINDS] = { "trampoline", "emulated", "stepped" };

	return k < SITE_KINDS ? names[k] : "?";
}

static bool walk_next(struct walk *w)
{
	w->at = w->next;
	if (w->at >= w->len ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&w->decoder, w->code + w->at, w->len - w->at,
						 &w->insn, w->ops)))
		return false;
	w->next = w->at + w->insn.length;
	return true;
}

static void walk_start(struct walk *w)
{
	w->next = 0;
	w->checked = w->compared = w->own_frame = false;
	w->depth = 0;
}

static bool is_jcc(const struct walk *w)
{
	return w->insn.meta.category == ZYDIS_CATEGORY_COND_BR;
}

static bool is_jump(const struct walk *w)
{
	return is_jcc(w) || w->insn.meta.category == ZYDIS_CATEGORY_UNCOND_BR;
}

/*
 * The lowest offset, but for the entry, that something in the function jumps to: what lies there
 * may run many times a call. 0 when the code cannot be decoded to its end.
 */
static size_t lowest_target(struct walk *w)
{
	size_t lowest = w->len;

	walk_start(w);
	while (walk_next(w)) {
		uint64_t target;

		if (is_jump(w) && w->ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&w->insn, &w->ops[0], w->at, &target)) &&
		    target > 0 && target < lowest)
			lowest = target;
	}
	return w->at >= w->len ? lowest : 0;
}

/*
 * What arch/x86/kernel/uprobes.c does with the instruction: branch_setup_xol_ops() takes nop,
 * jmp, call and jcc without an operand size prefix, push_setup_xol_ops() a push of a register;
 * Linux 6.18: every nop, and can_optimize() a nop of exactly these five bytes in one page.
 */
static enum site_kind kind_of(const struct walk *w)
{
	static const uint8_t nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	const uint8_t *p = w->code + w->at;
	size_t n = w->insn.length;

	if (n == sizeof(nop5) && memcmp(p, nop5, n) == 0 && w->nops &&
	    (w->entry + w->at) % PAGE <= PAGE - sizeof(nop5))
		return SITE_TRAMPOLINE;
	if (n == 1 && (p[0] == 0x90 || (p[0] & 0xf8) == 0x50))
		return SITE_EMULATED;
	if (n == 2 && ((p[0] == 0x66 && p[1] == 0x90) ||
		       (p[0] == 0x41 && (p[1] & 0xf8) == 0x50) || p[0] == 0xeb ||
		       (p[0] & 0xf0) == 0x70))
		return SITE_EMULATED;
	if ((n == 5 && (p[0] == 0xe9 || p[0] == 0xe8)) ||
	    (n == 6 && p[0] == 0x0f && (p[1] & 0xf0) == 0x80))
		return SITE_EMULATED;
	if (w->nops && w->insn.mnemonic == ZYDIS_MNEMONIC_NOP)
		return SITE_EMULATED;
	return SITE_STEPPED;
}

/* `cmp sp or a register below it, [r14 + 16]`; 24 on the system stack (g.stackguard0, 1). */
static bool compares_stack(const struct walk *w)
{
	for (unsigned int i = 0; i < w->insn.operand_count_visible; i++) {
		const ZydisDecodedOperand *op = &w->ops[i];

		if (w->insn.mnemonic == ZYDIS_MNEMONIC_CMP &&
		    op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.base == ZYDIS_REGISTER_R14 &&
		    op->mem.index == ZYDIS_REGISTER_NONE &&
		    (op->mem.disp.value == 16 || op->mem.disp.value == 24))
			return true;
	}
	return false;
}

/* The general registers that the instruction writes, as a mask. */
static uint32_t written(const struct walk *w)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < w->insn.operand_count; i++) {
		const ZydisDecodedOperand *op = &w->ops[i];
		ZydisRegister reg;

		if (op->type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		reg = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value);
		if (reg >= ZYDIS_REGISTER_RAX && reg < ZYDIS_REGISTER_RAX + RAX_TO_R15_COUNT)
			mask |= 1u << (reg - ZYDIS_REGISTER_RAX);
	}
	return mask;
}

static bool is_reg(const ZydisDecodedOperand *op, ZydisRegister reg)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value == reg;
}

/* Follows a write to sp; false when we no longer know where the return address is. */
static bool follow_sp(struct walk *w)
{
	int64_t grow = 0;

	switch (w->insn.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
		grow = w->insn.operand_width / 8;
		break;
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_ADD:
		if (w->ops[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return false;
		grow = w->ops[1].imm.value.s;
		if (w->insn.mnemonic == ZYDIS_MNEMONIC_ADD)
			grow = -grow;
		break;
	default:
		return false;
	}
	if (grow <= 0 || grow > INT32_MAX / 2)
		return false;
	w->depth += (uint32_t)grow;
	return w->depth < INT32_MAX / 2;
}

/* Follows a write to bp: only that which makes it the function's own frame is followed. */
static bool follow_bp(struct walk *w)
{
	if (w->insn.mnemonic == ZYDIS_MNEMONIC_MOV && is_reg(&w->ops[1], ZYDIS_REGISTER_RSP))
		w->own_frame = w->depth == 8;
	else if (w->insn.mnemonic == ZYDIS_MNEMONIC_LEA &&
		 w->ops[1].mem.base == ZYDIS_REGISTER_RSP &&
		 w->ops[1].mem.index == ZYDIS_REGISTER_NONE)
		w->own_frame = w->ops[1].mem.disp.value + 8 == (int64_t)w->depth;
	else
		return false;
	return w->own_frame;
}

/* Goes past the instruction; false when a site behind it is no longer sound. */
static bool step(struct walk *w, uint32_t keep)
{
	const uint32_t rsp = 1u << 4, rbp = 1u << 5;
	uint32_t mask = written(w);
	bool was_compared = w->compared;

	w->compared = compares_stack(w);
	if (is_jcc(w)) {
		if (!was_compared)
			return false;
		w->checked = true;
		return true;
	}
	switch (w->insn.meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
		return false;
	default:
		break;
	}
	if (mask & keep)
		return false;
	if ((mask & rsp) && !follow_sp(w))
		return false;
	return !(mask & rbp) || follow_bp(w);
}

/* Is `a` the better site? The first of equals stands. */
static bool better(const struct probe_site *a, const struct probe_site *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind;
	return b->repeats && !a->repeats;
}

struct probe_site site_choose(const uint8_t *code, size_t len, uint64_t entry, uint32_t keep, bool nops)
{
	struct walk w = { .code = code, .len = len, .entry = entry, .nops = nops };
	struct probe_site sites[PROLOGUE_MAX], best = { .kind = SITE_STEPPED };
	size_t n = 0, end, check = 0;

	ZydisDecoderInit(&w.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	end = len <= FUNCTION_MAX ? lowest_target(&w) : 0;
	if (end > PROLOGUE_MAX)
		end = PROLOGUE_MAX;

	walk_start(&w);
	while (walk_next(&w) && w.at < end) {
		bool checked = w.checked;

		sites[n++] = (struct probe_site){ (uint32_t)w.at, kind_of(&w), false, w.depth,
					    w.own_frame };
		if (!step(&w, keep))
			break;
		if (w.checked && !checked)
			check = n;
	}
	/* Everything up to the check runs again when the stack had to grow. */
	for (size_t i = 0; i < n; i++) {
		sites[i].repeats = i < check;
		if (i == 0 || better(&sites[i], &best))
			best = sites[i];
	}
	return best;
}

bool site_nops(void)
{
	/* Outside its trampoline the call fails with ENXIO, where it exists: uprobes.c. */
	enum { NR_UPROBE = 336 };

	return syscall(NR_UPROBE) == -1 && errno == ENXIO;
}
