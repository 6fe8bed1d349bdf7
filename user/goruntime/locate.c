// SPDX-License-Identifier: Apache-2.0
#include "goruntime/locate.h"

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "goruntime/gshape.h"
#include "goruntime/operands.h"
#include "goruntime/wait_reasons.h"

/* runtime.allgadd touches 5 globals; runtime.sysmon and its like some 30. */
#define WORDS_MAX 128
#define ELAPSED_MAX 16
/* runtime/proc.go: forcegcperiod, two minutes; a variable that nothing outside tests writes. */
#define FORCE_GC_PERIOD_NS (2ull * 60 * 1000 * 1000 * 1000)
/* A searched bss beyond this is an array of the program's own. */
#define SEARCH_MAX (512ull << 20)
#define SEARCHES 5

struct locate {
	const struct moduledata *md;
	struct pclntab *tab;
	struct elf_image *e;
	const struct go_layout *l;
	struct mem *live, *file;
};

static bool in_range(uint64_t addr, uint64_t len, uint64_t start, uint64_t end)
{
	return addr >= start && addr < end && end - addr >= len;
}

bool locate_is_variable(const struct moduledata *md, uint64_t addr, uint64_t len)
{
	return in_range(addr, len, md->data, md->edata) || in_range(addr, len, md->bss, md->ebss) ||
	       in_range(addr, len, md->noptrdata, md->enoptrdata) ||
	       in_range(addr, len, md->noptrbss, md->enoptrbss);
}

/* The run-time address of a symbol; 0 when there is none. */
static uint64_t by_symbol(const struct locate *c, const char *name)
{
	uint64_t addr;

	if (!c->e || elf_image_symbol(c->e, name, &addr) < 0)
		return 0;
	return addr + c->md->bias;
}

static int holds_goroutines(const struct locate *c, uint64_t addr)
{
	struct gslice s;
	int r = mem_read(c->live, addr, &s, sizeof(s));

	if (r == -EFAULT)
		return 0;
	return r < 0 ? r : gslice_holds_goroutines(c->l, c->live, &s);
}

static bool contains(const uint64_t *words, int n, uint64_t word)
{
	for (int i = 0; i < n; i++)
		if (words[i] == word)
			return true;
	return false;
}

/*
 * What runtime.allgadd appends to: the one slice among the globals that it touches that holds
 * goroutines. 1 with its address, 0 none or more than one, or the errno of reading.
 */
static int allgs_by_code(const struct locate *c, uint64_t *ret)
{
	uint64_t words[WORDS_MAX];
	struct func f;
	int n, found = 0;

	if (pclntab_find_name(c->tab, "runtime.allgadd", &f) < 0)
		return 0;
	n = operands_words(c->file, f.entry, f.end, words, WORDS_MAX);
	if (n == -EFAULT)
		n = operands_words(c->live, f.entry, f.end, words, WORDS_MAX);
	for (int i = 0; i < n; i++) {
		int r;

		if (!contains(words, n, words[i] + 8) || !contains(words, n, words[i] + 16) ||
		    !locate_is_variable(c->md, words[i], sizeof(struct gslice)))
			continue;
		r = holds_goroutines(c, words[i]);
		if (r < 0)
			return r;
		if (r && found++ == 0)
			*ret = words[i];
	}
	return found == 1;
}

/*
 * Of two slices of goroutines, the one with room to grow. Go 1.19: while a collection marks,
 * work.stackRoots is a copy of allgs without. 1, or 0 when that does not tell.
 */
static int allgs_of_two(const struct locate *c, const uint64_t at[2], uint64_t *ret)
{
	struct gslice a, b;
	int r = mem_read(c->live, at[0], &a, sizeof(a));

	if (r == 0)
		r = mem_read(c->live, at[1], &b, sizeof(b));
	if (r < 0)
		return r;
	if (a.array != b.array || a.cap == b.cap)
		return 0;
	*ret = a.cap > b.cap ? at[0] : at[1];
	return 1;
}

static int search_once(const struct locate *c, uint64_t *ret)
{
	const uint64_t ranges[][2] = { { c->md->bss, c->md->ebss }, { c->md->data, c->md->edata } };
	uint64_t at[4] = { 0 };
	int found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ranges) && found < 2; i++) {
		uint64_t start = ranges[i][0], end = ranges[i][1];
		int r;

		if (end > start && end - start > SEARCH_MAX)
			end = start + SEARCH_MAX;
		r = gslice_search(c->l, c->live, start, end, at + found);
		if (r < 0)
			return r;
		found += r;
	}
	if (found == 2)
		return allgs_of_two(c, at, ret);
	*ret = at[0];
	return found == 1;
}

/* The one slice of goroutines among the variables with pointers; result as above. */
static int allgs_by_search(const struct locate *c, uint64_t *ret)
{
	int r = 0;

	for (int tries = 0; tries < SEARCHES && r == 0; tries++)
		r = search_once(c, ret);
	return r;
}

int locate_allgs(const struct moduledata *md, struct pclntab *tab, struct elf_image *e,
		 const struct go_layout *l, struct mem *live, struct mem *file,
		 unsigned int ways, uint64_t *ret, struct diag *d)
{
	const struct locate c = { md, tab, e, l, live, file };
	uint64_t symbol = ways & LOCATE_SYMBOL ? by_symbol(&c, "runtime.allgs") : 0;
	uint64_t addr = 0;
	int r = 0;

	if (ways & LOCATE_CODE)
		r = allgs_by_code(&c, &addr);
	if (r == 0 && symbol) {
		addr = symbol;
		if (locate_is_variable(md, addr, sizeof(struct gslice)))
			r = holds_goroutines(&c, addr);
	}
	if (r == 0 && (ways & LOCATE_SEARCH))
		r = allgs_by_search(&c, &addr);
	if (r < 0)
		return diag_fail(d, r, "the variables of the Go runtime cannot be read");
	if (r == 0)
		return diag_fail(d, -EOPNOTSUPP, "runtime.allgs was not found");
	if (symbol && symbol != addr)
		return diag_fail(d, -EOPNOTSUPP,
				 "runtime.allgs stands at 0x%llx by its symbol, at 0x%llx by the "
				 "code and data",
				 (unsigned long long)symbol, (unsigned long long)addr);
	*ret = addr;
	return 0;
}

/*
 * gcTrigger.test asks whether the last collection is longer ago than forcegcperiod: the variable
 * that it subtracts is memstats.last_gc_nanotime. Go 1.18: inlined into its callers.
 */
static uint64_t last_gc_by_code(const struct locate *c)
{
	static const char *const functions[] = { "runtime.gcTrigger.test", "runtime.sysmon" };
	struct operands_elapsed found[ELAPSED_MAX];
	uint64_t last_gc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(functions) && !last_gc; i++) {
		struct func f;
		int n;

		if (pclntab_find_name(c->tab, functions[i], &f) < 0)
			continue;
		n = operands_elapsed(c->file, f.entry, f.end, found, ELAPSED_MAX);
		if (n == -EFAULT)
			n = operands_elapsed(c->live, f.entry, f.end, found, ELAPSED_MAX);
		for (int k = 0; k < n; k++) {
			uint64_t period;

			if (!locate_is_variable(c->md, found[k].since, 8) ||
			    !locate_is_variable(c->md, found[k].period, 8) ||
			    mem_read_u64(c->live, found[k].period, &period) < 0 ||
			    period != FORCE_GC_PERIOD_NS)
				continue;
			if (last_gc && last_gc != found[k].since)
				return 0;
			last_gc = found[k].since;
		}
	}
	return last_gc;
}

uint64_t locate_last_gc(const struct moduledata *md, struct pclntab *tab, struct elf_image *e,
			const struct go_layout *l, struct mem *live, struct mem *file,
			unsigned int ways)
{
	const struct locate c = { md, tab, e, l, live, file };
	uint64_t code = ways & LOCATE_CODE ? last_gc_by_code(&c) : 0;
	uint64_t symbol = ways & LOCATE_SYMBOL ? by_symbol(&c, "runtime.memstats") : 0;

	if (symbol && l->mstats_last_gc >= 0)
		symbol += (uint32_t)l->mstats_last_gc;
	if (symbol && code && symbol != code)
		return 0;
	return code ? code : symbol;
}

int locate_globals(const struct moduledata *md, struct pclntab *tab, struct elf_image *e,
		   const struct go_layout *l, struct mem *live, struct mem *file,
		   struct arena *a, struct go_globals *ret, struct diag *d)
{
	struct go_globals g = { 0 };
	int r;

	r = locate_allgs(md, tab, e, l, live, file, LOCATE_ALL, &g.allgs, d);
	if (r < 0)
		return r;
	r = wait_reasons_find(md, live, file, a, &g.wait_reasons, &g.n_wait_reasons, d);
	if (r < 0)
		return r;
	g.last_gc = locate_last_gc(md, tab, e, l, live, file, LOCATE_ALL);
	*ret = g;
	return 0;
}
