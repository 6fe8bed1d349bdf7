// SPDX-License-Identifier: Apache-2.0
#include "goruntime/processors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "goruntime/gshape.h"
#include "goruntime/operands.h"
#include "model/limits.h"

/* procresize() names some 40 words. */
#define WORDS_MAX 256
/* _Pidle to _Pdead (runtime2.go). */
#define STATES 5

static void words_free(uint64_t **words)
{
	free(*words);
}

/* 1, 0, or the errno of reading when that is not -EFAULT. */
static int is_processor(struct mem *live, const struct go_heap_layout *l, uint64_t p, uint32_t number)
{
	uint32_t id, state;
	struct gslice timers;
	int r;

	if (!p || p % 8)
		return 0;
	r = mem_read_u32(live, p + (uint32_t)l->p_id, &id);
	if (r == 0)
		r = mem_read_u32(live, p + (uint32_t)l->p_status, &state);
	if (r == 0)
		r = mem_read(live, p + (uint32_t)l->p_timers, &timers, sizeof(timers));
	if (r < 0)
		return r == -EFAULT ? 0 : r;
	return id == number && state < STATES && timers.len <= timers.cap &&
	       timers.array % 8 == 0 && (timers.array || !timers.cap);
}

static int holds_processors(struct go_runtime *rt, const struct go_heap_layout *l, uint64_t at)
{
	CLEANUP(words_free) uint64_t *p = calloc(LIMIT_GO_PROCESSORS, sizeof(*p));
	int n, r = 1;

	if (!p)
		return -ENOMEM;
	if (!locate_is_variable(&rt->md, at, sizeof(struct gslice)))
		return 0;
	n = processors_list(rt->live, at, p, LIMIT_GO_PROCESSORS);
	if (n < 0)
		return n == -EFAULT || n == -EBADMSG ? 0 : n;
	for (int i = 0; r == 1 && i < n; i++)
		r = is_processor(rt->live, l, p[i], (uint32_t)i);
	return r;
}

static bool contains(const uint64_t *words, int n, uint64_t word)
{
	for (int i = 0; i < n; i++)
		if (words[i] == word)
			return true;
	return false;
}

/* 1 with its address; 0 none or more than one. */
static int by_code(struct go_runtime *rt, const struct go_heap_layout *l, uint64_t *ret)
{
	uint64_t words[WORDS_MAX];
	int n, found = 0;
	struct func f;

	pthread_mutex_lock(&rt->tab_lock);
	n = pclntab_find_name(rt->tab, "runtime.procresize", &f);
	pthread_mutex_unlock(&rt->tab_lock);
	if (n < 0)
		return n == -ENOENT ? 0 : n;
	n = operands_words(rt->file, f.entry, f.end, words, WORDS_MAX);
	if (n == -EFAULT)
		n = operands_words(rt->live, f.entry, f.end, words, WORDS_MAX);
	for (int i = 0; i < n; i++) {
		int r;

		/* Its length is looked at as a number of 4 bytes in some releases. */
		if (!contains(words, n, words[i] + 16))
			continue;
		r = holds_processors(rt, l, words[i]);
		if (r < 0)
			return r;
		if (r && found++ == 0)
			*ret = words[i];
	}
	return n < 0 ? n : found == 1;
}

int processors_locate(struct go_runtime *rt, const struct go_heap_layout *l, uint64_t *ret,
		      struct diag *d)
{
	uint64_t addr = 0;
	int r = 0;

	if (rt->elf && elf_image_symbol(rt->elf, "runtime.allp", &addr) == 0) {
		addr += rt->md.bias;
		r = holds_processors(rt, l, addr);
	}
	if (r == 0)
		r = by_code(rt, l, &addr);
	if (r < 0)
		return diag_fail(d, r, "the processors of the Go runtime cannot be read");
	if (r == 0)
		return diag_fail(d, -EOPNOTSUPP, "runtime.allp was not found");
	*ret = addr;
	return 0;
}
