/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.firstmoduledata of one loaded ELF file, found without symbols: the pclntab by its section
 * or its magic, then the word in writable memory that points to it and agrees with its header.
 */
#pragma once

#include "base/diag.h"
#include "base/mem.h"
#include "image/elf.h"

/*
 * Run-time addresses. The fields up to `pclntable` and those at 128 to 240 have stood at the same
 * places in Go 1.18 to 1.27 (runtime/symtab.go, type moduledata); the rest is found by the layout.
 */
struct moduledata {
	uint64_t addr;		/* of the moduledata itself */
	uint64_t bias;		/* run-time minus file addresses */
	uint64_t pcheader;
	uint64_t text, etext;
	uint64_t noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss;
	uint64_t types, etypes, rodata, gofunc;
	uint64_t next;		/* moduledata.next; 0 for the last */
};

/* Offsets of the fields that move from release to release (go_layout's module_*). */
struct moduledata_fields {
	int32_t types, etypes, rodata, gofunc, next;
};

/*
 * live: the process's memory, where moduledata is relocated. file: elf_image_mem() of the same
 * bias, for constant data; may be NULL. -ENODATA no Go module here; -EBADMSG there is one, but its
 * bounds (text, data, bss, types, rodata) do not lie inside the file's segments.
 */
int moduledata_find(struct elf_image *e, uint64_t bias, struct mem *live, struct mem *file,
		    const struct moduledata_fields *fields, struct moduledata *ret, struct diag *d);
