// SPDX-License-Identifier: Apache-2.0
#include "image/functions.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image/elf.h"
#include "image/elf_symbol.h"
#include "model/limits.h"

/* A browser has some 2 million; each takes 24 bytes here. */
#define SYMBOLS_MAX (4u << 20)
#define WINDOW 4096
/* A symbol without a size (assembly) is believed for as long as hand-written functions are. */
#define UNSIZED_MAX 4096

struct place {
	uint64_t start, size;
	uint32_t name;
	uint8_t weight;		/* of several names for one address, the one to tell */
};

struct functions {
	struct elf_symtab tab;
	struct place *all;
	size_t n;
	char name[LIMIT_NAME + 1];
};

static void free_p(void *p)
{
	free(*(void **)p);
}

static bool is_function(const Elf64_Sym *s)
{
	unsigned int type = ELF64_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS && s->st_value &&
	       s->st_name && (type == STT_FUNC || type == STT_GNU_IFUNC);
}

/* Global before weak before local: what others call it by. */
static uint8_t weight_of(const Elf64_Sym *s)
{
	switch (ELF64_ST_BIND(s->st_info)) {
	case STB_GLOBAL:
		return 0;
	case STB_WEAK:
		return 1;
	default:
		return 2;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

static int read_symbols(struct functions *f)
{
	CLEANUP(free_p) Elf64_Sym *buf = malloc(WINDOW * sizeof(*buf));
	uint64_t n = f->tab.size / sizeof(*buf);

	if (n > SYMBOLS_MAX)
		n = SYMBOLS_MAX;
	f->all = calloc(n + 1, sizeof(*f->all));
	if (!buf || !f->all)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i += WINDOW) {
		uint64_t left = n - i < WINDOW ? n - i : WINDOW;
		int r = elf_read_at(f->tab.fd, f->tab.offset + i * sizeof(*buf), buf,
				    left * sizeof(*buf));

		if (r < 0)
			return -EBADMSG;
		for (uint64_t k = 0; k < left; k++)
			if (is_function(&buf[k]))
				f->all[f->n++] = (struct place){
					.start = buf[k].st_value,
					.size = buf[k].st_size,
					.name = buf[k].st_name,
					.weight = weight_of(&buf[k]),
				};
	}
	if (f->n)
		qsort(f->all, f->n, sizeof(*f->all), by_start);
	return f->n ? 0 : -ENODATA;
}

int functions_open(struct elf_image *e, struct functions **ret)
{
	CLEANUP(functions_close_p) struct functions *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	r = elf_image_symtab(e, SHT_SYMTAB, &f->tab);
	if (r < 0)
		r = elf_image_symtab(e, SHT_DYNSYM, &f->tab);
	if (r < 0)
		return r;
	r = read_symbols(f);
	if (r < 0)
		return r;
	*ret = TAKE(f);
	return 0;
}

void functions_close(struct functions *f)
{
	if (!f)
		return;
	free(f->all);
	free(f);
}

/* The bytes up to the NUL, at most LIMIT_NAME. */
static int read_name(struct functions *f, uint32_t at)
{
	uint64_t left;

	if (at >= f->tab.strings_size)
		return -EBADMSG;
	left = f->tab.strings_size - at;
	if (left > LIMIT_NAME)
		left = LIMIT_NAME;
	if (elf_read_at(f->tab.fd, f->tab.strings + at, f->name, left) < 0)
		return -EBADMSG;
	f->name[left] = '\0';
	return f->name[0] ? 0 : -EBADMSG;
}

int functions_find(struct functions *f, uint64_t addr, struct function *ret)
{
	size_t low = 0, high = f->n;
	const struct place *p;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->all[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return -ENODATA;
	p = &f->all[low - 1];
	while (p > f->all && p[-1].start == p->start)
		p--;
	if (addr - p->start >= (p->size ? p->size : UNSIZED_MAX) || read_name(f, p->name) < 0)
		return -ENODATA;
	*ret = (struct function){ .start = p->start, .size = p->size, .name = f->name };
	return 0;
}
