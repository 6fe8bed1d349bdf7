// SPDX-License-Identifier: Apache-2.0
#include "image/cfi_eval.h"

#include <dwarf.h>
#include <errno.h>

/* The longest that compilers and glibc write have some ten operations, and need three places. */
#define OPS_MAX 256
#define DEPTH_MAX 32

struct machine {
	uint64_t stack[DEPTH_MAX];
	size_t depth;
	int err;		/* the first one stands */
};

static void push(struct machine *m, uint64_t v)
{
	if (m->depth == DEPTH_MAX)
		m->err = m->err ? m->err : -EBADMSG;
	else
		m->stack[m->depth++] = v;
}

static uint64_t pop(struct machine *m)
{
	if (m->depth)
		return m->stack[--m->depth];
	m->err = m->err ? m->err : -EBADMSG;
	return 0;
}

static uint64_t reg_value(struct machine *m, const struct cfi_regs *regs, uint64_t reg)
{
	if (reg >= CFI_REGS)
		m->err = m->err ? m->err : -EBADMSG;
	else if (!cfi_knows(regs, (unsigned int)reg))
		m->err = m->err ? m->err : -EADDRNOTAVAIL;
	else
		return regs->value[reg];
	return 0;
}

static void binary(struct machine *m, uint8_t atom)
{
	uint64_t b = pop(m), a = pop(m);

	switch (atom) {
	case DW_OP_plus:
		return push(m, a + b);
	case DW_OP_minus:
		return push(m, a - b);
	case DW_OP_mul:
		return push(m, a * b);
	case DW_OP_and:
		return push(m, a & b);
	case DW_OP_or:
		return push(m, a | b);
	case DW_OP_xor:
		return push(m, a ^ b);
	case DW_OP_shl:
		return push(m, b < 64 ? a << b : 0);
	case DW_OP_shr:
		return push(m, b < 64 ? a >> b : 0);
	/* Comparisons are signed (DWARF 5, 2.5.1.5). */
	case DW_OP_ge:
		return push(m, (int64_t)a >= (int64_t)b);
	case DW_OP_gt:
		return push(m, (int64_t)a > (int64_t)b);
	case DW_OP_le:
		return push(m, (int64_t)a <= (int64_t)b);
	case DW_OP_lt:
		return push(m, (int64_t)a < (int64_t)b);
	case DW_OP_eq:
		return push(m, a == b);
	case DW_OP_ne:
		return push(m, a != b);
	default:
		m->err = m->err ? m->err : -EBADMSG;
	}
}

static void unary(struct machine *m, const struct cfi_eval *in, const Dwarf_Op *op)
{
	uint64_t a = pop(m), v = 0;

	if (m->err)
		return;
	switch (op->atom) {
	case DW_OP_dup:
		push(m, a);
		return push(m, a);
	case DW_OP_drop:
		return;
	case DW_OP_neg:
		return push(m, -a);
	case DW_OP_not:
		return push(m, ~a);
	case DW_OP_plus_uconst:
		return push(m, a + op->number);
	case DW_OP_deref:
		m->err = mem_read_u64(in->stack, a, &v);
		return push(m, v);
	default:
		m->err = -EBADMSG;
	}
}

static bool is_unary(uint8_t atom)
{
	return atom == DW_OP_dup || atom == DW_OP_drop || atom == DW_OP_neg || atom == DW_OP_not ||
	       atom == DW_OP_plus_uconst || atom == DW_OP_deref;
}

static void step(struct machine *m, const struct cfi_eval *in, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_lit0 ... DW_OP_lit31:
		return push(m, op->atom - DW_OP_lit0);
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return push(m, op->number);	/* libdw has extended the signed ones */
	case DW_OP_breg0 ... DW_OP_breg31:
		return push(m, reg_value(m, in->regs, op->atom - DW_OP_breg0) + op->number);
	case DW_OP_bregx:
		return push(m, reg_value(m, in->regs, op->number) + op->number2);
	case DW_OP_call_frame_cfa:
		if (!in->has_cfa)
			m->err = -EBADMSG;
		return push(m, in->cfa);
	case DW_OP_nop:
		return;
	default:
		if (is_unary(op->atom))
			return unary(m, in, op);
		return binary(m, op->atom);
	}
}

int cfi_eval(const struct cfi_eval *in, const Dwarf_Op *ops, size_t n, uint64_t *ret)
{
	struct machine m = { .depth = 0 };
	uint64_t v;

	if (n > OPS_MAX)
		return -EBADMSG;
	/* Without branches, which no frame information has: it ends. */
	for (size_t i = 0; i < n && !m.err; i++)
		step(&m, in, &ops[i]);
	v = pop(&m);
	if (m.err)
		return m.err;
	*ret = v;
	return 0;
}

int cfi_eval_location(const struct cfi_eval *in, const Dwarf_Op *ops, size_t n, uint64_t *ret)
{
	struct machine m = { .depth = 0 };
	uint64_t at;
	int r;

	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		*ret = reg_value(&m, in->regs, ops[0].atom - DW_OP_reg0);
	else if (n == 1 && ops[0].atom == DW_OP_regx)
		*ret = reg_value(&m, in->regs, ops[0].number);
	else if (n && ops[n - 1].atom == DW_OP_stack_value)
		return cfi_eval(in, ops, n - 1, ret);
	else {
		r = cfi_eval(in, ops, n, &at);
		return r < 0 ? r : mem_read_u64(in->stack, at, ret);
	}
	return m.err;
}
