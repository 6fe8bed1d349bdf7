// SPDX-License-Identifier: Apache-2.0
#include "walk_tab.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FRAMES 80

static void check_frames(const struct frame *frames, int n)
{
	if (n > MAX_FRAMES)
		abort();
	for (int i = 0; i < n; i++) {
		size_t len = strlen(frames[i].function);

		len += frames[i].file ? strlen(frames[i].file) : 0;
		/* Only the last is a physical frame. */
		if (len > 10000 || (i < n - 1 && !frames[i].inlined))
			abort();
	}
}

void walk_tab(struct pclntab *t, uint64_t text, uint64_t etext)
{
	static const char *const names[] = { "main.caller", "x", "runtime.gopanic" };
	enum func_kind callee = FUNC_NORMAL;
	struct frame frames[MAX_FRAMES];
	struct func f, found[3];
	uint64_t step = (etext - text) / 64 + 1;

	for (uint64_t pc = text; pc < etext; pc += step) {
		int32_t v;
		uint64_t addr;

		check_frames(frames, pclntab_frames(t, pc, pc, &callee, frames, MAX_FRAMES));
		if (pclntab_find(t, pc, &f) < 0)
			continue;
		if (pc < f.entry || pc >= f.end || !f.name)
			abort();
		pclntab_sp_delta(t, &f, pc, &v);
		for (uint32_t i = 0; i < 8; i++) {
			pclntab_pcdata(t, &f, i, pc, &v);
			pclntab_funcdata(t, &f, i, &addr);
		}
	}
	for (uint64_t i = 0; i < pclntab_count(t) && i < 64; i++)
		pclntab_func(t, i, &f);
	pclntab_find_names(t, names, 3, found);
}
