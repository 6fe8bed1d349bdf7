/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to image/: symbols of a .symtab that is never loaded as a whole. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* File ranges, already checked against the file's size. */
struct elf_symtab {
	int fd;
	uint64_t offset, size;
	uint64_t strings, strings_size;
};

struct elf_image;

/* The first table of that type, SHT_SYMTAB or SHT_DYNSYM, and its strings. -ENODATA. */
int elf_image_symtab(const struct elf_image *e, uint32_t type, struct elf_symtab *ret);

/*
 * The value of the first defined symbol of that name: two streams over the file (the strings, then
 * the symbols), some ms for a 100 MB binary, 64 KiB of memory. -ENODATA, -EFAULT, -ENOMEM.
 */
int elf_symtab_find(const struct elf_symtab *t, const char *name, uint64_t *ret);

/* Fills all of buf from the file's offset: -EFAULT when it ends before. */
int elf_read_at(int fd, uint64_t offset, void *buf, size_t len);
