// SPDX-License-Identifier: Apache-2.0
#include "image/variables.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image/elf.h"
#include "image/elf_symbol.h"
#include "model/limits.h"

#define WINDOW_SYMBOLS 2048

void variables_free(struct variables *v)
{
	if (!v)
		return;
	free(v->all);
	free(v);
}

static bool wanted(const Elf64_Sym *s, const uint64_t (*ranges)[2], size_t n)
{
	if (s->st_shndx == SHN_UNDEF || s->st_size == 0 ||
	    (ELF64_ST_TYPE(s->st_info) != STT_OBJECT && ELF64_ST_TYPE(s->st_info) != STT_NOTYPE))
		return false;
	for (size_t i = 0; i < n; i++)
		if (s->st_value >= ranges[i][0] && s->st_value < ranges[i][1])
			return true;
	return false;
}

static int add(struct variables *v, size_t *room, const Elf64_Sym *s)
{
	if (v->n == *room) {
		size_t more = *room ? *room * 2 : 1024;
		struct variable_symbol *all;

		if (v->n >= LIMIT_VARIABLES)
			return -E2BIG;
		all = realloc(v->all, more * sizeof(*all));
		if (!all)
			return -ENOMEM;
		v->all = all;
		*room = more;
	}
	v->all[v->n++] = (struct variable_symbol){ s->st_value, s->st_size, s->st_name };
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct variable_symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->size > y->size ? -1 : x->size < y->size;
}

/* One name a byte: of those that overlap the larger one that begins first stands. */
static void sort(struct variables *v)
{
	size_t n = 0;

	if (v->n)
		qsort(v->all, v->n, sizeof(*v->all), by_address);
	for (size_t i = 0; i < v->n; i++) {
		const struct variable_symbol *last = n ? &v->all[n - 1] : NULL;

		if (!last || v->all[i].addr - last->addr >= last->size)
			v->all[n++] = v->all[i];
	}
	v->n = n;
}

static int read_symbols(const struct elf_symtab *t, const uint64_t (*ranges)[2], size_t n_ranges,
			Elf64_Sym *buf, struct variables *v)
{
	uint64_t n = t->size / sizeof(*buf);
	size_t room = 0;

	for (uint64_t i = 0; i < n; i += WINDOW_SYMBOLS) {
		uint64_t left = n - i < WINDOW_SYMBOLS ? n - i : WINDOW_SYMBOLS;
		int r = elf_read_at(t->fd, t->offset + i * sizeof(*buf), buf, left * sizeof(*buf));

		for (uint64_t k = 0; k < left && r == 0; k++)
			if (wanted(&buf[k], ranges, n_ranges))
				r = add(v, &room, &buf[k]);
		if (r < 0)
			return r;
	}
	return 0;
}

int variables_read(struct elf_image *e, const uint64_t (*ranges)[2], size_t n_ranges,
		   struct variables **ret)
{
	CLEANUP(variables_free_p) struct variables *v = NULL;
	struct elf_symtab t;
	Elf64_Sym *buf;
	int r = elf_image_symtab(e, SHT_SYMTAB, &t);

	if (r < 0)
		return r;
	v = calloc(1, sizeof(*v));
	buf = malloc(WINDOW_SYMBOLS * sizeof(*buf));
	if (!v || !buf) {
		free(buf);
		return -ENOMEM;
	}
	v->fd = t.fd;
	v->strings = t.strings;
	v->strings_size = t.strings_size;
	r = read_symbols(&t, ranges, n_ranges, buf, v);
	free(buf);
	if (r < 0)
		return r;
	sort(v);
	*ret = TAKE(v);
	return 0;
}

const struct variable_symbol *variables_find(const struct variables *v, uint64_t addr)
{
	size_t lo = 0, hi = v->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->all[mid].addr <= addr)
			lo = mid;
		else
			hi = mid;
	}
	if (hi == 0 || addr < v->all[lo].addr || addr - v->all[lo].addr >= v->all[lo].size)
		return NULL;
	return &v->all[lo];
}

const char *variables_name(const struct variables *v, const struct variable_symbol *s,
			   struct arena *a)
{
	char text[LIMIT_NAME];
	uint64_t left;
	size_t len;

	if (s->name >= v->strings_size)
		return NULL;
	left = v->strings_size - s->name;
	len = left < sizeof(text) ? left : sizeof(text);
	if (elf_read_at(v->fd, v->strings + s->name, text, len) < 0)
		return NULL;
	return arena_strndup(a, text, strnlen(text, len));
}
