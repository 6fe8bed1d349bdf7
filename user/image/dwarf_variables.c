// SPDX-License-Identifier: Apache-2.0
#include "image/dwarf_variables.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <libelf.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/dwarf.h"

/* cmd/internal/dwarf: DW_AT_go_runtime_type. */
#define AT_GO_RUNTIME_TYPE 0x2904
/* Entries looked at. */
#define DIES_MAX (8u << 20)

DEFINE_CLEANUP(Elf, elf_end)
DEFINE_CLEANUP(Dwarf, dwarf_end)

/* Length of the package in "net/http.DefaultClient": the first dot behind the last slash. */
static size_t package_length(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *dot = strchr(slash ? slash : name, '.');

	return dot ? (size_t)(dot - name) : 0;
}

static bool is_wanted_unit(const char *unit, const struct dwarf_variable *variables, size_t n)
{
	for (size_t i = 0; unit && i < n; i++) {
		size_t len = package_length(variables[i].name);

		if (len && strlen(unit) == len && memcmp(unit, variables[i].name, len) == 0)
			return true;
	}
	return false;
}

static void describe(Dwarf_Die *die, struct dwarf_variable *v, struct arena *a)
{
	Dwarf_Attribute attr;
	Dwarf_Die type;
	const char *name;

	if (!dwarf_attr(die, DW_AT_type, &attr) || !dwarf_formref_die(&attr, &type))
		return;
	name = dwarf_diename(&type);
	v->type = name ? arena_strdup(a, name) : NULL;
	/* Its form is that of an address; what it says is an offset among the types. */
	if (dwarf_attr(&type, AT_GO_RUNTIME_TYPE, &attr)) {
		Dwarf_Addr addr;

		if (dwarf_formaddr(&attr, &addr) == 0)
			v->runtime_type = addr;
	}
}

static void look_at_unit(Dwarf_Die *unit, struct dwarf_variable *variables, size_t n,
			 struct arena *a, uint32_t *dies)
{
	Dwarf_Die die;

	if (dwarf_child(unit, &die) != 0)
		return;
	do {
		const char *name;

		if (dwarf_tag(&die) != DW_TAG_variable)
			continue;
		name = dwarf_diename(&die);
		for (size_t i = 0; name && i < n; i++)
			if (!variables[i].type && strcmp(name, variables[i].name) == 0)
				describe(&die, &variables[i], a);
	} while (++*dies < DIES_MAX && dwarf_siblingof(&die, &die) == 0);
}

int dwarf_variable_types(int fd, uint64_t max, struct dwarf_variable *variables, size_t n,
			 struct arena *a, struct diag *d)
{
	CLEANUP(elf_end_p) Elf *elf = NULL;
	CLEANUP(dwarf_end_p) Dwarf *dw = NULL;
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	uint32_t dies = 0;
	int r;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return diag_fail(d, -EBADMSG, "the file cannot be read as ELF");
	r = dwarf_check_size(elf, max, d);
	if (r < 0)
		return r;
	dw = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!dw)
		return diag_fail(d, -ENODATA, "the file has no DWARF");
	while (dies < DIES_MAX && dwarf_get_units(dw, cu, &cu, NULL, NULL, &unit, NULL) == 0) {
		dies++;
		if (is_wanted_unit(dwarf_diename(&unit), variables, n))
			look_at_unit(&unit, variables, n, a, &dies);
	}
	return 0;
}
