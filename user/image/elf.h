/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ELF file on disk (an executable or a shared library), through libelf. Untrusted: every
 * range is checked against the file's size; nothing is mapped, so truncation is an error and not
 * a SIGBUS. Addresses are the file's own (before relocation) unless said otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/mem.h"

struct elf_image;

struct elf_segment {
	uint64_t vaddr, memsz, offset, filesz;
	bool readable, writable, executable;
};

/*
 * Takes the descriptor, also on failure. -EBADMSG malformed; -EOPNOTSUPP not 64-bit little-endian
 * amd64 (said which it is).
 */
int elf_image_open(int fd, struct elf_image **ret, struct diag *d);
void elf_image_close(struct elf_image *e);
DEFINE_CLEANUP(struct elf_image, elf_image_close)

/* PT_LOAD segments in file order; borrowed. */
const struct elf_segment *elf_image_segments(const struct elf_image *e, size_t *n);

/* The section's range; -ENODATA when there is no such section (or no section table at all). */
int elf_image_section(const struct elf_image *e, const char *name, uint64_t *addr, uint64_t *size);

/* Where the table that leads to .eh_frame lies (PT_GNU_EH_FRAME); -ENODATA when there is none. */
int elf_image_eh_frame_hdr(const struct elf_image *e, uint64_t *addr, uint64_t *size);

/* Address of a symbol from .symtab; -ENODATA when stripped or absent. */
int elf_image_symbol(struct elf_image *e, const char *name, uint64_t *ret);
/* No .symtab. */
bool elf_image_stripped(const struct elf_image *e);

/* GNU build id in hex, or Go's own build id note when there is none; NULL when neither. */
const char *elf_image_build_id(struct elf_image *e, struct arena *a);

/* The descriptor, borrowed: for DWARF. */
int elf_image_fd(const struct elf_image *e);

/*
 * The file's read-only bytes at run-time addresses (file address + bias) as an address space:
 * constant data without touching the target's pages. Writable segments and what lies past filesz
 * read as -EFAULT, for there the file does not say what memory holds. The image must outlive it.
 */
int elf_image_mem(struct elf_image *e, uint64_t bias, struct mem **ret);
/*
 * The same in front of `rest` (the process), which serves what the file cannot. A position-
 * independent binary before Go 1.26 keeps its pclntab and types in a relocated, so writable,
 * segment: reading it by elf_image_mem() alone finds nothing. `rest` must outlive it.
 */
int elf_image_mem_over(struct elf_image *e, uint64_t bias, struct mem *rest, struct mem **ret);
/* The same with the writable segments' initial bytes: for scanning a file nobody runs. */
int elf_image_mem_all(struct elf_image *e, uint64_t bias, struct mem **ret);
