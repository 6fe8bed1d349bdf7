// SPDX-License-Identifier: Apache-2.0
#include "analysis/site.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

/* First path elements of Go's standard library (go list std, Go 1.27), "vendor" is its own copy. */
static const char *const std_roots[] = {
	"archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto",
	"database", "debug", "embed", "encoding", "errors", "expvar", "flag", "fmt", "go",
	"hash", "html", "image", "index", "internal", "io", "iter", "log", "maps", "math",
	"mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime", "simd", "slices",
	"sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time",
	"unicode", "unique", "unsafe", "uuid", "vendor", "weak",
};

/*
 * Bytes of the import path at the start of a symbol: up to the first dot after the last slash
 * that stands before any type argument or receiver ("a.b/c.(*T).F", "a/b.F[d/e.G]").
 */
static size_t package_len(const char *function)
{
	size_t end = strcspn(function, "([");
	size_t start = 0;

	for (size_t i = 0; i < end; i++)
		if (function[i] == '/')
			start = i + 1;
	return start + strcspn(function + start, ".");
}

static bool is_one_of(const char *s, size_t n, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == n && memcmp(list[i], s, n) == 0)
			return true;
	return false;
}

static bool in_module(const char *function, const char *module)
{
	size_t n = module ? strlen(module) : 0;

	return n && strncmp(function, module, n) == 0 && (function[n] == '.' || function[n] == '/');
}

static bool is_std(const char *function)
{
	size_t package = package_len(function);
	size_t root = strcspn(function, "/");

	if (root > package)
		root = package;
	return is_one_of(function, root, std_roots, ARRAY_SIZE(std_roots));
}

/* cgo writes one around each C function: "main._Cfunc_pause". */
static bool is_cgo_wrapper(const char *function)
{
	size_t package = package_len(function);

	return function[package] == '.' && strncmp(function + package + 1, "_Cfunc_", 7) == 0;
}

bool site_is_own(const char *function, const char *module)
{
	return function && !is_cgo_wrapper(function) &&
	       (in_module(function, module) || !is_std(function));
}

const struct frame *site_frame(const struct stack *s, const char *module)
{
	const struct frame *outermost = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		const char *function = s->frames[i].function;

		if (site_is_own(function, module))
			return &s->frames[i];
		if (function && !site_is_runtime(function))
			outermost = &s->frames[i];
	}
	if (outermost)
		return outermost;
	return s->n ? &s->frames[0] : NULL;
}

static bool starts_with_one_of(const char *s, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(s, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

/*
 * Of a C or C++ function. Reserved names (a leading underscore) are libraries', as "libc.so.6+0x1f",
 * an address without a symbol, is; what remains are the calls that ask for memory and threads.
 */
static bool is_c_library(const char *f)
{
	static const char *const names[] = {
		"malloc", "calloc", "realloc", "reallocarray", "free", "posix_memalign",
		"aligned_alloc", "memalign", "valloc", "strdup", "strndup", "asprintf", "vasprintf",
		"mmap", "mmap64", "mremap", "munmap", "madvise", "brk", "sbrk", "memset", "memcpy",
		"memmove", "clone", "clone3", "fork", "syscall", "start_thread", "sysmalloc",
		"systrim", "new_heap", "alloc_new_heap", "grow_heap", "tcache_init", "ptmalloc_init",
		"arena_get2", "allocate_stack", "create_thread", "sem_wait", "sem_timedwait",
	};
	static const char *const prefixes[] = { "pthread_", "operator new", "std::", "mtx_", "cnd_" };

	return *f == '_' || strstr(f, ".so") ||
	       is_one_of(f, strlen(f), names, ARRAY_SIZE(names)) ||
	       starts_with_one_of(f, prefixes, ARRAY_SIZE(prefixes));
}

/* All names of Go have a dot; of C, a compiler's copies alone ("f.part.0"). */
static bool looks_like_c(const char *function)
{
	return function && (!strchr(function, '.') || strstr(function, ".so"));
}

const struct frame *site_frame_mixed(const struct stack *s, const char *module)
{
	const struct frame *named = NULL;
	bool c = false;

	for (uint32_t i = 0; i < s->n; i++) {
		const char *function = s->frames[i].function;
		bool in_c = looks_like_c(function);

		if (function && !is_c_library(function) &&
		    (in_c || site_is_own(function, module)))
			return &s->frames[i];
		c = c || in_c;
		named = named || !function ? named : &s->frames[i];
	}
	if (!c)
		return site_frame(s, module);
	return named;
}

bool site_is_runtime(const char *function)
{
	return function && (strncmp(function, "runtime.", 8) == 0 ||
			    strncmp(function, "internal/runtime/", 17) == 0);
}

const char *site_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *site_string(struct arena *a, const struct frame *f)
{
	if (!f)
		return NULL;
	if (!f->function)
		return arena_printf(a, "0x%" PRIx64, f->pc);
	if (!f->file)
		return arena_strdup(a, f->function);
	if (!f->line)
		return arena_printf(a, "%s %s", f->function, site_base_name(f->file));
	return arena_printf(a, "%s %s:%" PRIu32, f->function, site_base_name(f->file), f->line);
}

static bool begins_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

/* A library without symbols for it shows as "libc.so.6+0x1234", and with them by these names. */
static bool is_start(const struct frame *f)
{
	static const char *const names[] = { "start_thread", "clone", "clone3", "__clone3",
					     "_start", "__libc_start_main" };

	if (!f->function)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(f->function, names[i]) == 0)
			return true;
	if (!f->entry && (begins_with(f->function, "libc.so") || begins_with(f->function, "libc-") ||
			  begins_with(f->function, "libpthread")))
		return true;
	return begins_with(f->function, "runtime.asmcgocall") || begins_with(f->function, "_cgo_") ||
	       strcmp(f->function, "runtime.goexit") == 0;
}

void site_cut_start(struct stack *s)
{
	while (s->n > 1 && is_start(&s->frames[s->n - 1]))
		s->n--;
}

const char *site_chain(struct arena *a, const struct stack *s, uint32_t max)
{
	const char *chain = s->n && max ? site_string(a, &s->frames[0]) : NULL;

	for (uint32_t i = 1; chain && i < s->n && i < max; i++) {
		const char *site = site_string(a, &s->frames[i]);

		if (!site)
			return NULL;
		chain = arena_printf(a, "%s%s%s", chain, i == 1 ? ", called by " : ", ", site);
	}
	if (chain && s->n > max)
		chain = arena_printf(a, "%s, ...", chain);
	return chain;
}

bool site_stack_has(const struct stack *s, const char *function)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->frames[i].function && strcmp(s->frames[i].function, function) == 0)
			return true;
	return false;
}

/* runtime/cgocall.go: cgocall() enters a system call, and then C. */
bool site_is_in_c(const struct stack *s)
{
	return site_stack_has(s, "runtime.cgocall");
}
