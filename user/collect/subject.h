/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a snapshot is taken of, running or dead: one view of a process and of a core file, with the
 * file that holds its Go runtime.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/mem.h"
#include "image/buildinfo.h"
#include "image/elf.h"
#include "target/core.h"
#include "target/maps.h"
#include "target/process.h"

struct go_runtime;

struct subject {
	struct process *process;	/* NULL for a core */
	struct core *core;		/* NULL for a process */
	struct maps *own_maps;		/* of the process */
	struct mem *own_mem;
	const struct maps *maps;
	struct mem *mem;
	pid_t *tids;			/* as the process calls them, ascending */
	pid_t *our_tids;		/* as we call them, of the same index; NULL: no difference */
	size_t n_tids;
	/* Filled by subject_find_go(): */
	struct elf_image *elf;
	uint64_t bias;
	struct buildinfo build;
	const char *go_file;		/* path of that file, in the arena */
	bool go_in_exe;
	uint32_t other_runtimes;	/* further files with Go build information */
};

int subject_open_process(pid_t pid, struct subject **ret, struct diag *d);
int subject_open_core(const char *path, struct subject **ret, struct diag *d);
void subject_close(struct subject *s);
DEFINE_CLEANUP(struct subject, subject_close)

/*
 * Opens ahead whatever takes a privilege (target/sealed.h); what is read afterwards needs none. Of a
 * process that is to be stopped, `stops`: its memory is still read with the right to trace it.
 */
int subject_seal(struct subject *s, bool stops, struct diag *d);

/* Our id of the thread that the process calls tid; 0 unknown. */
pid_t subject_our_tid(const struct subject *s, pid_t tid);
/* Had it such a thread, by the number that it goes by there, when it was opened? */
bool subject_has_tid(const struct subject *s, pid_t tid);

/*
 * Finds the mapped file that holds the Go runtime: the executable, or else a shared library.
 * -ENODATA when there is none; the reasons of elf_image_open() and buildinfo_read() when the
 * executable itself is what cannot be used.
 */
int subject_find_go(struct subject *s, struct arena *a, struct diag *d);

/* The runtime that was found: go_runtime_open() of it, with its errors. The subject outlives it. */
int subject_open_runtime(const struct subject *s, struct arena *a, struct go_runtime **ret,
			 struct diag *d);
