// SPDX-License-Identifier: Apache-2.0
#include "image/lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/addrmap.h"
#include "image/dwarf.h"
#include "image/elf.h"
#include "model/limits.h"

/* Units that are asked one by one when the file has no index of addresses (clang writes none). */
#define UNITS_MAX 65536

/*
 * libdw keeps all of it in memory. Beyond this the names of the symbol table must do: lines are
 * worth less than what they would cost a tool that stays.
 */
#define DEBUG_BYTES_MAX (96ull << 20)
/* Answers that are kept: the same few places are asked for again at every look. */
#define ANSWERS_MAX 4096

struct answer {
	struct line_place *places;
	size_t n;
};

struct lines {
	Elf *elf;
	Dwarf *dw;
	struct addrmap *known;		/* address to index in answers */
	struct answer *answers;
};

static void free_p(void *p)
{
	free(*(void **)p);
}

int lines_open(struct elf_image *e, struct lines **ret, struct diag *d)
{
	CLEANUP(lines_close_p) struct lines *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	/* Not mapped: a file that is cut while we read must be an error and not a SIGBUS. */
	elf_version(EV_CURRENT);
	l->elf = elf_begin(elf_image_fd(e), ELF_C_READ, NULL);
	if (!l->elf || elf_kind(l->elf) != ELF_K_ELF)
		return diag_fail(d, -EBADMSG, "not an ELF file");
	r = dwarf_check_size(l->elf, DEBUG_BYTES_MAX, d);
	if (r < 0)
		return r;
	l->dw = dwarf_begin_elf(l->elf, DWARF_C_READ, NULL);
	if (!l->dw)
		return diag_fail(d, -EBADMSG, "malformed DWARF: %s", dwarf_errmsg(-1));
	l->known = addrmap_new();
	l->answers = calloc(ANSWERS_MAX, sizeof(*l->answers));
	if (!l->known || !l->answers)
		return -ENOMEM;
	*ret = TAKE(l);
	return 0;
}

static void forget_all(struct lines *l)
{
	uint32_t n = l->known && l->answers ? addrmap_count(l->known) : 0;

	for (uint32_t i = 0; i < n; i++)
		free(l->answers[i].places);
	if (l->known)
		addrmap_clear(l->known);
}

void lines_close(struct lines *l)
{
	if (!l)
		return;
	forget_all(l);
	addrmap_free(l->known);
	free(l->answers);
	if (l->dw)
		dwarf_end(l->dw);
	elf_end(l->elf);
	free(l);
}

static bool find_unit(struct lines *l, uint64_t addr, Dwarf_Die *ret)
{
	Dwarf_CU *cu = NULL;
	uint8_t type;

	if (dwarf_addrdie(l->dw, addr, ret))
		return true;
	for (int i = 0; i < UNITS_MAX; i++) {
		if (dwarf_get_units(l->dw, cu, &cu, NULL, &type, ret, NULL) != 0)
			return false;
		if (type == DW_UT_compile && dwarf_haspc(ret, addr) > 0)
			return true;
	}
	return false;
}

static const char *function_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	const char *s = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attr))
		s = dwarf_formstring(&attr);
	return s ? s : dwarf_diename(die);
}

/* Where the inlined call stood: file and line in the function around it. */
static void call_site(Dwarf_Die *unit, Dwarf_Die *inlined, struct line_place *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Files *files;
	Dwarf_Word v;
	size_t n;

	ret->file = NULL;
	ret->line = 0;
	if (dwarf_attr(inlined, DW_AT_call_line, &attr) && dwarf_formudata(&attr, &v) == 0)
		ret->line = (uint32_t)v;
	if (dwarf_attr(inlined, DW_AT_call_file, &attr) && dwarf_formudata(&attr, &v) == 0 &&
	    dwarf_getsrcfiles(unit, &files, &n) == 0 && v < n)
		ret->file = dwarf_filesrc(files, v, NULL, NULL);
}

/*
 * The scopes around addr, innermost first. dwarf_getscopes() goes on from an inlined call to where
 * that function was written; what it was inlined into is told by the tree alone.
 */
static int scopes_at(Dwarf_Die *unit, uint64_t addr, Dwarf_Die **ret)
{
	CLEANUP(free_p) Dwarf_Die *written = NULL;

	if (dwarf_getscopes(unit, addr, &written) <= 0)
		return 0;
	return dwarf_getscopes_die(&written[0], ret);
}

static size_t look_up(struct lines *l, uint64_t addr, struct line_place *ret, size_t n)
{
	CLEANUP(free_p) Dwarf_Die *scopes = NULL;
	struct line_place next = { .line = 0 };
	Dwarf_Line *line;
	Dwarf_Die unit;
	size_t found = 0;
	int n_scopes, row;

	if (!find_unit(l, addr, &unit))
		return 0;
	line = dwarf_getsrc_die(&unit, addr);
	if (line) {
		next.file = dwarf_linesrc(line, NULL, NULL);
		if (dwarf_lineno(line, &row) == 0 && row > 0)
			next.line = (uint32_t)row;
	}
	n_scopes = scopes_at(&unit, addr, &scopes);
	for (int i = 0; i < n_scopes && found < n; i++) {
		int tag = dwarf_tag(&scopes[i]);

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		ret[found] = next;
		ret[found].function = function_name(&scopes[i]);
		ret[found++].inlined = tag == DW_TAG_inlined_subroutine;
		if (tag == DW_TAG_subprogram)
			return found;
		call_site(&unit, &scopes[i], &next);
	}
	if (found == 0 && next.file)
		ret[found++] = next;
	return found;
}

/* Without memory it is only slower. */
static void remember(struct lines *l, uint64_t addr, const struct line_place *places, size_t n)
{
	struct answer a = { .places = calloc(n + 1, sizeof(*places)), .n = n };
	uint32_t index;

	if (!a.places)
		return;
	memcpy(a.places, places, n * sizeof(*places));
	if (addrmap_count(l->known) == ANSWERS_MAX)
		forget_all(l);
	index = addrmap_count(l->known);
	if (addrmap_put(l->known, addr, index) < 0)
		free(a.places);
	else
		l->answers[index] = a;
}

size_t lines_find(struct lines *l, uint64_t addr, struct line_place *ret, size_t n)
{
	struct line_place places[LIMIT_INLINE_DEPTH];
	uint32_t index;
	size_t found;

	if (addrmap_get(l->known, addr, &index) == 0) {
		found = l->answers[index].n < n ? l->answers[index].n : n;
		memcpy(ret, l->answers[index].places, found * sizeof(*ret));
		return found;
	}
	found = look_up(l, addr, places, LIMIT_INLINE_DEPTH);
	remember(l, addr, places, found);
	found = found < n ? found : n;
	memcpy(ret, places, found * sizeof(*ret));
	return found;
}
