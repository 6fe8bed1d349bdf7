// SPDX-License-Identifier: Apache-2.0
/*
 * A walk through call frame information and symbols of a file that lies. The last 256 bytes of the
 * input are the stack, the registers come out of it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../unit/image/fake_elf.h"
#include "image/cfi.h"
#include "image/elf.h"
#include "image/functions.h"

#define STACK_BYTES 256
#define STACK_ADDR 0x7fff0000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct cfi *c, const uint8_t *stack, uint64_t pc)
{
	struct mem_range range = { .addr = STACK_ADDR, .bytes = stack, .len = STACK_BYTES };
	CLEANUP(mem_close_p) struct mem *m = NULL;
	struct cfi_regs regs = { .known = 0 };
	int r = 1;

	if (mem_array_open(&range, 1, &m) < 0)
		return;
	cfi_set(&regs, CFI_RSP, STACK_ADDR);
	cfi_set(&regs, CFI_PC, pc);
	if (stack[0] & 1)
		cfi_set(&regs, CFI_RBP, STACK_ADDR + stack[1]);
	for (int i = 0; i < 32 && r == 1; i++) {
		bool signal;

		r = cfi_step(c, regs.value[CFI_PC], m, &regs, &signal);
		if (r == 1 && !cfi_knows(&regs, CFI_PC))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	CLEANUP(cfi_close_p) struct cfi *c = NULL;
	CLEANUP(functions_close_p) struct functions *f = NULL;
	const struct elf_segment *s;
	struct diag d = DIAG_INIT;
	struct function found;
	size_t n;

	if (size < STACK_BYTES ||
	    elf_image_open(fake_elf_file(data, size - STACK_BYTES), &e, &d) < 0)
		return 0;
	cfi_open(e, &c, &d);
	functions_open(e, &f);
	s = elf_image_segments(e, &n);
	for (size_t i = 0; i < n && i < 16; i++)
		for (uint64_t at = 0; at < s[i].memsz && at < 512; at += 16) {
			if (c)
				walk(c, data + size - STACK_BYTES, s[i].vaddr + at);
			if (f && functions_find(f, s[i].vaddr + at, &found) == 0 &&
			    (found.start > s[i].vaddr + at || !found.name[0]))
				abort();
		}
	return 0;
}
