/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small Go executable as a file: two PT_LOADs, notes, sections and symbols, with fake_pclntab in
 * it, a moduledata that points to it and build information. For unit tests and as a seed.
 */
#pragma once

#include "fake_pclntab.h"
#include "image/moduledata.h"

#define FAKE_ELF_BYTES 0x5000
/* Where things stand in the file and in memory; memory is the file + FAKE_BASE. */
#define FAKE_BASE 0x400000ull
#define FAKE_AT_NOTES 0x200
#define FAKE_AT_TEXT 0x1000	/* FAKE_TEXT */
#define FAKE_AT_TAB 0x2000	/* FAKE_TAB */
#define FAKE_AT_DATA 0x3000	/* writable from here; 0x1000 bytes of bss follow */
#define FAKE_AT_BUILDINFO 0x3010
#define FAKE_AT_MODULE 0x3800
#define FAKE_AT_SYMBOLS 0x4000
#define FAKE_AT_SECTIONS 0x4800

/* The fields of Go 1.22. */
extern const struct moduledata_fields fake_fields;

struct fake_elf {
	uint8_t bytes[FAKE_ELF_BYTES];
	struct fake_pclntab tab;
};

void fake_elf_build(struct fake_elf *ret);
/* The header says that there is no section table. */
void fake_elf_drop_sections(struct fake_elf *e);
/* The first len bytes as a file; a descriptor. */
int fake_elf_file(const void *bytes, size_t len);
