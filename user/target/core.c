// SPDX-License-Identifier: Apache-2.0
#include "target/core.h"

#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/core_maps.h"
#include "target/core_notes.h"
#include "target/regfile.h"

/* vm.max_map_count is 65,530, or a few hundred thousand where somebody raised it. */
enum { SEGMENTS = 1 << 22 };

struct core {
	struct mem mem;
	int fd;
	uint64_t size;
	struct core_segment *segs;	/* ascending, without overlaps */
	size_t n_segs;
	struct core_notes notes;
	struct maps *maps;
	char *exe;
};

static const struct core_segment *find_segment(const struct core *c, uint64_t addr)
{
	size_t lo = 0, hi = c->n_segs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr >= c->segs[mid].end)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->n_segs && addr >= c->segs[lo].start ? &c->segs[lo] : NULL;
}

static int read_at(int fd, void *buf, size_t len, uint64_t offset)
{
	for (size_t at = 0; at < len;) {
		ssize_t got = pread(fd, (char *)buf + at, len - at, (off_t)(offset + at));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EFAULT;
		at += (size_t)got;
	}
	return 0;
}

/* A read may span segments that follow each other without a gap. */
static int core_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	const struct core *c = (const struct core *)m;

	for (size_t at = 0; at < len;) {
		const struct core_segment *s = find_segment(c, addr + at);
		uint64_t into = s ? addr + at - s->start : 0;
		size_t n = len - at;
		int r;

		if (!s || into >= s->filesz)
			return -EFAULT;
		if (n > s->filesz - into)
			n = s->filesz - into;
		r = read_at(c->fd, (char *)buf + at, n, s->offset + into);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

/* The core owns itself: see core_close(). */
static void core_mem_close(struct mem *m)
{
	(void)m;
}

static const struct mem_ops core_ops = { .read = core_read, .close = core_mem_close };

static int truncated(uint64_t want, uint64_t have, struct diag *d)
{
	diag_fail(d, -EBADMSG, "a truncated core: %lu of its %lu bytes are missing", want - have,
		  want);
	return diag_hint(d, -EBADMSG, "take it again with room for it on the disk and ulimit -c");
}

static int check_header(Elf *elf, GElf_Ehdr *h, struct diag *d)
{
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, h))
		return diag_fail(d, -EBADMSG, "not an ELF file, so not a core");
	if (h->e_type != ET_CORE)
		return diag_fail(d, -EBADMSG, "an ELF file, but not a core (e_type %u)", h->e_type);
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return diag_fail(d, -EOPNOTSUPP, "a core of a 32-bit process; only amd64 is known");
	if (h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
		return diag_fail(d, -EOPNOTSUPP,
				 "a core of another machine (e_machine %u); only amd64 is known",
				 h->e_machine);
	return 0;
}

/* Before libelf looks: it would call a table that is cut off invalid, which says less. */
static int check_table(const struct core *c, const GElf_Ehdr *h, struct diag *d)
{
	/* With PN_XNUM the count stands in section 0, which the kernel writes last of all. */
	uint64_t start = h->e_phnum == PN_XNUM ? h->e_shoff : h->e_phoff, end;
	uint64_t size = h->e_phnum == PN_XNUM ? sizeof(Elf64_Shdr) :
						h->e_phnum * sizeof(Elf64_Phdr);

	if (__builtin_add_overflow(start, size, &end) || end > INT64_MAX)
		return diag_fail(d, -EBADMSG, "malformed: its program headers lie nowhere");
	return end > c->size ? truncated(end, c->size, d) : 0;
}

static int check_range(const GElf_Phdr *p, uint64_t *file_end, struct diag *d)
{
	uint64_t end;

	if (__builtin_add_overflow(p->p_offset, p->p_filesz, &end) || end > INT64_MAX ||
	    (p->p_type == PT_LOAD && (p->p_memsz < p->p_filesz ||
				      __builtin_add_overflow(p->p_vaddr, p->p_memsz, &end))))
		return diag_fail(d, -EBADMSG, "malformed: a segment ends before it begins");
	end = p->p_offset + p->p_filesz;
	if (p->p_filesz && end > *file_end)
		*file_end = end;
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct core_segment *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int sort_segments(struct core *c, struct diag *d)
{
	if (c->n_segs == 0)
		return diag_fail(d, -EBADMSG, "a core without memory");
	qsort(c->segs, c->n_segs, sizeof(*c->segs), by_start);
	for (size_t i = 1; i < c->n_segs; i++)
		if (c->segs[i].start < c->segs[i - 1].end)
			return diag_fail(d, -EBADMSG, "malformed: two segments overlap");
	return 0;
}

/* The notes are read in a second pass: a truncated core is to be called that. */
static int read_segments(struct core *c, Elf *elf, size_t n, struct diag *d)
{
	uint64_t file_end = 0;
	GElf_Phdr p;
	int r;

	c->segs = calloc(n ? n : 1, sizeof(*c->segs));
	if (!c->segs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &p))
			return diag_fail(d, -EBADMSG, "its program headers cannot be read: %s",
					 elf_errmsg(-1));
		if (p.p_type != PT_LOAD && p.p_type != PT_NOTE)
			continue;
		r = check_range(&p, &file_end, d);
		if (r < 0)
			return r;
		if (p.p_type == PT_LOAD && p.p_memsz)
			c->segs[c->n_segs++] = (struct core_segment){
				p.p_vaddr, p.p_vaddr + p.p_memsz, p.p_offset, p.p_filesz, p.p_flags
			};
	}
	if (file_end > c->size)
		return truncated(file_end, c->size, d);
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_NOTE)
			continue;
		r = core_notes_read(c->fd, p.p_offset, p.p_filesz, &c->notes, d);
		if (r < 0)
			return r;
	}
	return sort_segments(c, d);
}

static int read_elf(struct core *c, Elf *elf, struct diag *d)
{
	GElf_Ehdr h;
	size_t n;
	int r = check_header(elf, &h, d);

	if (r == 0)
		r = check_table(c, &h, d);
	if (r < 0)
		return r;
	if (elf_getphdrnum(elf, &n) < 0)
		return diag_fail(d, -EBADMSG, "its program headers cannot be read: %s",
				 elf_errmsg(-1));
	if (n > SEGMENTS)
		return diag_fail(d, -EBADMSG, "it has more than %d segments", SEGMENTS);
	return read_segments(c, elf, n, d);
}

/* A string in the process's memory, as far as the core has it; NULL when there is none. */
static char *read_string(struct core *c, uint64_t addr)
{
	char buf[PATH_MAX];
	size_t n = 0;

	while (n < sizeof(buf) && mem_read(&c->mem, addr + n, buf + n, 1) == 0)
		if (!buf[n++])
			return n > 1 ? strdup(buf) : NULL;
	return NULL;
}

static void find_exe(struct core *c)
{
	const struct mapping *m = maps_find(c->maps, c->notes.at_phdr);

	if (c->notes.at_phdr && m && m->path[0])
		c->exe = strdup(m->path);
	if (!c->exe && c->notes.at_execfn)
		c->exe = read_string(c, c->notes.at_execfn);
	if (!c->exe && c->notes.name[0])
		c->exe = strdup(c->notes.name);
}

static int open_core(struct core *c, const char *path, struct diag *d)
{
	struct stat st;
	Elf *elf;
	int r;

	c->fd = regfile_open(path, &st);
	if (c->fd == -EINVAL)
		return diag_fail(d, -EBADMSG, "not a regular file, so not a core");
	if (c->fd < 0)
		return diag_fail(d, c->fd, "cannot be opened: %s", strerror(-c->fd));
	if (st.st_size == 0)
		return diag_fail(d, -EBADMSG, "an empty file, so not a core");
	c->size = (uint64_t)st.st_size;
	elf_version(EV_CURRENT);
	elf = elf_begin(c->fd, ELF_C_READ, NULL);
	if (!elf)
		return diag_fail(d, -EBADMSG, "not an ELF file: %s", elf_errmsg(-1));
	r = read_elf(c, elf, d);
	elf_end(elf);
	if (r < 0)
		return r;
	r = core_maps_join(c->segs, c->n_segs, c->notes.files, c->notes.n_files, &c->maps);
	if (r < 0)
		return r;
	find_exe(c);
	return 0;
}

int core_open(const char *path, struct core **ret, struct diag *d)
{
	CLEANUP(core_close_p) struct core *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->mem.ops = &core_ops;
	c->fd = -1;
	r = open_core(c, path, d);
	if (r < 0)
		return diag_what(d, r, "%s", path);
	*ret = TAKE(c);
	return 0;
}

void core_close(struct core *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	core_notes_done(&c->notes);
	maps_free(c->maps);
	free(c->segs);
	free(c->exe);
	free(c);
}

struct mem *core_mem(struct core *c)
{
	return &c->mem;
}

const struct maps *core_maps(const struct core *c)
{
	return c->maps;
}

void core_facts(const struct core *c, struct core_facts *ret)
{
	*ret = (struct core_facts){
		.pid = c->notes.pid,
		.exe = c->exe,
		.threads = (uint32_t)c->notes.n_tids,
		.tids = c->notes.tids,
	};
	if (!ret->pid && c->notes.n_tids)
		ret->pid = c->notes.tids[0];
}

bool core_registers(const struct core *c, struct stopped_registers *ret)
{
	const struct core_notes *n = &c->notes;
	bool whole = n->n_tids > 0 && n->n_vectors == n->n_tids;

	*ret = (struct stopped_registers){ n->threads, n->n_tids, n->words, n->n_words };
	for (size_t i = 0; i < n->n_tids; i++)
		whole = whole && n->threads[i].sp;
	return whole;
}

int core_open_file(const struct core *c, const struct mapping *m, struct diag *d)
{
	struct stat st;
	int fd = m->path[0] == '/' ? regfile_open(m->path, &st) : -ENOENT;

	(void)c;
	if (fd >= 0)
		return fd;
	diag_fail(d, fd, "the file that the core refers to cannot be opened: %s", strerror(-fd));
	return diag_what(d, fd, "%s", m->path[0] ? m->path : "anonymous memory");
}
