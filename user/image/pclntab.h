/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's pc-line table (runtime/symtab.go, cmd/link/internal/ld/pcln.go): from a pc to its function,
 * file, line, frame size and inlined calls. Read on demand through a struct mem, so the 40 MB
 * table of a large binary costs only the blocks that are touched. One for each moduledata.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/mem.h"
#include "model/goroutine.h"

struct pclntab;

/* Where the table and what it refers to stand, as run-time addresses. */
struct pclntab_where {
	uint64_t header;	/* moduledata.pcHeader */
	uint64_t text, etext;	/* moduledata.text, .etext */
	uint64_t gofunc;	/* moduledata.gofunc: base of the funcdata offsets */
	int minor;		/* Go 1.minor */
};

/* Go 1.18-1.19: 0xfffffff0; Go 1.20 and on: 0xfffffff1. */
bool pclntab_magic_ok(uint32_t magic);

/*
 * Checks the header and the bounds of every sub-table against each other. -EBADMSG with the
 * reason, -EOPNOTSUPP for a magic or a release that we do not know. `m` must outlive it; its
 * blocks are cached here, 1 MiB of them.
 */
int pclntab_open(struct mem *m, const struct pclntab_where *w, struct pclntab **ret,
		 struct diag *d);
void pclntab_close(struct pclntab *t);
DEFINE_CLEANUP(struct pclntab, pclntab_close)
/* Gives back what was read of the table, until somebody asks again. */
void pclntab_rest(struct pclntab *t);

/* abi.FuncID values that mean the same in each Go 1.18 to 1.27, whatever number they have there. */
enum func_kind {
	FUNC_NORMAL,
	FUNC_WRAPPER,		/* compiler-generated, elided from tracebacks */
	FUNC_GOPANIC,		/* these three show the wrapper that called them */
	FUNC_SIGPANIC,
	FUNC_PANICWRAP,
	FUNC_GOEXIT,
	FUNC_SYSTEMSTACK_SWITCH,	/* where a goroutine waits for its own system stack */
	FUNC_ASYNC_PREEMPT,
	FUNC_DEBUG_CALL,
	FUNC_CGOCALLBACK,	/* switches from the g0 stack to the goroutine's, for calls out of C */
	FUNC_TOP,		/* others that end a stack: rt0_go, mstart, mcall, morestack, topframe */
};

struct func {
	uint64_t entry, end;	/* [entry, end) */
	uint64_t at;		/* address of the _func record */
	const char *name;	/* in the table's own cache; lives as long as the table */
	uint32_t nameoff, pcsp, pcfile, pcln, cu_offset;
	uint32_t npcdata;
	uint8_t nfuncdata, func_id, flag;
	uint32_t start_line;	/* 0 before Go 1.20 */
	enum func_kind kind;
};

/* -ENOENT no function covers pc; -EBADMSG; -EFAULT. */
int pclntab_find(struct pclntab *t, uint64_t pc, struct func *ret);

/*
 * Bytes between sp at pc and the return address of f's frame (runtime.funcspdelta). 0; -EBADMSG
 * when the table has no value for pc.
 */
int pclntab_sp_delta(struct pclntab *t, const struct func *f, uint64_t pc, int32_t *ret);

/*
 * The frames of one pc, innermost first, with what is inlined at it: what runtime.Callers and
 * CallersFrames make of it, which is what pprof prints. `pc` is the address shown, `lookup` the
 * one looked up: pc - 1 for a return address, pc for an interrupted instruction or a function's
 * entry. A caller that was inlined is shown at the address after its call's marker.
 *
 * A wrapper is left out unless it called a panic function. As that may be in the next physical
 * frame, *callee carries the kind of the last function from call to call: FUNC_NORMAL for a
 * stack's innermost pc. Wrappers left out set it as well.
 *
 * At most `max` frames; the number written (0 for a lone wrapper), or as pclntab_find(). Strings
 * live as long as the table. Names are as this Go release prints them: from Go 1.21 "f[...]".
 * An unknown file is NULL.
 */
int pclntab_frames(struct pclntab *t, uint64_t pc, uint64_t lookup, enum func_kind *callee,
		   struct frame *frames, size_t max);

/* The value of a pcdata table (abi.PCDATA_*) at pc; -ENODATA when f has no such table. */
int pclntab_pcdata(struct pclntab *t, const struct func *f, uint32_t table, uint64_t pc,
		   int32_t *ret);
/* Address of funcdata (abi.FUNCDATA_*), for stack maps; -ENODATA when f has none. */
int pclntab_funcdata(struct pclntab *t, const struct func *f, uint32_t index, uint64_t *ret);

/*
 * The functions of those exact names ("runtime.allgadd") by one stream over the table: some ms,
 * so ask for all at once. Where a function and its ABI wrapper share a name, it is the function.
 * rets[i].name is NULL for a name that no function has. -EBADMSG, -EFAULT.
 */
int pclntab_find_names(struct pclntab *t, const char *const *names, size_t n, struct func *rets);
/* The same for one; -ENOENT. */
int pclntab_find_name(struct pclntab *t, const char *name, struct func *ret);
/* How many functions it has. */
uint64_t pclntab_count(const struct pclntab *t);
/* The i-th by address, i < pclntab_count(). As pclntab_find(). */
int pclntab_func(struct pclntab *t, uint64_t i, struct func *ret);
