// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/pclntab_table.h"
#include "model/limits.h"

#define FTAB_ENTRY 8
#define WINDOW (64u << 10)
/* Bytes of a name that are read at a time: most names fit in one piece. */
#define PIECE 96

static void free_p(void *p)
{
	free(*(void **)p);
}

/* The string at an offset of a range, cut at LIMIT_NAME; buf has LIMIT_NAME + 1 bytes. */
static int read_string(struct pclntab *t, const struct pcln_range *in, uint32_t off, char *buf,
		       size_t *ret)
{
	uint64_t addr = in->start + off;
	size_t len = 0;

	if (off >= in->end - in->start)
		return -EBADMSG;
	while (len < LIMIT_NAME && addr < in->end) {
		size_t n = PIECE < in->end - addr ? PIECE : in->end - addr;
		const char *nul;
		int r;

		if (n > LIMIT_NAME - len)
			n = LIMIT_NAME - len;
		r = mem_read(t->mem, addr, buf + len, n);
		if (r < 0)
			return r;
		nul = memchr(buf + len, '\0', n);
		if (nul) {
			*ret = (size_t)(nul - buf);
			return 0;
		}
		len += n;
		addr += n;
	}
	/* Without its NUL at the end of the table it is malformed; else it is only long. */
	if (len < LIMIT_NAME)
		return -EBADMSG;
	*ret = len;
	return 0;
}

static const char *intern(struct pclntab *t, const char *s, size_t n, int *err)
{
	const char *p = arena_intern(t->names, s, n);

	*err = p ? 0 : -ENOMEM;
	return p;
}

const char *pcln_func_name(struct pclntab *t, uint32_t nameoff, int *err)
{
	char buf[LIMIT_NAME + 1];
	size_t n;

	*err = read_string(t, &t->funcnames, nameoff, buf, &n);
	return *err < 0 ? NULL : intern(t, buf, n, err);
}

/*
 * Go 1.27: a generic method of a generic type has two bracketed parts. Finds where the first
 * closes and the second opens inside [open + 1, close): as funcNamePiecesForPrint() of
 * runtime/traceback.go does. 1: two parts, 0: one, -1: brackets that do not match.
 */
static int split_brackets(const char *s, size_t open, size_t close, size_t *first_close,
			  size_t *second_open)
{
	int depth = 1;
	bool closed = false;

	if (!memchr(s + open + 1, '[', close - open - 1))
		return 0;
	for (size_t i = open + 1; i < close; i++) {
		if (s[i] == '[' && ++depth == 1) {
			*second_open = i;
			return closed ? 1 : -1;
		}
		if (s[i] != ']')
			continue;
		if (--depth < 0)
			return -1;
		if (depth == 0) {
			*first_close = i;
			closed = true;
		}
	}
	return depth == 1 && !closed ? 0 : -1;
}

/* Writes s with its type arguments as "..." to out, which has room for n + 16; its length. */
static size_t print_name(int minor, const char *s, size_t n, char *out)
{
	const char *open = memchr(s, '[', n), *close = memrchr(s, ']', n);
	size_t first = 0, second = 0, len;
	int parts;

	/* Go 1.21: funcNameForPrint(). */
	if (minor < 21 || !open || !close || close <= open) {
		memcpy(out, s, n);
		return n;
	}
	parts = minor < 27 ? 0 : split_brackets(s, (size_t)(open - s), (size_t)(close - s),
						&first, &second);
	if (parts < 0) {
		memcpy(out, s, n);
		return n;
	}
	len = (size_t)(open - s);
	memcpy(out, s, len);
	len = (size_t)(mempcpy(out + len, "[...]", 5) - (void *)out);
	if (parts) {
		len = (size_t)(mempcpy(out + len, s + first + 1, second - first - 1) -
			       (void *)out);
		len = (size_t)(mempcpy(out + len, "[...]", 5) - (void *)out);
	}
	return (size_t)(mempcpy(out + len, close + 1, (size_t)(s + n - close - 1)) - (void *)out);
}

const char *pcln_func_name_printed(struct pclntab *t, uint32_t nameoff, int *err)
{
	char buf[LIMIT_NAME + 1], printed[LIMIT_NAME + 17];
	size_t n;

	*err = read_string(t, &t->funcnames, nameoff, buf, &n);
	if (*err < 0)
		return NULL;
	n = print_name(t->where.minor, buf, n, printed);
	return intern(t, printed, n < LIMIT_NAME ? n : LIMIT_NAME, err);
}

const char *pcln_file_name(struct pclntab *t, const struct func *f, int32_t fileno, int *err)
{
	uint64_t index = (uint64_t)f->cu_offset + (uint32_t)fileno;
	char buf[LIMIT_NAME + 1];
	uint32_t off;
	size_t n;

	*err = 0;
	if (fileno < 0)
		return NULL;
	if (index >= (t->cutab.end - t->cutab.start) / sizeof(off)) {
		*err = -EBADMSG;
		return NULL;
	}
	*err = mem_read_u32(t->mem, t->cutab.start + index * sizeof(off), &off);
	/* ^0: the linker dropped the file, as no function that was kept mentions it. */
	if (*err < 0 || off == UINT32_MAX)
		return NULL;
	*err = read_string(t, &t->files, off, buf, &n);
	return *err < 0 ? NULL : intern(t, buf, n, err);
}

/* Where one wanted name stands among the function names; the linker writes each once. */
struct wanted {
	const char *name;
	size_t size;		/* with the NUL */
	uint32_t nameoff;
	bool placed;
};

static void match_name(const char *name, size_t size, uint32_t off, struct wanted *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].size != size || all[i].placed || memcmp(all[i].name, name, size) != 0)
			continue;
		all[i].nameoff = off;
		all[i].placed = true;
	}
}

/*
 * Takes the names that end within a window, which starts at `base` in the name table; returns how
 * many bytes that was. The first is passed over when it is `cut`: only its end.
 */
static size_t match_window(const char *buf, size_t len, uint64_t base, bool cut,
			   struct wanted *all, size_t n)
{
	const char *p = buf, *nul;

	while ((nul = memchr(p, '\0', (size_t)(buf + len - p)))) {
		if (!cut)
			match_name(p, (size_t)(nul - p) + 1, (uint32_t)(base + (uint64_t)(p - buf)),
				   all, n);
		cut = false;
		p = nul + 1;
	}
	return (size_t)(p - buf);
}

static int place_names(struct pclntab *t, struct wanted *all, size_t n)
{
	CLEANUP(free_p) char *buf = malloc(WINDOW);
	uint64_t total = t->funcnames.end - t->funcnames.start;
	bool cut = false;

	if (!buf)
		return -ENOMEM;
	for (uint64_t at = 0; at < total;) {
		size_t len = total - at < WINDOW ? total - at : WINDOW;
		int r = mem_read(t->mem, t->funcnames.start + at, buf, len);
		size_t used;

		if (r < 0)
			return r;
		used = match_window(buf, len, at, cut, all, n);
		/* A name longer than a window is none that anybody asks for. */
		cut = used == 0;
		at += used ? used : len;
	}
	return 0;
}

/* A function written in assembly may have a wrapper of the same name for the other ABI. */
static bool settled(const struct func *f)
{
	return f->name && f->kind != FUNC_WRAPPER;
}

/* Gives the i-th function to the name that it has; the number of names settled, or -errno. */
static int match_func(struct pclntab *t, uint64_t i, uint32_t funcoff, const struct wanted *all,
		      size_t n, struct func *rets)
{
	uint32_t nameoff;
	int r = mem_read_u32(t->mem, t->functab + funcoff + 4, &nameoff), done = 0;

	if (r < 0)
		return r;
	for (size_t k = 0; k < n; k++) {
		if (!all[k].placed || all[k].nameoff != nameoff || settled(&rets[k]))
			continue;
		r = pclntab_func(t, i, &rets[k]);
		if (r < 0) {
			rets[k].name = NULL;
			return r;
		}
		done += settled(&rets[k]);
	}
	return done;
}

static int match_funcs(struct pclntab *t, const struct wanted *all, size_t n, struct func *rets)
{
	CLEANUP(free_p) uint32_t *ftab = malloc(WINDOW);
	const uint64_t window = WINDOW / FTAB_ENTRY;
	size_t left = 0;

	if (!ftab)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		left += all[i].placed;
	/* The runtime comes early in the text: asking for its functions alone ends soon. */
	for (uint64_t i = 0; left && i < t->n_funcs; i += window) {
		uint64_t len = t->n_funcs - i < window ? t->n_funcs - i : window;
		int r = mem_read(t->mem, t->functab + i * FTAB_ENTRY, ftab, len * FTAB_ENTRY);

		for (uint64_t k = 0; r >= 0 && left && k < len; k++) {
			r = match_func(t, i + k, ftab[2 * k + 1], all, n, rets);
			left -= r > 0 ? (size_t)r : 0;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int pclntab_find_names(struct pclntab *t, const char *const *names, size_t n, struct func *rets)
{
	CLEANUP(free_p) struct wanted *all = calloc(n, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		all[i].name = names[i];
		all[i].size = strlen(names[i]) + 1;
		rets[i] = (struct func){ 0 };
	}
	r = place_names(t, all, n);
	return r < 0 ? r : match_funcs(t, all, n, rets);
}

int pclntab_find_name(struct pclntab *t, const char *name, struct func *ret)
{
	struct func f;
	int r = pclntab_find_names(t, &name, 1, &f);

	if (r < 0)
		return r;
	if (!f.name)
		return -ENOENT;
	*ret = f;
	return 0;
}
