/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a process's C library memory is handed out and taken back: the places to probe. glibc
 * alone is known, for the size of an allocation is read from the header that it keeps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct process;

struct libc_site {
	uint64_t offset;	/* in the file */
	uint32_t kind;		/* enum ev_malloc_kind */
	bool at_return;
};

enum { LIBC_SITES = 16 };

struct libc_sites {
	int fd;			/* the file that holds them, owned; -1 none */
	struct libc_site sites[LIBC_SITES];
	size_t n;
};

/*
 * Finds the C library by what is mapped. -EOPNOTSUPP: musl, or an allocator that is not glibc's,
 * which d names; -ENODATA: a program without any; -EBADMSG; -ENOMEM.
 */
int libc_sites_find(const struct process *p, struct libc_sites *ret, struct diag *d);
void libc_sites_done(struct libc_sites *s);

/*
 * Offset in the first bytes of free() of the first push before which nothing changes the first
 * argument and only a null pointer goes elsewhere: the kernel emulates a push, which makes the
 * trap several times cheaper. 0, the entry, where there is no such place.
 */
size_t libc_free_push(const uint8_t *code, size_t len);
