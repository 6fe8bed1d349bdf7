// SPDX-License-Identifier: Apache-2.0
#include "image/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

/* What libdw may unpack: the DWARF of a 100 MB Go binary is about 60 MB. */
#define DEBUG_BYTES_MAX (1ull << 30)
/* Entries looked at; a 100 MB Go binary has some 2 million at the top level of its units. */
#define DIES_MAX (32u << 20)
/* Members of one struct, and typedefs in a row: runtime.g has 70, and Go needs one typedef. */
#define MEMBERS_MAX 4096
#define TYPEDEFS_MAX 16
/* cmd/internal/dwarf: DW_AT_go_embedded_field. */
#define AT_GO_EMBEDDED_FIELD 0x2903

DEFINE_CLEANUP(Elf, elf_end)
DEFINE_CLEANUP(Dwarf, dwarf_end)

struct search {
	struct dwarf_member *members;
	size_t n, open;		/* questions, and those without an answer */
	uint32_t dies;		/* looked at so far */
};

/* True when `name` is the i-th of "a|b|c"; *more tells that there is an i-th at all. */
static bool alternative_is(const char *list, unsigned int i, const char *name, bool *more)
{
	size_t len = strlen(name);

	*more = false;
	for (const char *at = list; at; i--) {
		const char *end = strchrnul(at, '|');

		if (i == 0) {
			*more = true;
			return (size_t)(end - at) == len && memcmp(at, name, len) == 0;
		}
		at = *end ? end + 1 : NULL;
	}
	return false;
}

static bool among_alternatives(const char *list, const char *name)
{
	bool more = true;

	for (unsigned int i = 0; more; i++)
		if (alternative_is(list, i, name, &more))
			return true;
	return false;
}

/* The struct that a member's type names, through typedefs. */
static bool member_struct(Dwarf_Die *member, Dwarf_Die *ret)
{
	Dwarf_Die at = *member;

	for (int i = 0; i < TYPEDEFS_MAX; i++) {
		Dwarf_Attribute attr;

		if (!dwarf_attr(&at, DW_AT_type, &attr) || !dwarf_formref_die(&attr, &at))
			return false;
		if (dwarf_tag(&at) == DW_TAG_structure_type) {
			*ret = at;
			return true;
		}
		if (dwarf_tag(&at) != DW_TAG_typedef)
			return false;
	}
	return false;
}

static bool member_location(Dwarf_Die *member, int32_t *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Word v;

	if (!dwarf_attr(member, DW_AT_data_member_location, &attr) ||
	    dwarf_formudata(&attr, &v) != 0 || v > INT32_MAX / 2)
		return false;
	*ret = (int32_t)v;
	return true;
}

static bool is_embedded(Dwarf_Die *member)
{
	Dwarf_Attribute attr;
	bool flag;

	return dwarf_attr(member, AT_GO_EMBEDDED_FIELD, &attr) &&
	       dwarf_formflag(&attr, &flag) == 0 && flag;
}

/* The member of that very name among the struct's own. */
static bool own_member(Dwarf_Die *type, const char *name, size_t len, Dwarf_Die *ret)
{
	int n = 0;

	if (dwarf_child(type, ret) != 0)
		return false;
	do {
		const char *s = dwarf_tag(ret) == DW_TAG_member ? dwarf_diename(ret) : NULL;

		if (s && strncmp(s, name, len) == 0 && s[len] == '\0')
			return true;
	} while (++n < MEMBERS_MAX && dwarf_siblingof(ret, ret) == 0);
	return false;
}

/* One step of a path: the member, or one promoted from a struct embedded in it. */
static bool find_member(Dwarf_Die *type, const char *name, size_t len, Dwarf_Die *ret,
			int32_t *offset)
{
	Dwarf_Die field, embedded;
	int32_t outer;
	int n = 0;

	if (own_member(type, name, len, ret))
		return member_location(ret, offset);
	if (dwarf_child(type, &field) != 0)
		return false;
	do {
		if (dwarf_tag(&field) == DW_TAG_member && is_embedded(&field) &&
		    member_struct(&field, &embedded) && own_member(&embedded, name, len, ret) &&
		    member_location(&field, &outer) && member_location(ret, offset)) {
			*offset += outer;
			return true;
		}
	} while (++n < MEMBERS_MAX && dwarf_siblingof(&field, &field) == 0);
	return false;
}

/* Offset of a dotted path of `len` bytes within the struct; -1 when it is not there. */
static int32_t path_offset(Dwarf_Die *type, const char *path, size_t len)
{
	Dwarf_Die at = *type, member;
	int64_t sum = 0;

	while (len > 0) {
		const char *dot = memchr(path, '.', len);
		size_t step = dot ? (size_t)(dot - path) : len;
		int32_t offset;

		if (!find_member(&at, path, step, &member, &offset))
			return -1;
		sum += offset;
		if (sum > INT32_MAX)
			return -1;
		if (!dot)
			return (int32_t)sum;
		if (!member_struct(&member, &at))
			return -1;
		path += step + 1;
		len -= step + 1;
	}
	return -1;
}

static int32_t answer(Dwarf_Die *type, const char *member)
{
	int32_t r = -1;

	if (!member) {
		int size = dwarf_bytesize(type);

		return size >= 0 ? size : -1;
	}
	for (const char *at = member; r < 0 && at;) {
		const char *end = strchrnul(at, '|');

		r = path_offset(type, at, (size_t)(end - at));
		at = *end ? end + 1 : NULL;
	}
	return r;
}

static void look_at_type(struct search *s, Dwarf_Die *type)
{
	const char *name = dwarf_diename(type);

	if (!name || !strchr(name, '.'))
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct dwarf_member *m = &s->members[i];

		if (m->offset >= 0 || !among_alternatives(m->type, name))
			continue;
		m->offset = answer(type, m->member);
		s->open -= m->offset >= 0;
	}
}

/* The types at the top level of one compilation unit. */
static int look_at_unit(struct search *s, Dwarf_Die *unit, struct diag *d)
{
	Dwarf_Die die;
	int r = dwarf_child(unit, &die);

	while (r == 0 && s->open) {
		if (++s->dies > DIES_MAX)
			return diag_fail(d, -EBADMSG, "the DWARF has more than %u entries",
					 DIES_MAX);
		if (dwarf_tag(&die) == DW_TAG_structure_type)
			look_at_type(s, &die);
		r = dwarf_siblingof(&die, &die);
	}
	return r < 0 ? diag_fail(d, -EBADMSG, "malformed DWARF: %s", dwarf_errmsg(-1)) : 0;
}

/* All units whose being named "runtime" is as told. */
static int look_at_units(struct search *s, Dwarf *dw, bool runtime, struct diag *d)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	uint8_t unit_type;
	int r;

	while (s->open &&
	       (r = dwarf_get_units(dw, cu, &cu, NULL, &unit_type, &unit, NULL)) != 1) {
		const char *name;

		if (r < 0)
			return diag_fail(d, -EBADMSG, "malformed DWARF: %s", dwarf_errmsg(-1));
		if (++s->dies > DIES_MAX)
			return diag_fail(d, -EBADMSG, "the DWARF has too many units");
		name = dwarf_diename(&unit);
		if ((name && strcmp(name, "runtime") == 0) != runtime)
			continue;
		r = look_at_unit(s, &unit, d);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Unpacked size of one section, as far as it is debug information. */
static uint64_t debug_bytes(Elf_Scn *scn, const GElf_Shdr *sh, const char *name)
{
	GElf_Chdr ch;

	if (strncmp(name, ".debug_", 7) != 0 && strncmp(name, ".zdebug_", 8) != 0)
		return 0;
	if (sh->sh_flags & SHF_COMPRESSED)
		return gelf_getchdr(scn, &ch) ? ch.ch_size : UINT64_MAX;
	if (name[1] == 'z') {
		/* Go 1.18: "ZLIB" and the unpacked size, big endian, before the stream. */
		Elf_Data *data = elf_rawdata(scn, NULL);
		uint64_t size = 0;

		if (!data || data->d_size < 12)
			return UINT64_MAX;
		for (int i = 4; i < 12; i++)
			size = size << 8 | ((const uint8_t *)data->d_buf)[i];
		return size;
	}
	return sh->sh_size;
}

int dwarf_check_size(Elf *elf, uint64_t max, struct diag *d)
{
	uint64_t sum = 0;
	Elf_Scn *scn = NULL;
	size_t strndx;
	bool any = false;

	if (elf_getshdrstrndx(elf, &strndx) != 0)
		return diag_fail(d, -ENODATA, "the file has no section table");
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		const char *name;
		uint64_t n;

		if (!gelf_getshdr(scn, &sh) || !(name = elf_strptr(elf, strndx, sh.sh_name)))
			return diag_fail(d, -EBADMSG, "malformed section table");
		n = debug_bytes(scn, &sh, name);
		if (n > max - sum)
			return diag_fail(d, -EFBIG, "the debug sections unpack to more than %llu MiB",
					 (unsigned long long)max >> 20);
		sum += n;
		any |= strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0;
	}
	return any ? 0 : diag_fail(d, -ENODATA, "the file has no DWARF");
}

int dwarf_members(int fd, struct dwarf_member *members, size_t n, struct diag *d)
{
	CLEANUP(elf_end_p) Elf *elf = NULL;
	CLEANUP(dwarf_end_p) Dwarf *dw = NULL;
	struct search s = { .members = members, .n = n, .open = n };
	int r;

	for (size_t i = 0; i < n; i++)
		members[i].offset = DWARF_NO_TYPE;

	/* Not mapped: a file that is cut while we read must be an error and not a SIGBUS. */
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		return diag_fail(d, -EBADMSG, "not an ELF file");
	r = dwarf_check_size(elf, DEBUG_BYTES_MAX, d);
	if (r < 0)
		return r;
	dw = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!dw)
		return diag_fail(d, -EBADMSG, "malformed DWARF: %s", dwarf_errmsg(-1));

	r = look_at_units(&s, dw, true, d);
	if (r == 0 && s.open)
		r = look_at_units(&s, dw, false, d);
	return r;
}
