// SPDX-License-Identifier: Apache-2.0
#include "native/allocator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/elf.h"
#include "model/limits.h"
#include "native/glibc_layout.h"
#include "target/maps.h"
#include "target/process.h"

/* By the start of a library's name. Those that take malloc() over come before the C libraries. */
static const struct { const char *start; enum c_allocator which; } libraries[] = {
	{ "libjemalloc", C_ALLOCATOR_JEMALLOC },   { "libtcmalloc", C_ALLOCATOR_TCMALLOC },
	{ "libmimalloc", C_ALLOCATOR_MIMALLOC },   { "libasan", C_ALLOCATOR_SANITIZER },
	{ "libtsan", C_ALLOCATOR_SANITIZER },      { "liblsan", C_ALLOCATOR_SANITIZER },
	{ "libclang_rt.asan", C_ALLOCATOR_SANITIZER },
	{ "ld-musl-", C_ALLOCATOR_MUSL },	   { "libc.musl-", C_ALLOCATOR_MUSL },
	{ "libc.so", C_ALLOCATOR_GLIBC },	   { "libc-2.", C_ALLOCATOR_GLIBC },
};

/* Functions that no other allocator has; with the prefix, it stands beside another malloc(). */
static const struct { const char *symbol; enum c_allocator which; bool beside; } symbols[] = {
	{ "mallctl", C_ALLOCATOR_JEMALLOC, false },  { "je_mallctl", C_ALLOCATOR_JEMALLOC, true },
	{ "tc_malloc", C_ALLOCATOR_TCMALLOC, false }, { "mi_malloc", C_ALLOCATOR_MIMALLOC, true },
	{ "__asan_init", C_ALLOCATOR_SANITIZER, false },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

enum c_allocator allocator_of_library(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (strncmp(name, libraries[i].start, strlen(libraries[i].start)) == 0)
			return libraries[i].which;
	return C_ALLOCATOR_UNKNOWN;
}

/* The banner that gnu_get_libc_version() is part of: csu/version.c. */
unsigned int allocator_glibc_minor(const char *bytes, size_t len)
{
	static const char banner[] = "stable release version 2.";
	const char *at = memmem(bytes, len, banner, sizeof(banner) - 1);
	unsigned int minor = 0;

	if (!at)
		return 0;
	at += sizeof(banner) - 1;
	for (int i = 0; i < 3 && at < bytes + len && *at >= '0' && *at <= '9'; i++)
		minor = minor * 10 + (unsigned int)(*at++ - '0');
	return minor;
}

static const struct mapping *file_of_exe(const struct process *p, const struct maps *maps)
{
	for (size_t i = 0; p && i < maps->n; i++)
		if (maps->all[i].executable && maps->all[i].ino == p->exe_ino &&
		    maps->all[i].dev == p->exe_dev)
			return &maps->all[i];
	/* A core: the kernel maps the program before its libraries, or below them. */
	for (size_t i = 0; !p && i < maps->n; i++)
		if (maps->all[i].executable && maps->all[i].path[0] == '/')
			return &maps->all[i];
	return NULL;
}

/* From the file, since pages of it that nobody has read would become the process's. */
static unsigned int minor_of_file(const struct process *p, const struct mapping *m)
{
	enum { MOST = 8 << 20, BLOCK = 1 << 16, OVERLAP = 64 };
	char block[BLOCK + OVERLAP];
	unsigned int minor = 0;
	size_t kept = 0;
	int fd = p ? maps_open_file(p, m, NULL) : -1;

	for (off_t at = 0; fd >= 0 && at < MOST && !minor; at += BLOCK) {
		ssize_t n = pread(fd, block + kept, BLOCK, at);

		if (n <= 0)
			break;
		minor = allocator_glibc_minor(block, kept + (size_t)n);
		if (kept + (size_t)n < OVERLAP)
			break;
		memmove(block, block + kept + (size_t)n - OVERLAP, OVERLAP);
		kept = OVERLAP;
	}
	if (fd >= 0)
		close(fd);
	if (!minor && strncmp(base_name(m->path), "libc-2.", 7) == 0)
		minor = (unsigned int)strtoul(base_name(m->path) + 7, NULL, 10);
	return minor;
}

/* What the program itself defines: 1 when that is its malloc(). */
static int look_into_exe(const struct process *p, const struct mapping *exe, bool has_library,
			 struct allocator *ret)
{
	CLEANUP(elf_image_close_p) struct elf_image *e = NULL;
	uint64_t addr;
	bool own;
	int fd = maps_open_file(p, exe, NULL);

	if (fd < 0 || elf_image_open(fd, &e, NULL) < 0)
		return 0;
	own = elf_image_symbol(e, "malloc", &addr) == 0;
	/* Its symbols are all there, and it has none: a Go program without cgo. */
	if (!own && !has_library) {
		if (!elf_image_stripped(e))
			ret->which = C_ALLOCATOR_NONE;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		if (elf_image_symbol(e, symbols[i].symbol, &addr) < 0)
			continue;
		if (!own || symbols[i].beside) {
			ret->also = symbols[i].which;
			continue;
		}
		ret->which = symbols[i].which;
		ret->evidence = symbols[i].symbol;
		return 1;
	}
	if (!own || elf_image_symbol(e, "__libc_malloc", &addr) < 0)
		return 0;
	/* musl has a function of that name too, and no arenas: those tell. */
	if (elf_image_symbol(e, "__malloc_donate", &addr) == 0) {
		ret->which = C_ALLOCATOR_MUSL;
		ret->evidence = "__malloc_donate";
		return 1;
	}
	ret->which = C_ALLOCATOR_GLIBC;
	ret->evidence = "__libc_malloc";
	return 1;
}

/* The mapped library whose malloc() comes first; NULL. */
static const struct mapping *find_library(const struct maps *maps, enum c_allocator *which)
{
	const struct mapping *best = NULL;

	*which = C_ALLOCATOR_NONE;
	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->all[i];
		enum c_allocator a = m->executable && m->path[0] == '/' ?
					     allocator_of_library(base_name(m->path)) :
					     C_ALLOCATOR_UNKNOWN;

		if (a == C_ALLOCATOR_UNKNOWN)
			continue;
		/* In the order of the enum, those that take over come last. */
		if (!best || a > *which) {
			best = m;
			*which = a;
		}
	}
	return best;
}

int allocator_find(const struct process *p, const struct maps *maps, struct arena *a,
		   struct allocator *ret)
{
	struct allocator found = { .which = C_ALLOCATOR_UNKNOWN };
	const struct mapping *exe = file_of_exe(p, maps), *library;
	enum c_allocator which;

	library = find_library(maps, &which);
	if (p && exe && look_into_exe(p, exe, library != NULL, &found)) {
		found.file = exe;
		found.is_static = true;
	} else if (library) {
		found.which = which;
		found.file = library;
		found.evidence = base_name(library->path);
		found.evidence = arena_strndup(a, found.evidence,
					       strnlen(found.evidence, LIMIT_NAME));
		if (!found.evidence)
			return -ENOMEM;
	} else {
		found.file = exe;
		found.is_static = true;
	}
	if (found.which == C_ALLOCATOR_GLIBC && !found.is_static)
		found.glibc_minor = minor_of_file(p, found.file);
	*ret = found;
	return 0;
}
