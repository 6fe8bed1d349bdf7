// SPDX-License-Identifier: Apache-2.0
#include "image/cfi.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "image/cfi_eval.h"
#include "image/cfi_plain.h"
#include "image/elf.h"
#include "image/elf_symbol.h"

/* Of browsers and databases it is some 20 MB. */
#define EH_FRAME_MAX (64ull << 20)

struct cfi {
	char *bytes;		/* the file that libdw is shown */
	Elf *elf;
	Dwarf_CFI *dw;		/* freed with elf */
};

/*
 * libdw wants a whole ELF file and would map or read all of it. It is shown one of our making: a
 * header and one section, .eh_frame, of entries that were looked through. So a file that is cut
 * while we look at it is no SIGBUS, and one without section headers does too. The search table is
 * not shown: it could lead libdw to where no entry begins.
 */
struct shown {
	Elf64_Ehdr header;
	Elf64_Shdr sections[3];		/* none, .eh_frame, the names */
	char names[24];
};
static const char section_names[sizeof((struct shown){ 0 }.names)] = "\0.eh_frame\0.shstrtab";

static void fill_header(struct shown *f)
{
	*f = (struct shown){
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				     EV_CURRENT },
			.e_type = ET_DYN,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_shentsize = sizeof(Elf64_Shdr),
		},
	};
}

static void show_section(struct shown *f, uint64_t addr, uint64_t size)
{
	f->header.e_shoff = offsetof(struct shown, sections);
	f->header.e_shnum = ARRAY_SIZE(f->sections);
	f->header.e_shstrndx = 2;
	memcpy(f->names, section_names, sizeof(f->names));
	f->sections[1] = (Elf64_Shdr){
		.sh_name = 1,
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC,
		.sh_addr = addr,
		.sh_offset = sizeof(*f),
		.sh_size = size,
		.sh_addralign = 8,
	};
	f->sections[2] = (Elf64_Shdr){
		.sh_name = 1 + sizeof(".eh_frame"),
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct shown, names),
		.sh_size = sizeof(f->names),
		.sh_addralign = 1,
	};
}

/*
 * The file's bytes from an address to the end of its segment, of which at least min stand in the
 * file; *len of them, EH_FRAME_MAX at most.
 */
static int find_bytes(struct elf_image *e, uint64_t addr, uint64_t min, uint64_t *offset,
		      uint64_t *len, struct diag *d)
{
	size_t n;
	const struct elf_segment *s = elf_image_segments(e, &n);

	for (size_t i = 0; i < n; i++) {
		uint64_t in = addr - s[i].vaddr;

		if (addr < s[i].vaddr || in > s[i].filesz || min > s[i].filesz - in)
			continue;
		*offset = s[i].offset + in;
		*len = s[i].filesz - in;
		if (*len > EH_FRAME_MAX)
			*len = EH_FRAME_MAX;
		return 0;
	}
	return diag_fail(d, -EBADMSG, "its call frame information lies in no segment");
}

/*
 * Where .eh_frame begins, by the head of its search table: version, encodings of the pointer to
 * .eh_frame, of the table's length and of its entries, the pointer (LSB core, "Exception Frames").
 */
static int find_by_table(struct elf_image *e, uint64_t table, uint64_t *addr, struct diag *d)
{
	uint64_t offset, len;
	uint8_t head[12];
	struct span s = span_of(head, sizeof(head));
	int r;

	r = find_bytes(e, table, sizeof(head), &offset, &len, d);
	if (r == 0)
		r = elf_read_at(elf_image_fd(e), offset, head, sizeof(head));
	if (r < 0)
		return r;
	if (head[0] != 1 || (head[1] & 0x70) != DW_EH_PE_pcrel)
		return diag_fail(d, -EBADMSG, "its table of call frames is of an unknown form");
	switch (head[1] & 0x8f) {
	case DW_EH_PE_sdata4:
		*addr = table + 4 + (uint64_t)(int32_t)span_u32(&s, 4);
		return 0;
	case DW_EH_PE_absptr:
	case DW_EH_PE_sdata8:
	case DW_EH_PE_udata8:
		*addr = table + 4 + span_u64(&s, 4);
		return 0;
	}
	return diag_fail(d, -EBADMSG, "its table of call frames is of an unknown form");
}

/* What leads there is the program header of the table or, in static programs, a section. */
static int find_eh_frame(struct elf_image *e, uint64_t *addr, uint64_t *offset, uint64_t *len,
			 struct diag *d)
{
	uint64_t size;
	int r = 0;

	if (elf_image_eh_frame_hdr(e, addr, &size) == 0)
		r = find_by_table(e, *addr, addr, d);
	else if (elf_image_section(e, ".eh_frame", addr, &size) < 0)
		return diag_fail(d, -ENODATA, "the file has no call frame information");
	return r < 0 ? r : find_bytes(e, *addr, 1, offset, len, d);
}

/* The file that libdw is shown; *total bytes. */
static int build(struct elf_image *e, struct cfi *c, size_t *total, struct diag *d)
{
	uint64_t addr, offset, len;
	struct shown f;
	char *fit;
	int r;

	r = find_eh_frame(e, &addr, &offset, &len, d);
	if (r < 0)
		return r;
	c->bytes = malloc(sizeof(f) + len);
	if (!c->bytes)
		return -ENOMEM;
	r = elf_read_at(elf_image_fd(e), offset, c->bytes + sizeof(f), len);
	if (r < 0)
		return diag_fail(d, -EBADMSG, "it was cut while it was read");
	len = cfi_plain_bytes(c->bytes + sizeof(f), len);
	if (!len)
		return diag_fail(d, -EBADMSG, "its call frame information is not of amd64");
	fill_header(&f);
	show_section(&f, addr, len);
	memcpy(c->bytes, &f, sizeof(f));
	*total = sizeof(f) + len;
	fit = realloc(c->bytes, *total);
	if (fit)
		c->bytes = fit;
	return 0;
}

int cfi_open(struct elf_image *e, struct cfi **ret, struct diag *d)
{
	CLEANUP(cfi_close_p) struct cfi *c = calloc(1, sizeof(*c));
	size_t total;
	int r;

	if (!c)
		return -ENOMEM;
	r = build(e, c, &total, d);
	if (r < 0)
		return r;
	elf_version(EV_CURRENT);
	c->elf = elf_memory(c->bytes, total);
	c->dw = c->elf ? dwarf_getcfi_elf(c->elf) : NULL;
	if (!c->dw)
		return diag_fail(d, -EBADMSG, "its call frame information: %s", dwarf_errmsg(-1));
	*ret = TAKE(c);
	return 0;
}

void cfi_close(struct cfi *c)
{
	if (!c)
		return;
	if (c->dw)
		dwarf_cfi_end(c->dw);
	elf_end(c->elf);
	free(c->bytes);
	free(c);
}

static void frame_free_p(Dwarf_Frame **f)
{
	free(*f);
}

/* The caller's value of one register: known, not known, or an error that ends the walk. */
static int caller_register(Dwarf_Frame *frame, unsigned int reg, const struct cfi_eval *in,
			   struct cfi_regs *out)
{
	Dwarf_Op mem[3], *ops;
	size_t n;
	uint64_t v;
	int r;

	if (dwarf_frame_register(frame, (int)reg, mem, &ops, &n) != 0)
		return -EBADMSG;
	if (n == 0 && !ops)
		return 0;	/* undefined */
	if (n == 0) {
		/* The same as in this frame. Of rsp that is the CFA, by the ABI. */
		if (reg == CFI_RSP)
			cfi_set(out, reg, in->cfa);
		else if (reg != CFI_PC && cfi_knows(in->regs, reg))
			cfi_set(out, reg, in->regs->value[reg]);
		return 0;
	}
	r = cfi_eval_location(in, ops, n, &v);
	if (r == 0)
		cfi_set(out, reg, v);
	/* A register that was saved where we cannot see is as good as not known. */
	return r == -EADDRNOTAVAIL || (r == -EFAULT && reg != CFI_PC) ? 0 : r;
}

int cfi_step(struct cfi *c, uint64_t lookup, struct mem *stack, struct cfi_regs *regs,
	     bool *signal)
{
	CLEANUP(frame_free_p) Dwarf_Frame *frame = NULL;
	struct cfi_eval in = { .regs = regs, .stack = stack };
	struct cfi_regs out = { .known = 0 };
	Dwarf_Addr start, end;
	Dwarf_Op *ops;
	size_t n;
	int r;

	if (dwarf_cfi_addrframe(c->dw, lookup, &frame) != 0)
		return -ENODATA;
	if (dwarf_frame_info(frame, &start, &end, signal) != CFI_PC)
		return -EBADMSG;
	if (dwarf_frame_cfa(frame, &ops, &n) != 0 || n == 0)
		return -EBADMSG;
	r = cfi_eval(&in, ops, n, &in.cfa);
	if (r < 0)
		return r;
	in.has_cfa = true;
	for (unsigned int reg = 0; reg < CFI_REGS; reg++) {
		r = caller_register(frame, reg, &in, &out);
		if (r < 0)
			return r;
	}
	if (!cfi_knows(&out, CFI_PC))
		return 0;
	*regs = out;
	return 1;
}
