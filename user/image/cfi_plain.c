// SPDX-License-Identifier: Apache-2.0
#include "image/cfi_plain.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* The highest of amd64 is 125 (System V ABI, AMD64 supplement, figure 3.36). */
#define REGISTER_MAX 125
/* Compilers nest none; hand-written assembly nests a few. */
#define REMEMBER_MAX 16
/* One entry describes one function: compilers write far less. */
#define INSTRUCTIONS_MAX (64u << 10)
/* Each costs libdw some 100 bytes. A browser has 400,000. */
#define ENTRIES_MAX (1u << 19)
/* A uleb128 of more is no canonical number below 2^63; of a sleb128 one more. */
#define LEB_BYTES 9

/* What is needed of a CIE to find the instructions of its FDEs. */
struct cie {
	uint64_t offset;
	uint8_t encoding;	/* of code addresses */
	bool sized;		/* an FDE has a sized block before its instructions */
};

struct cies {
	struct cie *all;	/* by offset */
	size_t n, room;
};

/* Bytes from here to there; `bad` once something did not fit. */
struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static void skip(struct cursor *c, uint64_t n)
{
	if (n > (uint64_t)(c->end - c->at))
		c->bad = true;
	else
		c->at += n;
}

static uint8_t take_u8(struct cursor *c)
{
	const uint8_t *p = c->at;

	skip(c, 1);
	return c->bad ? 0 : *p;
}

static uint64_t take_leb(struct cursor *c, unsigned int max)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < max; i++) {
		uint8_t b = take_u8(c);

		if (i < LEB_BYTES)
			v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (!(b & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

static uint64_t take_uleb(struct cursor *c)
{
	return take_leb(c, LEB_BYTES);
}

static void skip_sleb(struct cursor *c)
{
	take_leb(c, LEB_BYTES + 1);
}

static void take_register(struct cursor *c)
{
	if (take_uleb(c) > REGISTER_MAX)
		c->bad = true;
}

static void skip_block(struct cursor *c)
{
	skip(c, take_uleb(c));
}

static void skip_address(struct cursor *c, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		skip(c, 8);
		break;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		skip(c, 4);
		break;
	default:
		c->bad = true;
	}
}

/* Of an address or the pointer to a personality; DW_EH_PE_aligned and base registers are not. */
static bool plain_encoding(uint8_t encoding)
{
	uint8_t base = encoding & 0x70;

	return encoding == DW_EH_PE_omit || base == 0 || base == DW_EH_PE_pcrel ||
	       base == DW_EH_PE_datarel;
}

/* The instructions whose two highest bits are clear. */
static void skip_extended(struct cursor *c, uint8_t op, uint8_t encoding, int *depth)
{
	switch (op) {
	case DW_CFA_nop:
		return;
	case DW_CFA_set_loc:
		skip_address(c, encoding);
		return;
	case DW_CFA_advance_loc1:
		skip(c, 1);
		return;
	case DW_CFA_advance_loc2:
		skip(c, 2);
		return;
	case DW_CFA_advance_loc4:
		skip(c, 4);
		return;
	case DW_CFA_remember_state:
		if (++*depth > REMEMBER_MAX)
			c->bad = true;
		return;
	case DW_CFA_restore_state:
		if (--*depth < 0)
			c->bad = true;
		return;
	case DW_CFA_restore_extended:
	case DW_CFA_undefined:
	case DW_CFA_same_value:
	case DW_CFA_def_cfa_register:
		take_register(c);
		return;
	case DW_CFA_offset_extended:
	case DW_CFA_def_cfa:
	case DW_CFA_val_offset:
	case DW_CFA_GNU_negative_offset_extended:
		take_register(c);
		take_uleb(c);
		return;
	case DW_CFA_offset_extended_sf:
	case DW_CFA_def_cfa_sf:
	case DW_CFA_val_offset_sf:
		take_register(c);
		skip_sleb(c);
		return;
	case DW_CFA_register:
		take_register(c);
		take_register(c);
		return;
	case DW_CFA_def_cfa_offset:
	case DW_CFA_GNU_args_size:
		take_uleb(c);
		return;
	case DW_CFA_def_cfa_offset_sf:
		skip_sleb(c);
		return;
	case DW_CFA_def_cfa_expression:
		skip_block(c);
		return;
	case DW_CFA_expression:
	case DW_CFA_val_expression:
		take_register(c);
		skip_block(c);
		return;
	default:
		c->bad = true;
	}
}

static bool plain_instructions(struct cursor c, uint8_t encoding)
{
	int depth = 0;

	if (c.bad || c.end - c.at > INSTRUCTIONS_MAX)
		return false;
	while (c.at < c.end && !c.bad) {
		uint8_t op = take_u8(&c);

		/* advance_loc, offset and restore have an operand of six bits: 63 at most. */
		if ((op & 0xc0) == DW_CFA_offset)
			take_uleb(&c);
		else if (!(op & 0xc0))
			skip_extended(&c, op, encoding, &depth);
	}
	return !c.bad;
}

/* The augmentation: nothing, or sized and of the known letters. */
static bool read_augmentation(const Dwarf_CIE *in, struct cie *out)
{
	struct cursor c = { .at = in->augmentation_data };
	const char *a = in->augmentation;

	out->encoding = DW_EH_PE_absptr;
	if (!a || !*a)
		return true;
	if (*a != 'z' || (in->augmentation_data_size && !in->augmentation_data))
		return false;
	out->sized = true;
	c.end = c.at + in->augmentation_data_size;
	while (*++a && !c.bad) {
		uint8_t encoding;

		switch (*a) {
		case 'L':
			skip(&c, 1);
			break;
		case 'R':
			out->encoding = take_u8(&c);
			if (!plain_encoding(out->encoding))
				return false;
			break;
		case 'P':
			encoding = take_u8(&c);
			if (!plain_encoding(encoding & 0x7f))
				return false;
			if (encoding != DW_EH_PE_omit)
				skip_address(&c, encoding);
			break;
		case 'S':
			break;
		default:
			return false;
		}
	}
	return !c.bad;
}

static bool plain_cie(struct cies *cies, uint64_t offset, const Dwarf_CIE *in)
{
	struct cie cie = { .offset = offset };
	struct cursor c = { in->initial_instructions, in->initial_instructions_end, false };

	if (!read_augmentation(in, &cie) || !plain_instructions(c, cie.encoding))
		return false;
	if (cies->n == cies->room) {
		size_t room = cies->room ? 2 * cies->room : 16;
		struct cie *all = reallocarray(cies->all, room, sizeof(*all));

		if (!all)
			return false;
		cies->all = all;
		cies->room = room;
	}
	cies->all[cies->n++] = cie;
	return true;
}

static int by_offset(const void *key, const void *elem)
{
	uint64_t k = *(const uint64_t *)key, e = ((const struct cie *)elem)->offset;

	return k < e ? -1 : k > e;
}

static bool plain_fde(const struct cies *cies, const Dwarf_FDE *in)
{
	uint64_t offset = in->CIE_pointer;
	struct cursor c = { in->start, in->end, false };
	const struct cie *cie = NULL;

	if (cies->n)
		cie = bsearch(&offset, cies->all, cies->n, sizeof(*cies->all), by_offset);
	if (!cie)
		return false;
	skip_address(&c, cie->encoding);
	skip_address(&c, cie->encoding);
	if (cie->sized)
		skip_block(&c);
	return plain_instructions(c, cie->encoding);
}

size_t cfi_plain_bytes(const void *bytes, size_t len)
{
	static const unsigned char ident[EI_NIDENT] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
	};
	Elf_Data data = { .d_buf = (void *)(uintptr_t)bytes, .d_size = len,
			  .d_version = EV_CURRENT };
	struct cies cies = { .n = 0 };
	Dwarf_Off at = 0, next = 0;
	Dwarf_CFI_Entry entry;

	for (uint32_t n = 0; n < ENTRIES_MAX && at < len; n++) {
		bool cie;

		if (dwarf_next_cfi(ident, &data, true, at, &next, &entry) != 0)
			break;
		cie = entry.CIE_id == DW_CIE_ID_64;
		if (next <= at || next > len ||
		    (cie ? !plain_cie(&cies, at, &entry.cie) : !plain_fde(&cies, &entry.fde)))
			break;
		at = next;
	}
	free(cies.all);
	return at;
}
