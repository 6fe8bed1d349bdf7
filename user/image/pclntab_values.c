// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>

#include "base/span.h"
#include "image/pclntab_table.h"
#include "model/limits.h"

/* Bytes of a pc-value table that are read at a time, and the most that one step can take. */
#define PIECE 128
#define MAX_STEP 10
/* The largest generated functions have tables of some 100 KiB. */
#define MAX_TABLE (4u << 20)

/* abi.FUNCDATA_InlTree, abi.PCDATA_InlTreeIndex: the same in Go 1.18 to 1.27. */
#define FUNCDATA_INL_TREE 3
#define PCDATA_INL_TREE_INDEX 2
/* The runtime itself views the tree as an array of that many. */
#define MAX_INLINED (1 << 20)

#define FLAG_TOP_FRAME 1	/* abi.FuncFlagTopFrame */

/*
 * abi.FuncID by release: runtime/symtab.go up to Go 1.20, internal/abi/symtab.go after. Numbers
 * moved when Go 1.22 added corostart and Go 1.25 split runfinq into two.
 */
struct func_ids {
	int minor;		/* from this release on */
	uint8_t wrapper, gopanic, sigpanic, panicwrap, goexit, systemstack_switch, async_preempt,
		debug_call, cgocallback, rt0_go, mstart, mcall, morestack;
};

static const struct func_ids func_ids[] = {
	{ .minor = 25, .async_preempt = 3, .cgocallback = 4, .debug_call = 6, .goexit = 8,
	  .gopanic = 10, .mcall = 12, .morestack = 13, .mstart = 14, .panicwrap = 15,
	  .rt0_go = 16, .sigpanic = 20, .systemstack_switch = 22, .wrapper = 23 },
	{ .minor = 22, .async_preempt = 3, .cgocallback = 4, .debug_call = 6, .goexit = 8,
	  .gopanic = 10, .mcall = 12, .morestack = 13, .mstart = 14, .panicwrap = 15,
	  .rt0_go = 16, .sigpanic = 19, .systemstack_switch = 21, .wrapper = 22 },
	{ .minor = 18, .async_preempt = 3, .cgocallback = 4, .debug_call = 5, .goexit = 7,
	  .gopanic = 9, .mcall = 11, .morestack = 12, .mstart = 13, .panicwrap = 14,
	  .rt0_go = 15, .sigpanic = 18, .systemstack_switch = 20, .wrapper = 21 },
};

enum func_kind pcln_func_kind(const struct pclntab *t, uint8_t func_id, uint8_t flag)
{
	const struct func_ids *ids = func_ids;

	while (t->where.minor < ids->minor)
		ids++;
	const struct {
		uint8_t id;
		enum func_kind kind;
	} kinds[] = {
		{ ids->wrapper, FUNC_WRAPPER },
		{ ids->gopanic, FUNC_GOPANIC },
		{ ids->sigpanic, FUNC_SIGPANIC },
		{ ids->panicwrap, FUNC_PANICWRAP },
		{ ids->goexit, FUNC_GOEXIT },
		{ ids->systemstack_switch, FUNC_SYSTEMSTACK_SWITCH },
		{ ids->async_preempt, FUNC_ASYNC_PREEMPT },
		{ ids->debug_call, FUNC_DEBUG_CALL },
		{ ids->cgocallback, FUNC_CGOCALLBACK },
		{ ids->rt0_go, FUNC_TOP },
		{ ids->mstart, FUNC_TOP },
		{ ids->mcall, FUNC_TOP },
		{ ids->morestack, FUNC_TOP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (func_id == kinds[i].id)
			return kinds[i].kind;
	return flag & FLAG_TOP_FRAME ? FUNC_TOP : FUNC_NORMAL;
}

/* A walk over one pc-value table (runtime.step). */
struct steps {
	uint8_t bytes[PIECE];
	struct span piece;
	size_t off;		/* in the piece */
	uint64_t next;		/* address after the piece */
	uint64_t end;
	uint64_t entry, pc;
	uint32_t value;
};

static int refill(struct pclntab *t, struct steps *s)
{
	size_t n;

	s->next -= s->piece.len - s->off;
	n = s->end - s->next < PIECE ? s->end - s->next : PIECE;
	s->piece = span_of(s->bytes, n);
	s->off = 0;
	s->next += n;
	return mem_read(t->mem, s->next - n, s->bytes, n);
}

/* 1: value holds up to pc; 0: the table ends here. */
static int step(struct pclntab *t, struct steps *s)
{
	uint32_t delta;

	if (s->piece.len - s->off < MAX_STEP && s->next < s->end) {
		int r = refill(t, s);

		if (r < 0)
			return r;
	}
	delta = span_uvarint(&s->piece, &s->off);
	/* A zero delta ends the table, except at the function's entry. */
	if (delta == 0 && s->pc != s->entry)
		return s->piece.overrun ? -EBADMSG : 0;
	s->value += delta & 1 ? ~(delta >> 1) : delta >> 1;
	s->pc += span_uvarint(&s->piece, &s->off);
	return s->piece.overrun ? -EBADMSG : 1;
}

int pcln_value(struct pclntab *t, const struct func *f, uint32_t off, uint64_t pc, int32_t *ret)
{
	uint64_t size = t->pctab.end - t->pctab.start;
	struct steps s = { .entry = f->entry, .pc = f->entry, .value = UINT32_MAX };
	int r;

	if (off == 0)
		return -ENODATA;
	if (off >= size)
		return -EBADMSG;
	s.next = t->pctab.start + off;
	s.end = t->pctab.end - s.next < MAX_TABLE ? t->pctab.end : s.next + MAX_TABLE;
	while ((r = step(t, &s)) == 1) {
		if (pc < s.pc) {
			*ret = (int32_t)s.value;
			return 0;
		}
	}
	return r < 0 ? r : -ENODATA;
}

int pclntab_sp_delta(struct pclntab *t, const struct func *f, uint64_t pc, int32_t *ret)
{
	int r = pcln_value(t, f, f->pcsp, pc, ret);

	return r == -ENODATA ? -EBADMSG : r;
}

int pclntab_pcdata(struct pclntab *t, const struct func *f, uint32_t table, uint64_t pc,
		   int32_t *ret)
{
	uint32_t off;
	int r;

	if (table >= f->npcdata)
		return -ENODATA;
	r = mem_read_u32(t->mem, f->at + t->func_size + 4ull * table, &off);
	return r < 0 ? r : pcln_value(t, f, off, pc, ret);
}

int pclntab_funcdata(struct pclntab *t, const struct func *f, uint32_t index, uint64_t *ret)
{
	uint32_t off;
	int r;

	if (index >= f->nfuncdata)
		return -ENODATA;
	r = mem_read_u32(t->mem, f->at + t->func_size + 4ull * f->npcdata + 4ull * index, &off);
	if (r < 0)
		return r;
	if (off == UINT32_MAX)
		return -ENODATA;
	if (t->where.gofunc > UINT64_MAX - off)
		return -EBADMSG;
	*ret = t->where.gofunc + off;
	return 0;
}

/* One logical function at a pc: the physical one or one inlined into it. */
struct level {
	uint32_t nameoff;
	uint32_t start_line;
	enum func_kind kind;
	bool inlined;
	uint64_t parent;	/* where the caller's line is looked up */
};

/* What is innermost at `lookup` of f. `tree` is 0 when nothing is inlined into f. */
static int read_level(struct pclntab *t, const struct func *f, uint64_t tree, uint64_t lookup,
		      struct level *ret)
{
	bool old = t->inlined_size == 20;
	uint8_t bytes[20];
	struct span s = span_of(bytes, t->inlined_size);
	int32_t ix = -1;
	int r;

	*ret = (struct level){ f->nameoff, f->start_line, f->kind, false, 0 };
	if (!tree)
		return 0;
	r = pclntab_pcdata(t, f, PCDATA_INL_TREE_INDEX, lookup, &ix);
	if (r < 0 && r != -ENODATA)
		return r;
	if (r < 0 || ix < 0)
		return 0;
	if (ix >= MAX_INLINED)
		return -EBADMSG;
	r = mem_read(t->mem, tree + (uint64_t)ix * t->inlined_size, bytes, t->inlined_size);
	if (r < 0)
		return r;
	/* Go 1.18: parent i16, funcID u8, pad, file, line, func_, parentPc. Go 1.20: as below. */
	*ret = (struct level){
		.nameoff = span_u32(&s, old ? 12 : 4),
		.start_line = old ? 0 : span_u32(&s, 12),
		.kind = pcln_func_kind(t, span_u8(&s, old ? 2 : 0), 0),
		.inlined = true,
		.parent = f->entry + span_u32(&s, old ? 16 : 8),
	};
	return ret->parent < f->end ? 0 : -EBADMSG;
}

static int fill_frame(struct pclntab *t, const struct func *f, const struct level *l, uint64_t pc,
		      uint64_t lookup, struct frame *ret)
{
	int32_t fileno = -1, line = -1;
	int r;

	*ret = (struct frame){
		.pc = pc,
		.entry = f->entry,
		.start_line = l->start_line,
		.inlined = l->inlined,
	};
	ret->function = pcln_func_name_printed(t, l->nameoff, &r);
	if (!ret->function)
		return r;
	r = pcln_value(t, f, f->pcfile, lookup, &fileno);
	if (r == 0)
		r = pcln_value(t, f, f->pcln, lookup, &line);
	if (r < 0 || fileno < 0 || line < 0)
		return r == -ENODATA ? 0 : r;
	ret->file = pcln_file_name(t, f, fileno, &r);
	ret->line = (uint32_t)line;
	return r;
}

/* runtime.elideWrapperCalling: a wrapper that called a panic function tells something. */
static bool elided(enum func_kind kind, enum func_kind callee)
{
	return kind == FUNC_WRAPPER && callee != FUNC_GOPANIC && callee != FUNC_SIGPANIC &&
	       callee != FUNC_PANICWRAP;
}

int pclntab_frames(struct pclntab *t, uint64_t pc, uint64_t lookup, enum func_kind *callee,
		   struct frame *frames, size_t max)
{
	enum func_kind last = *callee;
	uint64_t tree = 0;
	struct level l = { .inlined = true };
	struct func f;
	size_t n = 0;
	int r = pclntab_find(t, lookup, &f);

	if (r < 0)
		return r;
	r = pclntab_funcdata(t, &f, FUNCDATA_INL_TREE, &tree);
	if (r < 0 && r != -ENODATA)
		return r;
	for (int depth = 0; l.inlined; depth++) {
		if (depth == LIMIT_INLINE_DEPTH)
			return -EBADMSG;
		r = read_level(t, &f, tree, lookup, &l);
		if (r < 0)
			return r;
		if (!elided(l.kind, last) && n < max) {
			r = fill_frame(t, &f, &l, pc, lookup, &frames[n++]);
			if (r < 0)
				return r;
		}
		last = l.kind;
		lookup = l.parent;
		pc = lookup + 1;
	}
	*callee = last;
	return (int)n;
}
