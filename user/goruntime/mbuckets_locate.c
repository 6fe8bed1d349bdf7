// SPDX-License-Identifier: Apache-2.0
/* Where the heap profile's variables stand, in binaries with and without symbols. */
#include <errno.h>

#include "base/cleanup.h"
#include "goruntime/mbuckets.h"
#include "goruntime/operands.h"

#define GLOBALS_MAX 16

/*
 * The functions that tell, in all of Go 1.18 to 1.27 (runtime/mprof.go, malloc.go, mcache.go).
 * nextSample() is inlined into profilealloc() and allocmcache(): MemProfileRate is the one word
 * that both read.
 */
enum teller { FLUSH, POST_SWEEP, PROFILE_ALLOC, ALLOC_MCACHE, READ_OLD, READ_NEW, TELLERS };

static const char *const tellers[TELLERS] = {
	[FLUSH] = "runtime.mProf_FlushLocked",
	[POST_SWEEP] = "runtime.mProf_PostSweep",
	[PROFILE_ALLOC] = "runtime.profilealloc",
	[ALLOC_MCACHE] = "runtime.allocmcache",
	/* cmd/link (lib.go) turns profiling off where this is not reachable; Go 1.23: the next. */
	[READ_OLD] = "runtime.MemProfile",
	[READ_NEW] = "runtime.memProfileInternal",
};

struct hunt {
	struct go_runtime *rt;
	struct func funcs[TELLERS];
	unsigned int ways;
};

static int read_globals(struct mem *code, const struct func *f, unsigned int bytes, uint64_t *ret)
{
	return bytes == 4 ? operands_halves(code, f->entry, f->end, ret, GLOBALS_MAX)
			  : operands_words(code, f->entry, f->end, ret, GLOBALS_MAX);
}

/* The globals of that size, 4 or 8, that a function uses and that are variables of the module. */
static int globals_of(const struct hunt *h, enum teller t, unsigned int bytes, uint64_t *ret)
{
	const struct func *f = &h->funcs[t];
	int n, kept = 0;

	if (!f->name)
		return 0;
	n = read_globals(h->rt->file, f, bytes, ret);
	if (n == -EFAULT)
		n = read_globals(h->rt->live, f, bytes, ret);
	for (int i = 0; i < n; i++)
		if (locate_is_variable(&h->rt->md, ret[i], bytes))
			ret[kept++] = ret[i];
	return n < 0 ? n : kept;
}

/* The only global of that size in a function; 0 when there is another or none. */
static uint64_t only_global(const struct hunt *h, enum teller t, unsigned int bytes)
{
	uint64_t globals[GLOBALS_MAX];

	return globals_of(h, t, bytes, globals) == 1 ? globals[0] : 0;
}

static uint64_t common_global(const struct hunt *h, enum teller a, enum teller b)
{
	uint64_t in_a[GLOBALS_MAX], in_b[GLOBALS_MAX], found = 0;
	int n_a = globals_of(h, a, 8, in_a), n_b = globals_of(h, b, 8, in_b);

	for (int i = 0; i < n_a; i++) {
		for (int k = 0; k < n_b; k++) {
			if (in_a[i] != in_b[k])
				continue;
			if (found)
				return 0;
			found = in_a[i];
		}
	}
	return found;
}

/* Takes what the code says, or else the symbol, which must not say otherwise. */
static int settle(const struct hunt *h, const char *name, uint64_t by_code, uint64_t bytes,
		  uint64_t *ret, struct diag *d)
{
	struct elf_image *e = h->rt->elf;
	uint64_t symbol;

	if (!(h->ways & LOCATE_CODE))
		by_code = 0;
	if (!(h->ways & LOCATE_SYMBOL) || !e || elf_image_symbol(e, name, &symbol) < 0)
		symbol = 0;
	if (symbol)
		symbol += h->rt->md.bias;
	if (symbol && by_code && symbol != by_code)
		return diag_fail(d, -EOPNOTSUPP,
				 "%s stands at 0x%llx by its symbol, at 0x%llx by the code", name,
				 (unsigned long long)symbol, (unsigned long long)by_code);
	*ret = by_code ? by_code : symbol;
	if (!*ret || !locate_is_variable(&h->rt->md, *ret, bytes))
		return diag_fail(d, -EOPNOTSUPP, "%s was not found", name);
	return 0;
}

int mbuckets_locate(struct go_runtime *rt, unsigned int ways, struct mbuckets_where *ret,
		    struct diag *d)
{
	struct hunt h = { .rt = rt, .ways = ways };
	struct mbuckets_where w = { 0 };
	int r = pclntab_find_names(rt->tab, tellers, TELLERS, h.funcs);

	if (r < 0)
		return diag_fail(d, r, "the names of the Go runtime's functions cannot be read");
	w.linked_out = !h.funcs[READ_OLD].name && !h.funcs[READ_NEW].name;
	r = settle(&h, "runtime.MemProfileRate", common_global(&h, PROFILE_ALLOC, ALLOC_MCACHE), 8,
		   &w.rate, d);
	if (r == 0)
		r = settle(&h, "runtime.mbuckets", only_global(&h, FLUSH, 8), 8, &w.list, d);
	if (r == 0)
		r = settle(&h, rt->minor < 19 ? "runtime.mProf" : "runtime.mProfCycle",
			   only_global(&h, POST_SWEEP, 4), 4, &w.cycle, d);
	if (r < 0)
		return r;
	*ret = w;
	return 0;
}
