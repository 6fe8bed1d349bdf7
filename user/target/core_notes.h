/* SPDX-License-Identifier: Apache-2.0 */
/* The notes of an ELF core (core(5), fs/binfmt_elf.c): who it was, its threads, its files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"
#include "target/stopper.h"

/* One line of NT_FILE. */
struct core_file {
	uint64_t start, end;	/* [start, end) */
	uint64_t offset;	/* in the file, in bytes */
	bool deleted;
	const char *path;	/* " (deleted)" cut off */
};

/* Embedded; start from zeroes. */
struct core_notes {
	pid_t pid;		/* NT_PRPSINFO; 0 none */
	char name[17];		/* NT_PRPSINFO pr_fname; "" none */
	pid_t *tids;		/* NT_PRSTATUS, in file order: the one that crashed first */
	size_t n_tids;
	struct stopped_thread *threads;	/* of the same index; n 0: no general registers */
	uint64_t *words;	/* what the registers hold that may be an address */
	size_t n_words, room_words;
	size_t n_vectors;	/* threads whose vector registers are there, too */
	size_t vectors_of;	/* n_tids when the last of these was read: one for each thread */
	struct core_file *files;	/* ascending, without overlaps */
	size_t n_files;
	char *file_desc;	/* what the paths point into */
	uint64_t at_phdr, at_execfn;	/* NT_AUXV; 0 none */
};

/*
 * Reads the notes of one PT_NOTE segment, [offset, offset + size) of the file; to be called for
 * each. Notes it does not know are skipped. -EBADMSG, -ENOMEM.
 */
int core_notes_read(int fd, uint64_t offset, uint64_t size, struct core_notes *n, struct diag *d);
void core_notes_done(struct core_notes *n);
