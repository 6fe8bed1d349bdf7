// SPDX-License-Identifier: Apache-2.0
/* A file that plays the process as well: from the ELF header to frames. */
#include <stdlib.h>

#include "../../unit/image/fake_elf.h"
#include "image/elf.h"
#include "walk_tab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	CLEANUP(mem_close_p) struct mem *live = NULL;
	CLEANUP(mem_close_p) struct mem *file = NULL;
	CLEANUP(pclntab_close_p) struct pclntab *t = NULL;
	struct diag d = DIAG_INIT;
	struct pclntab_where w;
	struct moduledata md;

	if (elf_image_open(fake_elf_file(data, size), &e, &d) < 0 ||
	    elf_image_mem_all(e, 0, &live) < 0 || elf_image_mem(e, 0, &file) < 0)
		return 0;
	if (moduledata_find(e, 0, live, file, &fake_fields, &md, &d) < 0) {
		if (!d.why[0])
			abort();
		return 0;
	}
	if (md.text >= md.etext)
		abort();
	w = (struct pclntab_where){ md.pcheader, md.text, md.etext, md.gofunc, 22 };
	if (pclntab_open(live, &w, &t, &d) == 0)
		walk_tab(t, md.text, md.etext);
	return 0;
}
