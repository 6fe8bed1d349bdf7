/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of one ELF file by address: its .symtab or, when that was stripped, its .dynsym. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct elf_image;
struct functions;

struct function {
	uint64_t start, size;	/* size 0: the symbol does not say */
	const char *name;	/* raw bytes of the file's; stands until the next find */
};

/* The image must outlive it. -ENODATA no symbols at all; -EBADMSG, -ENOMEM. */
int functions_open(struct elf_image *e, struct functions **ret);
void functions_close(struct functions *f);
DEFINE_CLEANUP(struct functions, functions_close)

/* The one that covers the file's address; -ENODATA. */
int functions_find(struct functions *f, uint64_t addr, struct function *ret);
