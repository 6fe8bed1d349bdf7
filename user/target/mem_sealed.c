// SPDX-License-Identifier: Apache-2.0
#include "target/mem_sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/maps.h"
#include "target/process.h"
#include "target/sealed.h"

/* Documentation/admin-guide/mm/pagemap.rst. */
#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_SWAPPED (1ull << 62)

#define PAGE_BYTES 4096ull	/* amd64 has no other */

struct mem_sealed {
	struct mem mem;
	const struct process *process;
	int mem_fd;		/* borrowed */
	int pagemap_fd;		/* owned; -1: what the process has cannot be told */
	const struct mapping *last;	/* that was read from */
};

/* From memory as it is: -EFAULT, -ESRCH. */
static int read_memory(const struct mem_sealed *m, uint64_t addr, void *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = pread(m->mem_fd, (char *)buf + at, len - at, (off_t)(addr + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EIO ? -EFAULT : -errno;
		if (n == 0)
			return -ESRCH;
		at += (size_t)n;
	}
	return 0;
}

/* From the file that is mapped there; past its end, a page is filled with zeroes. */
static int read_file(const struct mem_sealed *m, const struct mapping *map, uint64_t addr,
		     void *buf, size_t len)
{
	int fd = sealed_file_fd(m->process->sealed, map->dev, map->ino);
	ssize_t n;

	if (fd < 0)
		return -EFAULT;
	do
		n = pread(fd, buf, len, (off_t)(map->offset + (addr - map->start)));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -EFAULT;
	memset((char *)buf + n, 0, len - (size_t)n);
	return 0;
}

/* Its own copy of the page, or one that it has in its page tables: no fetching. */
static bool is_there(const struct mem_sealed *m, uint64_t addr)
{
	uint64_t entry;

	return m->pagemap_fd >= 0 &&
	       pread(m->pagemap_fd, &entry, sizeof(entry),
		     (off_t)(addr / PAGE_BYTES * sizeof(entry))) == sizeof(entry) &&
	       entry & (ENTRY_PRESENT | ENTRY_SWAPPED);
}

static int read_mapped(const struct mem_sealed *m, const struct mapping *map, uint64_t addr,
		       void *buf, size_t len)
{
	while (len) {
		size_t in_page = PAGE_BYTES - addr % PAGE_BYTES, n = len < in_page ? len : in_page;
		int r = is_there(m, addr) ? read_memory(m, addr, buf, n)
					  : read_file(m, map, addr, buf, n);

		if (r < 0)
			return r;
		addr += n;
		buf = (char *)buf + n;
		len -= n;
	}
	return 0;
}

/* The mapping of a file that holds addr; NULL: memory of no file, or not known of. */
static const struct mapping *file_at(struct mem_sealed *m, uint64_t addr)
{
	if (!m->last || addr < m->last->start || addr >= m->last->end)
		m->last = maps_find(sealed_maps(m->process->sealed), addr);
	return m->last && m->last->ino ? m->last : NULL;
}

static int sealed_read(struct mem *mem, uint64_t addr, void *buf, size_t len)
{
	struct mem_sealed *m = (struct mem_sealed *)mem;

	if (addr > INT64_MAX || len > INT64_MAX - addr)
		return -EFAULT;
	while (len) {
		const struct mapping *map = file_at(m, addr);
		uint64_t left = m->last ? m->last->end - addr : len;
		size_t n = len < left ? len : (size_t)left;
		int r = map ? read_mapped(m, map, addr, buf, n) : read_memory(m, addr, buf, n);

		if (r < 0)
			return r;
		addr += n;
		buf = (char *)buf + n;
		len -= n;
	}
	return 0;
}

static int sealed_clone(struct mem *mem, struct mem **ret)
{
	return mem_sealed_open(((struct mem_sealed *)mem)->process, ret);
}

static void sealed_close(struct mem *mem)
{
	struct mem_sealed *m = (struct mem_sealed *)mem;

	if (m->pagemap_fd >= 0)
		close(m->pagemap_fd);
	free(m);
}

/* One call each: no call takes several pieces of such a file. */
static int sealed_read_many(struct mem *mem, struct mem_req *reqs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		reqs[i].err = sealed_read(mem, reqs[i].addr, reqs[i].buf, reqs[i].len);
		if (reqs[i].err == -ESRCH)
			return -ESRCH;
	}
	return 0;
}

static const struct mem_ops sealed_ops = {
	.read = sealed_read,
	.read_many = sealed_read_many,
	.clone = sealed_clone,
	.close = sealed_close,
};

int mem_sealed_open(const struct process *p, struct mem **ret)
{
	struct mem_sealed *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->mem.ops = &sealed_ops;
	m->process = p;
	m->mem_fd = sealed_mem_fd(p->sealed);
	m->pagemap_fd = sealed_open(p->sealed, "pagemap");
	*ret = &m->mem;
	return 0;
}
