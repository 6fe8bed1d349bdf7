// SPDX-License-Identifier: Apache-2.0
#include "collect/ledger_maps.h"

#include <errno.h>
#include <string.h>

#include "base/addrmap.h"
#include "image/elf.h"
#include "model/limits.h"

/*
 * What the Go runtime maps and no list of its tells of is smaller than this: its allocator for the
 * runtime's own things takes 256 KiB at a time (persistentChunkSize, runtime/malloc.go).
 */
#define OWN_MAPPING (1u << 20)

/* glibc's malloc/arena.c: HEAP_MAX_SIZE, and heaps begin at a multiple of it. */
#define C_ARENA (64u << 20)

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

bool ledger_maps_is_plain(const struct mapping *m)
{
	if (m->shared)
		return false;
	/* Private mappings of /dev/zero have no page of it (drivers/char/mem.c, mmap_zero). */
	return (!m->ino && (!m->path[0] || begins(m->path, "[anon:"))) ||
	       strcmp(m->path, "/dev/zero") == 0;
}

bool ledger_layer_touches(const struct ledger_layer *layer, uint64_t start, uint64_t end)
{
	size_t low = 0, high = layer ? layer->n : 0;
	struct ledger_claim c;

	/* The first that ends behind start. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		layer->at(layer->claims, middle, &c);
		if (c.end > start)
			high = middle;
		else
			low = middle + 1;
	}
	if (!layer || low == layer->n)
		return false;
	layer->at(layer->claims, low, &c);
	return c.start < end;
}

/* --- Kinds of mappings --- */

/* What the kernel itself maps, by the names that it gives; the first that fits counts. */
static const struct kernel_name {
	const char *begins;
	uint8_t part;
	bool doubtful;
	bool apart;
} kernel_names[] = {
	{ "[stack", MEMORY_THREAD_STACKS, false, false },
	{ "[heap]", MEMORY_UNEXPLAINED, false, false },
	{ "[vdso]", MEMORY_KERNEL_OTHER, false, false },
	{ "[anon_shmem:", MEMORY_SHARED, false, false },
	{ "[", MEMORY_KERNEL_OTHER, true, false },
	{ "/anon_hugepage", MEMORY_SHARED, false, true },
	{ "/SYSV", MEMORY_SHARED, false, false },
	{ "/dev/zero", MEMORY_SHARED, false, false },
	{ "/dev/shm/", MEMORY_SHARED, false, false },
	{ "/dev/hugepages/", MEMORY_SHARED, false, true },
	{ "/dev/", MEMORY_KERNEL_OTHER, true, false },
	{ "/dmabuf:", MEMORY_KERNEL_OTHER, true, false },
	{ "/[aio]", MEMORY_KERNEL_OTHER, true, false },
	{ "anon_inode:", MEMORY_KERNEL_OTHER, true, false },
	{ "socket:", MEMORY_KERNEL_OTHER, true, false },
};

static bool by_kernel_name(const struct mapping *m, struct ledger_mapping *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_names); i++) {
		const struct kernel_name *k = &kernel_names[i];

		if (!begins(m->path, k->begins))
			continue;
		ret->own = ret->of_file = k->part;
		ret->doubtful = k->doubtful;
		ret->apart = k->apart;
		return true;
	}
	return false;
}

/* A heap of malloc's: it begins where such heaps do, and the rest of it has no access yet. */
static bool is_c_arena(const struct maps *maps, size_t i)
{
	const struct mapping *m = &maps->all[i], *rest = m + 1;

	if (m->start % C_ARENA || m->end - m->start > C_ARENA)
		return false;
	return m->end - m->start == C_ARENA ||
	       (i + 1 < maps->n && rest->start == m->end && !rest->readable && !rest->writable);
}

/* Memory of no file that no claim covers: what may it be? */
static void sort_plain(const struct ledger_view *v, size_t i, struct ledger_mapping *ret)
{
	const struct mapping *m = &v->maps->all[i];
	bool touched;

	ret->plain = true;
	/* Linux 5.17, Go 1.25: the runtime names what it maps. */
	if (begins(m->path, "[anon: Go")) {
		ret->own = MEMORY_GO_OTHER;
		return;
	}
	if (v->go_unread || (v->native && !v->c && is_c_arena(v->maps, i))) {
		ret->own = MEMORY_UNEXPLAINED;
		return;
	}
	ret->own = MEMORY_C_MMAP;
	if (!v->go)
		return;
	touched = ledger_layer_touches(v->go, m->start, m->end);
	/* Where all is Go, little things are the runtime's; else nobody knows whose. */
	if (!v->native)
		ret->own = MEMORY_GO_OTHER;
	else if (touched)
		ret->own = MEMORY_UNEXPLAINED;
	if (touched && v->go_partly) {
		ret->own = MEMORY_UNEXPLAINED;
		return;
	}
	ret->gap = MEMORY_C_MMAP;
	ret->gap_bytes = OWN_MAPPING;
}

/* --- Files --- */

struct sorting {
	const struct ledger_view *v;
	struct arena *arena;
	struct addrmap *by_inode;
	struct ledger_book *book;
	bool *runs;		/* by file: some of it may be executed */
};

static uint64_t inode_key(const struct mapping *m)
{
	return (m->ino + 1) * 0x9e3779b97f4a7c15u ^ m->dev;
}

static int find_file(struct sorting *s, const struct mapping *m, uint32_t *ret)
{
	struct ledger_book *b = s->book;
	int r;

	if (addrmap_get(s->by_inode, inode_key(m), ret) < 0) {
		*ret = b->n_files++;
		b->files[*ret].of.path = m->path;
		r = addrmap_put(s->by_inode, inode_key(m), *ret);
		if (r < 0)
			return r;
	}
	s->runs[*ret] |= m->executable;
	return 0;
}

static int sort_one(struct sorting *s, size_t i, struct ledger_mapping *ret)
{
	const struct mapping *m = &s->v->maps->all[i];
	enum mount_kind kind = mounts_kind(s->v->mounts, m->dev);

	*ret = (struct ledger_mapping){ .start = m->start, .end = m->end, .file = LEDGER_NO_FILE };
	if (ledger_maps_is_plain(m)) {
		sort_plain(s->v, i, ret);
		return 0;
	}
	if (m->ino && kind == MOUNT_HUGE_PAGES) {
		ret->apart = true;
		return 0;
	}
	if (m->ino && kind == MOUNT_MEMORY) {
		ret->of_file = MEMORY_SHARED;
		ret->own = m->shared ? MEMORY_SHARED : MEMORY_FILE_DATA;
		return m->shared ? 0 : find_file(s, m, &ret->file);
	}
	if (by_kernel_name(m, ret))
		return 0;
	/* The kernel may not name a shared mapping of no file. */
	if (!m->ino) {
		ret->own = ret->of_file = m->shared ? MEMORY_SHARED : MEMORY_UNEXPLAINED;
		return 0;
	}
	ret->own = ret->of_file = MEMORY_FILE_DATA;
	return find_file(s, m, &ret->file);
}

/* Pages as they are on disk are text where the file is a program. */
static void tell_text(struct sorting *s)
{
	for (size_t i = 0; i < s->book->n; i++) {
		struct ledger_mapping *m = &s->book->mappings[i];

		if (m->file != LEDGER_NO_FILE && m->of_file == MEMORY_FILE_DATA && s->runs[m->file])
			m->of_file = MEMORY_FILE_TEXT;
	}
}

int ledger_maps_sort(const struct ledger_view *v, struct arena *a, struct ledger_book *ret)
{
	CLEANUP(addrmap_free_p) struct addrmap *by_inode = addrmap_new();
	struct ledger_book book = { .n = v->maps->n };
	struct sorting s = { .v = v, .arena = a, .by_inode = by_inode, .book = &book };
	int r = 0;

	book.mappings = arena_alloc(a, book.n + 1, sizeof(*book.mappings));
	book.files = arena_alloc(a, book.n + 1, sizeof(*book.files));
	s.runs = arena_alloc(a, book.n + 1, sizeof(*s.runs));
	if (!by_inode || !book.mappings || !book.files || !s.runs)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < book.n; i++)
		r = sort_one(&s, i, &book.mappings[i]);
	if (r < 0)
		return r;
	tell_text(&s);
	/* The paths outlive the maps. */
	for (uint32_t i = 0; i < book.n_files; i++) {
		book.files[i].of.path = arena_strdup(a, book.files[i].of.path);
		if (!book.files[i].of.path)
			return -ENOMEM;
	}
	*ret = book;
	return 0;
}

/* --- .bss --- */

/*
 * Where the file's segment that has more memory than bytes ends, for a mapping of those bytes: 0
 * when the mapping is of no such segment.
 */
static uint64_t bss_end(const struct elf_image *e, const struct mapping *m)
{
	size_t n;
	const struct elf_segment *s = elf_image_segments(e, &n);

	for (size_t i = 0; i < n; i++) {
		uint64_t page = s[i].offset & ~4095ull, into = m->offset - page, bytes;

		if (!s[i].writable || s[i].memsz <= s[i].filesz || m->offset < page ||
		    m->offset >= s[i].offset + s[i].filesz)
			continue;
		bytes = (s[i].offset & 4095) + s[i].memsz;
		if (bytes < s[i].memsz || into >= bytes || m->start + (bytes - into) < m->start)
			return 0;
		return (m->start + (bytes - into) + 4095) & ~4095ull;
	}
	return 0;
}

static uint64_t ask_file(const struct process *p, const struct mapping *m)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	int fd = maps_open_file(p, m, NULL);

	if (fd < 0 || elf_image_open(fd, &e, NULL) < 0)
		return 0;
	return bss_end(e, m);
}

int ledger_maps_bss(const struct process *p, const struct maps *maps, struct ledger_book *book,
		    struct arena *a, struct ledger_claim **ret, size_t *n)
{
	struct ledger_claim *claims = NULL;
	size_t found = 0, asked = 0;

	for (size_t i = 0; i + 1 < maps->n && asked < LIMIT_NATIVE_MODULES; i++) {
		const struct mapping *m = &maps->all[i], *next = m + 1;
		uint64_t end;

		/* The last of the file's mappings, and memory of no file right behind it. */
		if (book->mappings[i].file == LEDGER_NO_FILE || m->shared || !m->writable ||
		    next->start != m->end || !ledger_maps_is_plain(next))
			continue;
		if (!claims)
			claims = arena_alloc(a, LIMIT_NATIVE_MODULES, sizeof(*claims));
		if (!claims)
			return -ENOMEM;
		asked++;
		end = ask_file(p, m);
		if (end <= next->start)
			continue;
		book->mappings[i + 1].file = book->mappings[i].file;
		claims[found++] = (struct ledger_claim){
			.start = next->start,
			.end = end < next->end ? end : next->end,
			.part = MEMORY_FILE_DATA,
		};
	}
	*ret = claims;
	*n = found;
	return 0;
}
