// SPDX-License-Identifier: Apache-2.0
#include "analysis/memory_origin.h"

#include <string.h>

#include "analysis/site.h"
#include "base/cleanup.h"

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s, list[i]) == 0)
			return true;
	return false;
}

static bool begins_with_one_of(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(s, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

/* The way into the kernel, and what fills or copies memory for its caller. */
static bool is_way(const char *function)
{
	static const char *const names[] = {
		"mmap", "mmap64", "__mmap", "__mmap64", "mremap", "__mremap", "brk", "__brk",
		"sbrk", "__sbrk", "syscall", "x_cgo_mmap", "memcpy", "memmove", "memset",
		"__curbrk", "clear_page",
	};
	static const char *const prefixes[] = {
		"syscall.", "runtime/internal/syscall", "internal/runtime/syscall",
		"golang.org/x/sys/unix.", "__memset", "__memmove", "__memcpy", "__GI_",
		/* Code of the C library without a name. */
		"libc.so.6+0x", "libc-2.", "ld-linux", "ld-musl",
	};

	return is_one_of(function, names, ARRAY_SIZE(names)) ||
	       begins_with_one_of(function, prefixes, ARRAY_SIZE(prefixes));
}

/* glibc's malloc/malloc.c and malloc/arena.c, and what any allocator exports. */
static bool is_allocator(const char *function)
{
	static const char *const names[] = {
		"malloc", "calloc", "realloc", "reallocarray", "memalign", "posix_memalign",
		"aligned_alloc", "valloc", "pvalloc", "__libc_malloc", "__libc_calloc",
		"__libc_realloc", "__libc_memalign", "_int_malloc", "_int_realloc",
		"_int_memalign", "_mid_memalign", "sysmalloc", "sysmalloc_mmap", "mremap_chunk",
		"new_heap", "alloc_new_heap", "arena_get2", "arena_get2.part.0", "__morecore",
		"__default_morecore", "__glibc_morecore", "tcache_init", "_Znwm", "_Znam",
	};

	return is_one_of(function, names, ARRAY_SIZE(names)) ||
	       strncmp(function, "operator new", 12) == 0;
}

/* Past the allocator's last frame, if one lies among those of the C library. */
static uint32_t past_allocator(const struct stack *s, uint32_t from)
{
	uint32_t past = from;

	for (uint32_t i = from; i < s->n && s->frames[i].function; i++) {
		if (is_allocator(s->frames[i].function))
			past = i + 1;
		else if (!is_way(s->frames[i].function))
			break;
	}
	return past;
}

/*
 * Go's runtime asks through C where cgo is linked in (runtime/cgo/gcc_mmap.c), and in a stripped
 * program that function has no name. What the program's own Go calls in C goes by cgocall().
 */
static bool is_asked_by_runtime(const struct stack *s, uint32_t from)
{
	static const char *const ends[] = {
		"runtime.cgocall", "runtime.asmcgocall", "runtime.asmcgocall.abi0",
		"runtime.main", "runtime.goexit", "runtime.goexit.abi0",
	};

	for (uint32_t i = from; i < s->n; i++)
		if (site_is_runtime(s->frames[i].function))
			return !is_one_of(s->frames[i].function, ends, ARRAY_SIZE(ends));
	return false;
}

enum memory_origin memory_origin(const struct stack *s, const char *module, const struct frame **at)
{
	uint32_t past = past_allocator(s, 0), i = past;
	struct stack rest;

	*at = NULL;
	if (!s->n)
		return MEMORY_ORIGIN_UNKNOWN;
	while (i < s->n && s->frames[i].function && is_way(s->frames[i].function))
		i++;
	*at = &s->frames[i < s->n ? i : 0];
	if (past && !is_asked_by_runtime(s, i))
		return i < s->n ? MEMORY_ORIGIN_MALLOC : MEMORY_ORIGIN_UNKNOWN;
	if (i == s->n || !s->frames[i].function)
		return MEMORY_ORIGIN_UNKNOWN;
	/* Of Go's code the owner points at the program's own; a C function is one. */
	rest = (struct stack){ s->frames + i, s->n - i, s->truncated };
	if (is_asked_by_runtime(s, i)) {
		while (!site_is_runtime(s->frames[i].function))
			i++;
		rest = (struct stack){ s->frames + i, s->n - i, s->truncated };
		*at = site_frame(&rest, module);
		return MEMORY_ORIGIN_GO;
	}
	if (strchr(s->frames[i].function, '.') && !site_is_own(s->frames[i].function, module))
		*at = site_frame(&rest, module);
	return MEMORY_ORIGIN_PROGRAM;
}
