// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "../../unit/image/fake_elf.h"
#include "image/buildinfo.h"
#include "image/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	CLEANUP(mem_close_p) struct mem *m = NULL;
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	const struct elf_segment *s;
	struct diag d = DIAG_INIT;
	struct buildinfo b;
	uint64_t addr, len;
	size_t n;

	if (!a)
		return 0;
	if (elf_image_open(fake_elf_file(data, size), &e, &d) < 0) {
		if (!d.why[0])
			abort();
		return 0;
	}
	elf_image_section(e, ".noptrdata", &addr, &len);
	elf_image_section(e, "", &addr, &len);
	elf_image_symbol(e, "runtime.text", &addr);
	elf_image_symbol(e, "", &addr);
	elf_image_build_id(e, a);
	buildinfo_read(e, a, &b, &d);
	if (elf_image_mem_all(e, 0x1000, &m) < 0)
		return 0;
	s = elf_image_segments(e, &n);
	for (size_t i = 0; i < n; i++) {
		mem_read_u64(m, 0x1000 + s[i].vaddr, &addr);
		mem_read_u64(m, 0x1000 + s[i].vaddr + s[i].filesz - 8, &addr);
	}
	return 0;
}
