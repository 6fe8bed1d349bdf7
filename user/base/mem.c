// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int mem_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	if (len && addr > UINT64_MAX - (len - 1))
		return -EFAULT;
	return m->ops->read(m, addr, buf, len);
}

int mem_read_many(struct mem *m, struct mem_req *reqs, size_t n)
{
	if (m->ops->read_many)
		return m->ops->read_many(m, reqs, n);
	for (size_t i = 0; i < n; i++) {
		reqs[i].err = mem_read(m, reqs[i].addr, reqs[i].buf, reqs[i].len);
		if (reqs[i].err == -ESRCH || reqs[i].err == -EPERM)
			return reqs[i].err;
	}
	return 0;
}

int mem_read_u64(struct mem *m, uint64_t addr, uint64_t *ret)
{
	uint64_t v;
	int r = mem_read(m, addr, &v, sizeof(v));

	if (r == 0)
		*ret = v;
	return r;
}

int mem_read_u32(struct mem *m, uint64_t addr, uint32_t *ret)
{
	uint32_t v;
	int r = mem_read(m, addr, &v, sizeof(v));

	if (r == 0)
		*ret = v;
	return r;
}

int mem_clone(struct mem *m, struct mem **ret)
{
	return m->ops->clone ? m->ops->clone(m, ret) : -EOPNOTSUPP;
}

void mem_forget(struct mem *m, uint64_t start, uint64_t end)
{
	if (m->ops->forget)
		m->ops->forget(m, start, end);
}

void mem_close(struct mem *m)
{
	if (m)
		m->ops->close(m);
}

/* Two-way set associative: a hash of the block number picks the set. */
struct memcache {
	struct mem mem;
	struct mem *under;
	size_t block, n_sets;
	uint64_t *tags;		/* block number + 1; 0 empty; two a set */
	uint8_t *data;
	uint64_t misses;
};

static size_t set_of(const struct memcache *c, uint64_t number)
{
	return (number * 0x9e3779b97f4a7c15ull >> 32) & (c->n_sets - 1);
}

static int make_data(struct memcache *c)
{
	c->data = malloc(c->n_sets * 2 * c->block);
	return c->data ? 0 : -ENOMEM;
}

/* The cached block, read on a miss; NULL with *err when it cannot be read whole. */
static const uint8_t *get_block(struct memcache *c, uint64_t number, int *err)
{
	size_t set = set_of(c, number);
	uint64_t *tag = &c->tags[set * 2];
	uint8_t *data;

	for (int way = 0; way < 2; way++)
		if (tag[way] == number + 1)
			return &c->data[(set * 2 + (size_t)way) * c->block];

	if (!c->data && make_data(c) < 0) {
		*err = -ENOMEM;
		return NULL;
	}
	data = &c->data[set * 2 * c->block];
	/* Replace pseudo-randomly by miss count: no bookkeeping on hits. */
	int way = !tag[0] ? 0 : !tag[1] ? 1 : (int)(c->misses & 1);

	c->misses++;
	tag[way] = 0;
	*err = mem_read(c->under, number * c->block, data + way * c->block, c->block);
	if (*err < 0)
		return NULL;
	tag[way] = number + 1;
	return data + way * c->block;
}

static int cache_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	struct memcache *c = (struct memcache *)m;
	uint8_t *out = buf;

	if (len > c->block)
		return mem_read(c->under, addr, buf, len);
	while (len) {
		size_t in = addr & (c->block - 1);
		size_t n = c->block - in < len ? c->block - in : len;
		int err = 0;
		const uint8_t *b = get_block(c, addr / c->block, &err);

		if (!b && err != -EFAULT)
			return err;
		if (b) {
			memcpy(out, b + in, n);
		} else {
			err = mem_read(c->under, addr, out, n);
			if (err < 0)
				return err;
		}
		addr += n;
		out += n;
		len -= n;
	}
	return 0;
}

static void cache_close(struct mem *m)
{
	struct memcache *c = (struct memcache *)m;

	free(c->tags);
	free(c->data);
	free(c);
}

static const struct mem_ops cache_ops = { .read = cache_read, .close = cache_close };

int memcache_open(struct mem *under, size_t block, size_t blocks, struct mem **ret)
{
	struct memcache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->mem.ops = &cache_ops;
	c->under = under;
	c->block = block;
	c->n_sets = 1;
	while (c->n_sets * 2 < blocks)
		c->n_sets *= 2;
	c->tags = calloc(c->n_sets * 2, sizeof(*c->tags));
	if (!c->tags || make_data(c) < 0) {
		cache_close(&c->mem);
		return -ENOMEM;
	}
	*ret = &c->mem;
	return 0;
}

void memcache_drop(struct mem *cache)
{
	struct memcache *c = (struct memcache *)cache;

	memset(c->tags, 0, c->n_sets * 2 * sizeof(*c->tags));
}

void memcache_rest(struct mem *cache)
{
	struct memcache *c = (struct memcache *)cache;

	memcache_drop(cache);
	free(c->data);
	c->data = NULL;
}

uint64_t memcache_misses(const struct mem *cache)
{
	return ((const struct memcache *)cache)->misses;
}

struct mem_array {
	struct mem mem;
	size_t n;
	struct mem_range ranges[];
};

static int array_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	const struct mem_array *a = (const struct mem_array *)m;

	for (size_t i = 0; i < a->n; i++) {
		const struct mem_range *r = &a->ranges[i];

		if (addr >= r->addr && addr - r->addr <= r->len &&
		    len <= r->len - (addr - r->addr)) {
			memcpy(buf, (const uint8_t *)r->bytes + (addr - r->addr), len);
			return 0;
		}
	}
	return -EFAULT;
}

static void array_close(struct mem *m)
{
	free(m);
}

static const struct mem_ops array_ops = { .read = array_read, .close = array_close };

int mem_array_open(const struct mem_range *ranges, size_t n, struct mem **ret)
{
	struct mem_array *a = calloc(1, sizeof(*a) + n * sizeof(*ranges));

	if (!a)
		return -ENOMEM;
	a->mem.ops = &array_ops;
	a->n = n;
	memcpy(a->ranges, ranges, n * sizeof(*ranges));
	*ret = &a->mem;
	return 0;
}
