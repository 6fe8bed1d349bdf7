/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF core file, as gcore or the kernel writes it, as an address space. Untrusted: every range
 * is checked against the file's size; nothing is mapped, so a file that shrinks while it is read
 * gives -EFAULT and not a SIGBUS.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/mem.h"
#include "target/maps.h"
#include "target/stopper.h"

struct core;

/*
 * Opens and checks the file: -EBADMSG not an ELF core, malformed, or truncated (some PT_LOAD's
 * bytes lie past the end of the file: said with how many are missing); -EOPNOTSUPP a core that is
 * not of a 64-bit amd64 process (said which it is). Errors of open() otherwise.
 */
int core_open(const char *path, struct core **ret, struct diag *d);
void core_close(struct core *c);
DEFINE_CLEANUP(struct core, core_close)

/* Borrowed; lives as long as the core. A page that the core left out reads as -EFAULT. */
struct mem *core_mem(struct core *c);

/*
 * PT_LOAD segments merged with NT_FILE: path, offset and protection as the process had them;
 * ino and dev are 0. gcore leaves out the segments of file mappings that were not written to: these
 * have their path and offset, and only `readable` of the protection. Borrowed.
 */
const struct maps *core_maps(const struct core *c);

struct core_facts {
	pid_t pid;		/* 0 unknown */
	const char *exe;	/* mapping of AT_PHDR by NT_FILE, or AT_EXECFN, or psinfo; NULL */
	uint32_t threads;
	const pid_t *tids;	/* of NT_PRSTATUS */
};
/* Borrowed strings. */
void core_facts(const struct core *c, struct core_facts *ret);

/*
 * The registers of its threads; borrowed. True: general and vector registers of each of them are
 * there.
 */
bool core_registers(const struct core *c, struct stopped_registers *ret);

/*
 * Opens the file that a mapping came from by its recorded path. Whoever uses it compares build
 * ids: the file may have changed since. Regular files only. fd or -errno.
 */
int core_open_file(const struct core *c, const struct mapping *m, struct diag *d);
