// SPDX-License-Identifier: Apache-2.0
#include "trace/libc_sites.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <unistd.h>

#include "bpf/events.h"
#include "target/maps.h"
#include "target/process.h"

/* Symbols of one table that are looked at; the largest binaries have some million. */
enum { SYMBOLS_MAX = 1 << 24 };

enum { PROBE_ENTRY = 1, PROBE_RETURN = 2 };

static const struct function {
	const char *name;
	uint32_t kind;
	unsigned int at;
} functions[] = {
	{ "malloc", EV_MALLOC, PROBE_RETURN },
	{ "calloc", EV_CALLOC, PROBE_RETURN },
	{ "realloc", EV_REALLOC, PROBE_ENTRY | PROBE_RETURN },
	{ "memalign", EV_MEMALIGN, PROBE_RETURN },
	{ "aligned_alloc", EV_MEMALIGN, PROBE_RETURN },
	{ "valloc", EV_MEMALIGN, PROBE_RETURN },
	{ "pvalloc", EV_MEMALIGN, PROBE_RETURN },
	{ "posix_memalign", EV_POSIX_MEMALIGN, PROBE_ENTRY | PROBE_RETURN },
	{ "free", EV_FREE, PROBE_ENTRY },
};

/* What tells glibc from others: dynamic, and linked in statically. */
static const char shared_mark[] = "gnu_get_libc_version", static_mark[] = "_int_malloc";

struct found {
	uint64_t values[ARRAY_SIZE(functions)];	/* 0: not there */
	bool shared_glibc, static_glibc;
};

static void take_symbol(const char *name, const GElf_Sym *sym, struct found *f)
{
	if (GELF_ST_TYPE(sym->st_info) != STT_FUNC || sym->st_shndx == SHN_UNDEF)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (strcmp(name, functions[i].name) == 0)
			f->values[i] = sym->st_value;
	f->shared_glibc |= strcmp(name, shared_mark) == 0;
	f->static_glibc |= strcmp(name, static_mark) == 0;
}

/* All symbol tables of one type. */
static int read_symbols(Elf *elf, unsigned int type, struct found *f)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(elf, scn)) != NULL) {
		GElf_Shdr shdr;
		Elf_Data *data;
		size_t n;

		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != type || !shdr.sh_entsize)
			continue;
		data = elf_getdata(scn, NULL);
		n = data ? data->d_size / shdr.sh_entsize : 0;
		if (n > SYMBOLS_MAX)
			return -EBADMSG;
		for (size_t i = 0; i < n; i++) {
			GElf_Sym sym;
			const char *name;

			if (!gelf_getsym(data, (int)i, &sym))
				break;
			name = elf_strptr(elf, shdr.sh_link, sym.st_name);
			if (name)
				take_symbol(name, &sym, f);
		}
	}
	return 0;
}

static int to_offset(Elf *elf, uint64_t addr, uint64_t *ret)
{
	size_t n;

	if (elf_getphdrnum(elf, &n) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD || !(ph.p_flags & PF_X))
			continue;
		if (addr >= ph.p_vaddr && addr - ph.p_vaddr < ph.p_filesz) {
			*ret = ph.p_offset + (addr - ph.p_vaddr);
			return 0;
		}
	}
	return -EBADMSG;
}

size_t libc_free_push(const uint8_t *code, size_t len)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	bool tested = false;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t at = 0; at < len; at += insn.length) {
		bool null_test = tested;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + at, len - at, &insn, ops)))
			return 0;
		tested = false;
		switch (insn.mnemonic) {
		case ZYDIS_MNEMONIC_PUSH:
			return at;
		case ZYDIS_MNEMONIC_ENDBR64:
			break;
		case ZYDIS_MNEMONIC_TEST:
			tested = ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
				 ops[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
				 ops[0].reg.value == ZYDIS_REGISTER_RDI &&
				 ops[1].reg.value == ZYDIS_REGISTER_RDI;
			break;
		case ZYDIS_MNEMONIC_JZ:
			if (!null_test)
				return 0;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

static void add_site(struct libc_sites *s, uint64_t offset, uint32_t kind, bool at_return)
{
	/* One function under two names is probed once. */
	for (size_t i = 0; i < s->n; i++)
		if (s->sites[i].offset == offset && s->sites[i].at_return == at_return)
			return;
	if (s->n < LIBC_SITES)
		s->sites[s->n++] = (struct libc_site){ offset, kind, at_return };
}

static int add_sites(Elf *elf, const struct found *f, struct libc_sites *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		const struct function *fn = &functions[i];
		uint64_t offset, entry;
		uint8_t code[32];
		ssize_t n;
		int r;

		if (!f->values[i])
			continue;
		r = to_offset(elf, f->values[i], &offset);
		if (r < 0)
			return r;
		entry = offset;
		if (fn->kind == EV_FREE) {
			n = pread(s->fd, code, sizeof(code), (off_t)offset);
			entry += n > 0 ? libc_free_push(code, (size_t)n) : 0;
		}
		if (fn->at & PROBE_ENTRY)
			add_site(s, entry, fn->kind, false);
		if (fn->at & PROBE_RETURN)
			add_site(s, offset, fn->kind, true);
	}
	return 0;
}

static bool has(const struct found *f, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return f->values[i] != 0;
	return false;
}

static void end_elf(Elf **elf)
{
	if (*elf)
		elf_end(*elf);
}

/*
 * Takes s->fd as a file that may hold glibc's malloc: 1 and the sites, 0 when it has none.
 * -EOPNOTSUPP: a malloc of another kind.
 */
static int try_file(struct libc_sites *s, struct diag *d)
{
	CLEANUP(end_elf) Elf *elf = NULL;
	struct found f = { 0 };
	int r;

	elf_version(EV_CURRENT);
	elf = elf_begin(s->fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64)
		return 0;
	r = read_symbols(elf, SHT_DYNSYM, &f);
	if (r == 0 && !has(&f, "malloc"))
		r = read_symbols(elf, SHT_SYMTAB, &f);
	if (r < 0)
		return r;
	if (!has(&f, "malloc"))
		return 0;
	if (!f.shared_glibc && !f.static_glibc)
		return diag_fail(d, -EOPNOTSUPP,
				 "its malloc() is not glibc's, whose headers alone tell a size");
	if (!has(&f, "free"))
		return 0;
	r = add_sites(elf, &f, s);
	return r < 0 ? r : 1;
}

/* Allocators that come as libraries of their own; musl is its own dynamic linker. */
static const struct { const char *part, *name; } others[] = {
	{ "ld-musl-", "musl" },		{ "libc.musl-", "musl" },     { "libjemalloc", "jemalloc" },
	{ "libtcmalloc", "tcmalloc" },	{ "libmimalloc", "mimalloc" }, { "libasan", "AddressSanitizer" },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int refuse_others(const struct maps *maps, struct diag *d)
{
	for (size_t i = 0; i < maps->n; i++) {
		const char *name = base_name(maps->all[i].path);

		for (size_t k = 0; maps->all[i].executable && k < ARRAY_SIZE(others); k++)
			if (strncmp(name, others[k].part, strlen(others[k].part)) == 0)
				return diag_fail(d, -EOPNOTSUPP,
						 "it allocates by %s; C allocations are traced in "
						 "glibc alone", others[k].name);
	}
	return 0;
}

static int try_mapping(const struct process *p, const struct mapping *m, struct libc_sites *s,
		       struct diag *d)
{
	int r;

	s->fd = maps_open_file(p, m, d);
	if (s->fd < 0)
		return s->fd;
	r = try_file(s, d);
	if (r <= 0)
		libc_sites_done(s);
	return r;
}

static bool is_libc(const struct mapping *m)
{
	const char *name = base_name(m->path);

	return m->executable && (strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2.", 7) == 0);
}

int libc_sites_find(const struct process *p, struct libc_sites *ret, struct diag *d)
{
	CLEANUP(maps_free_p) struct maps *maps = NULL;
	struct libc_sites s = { .fd = -1 };
	int r = maps_read(p, &maps, d);

	if (r == 0)
		r = refuse_others(maps, d);
	if (r < 0)
		return r;
	/* The program's own malloc comes before the library's. */
	s.fd = process_open_exe(p, d);
	if (s.fd < 0)
		return s.fd;
	r = try_file(&s, d);
	if (r <= 0)
		libc_sites_done(&s);
	for (size_t i = 0; r == 0 && i < maps->n; i++)
		if (is_libc(&maps->all[i]))
			r = try_mapping(p, &maps->all[i], &s, d);
	if (r < 0)
		return r;
	if (r == 0)
		return diag_fail(d, -ENODATA, "it has no C library that it allocates with");
	*ret = s;
	return 0;
}

void libc_sites_done(struct libc_sites *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->n = 0;
}
