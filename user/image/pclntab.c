// SPDX-License-Identifier: Apache-2.0
#include "image/pclntab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "image/pclntab_table.h"
#include "model/limits.h"

#define MAGIC_118 0xfffffff0u	/* Go 1.18 and 1.19 */
#define MAGIC_120 0xfffffff1u	/* Go 1.20 and on */
#define FIRST_MINOR 18

/* pcHeader: magic, pads, minLC, ptrSize and eight words (runtime/symtab.go, type pcHeader). */
#define HEADER_BYTES 72
#define AMD64_MIN_LC 1
#define AMD64_PTR_SIZE 8
/* type functab: entryoff, funcoff. */
#define FTAB_ENTRY 8

/* Blocks of our cache: 1 MiB in all, some hundred functions with their names and tables. */
#define CACHE_BLOCK 4096
#define CACHE_BLOCKS 256

/* abi.PCDATA_* count to five in Go 1.27: a record with more is not one of ours. */
#define MAX_PCDATA 64

bool pclntab_magic_ok(uint32_t magic)
{
	return magic == MAGIC_118 || magic == MAGIC_120;
}

/* Sub-tables follow each other in this order (cmd/link/internal/ld/pcln.go, pclntab()). */
static int place_tables(struct pclntab *t, struct span *h, struct diag *d)
{
	uint64_t base = t->where.header, offs[5], last = HEADER_BYTES;

	for (int i = 0; i < 5; i++) {
		offs[i] = span_u64(h, 32 + 8 * (uint64_t)i);
		/* Offsets into each are 32-bit, so each is under 4 GiB. */
		if (offs[i] < last || offs[i] - last > UINT32_MAX)
			return diag_fail(d, -EBADMSG, "pclntab: its tables are out of order");
		last = offs[i];
	}
	if (base > UINT64_MAX - last || base + last > UINT64_MAX - (16ull << 30))
		return diag_fail(d, -EBADMSG, "pclntab: it wraps around the address space");
	t->funcnames = (struct pcln_range){ base + offs[0], base + offs[1] };
	t->cutab = (struct pcln_range){ base + offs[1], base + offs[2] };
	t->files = (struct pcln_range){ base + offs[2], base + offs[3] };
	t->pctab = (struct pcln_range){ base + offs[3], base + offs[4] };
	t->functab = base + offs[4];
	return 0;
}

/* The first function's offset and the end of the last one must lie in text. */
static int check_ftab(struct pclntab *t, struct diag *d)
{
	uint64_t text = t->where.etext - t->where.text;
	int r;

	/* Each function has a byte of code, and its ftab entry must be addressed by 32 bits. */
	if (t->n_funcs == 0 || t->n_funcs > text || t->n_funcs > UINT32_MAX / FTAB_ENTRY)
		return diag_fail(d, -EBADMSG, "pclntab: it claims %llu functions",
				 (unsigned long long)t->n_funcs);
	r = mem_read_u32(t->mem, t->functab, &t->first_off);
	if (r == 0)
		r = mem_read_u32(t->mem, t->functab + t->n_funcs * FTAB_ENTRY, &t->end_off);
	if (r < 0)
		return diag_fail(d, r, "pclntab: its function table cannot be read");
	if (t->first_off >= t->end_off || t->end_off > text)
		return diag_fail(d, -EBADMSG, "pclntab: its functions do not lie in the text");
	return 0;
}

static int read_header(struct pclntab *t, struct diag *d)
{
	uint8_t bytes[HEADER_BYTES];
	struct span h = span_of(bytes, sizeof(bytes));
	uint32_t magic;
	int r = mem_read(t->mem, t->where.header, bytes, sizeof(bytes));

	if (r < 0)
		return diag_fail(d, r, "pclntab: its header cannot be read");
	magic = span_u32(&h, 0);
	if (!pclntab_magic_ok(magic))
		return diag_fail(d, -EOPNOTSUPP, "pclntab: unknown magic %#x", magic);
	if (span_u16(&h, 4) != 0 || span_u8(&h, 6) != AMD64_MIN_LC ||
	    span_u8(&h, 7) != AMD64_PTR_SIZE)
		return diag_fail(d, -EBADMSG, "pclntab: its header is not one of amd64");
	/* Go 1.20: startLine joined _func; inlinedCall lost parent, file and line. */
	t->func_size = magic == MAGIC_118 ? 40 : 44;
	t->inlined_size = magic == MAGIC_118 ? 20 : 16;
	t->n_funcs = span_u64(&h, 8);
	r = place_tables(t, &h, d);
	return r < 0 ? r : check_ftab(t, d);
}

int pclntab_open(struct mem *m, const struct pclntab_where *w, struct pclntab **ret,
		 struct diag *d)
{
	CLEANUP(pclntab_close_p) struct pclntab *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	if (w->minor < FIRST_MINOR)
		return diag_fail(d, -EOPNOTSUPP, "pclntab: Go 1.%d is not supported", w->minor);
	if (w->text >= w->etext)
		return diag_fail(d, -EBADMSG, "pclntab: no text");
	t->where = *w;
	t->names = arena_new();
	if (!t->names)
		return -ENOMEM;
	r = memcache_open(m, CACHE_BLOCK, CACHE_BLOCKS, &t->mem);
	if (r < 0)
		return r;
	r = read_header(t, d);
	if (r < 0)
		return r;
	*ret = TAKE(t);
	return 0;
}

void pclntab_close(struct pclntab *t)
{
	if (!t)
		return;
	mem_close(t->mem);
	arena_free(t->names);
	free(t);
}

void pclntab_rest(struct pclntab *t)
{
	memcache_rest(t->mem);
}

uint64_t pclntab_count(const struct pclntab *t)
{
	return t->n_funcs;
}

/* Reads the _func record of the i-th ftab entry and holds the two against each other. */
static int read_func(struct pclntab *t, uint32_t off, uint32_t funcoff, uint32_t end,
		     struct func *ret)
{
	uint8_t bytes[44];
	struct span s = span_of(bytes, t->func_size);
	uint32_t tail = t->func_size - 4;
	int r;

	*ret = (struct func){
		.entry = t->where.text + off,
		.end = t->where.text + end,
		.at = t->functab + funcoff,
	};
	r = mem_read(t->mem, ret->at, bytes, t->func_size);
	if (r < 0)
		return r;
	if (span_u32(&s, 0) != off || end < off || end > t->end_off)
		return -EBADMSG;
	ret->name = pcln_func_name(t, span_u32(&s, 4), &r);
	if (!ret->name)
		return r;
	ret->nameoff = span_u32(&s, 4);
	ret->pcsp = span_u32(&s, 16);
	ret->pcfile = span_u32(&s, 20);
	ret->pcln = span_u32(&s, 24);
	ret->npcdata = span_u32(&s, 28);
	ret->cu_offset = span_u32(&s, 32);
	ret->start_line = t->func_size == 44 ? span_u32(&s, 36) : 0;
	ret->func_id = span_u8(&s, tail);
	ret->flag = span_u8(&s, tail + 1);
	ret->nfuncdata = span_u8(&s, tail + 3);
	if (ret->npcdata > MAX_PCDATA)
		return -EBADMSG;
	ret->kind = pcln_func_kind(t, ret->func_id, ret->flag);
	return 0;
}

int pclntab_func(struct pclntab *t, uint64_t i, struct func *ret)
{
	uint32_t entry[3];	/* entryoff, funcoff, and the next one's entryoff */
	int r;

	if (i >= t->n_funcs)
		return -ENOENT;
	r = mem_read(t->mem, t->functab + i * FTAB_ENTRY, entry, sizeof(entry));
	return r < 0 ? r : read_func(t, entry[0], entry[1], entry[2], ret);
}

int pclntab_find(struct pclntab *t, uint64_t pc, struct func *ret)
{
	uint64_t lo = 0, hi = t->n_funcs, off = pc - t->where.text;

	if (pc < t->where.text || off < t->first_off || off >= t->end_off)
		return -ENOENT;
	/* The last entry at or below pc: [lo] is, [hi] is not. */
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;
		uint32_t entryoff;
		int r = mem_read_u32(t->mem, t->functab + mid * FTAB_ENTRY, &entryoff);

		if (r < 0)
			return r;
		if (entryoff <= off)
			lo = mid;
		else
			hi = mid;
	}
	return pclntab_func(t, lo, ret);
}
