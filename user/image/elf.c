// SPDX-License-Identifier: Apache-2.0
#include "image/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/elf_symbol.h"
#include "model/limits.h"

/* libelf allocates some 300 bytes a section header; an executable has some dozens. */
#define MAX_SECTIONS 65536
/* As many PT_LOADs as the kernel would ever map for a sane file. */
#define MAX_SEGMENTS 4096
/* Section names of a real file are some hundred bytes. */
#define MAX_NAMES_BYTES (1u << 20)
/* A note segment holds a build id and a few properties. */
#define MAX_NOTE_BYTES (64u << 10)

/* Note types by owner: elf.h has "GNU" 3; cmd/link/internal/ld/elf.go has "Go" 4. */
#define NOTE_GO_BUILD_ID 4

struct elf_image {
	int fd;
	Elf *elf;
	uint64_t file_size;
	struct elf_segment *segments;
	size_t n_segments;
};

int elf_read_at(int fd, uint64_t offset, void *buf, size_t len)
{
	uint8_t *out = buf;

	if (offset > INT64_MAX || len > INT64_MAX - offset)
		return -EFAULT;
	while (len) {
		ssize_t n = pread(fd, out, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EFAULT;
		out += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static const char *machine_name(unsigned int machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_ARM:
		return "32-bit ARM";
	case EM_AARCH64:
		return "arm64";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	case EM_RISCV:
		return "RISC-V";
	default:
		return "another";
	}
}

/*
 * Looks at the header before libelf does: it allocates by the number of sections, which for
 * extended numbering is whatever section 0 says.
 */
static int check_header(struct elf_image *e, struct diag *d)
{
	Elf64_Ehdr h = { 0 };
	Elf64_Shdr first;

	if (e->file_size < EI_NIDENT + 4 || elf_read_at(e->fd, 0, &h, EI_NIDENT + 4) < 0)
		return diag_fail(d, -EBADMSG, "it is too short for an ELF file");
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
		return diag_fail(d, -EBADMSG, "it is not an ELF file");
	if (h.e_ident[EI_CLASS] == ELFCLASS32)
		return diag_fail(d, -EOPNOTSUPP, "it is a 32-bit program; only amd64 is supported");
	if (h.e_ident[EI_CLASS] != ELFCLASS64)
		return diag_fail(d, -EBADMSG, "its ELF class is %u", h.e_ident[EI_CLASS]);
	if (h.e_ident[EI_DATA] != ELFDATA2LSB)
		return diag_fail(d, -EOPNOTSUPP, "it is big-endian; only amd64 is supported");
	if (h.e_machine != EM_X86_64)
		return diag_fail(d, -EOPNOTSUPP,
				 "it is for %s machines (ELF machine %u); only amd64 is supported",
				 machine_name(h.e_machine), h.e_machine);
	if (elf_read_at(e->fd, 0, &h, sizeof(h)) < 0)
		return diag_fail(d, -EBADMSG, "its ELF header is truncated");
	if (h.e_phnum == PN_XNUM)
		return diag_fail(d, -EBADMSG, "it claims over 65534 program headers");
	if (h.e_shoff == 0 || h.e_shnum != 0)
		return 0;
	if (elf_read_at(e->fd, h.e_shoff, &first, sizeof(first)) == 0 &&
	    first.sh_size > MAX_SECTIONS)
		return diag_fail(d, -EBADMSG, "it claims %llu sections",
				 (unsigned long long)first.sh_size);
	return 0;
}

/* One PT_LOAD, checked against the file and against address wrap. */
static int add_segment(struct elf_image *e, const GElf_Phdr *p, struct diag *d)
{
	if (p->p_filesz > p->p_memsz || p->p_vaddr > UINT64_MAX - p->p_memsz)
		return diag_fail(d, -EBADMSG, "a segment's size makes no sense");
	if (p->p_offset > e->file_size || p->p_filesz > e->file_size - p->p_offset)
		return diag_fail(d, -EBADMSG,
				 "it is truncated: a segment needs %llu bytes at %llu, it has %llu",
				 (unsigned long long)p->p_filesz, (unsigned long long)p->p_offset,
				 (unsigned long long)e->file_size);
	e->segments[e->n_segments++] = (struct elf_segment){
		.vaddr = p->p_vaddr,
		.memsz = p->p_memsz,
		.offset = p->p_offset,
		.filesz = p->p_filesz,
		.readable = p->p_flags & PF_R,
		.writable = p->p_flags & PF_W,
		.executable = p->p_flags & PF_X,
	};
	return 0;
}

static int read_segments(struct elf_image *e, struct diag *d)
{
	size_t n;
	int r;

	if (elf_getphdrnum(e->elf, &n) < 0)
		return diag_fail(d, -EBADMSG, "its program headers: %s", elf_errmsg(-1));
	if (n == 0 || n > MAX_SEGMENTS)
		return diag_fail(d, -EBADMSG, "it has %zu program headers", n);
	e->segments = calloc(n, sizeof(*e->segments));
	if (!e->segments)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(e->elf, (int)i, &p))
			return diag_fail(d, -EBADMSG, "its program headers: %s", elf_errmsg(-1));
		if (p.p_type != PT_LOAD)
			continue;
		r = add_segment(e, &p, d);
		if (r < 0)
			return r;
	}
	return 0;
}

int elf_image_open(int fd, struct elf_image **ret, struct diag *d)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = calloc(1, sizeof(*e));
	struct stat st;
	int r;

	if (!e) {
		close(fd);
		return -ENOMEM;
	}
	e->fd = fd;
	if (fstat(fd, &st) < 0)
		return diag_fail(d, -errno, "fstat: %m");
	if (!S_ISREG(st.st_mode))
		return diag_fail(d, -EBADMSG, "it is not a regular file");
	e->file_size = (uint64_t)st.st_size;
	r = check_header(e, d);
	if (r < 0)
		return r;
	elf_version(EV_CURRENT);
	/* Not mapped: a file that is truncated while we read must not become a SIGBUS. */
	e->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!e->elf || elf_kind(e->elf) != ELF_K_ELF)
		return diag_fail(d, -EBADMSG, "libelf: %s", elf_errmsg(-1));
	r = read_segments(e, d);
	if (r < 0)
		return r;
	*ret = TAKE(e);
	return 0;
}

void elf_image_close(struct elf_image *e)
{
	if (!e)
		return;
	elf_end(e->elf);
	free(e->segments);
	close(e->fd);
	free(e);
}

const struct elf_segment *elf_image_segments(const struct elf_image *e, size_t *n)
{
	*n = e->n_segments;
	return e->segments;
}

int elf_image_fd(const struct elf_image *e)
{
	return e->fd;
}

/* True when the section's bytes lie within the file. */
static bool in_file(const struct elf_image *e, const GElf_Shdr *h)
{
	return h->sh_type == SHT_NOBITS ||
	       (h->sh_offset <= e->file_size && h->sh_size <= e->file_size - h->sh_offset);
}

/*
 * The section names, loaded once: elf_strptr() would try again for each of a hostile file's many
 * sections. NULL when there are none, or more than libelf had better load.
 */
static const Elf_Data *section_names(const struct elf_image *e)
{
	GElf_Shdr h;
	Elf_Scn *s;
	size_t index;

	if (elf_getshdrstrndx(e->elf, &index) < 0)
		return NULL;
	s = elf_getscn(e->elf, index);
	if (!s || !gelf_getshdr(s, &h) || h.sh_type != SHT_STRTAB || h.sh_size > MAX_NAMES_BYTES ||
	    !in_file(e, &h))
		return NULL;
	return elf_rawdata(s, NULL);
}

static bool is_named(const Elf_Data *names, uint64_t offset, const char *name)
{
	size_t len = strlen(name) + 1;

	return names->d_buf && offset < names->d_size && names->d_size - offset >= len &&
	       memcmp((const char *)names->d_buf + offset, name, len) == 0;
}

int elf_image_section(const struct elf_image *e, const char *name, uint64_t *addr, uint64_t *size)
{
	const Elf_Data *names = section_names(e);

	if (!names)
		return -ENODATA;
	for (Elf_Scn *s = NULL; (s = elf_nextscn(e->elf, s));) {
		GElf_Shdr h;

		if (!gelf_getshdr(s, &h) || !(h.sh_flags & SHF_ALLOC) ||
		    !is_named(names, h.sh_name, name))
			continue;
		if (!in_file(e, &h) || h.sh_addr > UINT64_MAX - h.sh_size)
			return -EBADMSG;
		*addr = h.sh_addr;
		*size = h.sh_size;
		return 0;
	}
	return -ENODATA;
}

int elf_image_symtab(const struct elf_image *e, uint32_t type, struct elf_symtab *ret)
{
	for (Elf_Scn *s = NULL; (s = elf_nextscn(e->elf, s));) {
		GElf_Shdr h, strings;
		Elf_Scn *linked;

		if (!gelf_getshdr(s, &h) || h.sh_type != type || !in_file(e, &h))
			continue;
		linked = elf_getscn(e->elf, h.sh_link);
		if (!linked || !gelf_getshdr(linked, &strings) || !in_file(e, &strings) ||
		    strings.sh_type != SHT_STRTAB)
			continue;
		*ret = (struct elf_symtab){
			.fd = e->fd,
			.offset = h.sh_offset,
			.size = h.sh_size,
			.strings = strings.sh_offset,
			.strings_size = strings.sh_size,
		};
		return 0;
	}
	return -ENODATA;
}

bool elf_image_stripped(const struct elf_image *e)
{
	struct elf_symtab t;

	return elf_image_symtab(e, SHT_SYMTAB, &t) < 0;
}

int elf_image_symbol(struct elf_image *e, const char *name, uint64_t *ret)
{
	struct elf_symtab t;
	int r = elf_image_symtab(e, SHT_SYMTAB, &t);

	return r < 0 ? r : elf_symtab_find(&t, name, ret);
}

int elf_image_eh_frame_hdr(const struct elf_image *e, uint64_t *addr, uint64_t *size)
{
	size_t n;

	if (elf_getphdrnum(e->elf, &n) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(e->elf, (int)i, &p) || p.p_type != PT_GNU_EH_FRAME)
			continue;
		*addr = p.p_vaddr;
		*size = p.p_filesz;
		return 0;
	}
	return -ENODATA;
}

static char *hex(struct arena *a, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *s = arena_alloc(a, 2 * n + 1, 1);

	for (size_t i = 0; s && i < n; i++) {
		s[2 * i] = digits[bytes[i] >> 4];
		s[2 * i + 1] = digits[bytes[i] & 15];
	}
	return s;
}

/* Go's own build id is printable text with slashes: anything else is not one. */
static char *text(struct arena *a, const char *bytes, size_t n)
{
	n = strnlen(bytes, n);
	if (n == 0 || n > LIMIT_NAME)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (bytes[i] < 0x21 || bytes[i] > 0x7e)
			return NULL;
	return arena_strndup(a, bytes, n);
}

/* Picks the build ids out of one note segment. */
static void scan_notes(Elf_Data *data, struct arena *a, const char **gnu, const char **go)
{
	size_t name, desc, next, at = 0;
	GElf_Nhdr h;

	while ((next = gelf_getnote(data, at, &h, &name, &desc)) > 0) {
		const char *owner = (const char *)data->d_buf + name;
		const char *body = (const char *)data->d_buf + desc;

		if (!*gnu && h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 &&
		    memcmp(owner, "GNU", 4) == 0 && h.n_descsz && h.n_descsz <= 64)
			*gnu = hex(a, (const uint8_t *)body, h.n_descsz);
		if (!*go && h.n_type == NOTE_GO_BUILD_ID && h.n_namesz == 4 &&
		    memcmp(owner, "Go\0", 4) == 0)
			*go = text(a, body, h.n_descsz);
		at = next;
	}
}

const char *elf_image_build_id(struct elf_image *e, struct arena *a)
{
	const char *gnu = NULL, *go = NULL;
	size_t n;

	if (elf_getphdrnum(e->elf, &n) < 0)
		return NULL;
	for (size_t i = 0; i < n && !gnu; i++) {
		GElf_Phdr p;
		Elf_Data *data;

		if (!gelf_getphdr(e->elf, (int)i, &p) || p.p_type != PT_NOTE ||
		    p.p_filesz > MAX_NOTE_BYTES || p.p_offset > INT64_MAX)
			continue;
		data = elf_getdata_rawchunk(e->elf, (int64_t)p.p_offset, p.p_filesz,
					    p.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		if (data)
			scan_notes(data, a, &gnu, &go);
	}
	return gnu ? gnu : go;
}
