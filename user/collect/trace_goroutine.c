// SPDX-License-Identifier: Apache-2.0
#include "collect/trace_goroutine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "goruntime/goruntime.h"
#include "image/elf.h"

/* Where the run-time address stands in the file; false when it is not code of it. */
static bool file_offset(const struct elf_image *e, uint64_t addr, uint64_t *ret)
{
	size_t n;
	const struct elf_segment *s = elf_image_segments(e, &n);

	for (size_t i = 0; i < n; i++) {
		if (!s[i].executable || addr < s[i].vaddr || addr - s[i].vaddr >= s[i].filesz)
			continue;
		*ret = addr - s[i].vaddr + s[i].offset;
		return true;
	}
	return false;
}

static struct goroutine_function place(const struct go_runtime *rt, const struct elf_image *e,
				       const struct func *f)
{
	struct goroutine_function p = { 0 };

	/* No function that is wanted has a tenth of this. */
	if (f->name && f->end > f->entry && f->end - f->entry <= 64u << 10 &&
	    file_offset(e, f->entry - rt->md.bias, &p.offset))
		p.len = (uint32_t)(f->end - f->entry);
	return p;
}

static int16_t reason_number(const struct go_runtime *rt, const char *name)
{
	for (uint32_t i = 0; i < rt->globals.n_wait_reasons && i < INT16_MAX; i++)
		if (strcmp(rt->globals.wait_reasons[i], name) == 0)
			return (int16_t)i;
	return -1;
}

int trace_goroutine_describe(struct go_runtime *rt, struct elf_image *e, char path[32],
			     struct goroutine_trace_config *ret, struct diag *d)
{
	/* Go 1.22: goexit0's work moved to gdestroy, which coroutines call as well. */
	static const char *const names[] = {
		"runtime.gopark", "runtime.ready", "runtime.newproc1", "runtime.gdestroy",
		"runtime.goexit0",
	};
	struct func f[ARRAY_SIZE(names)];
	struct goroutine_trace_config c = {
		.path = path,
		.g_waiting = rt->layout.g_waiting,
		.sudog_c = rt->layout.sudog_c,
		.chan_reasons = { reason_number(rt, "chan receive"),
				  reason_number(rt, "chan send") },
		/* hchan.lock is its last member, a mutex of one word (runtime/chan.go). */
		.chan_lock = (uint32_t)rt->layout.hchan_size - 8,
	};
	int r = pclntab_find_names(rt->tab, names, ARRAY_SIZE(names), f);

	if (r < 0)
		return diag_fail(d, r, "the functions of its Go runtime cannot be looked up");
	for (int k = 0; k < TRACED_KINDS; k++)
		c.functions[k] = place(rt, e, &f[k]);
	if (!c.functions[TRACED_DEATH].len)
		c.functions[TRACED_DEATH] = place(rt, e, &f[TRACED_KINDS]);
	if (!c.functions[TRACED_PARK].len)
		return diag_fail(d, -EOPNOTSUPP, "runtime.gopark was not found in its file");
	snprintf(path, 32, "/proc/self/fd/%d", elf_image_fd(e));
	*ret = c;
	return 0;
}
