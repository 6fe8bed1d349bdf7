// SPDX-License-Identifier: Apache-2.0
/*
 * Go 1.18 to 1.23 (runtime/pprof/label.go): g.labels points to a map[string]string, a runtime.hmap.
 * Go 1.24: to a struct that starts with a slice of {key, value string}. Both are never changed
 * once a goroutine carries them.
 */
#include "goruntime/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "model/limits.h"

/* An hmap of any release up to 1.23; the layout is checked against it. */
#define HMAP_BYTES 64
/* runtime/map.go, bmap of string to string: tophash[8], 8 keys, 8 values, overflow. */
#define SLOTS 8
#define BMAP_KEYS 8
#define BMAP_VALUES (BMAP_KEYS + SLOTS * 16)
#define BMAP_OVERFLOW (BMAP_VALUES + SLOTS * 16)
#define BMAP_SIZE (BMAP_OVERFLOW + 8)
/* Lower tophash values mark empty or evacuated slots. */
#define MIN_TOP_HASH 5
#define MAX_B 6

struct collected {
	struct go_runtime *rt;
	struct arena *arena;
	struct label labels[LIMIT_LABELS];
	uint32_t n;
};

static int read_string(struct collected *c, uint64_t addr, uint64_t len, const char **ret)
{
	char text[LIMIT_NAME];
	int r;

	if (len > sizeof(text))
		len = sizeof(text);
	r = len ? mem_read(c->rt->chase, addr, text, len) : 0;
	/* A core leaves out what the file holds, constant strings among it. */
	if (r == -EFAULT)
		r = mem_read(c->rt->constant, addr, text, len);
	if (r < 0)
		return r;
	*ret = arena_intern(c->arena, text, len);
	return *ret ? 0 : -ENOMEM;
}

/* One {key, value}: two string headers, not always side by side. */
static int add(struct collected *c, struct span *s, size_t key, size_t value)
{
	struct label *l = &c->labels[c->n];
	int r;

	if (c->n == LIMIT_LABELS)
		return 0;
	r = read_string(c, span_u64(s, key), span_u64(s, key + 8), &l->key);
	if (r == 0)
		r = read_string(c, span_u64(s, value), span_u64(s, value + 8), &l->value);
	if (r == 0)
		c->n++;
	return r;
}

static int read_bucket(struct collected *c, uint64_t addr, uint64_t *overflow)
{
	uint8_t bytes[BMAP_SIZE] = { 0 };
	struct span s = span_of(bytes, sizeof(bytes));
	int r = mem_read(c->rt->chase, addr, bytes, sizeof(bytes));

	for (size_t i = 0; r == 0 && i < SLOTS; i++)
		if (bytes[i] >= MIN_TOP_HASH)
			r = add(c, &s, BMAP_KEYS + i * 16, BMAP_VALUES + i * 16);
	*overflow = span_u64(&s, BMAP_OVERFLOW);
	return r;
}

static int read_map(struct collected *c, uint64_t addr)
{
	const struct go_layout *l = &c->rt->layout;
	uint8_t bytes[HMAP_BYTES] = { 0 };
	struct span s = span_of(bytes, sizeof(bytes));
	uint64_t hmap, count, buckets;
	uint8_t log2_buckets;
	int r = mem_read_u64(c->rt->chase, addr, &hmap);

	if (r == 0)
		r = mem_read(c->rt->chase, hmap, bytes, (size_t)l->hmap_oldbuckets + 8);
	if (r < 0)
		return r;
	count = span_u64(&s, (uint64_t)l->hmap_count);
	log2_buckets = span_u8(&s, (uint64_t)l->hmap_b);
	buckets = span_u64(&s, (uint64_t)l->hmap_buckets);
	/* A map that was left while it grew has entries in two places: rare, and not followed. */
	if (span_u64(&s, (uint64_t)l->hmap_oldbuckets) || log2_buckets > MAX_B ||
	    count > 1 << (MAX_B + 3) || s.overrun)
		return -EBADMSG;
	for (uint64_t b = 0; b < 1u << log2_buckets; b++) {
		uint64_t at = buckets + b * BMAP_SIZE;

		for (int chain = 0; at && chain < LIMIT_LABELS; chain++) {
			r = read_bucket(c, at, &at);
			if (r < 0)
				return r;
		}
	}
	return c->n == (count < LIMIT_LABELS ? count : LIMIT_LABELS) ? 0 : -EBADMSG;
}

static int read_list(struct collected *c, uint64_t addr)
{
	uint64_t header[2];
	uint8_t bytes[32] = { 0 };
	int r = mem_read(c->rt->chase, addr, header, sizeof(header));

	if (r == 0 && header[1] > 1 << 16)
		return -EBADMSG;
	for (uint64_t i = 0; r == 0 && i < header[1] && i < LIMIT_LABELS; i++) {
		struct span s = span_of(bytes, sizeof(bytes));

		r = mem_read(c->rt->chase, header[0] + i * sizeof(bytes), bytes, sizeof(bytes));
		if (r == 0)
			r = add(c, &s, 0, 16);
	}
	return r;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

int labels_read(struct go_runtime *rt, uint64_t addr, struct arena *a, const struct label **ret,
		uint32_t *n)
{
	struct collected c = { .rt = rt, .arena = a };
	struct label *labels = NULL;
	int r = 0;

	if (addr && rt->minor < 24 &&
	    (rt->layout.hmap_oldbuckets < 0 || rt->layout.hmap_oldbuckets > HMAP_BYTES - 8))
		return -EOPNOTSUPP;
	if (addr)
		r = rt->minor >= 24 ? read_list(&c, addr) : read_map(&c, addr);
	if (r < 0)
		return r;
	if (c.n) {
		labels = arena_alloc(a, c.n, sizeof(*labels));
		if (!labels)
			return -ENOMEM;
		memcpy(labels, c.labels, c.n * sizeof(*labels));
		qsort(labels, c.n, sizeof(*labels), by_key);
	}
	*ret = labels;
	*n = c.n;
	return 0;
}
