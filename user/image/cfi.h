/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call frame information of one ELF file: how to find the caller's registers at each pc. It
 * stands in .eh_frame, which is loaded with the program, so stripped files have it too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/mem.h"

struct cfi;
struct elf_image;

/* DWARF's numbers for amd64 (System V ABI, AMD64 supplement, figure 3.36). */
enum {
	CFI_RAX, CFI_RDX, CFI_RCX, CFI_RBX, CFI_RSI, CFI_RDI, CFI_RBP, CFI_RSP,
	CFI_R8, CFI_R9, CFI_R10, CFI_R11, CFI_R12, CFI_R13, CFI_R14, CFI_R15,
	CFI_PC,
	CFI_REGS
};

struct cfi_regs {
	uint64_t value[CFI_REGS];
	uint32_t known;		/* bit i: value[i] is */
};

static inline void cfi_set(struct cfi_regs *r, unsigned int reg, uint64_t value)
{
	r->value[reg] = value;
	r->known |= 1u << reg;
}

static inline bool cfi_knows(const struct cfi_regs *r, unsigned int reg)
{
	return r->known >> reg & 1;
}

/* Reads what is needed of the image, which may be closed then. -ENODATA, -EBADMSG, -EFBIG. */
int cfi_open(struct elf_image *e, struct cfi **ret, struct diag *d);
void cfi_close(struct cfi *c);
DEFINE_CLEANUP(struct cfi, cfi_close)

/*
 * From a frame to its caller: regs change, on success only. `lookup` is the pc to look up as an
 * address of the file: the frame's own, less one for a return address. `stack` serves the reads.
 * *signal: the frame was interrupted by the kernel, so that the caller's pc is no return address.
 * 1 moved; 0 the frame is the outermost; -ENODATA no information for this pc; -EADDRNOTAVAIL it
 * hangs on a register that is not known; -EFAULT memory that `stack` does not have; -EBADMSG.
 */
int cfi_step(struct cfi *c, uint64_t lookup, struct mem *stack, struct cfi_regs *regs,
	     bool *signal);
