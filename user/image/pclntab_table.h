/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to image/: an opened table and the checked reads below pclntab.h. Every address comes
 * from an offset held against the bounds that the header gave its sub-table.
 */
#pragma once

#include "image/pclntab.h"

/* A sub-table as run-time addresses [start, end). */
struct pcln_range {
	uint64_t start, end;
};

struct pclntab {
	struct mem *mem;	/* our cache in front of the caller's */
	struct pclntab_where where;
	struct arena *names;	/* function and file names */
	uint64_t n_funcs;
	struct pcln_range funcnames, cutab, files, pctab;
	uint64_t functab;	/* ftab, then the _func records; runs to the end of the table */
	uint32_t func_size;	/* of _func without its pcdata and funcdata */
	uint32_t inlined_size;	/* of an inlinedCall */
	uint32_t first_off, end_off;	/* entry offsets of the first function, after the last */
};

/* The function's name as the table has it, interned; NULL with *err. */
const char *pcln_func_name(struct pclntab *t, uint32_t nameoff, int *err);
/* The same as runtime.CallersFrames prints it. */
const char *pcln_func_name_printed(struct pclntab *t, uint32_t nameoff, int *err);
/* The name of file number `fileno` of f's compilation unit; NULL with *err 0 when unknown. */
const char *pcln_file_name(struct pclntab *t, const struct func *f, int32_t fileno, int *err);

/* abi.FuncID of this table's release to its kind. */
enum func_kind pcln_func_kind(const struct pclntab *t, uint8_t func_id, uint8_t flag);

/*
 * The value at pc of the pc-value table at offset `off` of pctab (runtime.pcvalue). -ENODATA when
 * there is no table (off 0) or it ends before pc.
 */
int pcln_value(struct pclntab *t, const struct func *f, uint32_t off, uint64_t pc, int32_t *ret);
