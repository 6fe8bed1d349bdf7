// SPDX-License-Identifier: Apache-2.0
#include "target/core_notes.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/span.h"

enum {
	NOTES_BYTES = 1 << 30,		/* 4 KiB a thread: 262,144 threads */
	WINDOW = 64 * 1024,
	FILE_DESC = 64 << 20,		/* Linux: sysctl core_file_note_size_limit, at most 16 MiB */
	AUXV_DESC = 4096,		/* some 20 entries of 16 bytes */
	PID_LIMIT = 4 << 20,		/* include/linux/threads.h, PID_MAX_LIMIT */
	/* struct elf_prstatus and elf_prpsinfo of amd64, include/linux/elfcore.h. */
	PRSTATUS_PID = 32,
	PRSTATUS_REGS = 112,
	/* struct user_regs_struct of amd64: 27 words. */
	REGS = 27,
	REG_RIP = 16,
	REG_RSP = 19,
	WORDS_MAX = 1 << 24,	/* of all registers: 128 MiB, 20,000 threads with AMX */
	XSTATE_BYTES = 32 * 1024,	/* 2.7 KiB with AVX-512, 11 KiB with AMX */
	PRPSINFO_PID = 24,
	PRPSINFO_NAME = 40,
};

#ifdef __x86_64__
_Static_assert(offsetof(struct elf_prstatus, pr_pid) == PRSTATUS_PID, "amd64");
_Static_assert(offsetof(struct elf_prstatus, pr_reg) == PRSTATUS_REGS, "amd64");
_Static_assert(offsetof(struct elf_prpsinfo, pr_pid) == PRPSINFO_PID, "amd64");
_Static_assert(offsetof(struct elf_prpsinfo, pr_fname) == PRPSINFO_NAME, "amd64");
#endif

/* A buffered view of the segment: most notes are small and stand side by side. */
struct reader {
	int fd;
	uint64_t end;		/* file offset */
	uint64_t at;		/* file offset of window[0] */
	size_t have;
	uint8_t window[WINDOW];
};

/* The n bytes at file offset `at`, n at most WINDOW; NULL when they are not there. */
static const uint8_t *look(struct reader *r, uint64_t at, size_t n)
{
	if (at > r->end || n > r->end - at || n > WINDOW)
		return NULL;
	if (at < r->at || at - r->at > r->have || n > r->have - (at - r->at)) {
		ssize_t got = pread(r->fd, r->window, WINDOW, (off_t)at);

		r->at = at;
		r->have = got < 0 ? 0 : (size_t)got;
		if (n > r->have)
			return NULL;
	}
	return r->window + (at - r->at);
}

static int add_tid(struct core_notes *n, pid_t tid)
{
	/* Sizes are powers of two: full when the count is one. */
	if ((n->n_tids & (n->n_tids - 1)) == 0) {
		size_t more = n->n_tids ? n->n_tids * 2 : 1;
		struct stopped_thread *threads;
		pid_t *bigger = reallocarray(n->tids, more, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		n->tids = bigger;
		threads = reallocarray(n->threads, more, sizeof(*threads));
		if (!threads)
			return -ENOMEM;
		n->threads = threads;
	}
	n->threads[n->n_tids] = (struct stopped_thread){
		.tid = tid,
		.first = (uint32_t)n->n_words,
	};
	n->tids[n->n_tids++] = tid;
	return 0;
}

/* Of the thread that was told last. */
static int add_words(struct core_notes *n, struct span words)
{
	struct stopped_thread *t = &n->threads[n->n_tids - 1];
	size_t count = words.len / 8;

	if (n->room_words - n->n_words < count) {
		size_t room = 2 * n->room_words + count;
		uint64_t *more = reallocarray(n->words, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		n->words = more;
		n->room_words = room;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t word = span_u64(&words, 8 * i);

		if (word >= STOPPED_WORD_LEAST && word < STOPPED_WORD_END)
			n->words[n->n_words++] = word;
	}
	t->n = (uint32_t)n->n_words - t->first;
	return 0;
}

static int parse_prstatus(struct span desc, struct core_notes *n)
{
	uint32_t tid = span_u32(&desc, PRSTATUS_PID);
	struct stopped_thread *t;
	int r;

	if (desc.overrun || tid == 0 || tid > PID_LIMIT || n->n_tids >= PID_LIMIT)
		return -EBADMSG;
	r = add_tid(n, (pid_t)tid);
	if (r < 0 || !span_has(&desc, PRSTATUS_REGS, 8 * REGS) || n->n_words + REGS > WORDS_MAX)
		return r;
	t = &n->threads[n->n_tids - 1];
	t->sp = span_u64(&desc, PRSTATUS_REGS + 8 * REG_RSP);
	t->pc = span_u64(&desc, PRSTATUS_REGS + 8 * REG_RIP);
	/* gdb does not write which signals are blocked. */
	t->blocked = UINT64_MAX;
	return add_words(n, span_of(desc.data + PRSTATUS_REGS, 8 * REGS));
}

/* Behind the thread's NT_PRSTATUS (fs/binfmt_elf.c). */
static int parse_xstate(struct span desc, struct core_notes *n)
{
	if (!n->n_tids)
		return -EBADMSG;
	if (n->vectors_of == n->n_tids || n->n_words + desc.len / 8 > WORDS_MAX)
		return 0;
	n->vectors_of = n->n_tids;
	n->n_vectors++;
	return add_words(n, desc);
}

static int parse_prpsinfo(struct span desc, struct core_notes *n)
{
	uint32_t pid = span_u32(&desc, PRPSINFO_PID);

	if (!span_has(&desc, PRPSINFO_NAME, sizeof(n->name) - 1))
		return -EBADMSG;
	memcpy(n->name, desc.data + PRPSINFO_NAME, sizeof(n->name) - 1);
	n->pid = pid <= PID_LIMIT ? (pid_t)pid : 0;
	return 0;
}

static int parse_auxv(struct span desc, struct core_notes *n)
{
	for (size_t at = 0; desc.len - at >= 16; at += 16) {
		uint64_t type = span_u64(&desc, at), value = span_u64(&desc, at + 8);

		if (type == AT_PHDR)
			n->at_phdr = value;
		if (type == AT_EXECFN)
			n->at_execfn = value;
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct core_file *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Cuts the mark off in place. */
static bool cut_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(path);

	if (len < sizeof(mark) || strcmp(path + len - (sizeof(mark) - 1), mark) != 0)
		return false;
	path[len - (sizeof(mark) - 1)] = '\0';
	return true;
}

/* count, page size, count * { start, end, offset in pages }, count * NUL-terminated path. */
static int parse_files(struct span desc, char *text, struct core_notes *n)
{
	uint64_t count = span_u64(&desc, 0), page = span_u64(&desc, 8), name;
	struct core_file *files;
	size_t kept = 0;

	/* 25: three words and the shortest name. */
	if (desc.overrun || count > (desc.len - 16) / 25 || page == 0 || page > 1 << 30)
		return -EBADMSG;
	files = calloc(count + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	n->files = files;
	name = 16 + count * 24;
	for (size_t i = 0; i < count; i++) {
		struct core_file f = { span_u64(&desc, 16 + i * 24), span_u64(&desc, 24 + i * 24) };
		const char *end;

		if (__builtin_mul_overflow(span_u64(&desc, 32 + i * 24), page, &f.offset))
			return -EBADMSG;
		end = name < desc.len ? memchr(text + name, '\0', desc.len - name) : NULL;
		if (!end)
			return -EBADMSG;
		f.path = text + name;
		f.deleted = cut_deleted(text + name);
		name = (uint64_t)(end - text) + 1;
		if (f.start < f.end)
			files[kept++] = f;
	}
	qsort(files, kept, sizeof(*files), by_start);
	for (size_t i = 0; i < kept; i++)
		if (n->n_files == 0 || files[i].start >= files[n->n_files - 1].end)
			files[n->n_files++] = files[i];
	return 0;
}

static int read_files(struct reader *r, uint64_t at, uint64_t size, struct core_notes *n)
{
	if (size > FILE_DESC || at > r->end || size > r->end - at)
		return -EBADMSG;
	if (n->file_desc)
		return 0;	/* the first one stands */
	n->file_desc = malloc(size + 1);
	if (!n->file_desc)
		return -ENOMEM;
	if (pread(r->fd, n->file_desc, size, (off_t)at) != (ssize_t)size)
		return -EBADMSG;
	return parse_files(span_of(n->file_desc, size), n->file_desc, n);
}

static const struct note_kind {
	uint32_t type;
	size_t most;		/* bytes of it that are looked at */
	int (*parse)(struct span desc, struct core_notes *n);
} kinds[] = {
	{ NT_PRSTATUS, PRSTATUS_REGS + 8 * REGS, parse_prstatus },
	{ NT_PRPSINFO, PRPSINFO_NAME + 16, parse_prpsinfo },
	{ NT_AUXV, AUXV_DESC, parse_auxv },
};
/* Of the name "LINUX". */
static const struct note_kind linux_kinds[] = {
	{ NT_X86_XSTATE, XSTATE_BYTES, parse_xstate },
};

static int read_kind(struct reader *r, const struct note_kind *kind, uint64_t at, uint64_t size,
		     struct core_notes *n)
{
	size_t want = size < kind->most ? size : kind->most;
	const uint8_t *desc = look(r, at, want);

	return desc ? kind->parse(span_of(desc, want), n) : -EBADMSG;
}

static int read_note(struct reader *r, uint32_t type, uint64_t at, uint64_t size,
		     struct core_notes *n)
{
	if (type == NT_FILE)
		return read_files(r, at, size, n);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return read_kind(r, &kinds[i], at, size, n);
	return 0;
}

static int read_linux_note(struct reader *r, uint32_t type, uint64_t at, uint64_t size,
			   struct core_notes *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(linux_kinds); i++)
		if (linux_kinds[i].type == type)
			return read_kind(r, &linux_kinds[i], at, size, n);
	return 0;
}

static uint64_t round4(uint64_t v)
{
	return (v + 3) & ~3ull;
}

static int walk(struct reader *r, uint64_t at, struct core_notes *n)
{
	while (r->end - at >= sizeof(Elf64_Nhdr)) {
		const uint8_t *head = look(r, at, sizeof(Elf64_Nhdr)), *name;
		Elf64_Nhdr h;
		uint64_t desc;
		int err;

		if (!head)
			return -EBADMSG;
		memcpy(&h, head, sizeof(h));
		at += sizeof(h);
		desc = at + round4(h.n_namesz);
		if (desc > r->end || h.n_descsz > r->end - desc)
			return -EBADMSG;
		/* The kernel's common notes; "LINUX" ones hold further registers. */
		err = 0;
		name = h.n_namesz == 5 || h.n_namesz == 6 ? look(r, at, h.n_namesz) : NULL;
		if (name && memcmp(name, "CORE", 5) == 0)
			err = read_note(r, h.n_type, desc, h.n_descsz, n);
		else if (name && h.n_namesz == 6 && memcmp(name, "LINUX", 6) == 0)
			err = read_linux_note(r, h.n_type, desc, h.n_descsz, n);
		if (err < 0)
			return err;
		at = desc + round4(h.n_descsz);
		if (at > r->end)
			break;
	}
	return 0;
}

int core_notes_read(int fd, uint64_t offset, uint64_t size, struct core_notes *n, struct diag *d)
{
	struct reader *r;
	int err;

	if (size > NOTES_BYTES)
		return diag_fail(d, -EBADMSG, "its notes take more than 1 GiB");
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fd = fd;
	r->end = offset + size;
	r->at = 0;
	r->have = 0;
	err = walk(r, offset, n);
	free(r);
	return err == -EBADMSG ? diag_fail(d, err, "malformed notes") : err;
}

void core_notes_done(struct core_notes *n)
{
	free(n->tids);
	free(n->threads);
	free(n->words);
	free(n->files);
	free(n->file_desc);
}
