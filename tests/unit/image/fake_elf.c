// SPDX-License-Identifier: Apache-2.0
#include "fake_elf.h"

#include <assert.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MODULE_INFO                                                          \
	"0w\xaf\x0c\x92t\x08\x02" "A\xe1\xc1\x07\xe6\xd6\x18\xe6"            \
	"path\texample.org/demo/cmd\n"                                       \
	"mod\texample.org/demo\tv1.2.3\th1:abc=\n"                           \
	"dep\texample.org/other\tv0.1.0\th1:def=\n"                          \
	"build\t-buildmode=exe\n"                                            \
	"build\tCGO_ENABLED=1\n"                                             \
	"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"

const struct moduledata_fields fake_fields = { 296, 304, 312, 320, 584 };

/* Section names by offset in the table below. */
static const char names[] = "\0.gopclntab\0.go.buildinfo\0.noptrdata\0.symtab\0.strtab\0.shstrtab";

static uint32_t name_of(const char *name)
{
	return (uint32_t)((const char *)memmem(names, sizeof(names), name, strlen(name) + 1) - names);
}

static void put_header(struct fake_elf *e)
{
	Elf64_Ehdr h = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_entry = FAKE_TEXT, .e_phoff = sizeof(h), .e_shoff = FAKE_AT_SECTIONS,
		.e_ehsize = sizeof(h), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3,
		.e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 7, .e_shstrndx = 6,
	};
	Elf64_Phdr p[] = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = FAKE_BASE,
		  .p_filesz = FAKE_AT_DATA, .p_memsz = FAKE_AT_DATA },
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = FAKE_AT_DATA,
		  .p_vaddr = FAKE_BASE + FAKE_AT_DATA, .p_filesz = 0x1000, .p_memsz = 0x2000 },
		{ .p_type = PT_NOTE, .p_flags = PF_R, .p_offset = FAKE_AT_NOTES,
		  .p_vaddr = FAKE_BASE + FAKE_AT_NOTES, .p_filesz = 0x44, .p_align = 4 },
	};

	memcpy(e->bytes, &h, sizeof(h));
	memcpy(e->bytes + sizeof(h), p, sizeof(p));
}

static void put_sections(struct fake_elf *e)
{
	static const char strings[] = "\0runtime.text\0main.main";
	Elf64_Sym symbols[] = {
		{ 0 },
		{ .st_name = 1, .st_shndx = SHN_ABS, .st_value = FAKE_TEXT },
		/* "text" shares the end of "runtime.text"; the first is undefined here. */
		{ .st_name = 9, .st_shndx = SHN_UNDEF, .st_value = 1 },
		{ .st_name = 9, .st_shndx = SHN_ABS, .st_value = 2 },
		{ .st_name = 14, .st_shndx = SHN_ABS, .st_value = FAKE_TEXT + 0x100 },
	};
	const uint64_t at_strings = FAKE_AT_SYMBOLS + sizeof(symbols), at_names = 0x4400;
	Elf64_Shdr s[] = {
		{ 0 },
		{ .sh_name = name_of(".gopclntab"), .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC,
		  .sh_addr = FAKE_TAB, .sh_offset = FAKE_AT_TAB, .sh_size = 0x800 },
		{ .sh_name = name_of(".go.buildinfo"), .sh_type = SHT_PROGBITS,
		  .sh_flags = SHF_ALLOC | SHF_WRITE, .sh_addr = FAKE_BASE + FAKE_AT_BUILDINFO,
		  .sh_offset = FAKE_AT_BUILDINFO, .sh_size = 0x200 },
		{ .sh_name = name_of(".noptrdata"), .sh_type = SHT_PROGBITS,
		  .sh_flags = SHF_ALLOC | SHF_WRITE, .sh_addr = FAKE_BASE + FAKE_AT_MODULE,
		  .sh_offset = FAKE_AT_MODULE, .sh_size = 0x800 },
		{ .sh_name = name_of(".symtab"), .sh_type = SHT_SYMTAB, .sh_link = 5,
		  .sh_offset = FAKE_AT_SYMBOLS, .sh_size = sizeof(symbols),
		  .sh_entsize = sizeof(*symbols) },
		{ .sh_name = name_of(".strtab"), .sh_type = SHT_STRTAB, .sh_offset = at_strings,
		  .sh_size = sizeof(strings) },
		{ .sh_name = name_of(".shstrtab"), .sh_type = SHT_STRTAB, .sh_offset = at_names,
		  .sh_size = sizeof(names) },
	};

	memcpy(e->bytes + FAKE_AT_SYMBOLS, symbols, sizeof(symbols));
	memcpy(e->bytes + at_strings, strings, sizeof(strings));
	memcpy(e->bytes + at_names, names, sizeof(names));
	memcpy(e->bytes + FAKE_AT_SECTIONS, s, sizeof(s));
}

static void put_notes(struct fake_elf *e)
{
	static const uint32_t go[] = { 4, 12, 4 }, gnu[] = { 4, 16, 3 };
	uint8_t *p = e->bytes + FAKE_AT_NOTES;

	memcpy(p, go, 12);
	memcpy(p + 12, "Go\0\0ab_/cd-/ef/9", 16);
	memcpy(p + 28, gnu, 12);
	memcpy(p + 40, "GNU\0", 4);
	for (uint8_t i = 0; i < 16; i++)
		p[44 + i] = (uint8_t)(i * 0x11);
}

static void put_buildinfo(struct fake_elf *e)
{
	static const char info[] = MODULE_INFO;
	uint8_t *p = e->bytes + FAKE_AT_BUILDINFO;

	memcpy(p, "\xff Go buildinf:\x08\x02", 16);
	p += 32;
	memcpy(p, "\x0ago1.22.12X", 12);
	p[0] = 9;
	p += 10;
	*p++ = (uint8_t)((sizeof(info) - 1) | 0x80);
	*p++ = (uint8_t)((sizeof(info) - 1) >> 7);
	memcpy(p, info, sizeof(info) - 1);
}

static void put_module(struct fake_elf *e)
{
	const struct fake_pclntab *t = &e->tab;
	uint64_t *w = (uint64_t *)(void *)(e->bytes + FAKE_AT_MODULE);
	const uint64_t data = FAKE_BASE + FAKE_AT_DATA, bss = data + 0x1000;

	w[0] = FAKE_TAB;
	w[1] = FAKE_TAB + t->at_names;
	w[4] = FAKE_TAB + t->at_cutab;
	w[10] = FAKE_TAB + t->at_pctab;
	w[13] = w[16] = FAKE_TAB + t->at_ftab;
	w[17] = w[18] = FAKE_FUNCS + 1;
	w[20] = w[22] = FAKE_TEXT;
	w[21] = w[23] = FAKE_ETEXT;
	w[24] = data;
	w[25] = w[26] = data + 0x800;
	w[27] = w[28] = bss;
	w[29] = w[30] = bss + 0x800;
	w[31] = bss + 0x1000;
	w[fake_fields.types / 8] = w[fake_fields.rodata / 8] = FAKE_TAB;
	w[fake_fields.etypes / 8] = FAKE_TAB + 0x1000;
	w[fake_fields.gofunc / 8] = t->where.gofunc;
}

void fake_elf_build(struct fake_elf *e)
{
	memset(e, 0, sizeof(*e));
	put_header(e);
	put_sections(e);
	put_notes(e);
	put_buildinfo(e);
	fake_pclntab_build(22, &e->tab);
	memcpy(e->bytes + FAKE_AT_TAB, e->tab.bytes, e->tab.len);
	put_module(e);
}

void fake_elf_drop_sections(struct fake_elf *e)
{
	Elf64_Ehdr h;

	memcpy(&h, e->bytes, sizeof(h));
	h.e_shoff = 0;
	h.e_shnum = h.e_shstrndx = 0;
	memcpy(e->bytes, &h, sizeof(h));
}

int fake_elf_file(const void *bytes, size_t len)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	return fd;
}
