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
