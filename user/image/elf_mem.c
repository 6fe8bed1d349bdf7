// SPDX-License-Identifier: Apache-2.0
#include "image/elf.h"

#include <errno.h>
#include <stdlib.h>

#include "image/elf_symbol.h"

struct elf_mem {
	struct mem mem;
	const struct elf_image *image;
	struct mem *rest;	/* what the file cannot say; NULL: -EFAULT */
	uint64_t bias;
	bool with_writable;
};

/* 1 when the file holds all the bytes and they went to buf, 0 when it does not, or -errno. */
static int read_file(const struct elf_mem *m, uint64_t addr, void *buf, size_t len)
{
	uint64_t at = addr - m->bias;
	size_t n;
	const struct elf_segment *s = elf_image_segments(m->image, &n);

	for (size_t i = 0; i < n; i++) {
		int r;

		if (at < s[i].vaddr || at - s[i].vaddr >= s[i].filesz ||
		    len > s[i].filesz - (at - s[i].vaddr))
			continue;
		if (s[i].writable && !m->with_writable)
			continue;
		r = elf_read_at(elf_image_fd(m->image), s[i].offset + (at - s[i].vaddr), buf, len);
		return r < 0 ? r : 1;
	}
	return 0;
}

static int elf_mem_read(struct mem *mem, uint64_t addr, void *buf, size_t len)
{
	struct elf_mem *m = (struct elf_mem *)mem;
	int r = read_file(m, addr, buf, len);

	if (r == 1)
		return 0;
	return m->rest ? mem_read(m->rest, addr, buf, len) : -EFAULT;
}

static void elf_mem_close(struct mem *m)
{
	free(m);
}

static const struct mem_ops elf_mem_ops = { .read = elf_mem_read, .close = elf_mem_close };

static int open_mem(const struct elf_mem *init, struct mem **ret)
{
	struct elf_mem *m = malloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	*m = *init;
	m->mem.ops = &elf_mem_ops;
	*ret = &m->mem;
	return 0;
}

int elf_image_mem(struct elf_image *e, uint64_t bias, struct mem **ret)
{
	return open_mem(&(struct elf_mem){ .image = e, .bias = bias }, ret);
}

int elf_image_mem_over(struct elf_image *e, uint64_t bias, struct mem *rest, struct mem **ret)
{
	return open_mem(&(struct elf_mem){ .image = e, .bias = bias, .rest = rest }, ret);
}

int elf_image_mem_all(struct elf_image *e, uint64_t bias, struct mem **ret)
{
	return open_mem(&(struct elf_mem){ .image = e, .bias = bias, .with_writable = true }, ret);
}
