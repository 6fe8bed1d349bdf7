/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Go runtime inside one process (or core), opened: its release, layout, pc tables and global
 * variables, all validated. Everything else in goruntime/ works on this.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/mem.h"
#include "goruntime/layout.h"
#include "goruntime/locate.h"
#include "image/buildinfo.h"
#include "image/elf.h"
#include "image/moduledata.h"
#include "image/pclntab.h"

struct go_runtime_source {
	struct elf_image *elf;	/* the file that holds the runtime; borrowed, outlives it */
	uint64_t bias;		/* run-time minus file addresses */
	struct mem *live;	/* the process's memory; borrowed */
	const struct buildinfo *build;	/* borrowed for the call */
	const int32_t *tids;	/* of the process, ascending; NULL unknown */
	size_t n_tids;
};

struct go_runtime {
	int minor;		/* Go 1.minor */
	struct go_layout layout;
	struct go_globals globals;
	struct moduledata md;
	struct elf_image *elf;	/* the file that holds it; borrowed */
	int patch;		/* of the release; -1 not known */
	struct pclntab *tab;
	pthread_mutex_t tab_lock;	/* held around each use of tab while a scan runs */
	struct mem *live;	/* borrowed */
	struct mem *chase;	/* cache before live, for pointers; goroutines_scan() drops it */
	struct mem *file;	/* constant data out of the file */
	struct mem *constant;	/* cache before file */
	struct mem *running;	/* of one over a copy: the process's memory as it is now; else NULL */
	struct arena *arena;	/* wait reason names, type names; borrowed */
	int64_t now_ns;		/* runtime.nanotime() of the target, about now; 0 unknown */
	bool borrowed;		/* tab, file and constant are another one's: go_runtime_over() */
};

/*
 * Finds and validates everything. Strings go into `a`, which must outlive the runtime.
 * -EOPNOTSUPP: a release or layout that we do not know, or that fails its validation; -EBADMSG;
 * errors of reading memory.
 */
int go_runtime_open(const struct go_runtime_source *src, struct arena *a,
		    struct go_runtime **ret, struct diag *d);
void go_runtime_close(struct go_runtime *rt);
DEFINE_CLEANUP(struct go_runtime, go_runtime_close)

/*
 * The same runtime by another way to its memory, as to a copy of it: nothing is searched or
 * validated again. `rt` outlives it, and no thread works on one while another works on the other.
 * -ENOMEM.
 */
int go_runtime_over(const struct go_runtime *rt, struct mem *live, struct go_runtime **ret);

/* How many goroutine structs there are or ever were at once (runtime.allglen). */
int go_runtime_allgs(struct go_runtime *rt, uint64_t *array, uint64_t *len, struct diag *d);
