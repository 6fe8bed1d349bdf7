// SPDX-License-Identifier: Apache-2.0
#include "image/elf_symbol.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define WINDOW (64u << 10)
/*
 * Places of one name among the strings. Linkers share common ends ("allgs" inside
 * "runtime.allgs"), so there may be some that no symbol means; more than this is no real file.
 */
#define MAX_PLACES 256

struct places {
	uint64_t at[MAX_PLACES];	/* offsets in the string table, ascending */
	size_t n;
};

static void free_p(void *p)
{
	free(*(void **)p);
}

/* Collects each offset at which `name` stands, its final NUL included. */
static int find_places(const struct elf_symtab *t, const char *name, struct places *ret)
{
	CLEANUP(free_p) uint8_t *buf = malloc(WINDOW);
	size_t want = strlen(name) + 1;
	uint64_t at = 0;

	ret->n = 0;
	if (!buf)
		return -ENOMEM;
	if (want > WINDOW / 2)
		return -ENODATA;
	while (t->strings_size - at >= want) {
		size_t left = t->strings_size - at < WINDOW ? t->strings_size - at : WINDOW;
		const uint8_t *p = buf;
		int r = elf_read_at(t->fd, t->strings + at, buf, left);

		if (r < 0)
			return r;
		while ((p = memmem(p, (size_t)(buf + left - p), name, want))) {
			if (ret->n == MAX_PLACES)
				return -ENODATA;
			ret->at[ret->n++] = at + (uint64_t)(p - buf);
			p++;
		}
		/* The windows overlap by less than a name, so each place is seen once. */
		at += left - (want - 1);
		if (left < WINDOW)
			break;
	}
	return ret->n ? 0 : -ENODATA;
}

static bool is_place(const struct places *places, uint64_t offset)
{
	for (size_t i = 0; i < places->n; i++)
		if (places->at[i] == offset)
			return true;
	return false;
}

int elf_symtab_find(const struct elf_symtab *t, const char *name, uint64_t *ret)
{
	CLEANUP(free_p) Elf64_Sym *buf = NULL;
	const uint64_t window = WINDOW / sizeof(*buf);
	uint64_t n = t->size / sizeof(*buf);
	struct places places;
	int r = find_places(t, name, &places);

	if (r < 0)
		return r;
	buf = malloc(window * sizeof(*buf));
	if (!buf)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i += window) {
		uint64_t left = n - i < window ? n - i : window;

		r = elf_read_at(t->fd, t->offset + i * sizeof(*buf), buf, left * sizeof(*buf));
		if (r < 0)
			return r;
		for (uint64_t k = 0; k < left; k++) {
			if (buf[k].st_shndx == SHN_UNDEF || !is_place(&places, buf[k].st_name))
				continue;
			*ret = buf[k].st_value;
			return 0;
		}
	}
	return -ENODATA;
}
