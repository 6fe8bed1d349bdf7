// SPDX-License-Identifier: Apache-2.0
#include "image/moduledata.h"

#include <errno.h>
#include <stdlib.h>

#include "base/span.h"
#include "image/pclntab.h"

#define WINDOW (64u << 10)
#define PAGE 4096u
/* Bytes that look like a pclntab header, and words that look like a moduledata, worth a look. */
#define MAX_HEADERS 16
#define MAX_CANDIDATES 1024
/* Looked through in all: segments that overlap would make any file endless. */
#define MAX_SCANNED (2ull << 30)

/* pcHeader (runtime/symtab.go): the word at 32 and four more are the tables' offsets. */
#define HEADER_BYTES 72
/* The pads, minLC 1 and ptrSize 8 that follow the magic on amd64. */
#define HEADER_TAIL 0x08010000u

/* Words of moduledata up to enoptrbss. */
#define FIXED_BYTES 256

struct header {
	uint64_t addr;		/* run-time */
	uint64_t n_funcs;
	uint64_t funcnames, functab;	/* offsets from addr */
};

struct finder {
	struct elf_image *elf;
	uint64_t bias;
	struct mem *live, *file;
	const struct moduledata_fields *fields;
	uint8_t *buf;		/* WINDOW bytes */
	struct header headers[MAX_HEADERS];
	size_t n_headers;
	unsigned int candidates;
	uint64_t scanned;	/* bytes, those that could not be read too */
	bool bad;		/* a moduledata was found, but its bounds make no sense */
	struct moduledata *ret;
};

static void free_p(void *p)
{
	free(*(void **)p);
}

static bool header_word(uint64_t word)
{
	return word >> 32 == HEADER_TAIL && pclntab_magic_ok((uint32_t)word);
}

/* Notes the header at a run-time address if it is one. */
static void try_header(struct finder *f, uint64_t addr)
{
	uint8_t bytes[HEADER_BYTES];
	struct span s = span_of(bytes, sizeof(bytes));
	struct header h = { .addr = addr };
	uint64_t last = HEADER_BYTES;

	if (f->n_headers == MAX_HEADERS)
		return;
	if (mem_read(f->file, addr, bytes, sizeof(bytes)) < 0 &&
	    mem_read(f->live, addr, bytes, sizeof(bytes)) < 0)
		return;
	if (!header_word(span_u64(&s, 0)))
		return;
	h.n_funcs = span_u64(&s, 8);
	h.funcnames = span_u64(&s, 32);
	h.functab = span_u64(&s, 64);
	for (uint64_t off = 32; off <= 64; off += 8) {
		if (span_u64(&s, off) < last)
			return;
		last = span_u64(&s, off);
	}
	if (h.n_funcs == 0 || h.functab > UINT64_MAX - addr)
		return;
	f->headers[f->n_headers++] = h;
}

/*
 * Hands each window of [start, end) to `visit` until it returns true. Windows overlap by nothing:
 * what is looked for is one aligned word. Unreadable pages are passed over.
 */
static bool scan(struct finder *f, struct mem *m, uint64_t start, uint64_t end,
		 bool (*visit)(struct finder *f, uint64_t addr, size_t len))
{
	/* The last address may be the last that there is. */
	if (start > UINT64_MAX - 7)
		return false;
	start = (start + 7) & ~7ull;
	while (start < end && f->scanned < MAX_SCANNED) {
		/* Windows end at page boundaries, so that a hole costs a page and not a window. */
		uint64_t len = WINDOW - (start & (PAGE - 1));
		bool there;

		if (len > end - start)
			len = end - start;
		there = mem_read(m, start, f->buf, len) == 0;
		if (!there) {
			len = PAGE - (start & (PAGE - 1));
			if (len > end - start)
				len = end - start;
			there = mem_read(m, start, f->buf, len) == 0;
		}
		if (there && visit(f, start, len))
			return true;
		start += len;
		f->scanned += len;
	}
	return false;
}

static bool visit_for_header(struct finder *f, uint64_t addr, size_t len)
{
	struct span s = span_of(f->buf, len);

	for (size_t i = 0; i + 8 <= len; i += 8)
		if (header_word(span_u64(&s, i)))
			try_header(f, addr + i);
	return f->n_headers == MAX_HEADERS;
}

/* By its section, else by its magic in the file. */
static int find_headers(struct finder *f)
{
	static const char *const sections[] = { ".gopclntab", ".data.rel.ro.gopclntab" };
	CLEANUP(mem_close_p) struct mem *all = NULL;
	uint64_t addr, size;
	size_t n;
	const struct elf_segment *s = elf_image_segments(f->elf, &n);
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (elf_image_section(f->elf, sections[i], &addr, &size) == 0)
			try_header(f, addr + f->bias);
	if (f->n_headers)
		return 0;
	/* No section table, or the C linker merged it into .data.rel.ro. */
	r = elf_image_mem_all(f->elf, f->bias, &all);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		scan(f, all, s[i].vaddr + f->bias, s[i].vaddr + f->bias + s[i].filesz,
		     visit_for_header);
	return f->n_headers ? 0 : -ENODATA;
}

/* True when [start, end] lies inside one segment, which is writable if it has to be. */
static bool inside(const struct finder *f, uint64_t start, uint64_t end, bool writable)
{
	size_t n;
	const struct elf_segment *s = elf_image_segments(f->elf, &n);

	for (size_t i = 0; i < n; i++) {
		uint64_t base = s[i].vaddr + f->bias;

		if (start >= base && start <= end && end - base <= s[i].memsz &&
		    (s[i].writable || !writable))
			return true;
	}
	return false;
}

static bool bounds_ok(const struct finder *f, const struct moduledata *m)
{
	return m->text < m->etext && inside(f, m->text, m->etext, false) &&
	       inside(f, m->noptrdata, m->enoptrdata, true) &&
	       inside(f, m->data, m->edata, true) && inside(f, m->bss, m->ebss, true) &&
	       inside(f, m->noptrbss, m->enoptrbss, true) &&
	       inside(f, m->types, m->etypes, false) && inside(f, m->rodata, m->rodata, false) &&
	       inside(f, m->gofunc, m->gofunc, false);
}

/* True when the words at addr agree with the header's own account of its tables. */
static bool agrees(const struct header *h, struct span *s)
{
	return span_u64(s, 0) == h->addr && span_u64(s, 8) == h->addr + h->funcnames &&
	       span_u64(s, 104) == h->addr + h->functab &&
	       span_u64(s, 128) == h->addr + h->functab && span_u64(s, 136) == h->n_funcs + 1;
}

static int read_module(struct finder *f, uint64_t addr, struct moduledata *ret)
{
	const struct moduledata_fields *at = f->fields;
	struct {
		int32_t off;
		uint64_t *to;
	} moving[] = {
		{ at->types, &ret->types },   { at->etypes, &ret->etypes },
		{ at->rodata, &ret->rodata }, { at->gofunc, &ret->gofunc },
		{ at->next, &ret->next },
	};
	uint64_t w[FIXED_BYTES / 8];
	int r = mem_read(f->live, addr, w, sizeof(w));

	if (r < 0)
		return r;
	*ret = (struct moduledata){
		.addr = addr, .bias = f->bias, .pcheader = w[0], .text = w[22], .etext = w[23],
		.noptrdata = w[24], .enoptrdata = w[25], .data = w[26], .edata = w[27],
		.bss = w[28], .ebss = w[29], .noptrbss = w[30], .enoptrbss = w[31],
	};
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(moving); i++)
		r = mem_read_u64(f->live, addr + (uint64_t)moving[i].off, moving[i].to);
	return r;
}

/* True when a moduledata that belongs to one of the headers stands at addr. */
static bool try_module(struct finder *f, uint64_t addr)
{
	uint8_t bytes[FIXED_BYTES];
	struct span s = span_of(bytes, sizeof(bytes));
	struct moduledata m;
	bool known = false;

	f->candidates++;
	if (mem_read(f->live, addr, bytes, sizeof(bytes)) < 0)
		return false;
	for (size_t i = 0; i < f->n_headers; i++)
		known = known || agrees(&f->headers[i], &s);
	if (!known || read_module(f, addr, &m) < 0)
		return false;
	if (!bounds_ok(f, &m)) {
		f->bad = true;
		return false;
	}
	*f->ret = m;
	return true;
}

static bool visit_for_module(struct finder *f, uint64_t addr, size_t len)
{
	struct span s = span_of(f->buf, len);

	for (size_t i = 0; i + 8 <= len && f->candidates < MAX_CANDIDATES; i += 8) {
		uint64_t word = span_u64(&s, i);

		for (size_t k = 0; k < f->n_headers; k++)
			if (word == f->headers[k].addr && try_module(f, addr + i))
				return true;
	}
	return f->candidates == MAX_CANDIDATES;
}

static bool scan_data(struct finder *f, struct mem *m)
{
	/* Go 1.26 gave it a section of its own; before, it stands in .noptrdata. */
	static const char *const sections[] = { ".go.module", ".noptrdata", ".data" };
	uint64_t addr, size;
	size_t n;
	const struct elf_segment *s = elf_image_segments(f->elf, &n);

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (elf_image_section(f->elf, sections[i], &addr, &size) < 0 ||
		    !inside(f, addr + f->bias, addr + f->bias + size, true))
			continue;
		if (scan(f, m, addr + f->bias, addr + f->bias + size, visit_for_module))
			return f->ret->addr != 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (!s[i].writable)
			continue;
		if (scan(f, m, s[i].vaddr + f->bias, s[i].vaddr + f->bias + s[i].filesz,
			 visit_for_module))
			return f->ret->addr != 0;
	}
	return false;
}

/* Finds the word that points to a header, and around it the moduledata. */
static int find_module(struct finder *f)
{
	CLEANUP(mem_close_p) struct mem *all = NULL;
	int r;

	/*
	 * At its link address a file's words are the process's, so the file is scanned: reading
	 * the process could pull pages into it that it never touched. Elsewhere only the process
	 * has the relocated words.
	 */
	if (f->bias == 0) {
		r = elf_image_mem_all(f->elf, 0, &all);
		if (r < 0)
			return r;
		if (scan_data(f, all))
			return 0;
	}
	return scan_data(f, f->live) ? 0 : -ENODATA;
}

int moduledata_find(struct elf_image *e, uint64_t bias, struct mem *live, struct mem *file,
		    const struct moduledata_fields *fields, struct moduledata *ret, struct diag *d)
{
	CLEANUP(free_p) uint8_t *buf = malloc(WINDOW);
	struct moduledata found = { 0 };
	struct finder f = {
		.elf = e,
		.bias = bias,
		.live = live,
		.file = file ? file : live,
		.fields = fields,
		.buf = buf,
		.ret = &found,
	};
	int r;

	if (!buf)
		return -ENOMEM;
	r = find_headers(&f);
	if (r == -ENODATA)
		return diag_fail(d, r, "there is no pclntab in the file: no Go runtime");
	if (r < 0)
		return r;
	r = find_module(&f);
	if (f.bad && r < 0)
		return diag_fail(d, -EBADMSG, "moduledata: its bounds lie outside the file's segments");
	if (r < 0)
		return diag_fail(d, r, "no moduledata in memory points to the file's pclntab");
	*ret = found;
	return 0;
}
