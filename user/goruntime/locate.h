/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's global variables in a binary without symbols. Two independent ways must agree
 * where two exist: decoded operands of known functions (Zydis) and a scan of the data for values
 * of the right shape.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/mem.h"
#include "goruntime/layout.h"
#include "image/elf.h"
#include "image/moduledata.h"
#include "image/pclntab.h"

struct go_globals {
	uint64_t allgs;		/* address of the runtime.allgs slice header (ptr, len, cap) */
	uint64_t last_gc;	/* of memstats.last_gc_nanotime; 0 not found */
	const char **wait_reasons;	/* by waitReason number, in the arena */
	uint32_t n_wait_reasons;
};

/*
 * live: the process (writable data); file: constant data. `e` may be NULL (a core without its
 * file); it serves symbols where there are some, and they are checked as well. -EOPNOTSUPP when a
 * needed variable is not found or the ways disagree: the diag says which.
 */
int locate_globals(const struct moduledata *md, struct pclntab *tab, struct elf_image *e,
		   const struct go_layout *l, struct mem *live, struct mem *file,
		   struct arena *a, struct go_globals *ret, struct diag *d);

/* Ways to find a variable, for the parts of locate_globals(); each must do alone. */
enum locate_ways {
	LOCATE_SYMBOL = 1,	/* the file's symbol table */
	LOCATE_CODE = 2,	/* operands of a function that uses it */
	LOCATE_SEARCH = 4,	/* a search of the data, which must find exactly one */
	LOCATE_ALL = 7,
};

/* Does [addr, addr + len) lie among the module's variables? */
bool locate_is_variable(const struct moduledata *md, uint64_t addr, uint64_t len);

/* runtime.allgs: code first, the search only where the others fail; a symbol must agree. */
int locate_allgs(const struct moduledata *md, struct pclntab *tab, struct elf_image *e,
		 const struct go_layout *l, struct mem *live, struct mem *file,
		 unsigned int ways, uint64_t *ret, struct diag *d);
/* memstats.last_gc_nanotime; 0 when it is not found or the ways disagree. No search. */
uint64_t locate_last_gc(const struct moduledata *md, struct pclntab *tab, struct elf_image *e,
			const struct go_layout *l, struct mem *live, struct mem *file,
			unsigned int ways);

/*
 * Holds the layout against the live process: sampled goroutines must have distinct non-zero ids,
 * known states, a stack that holds their sp, a pc in text, a startpc that is a function's entry,
 * goroutine 1 must start at runtime.main, goroutines that wait for channels must own the sudogs in
 * those channels' queues, every m of a running one must point back, and its procid be a tid. With
 * `tids` (ascending, as the target's own pid namespace numbers them; NULL unknown) one of three
 * or more threads must be among them. -EOPNOTSUPP names what failed: then nothing that the layout
 * says may be used. A running target's races do not fail it: a check fails only when most of a
 * sample fail it, in each of three samples. Errors of reading: -ESRCH, -EPERM; -ENOMEM.
 */
int layout_validate(const struct go_layout *l, const struct go_globals *globals,
		    const struct moduledata *md, struct pclntab *tab, struct mem *live,
		    const int32_t *tids, size_t n_tids, struct diag *d);
