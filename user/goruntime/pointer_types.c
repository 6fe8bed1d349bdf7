// SPDX-License-Identifier: Apache-2.0
/* Masks of types and of the module's variables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addrmap.h"
#include "goruntime/constant.h"
#include "goruntime/pointers.h"
#include "model/limits.h"

/*
 * internal/abi.Type, before Go 1.21 runtime._type: size, ptrdata, hash, tflag, three bytes, equal,
 * gcdata, str. The same in Go 1.18 to 1.27.
 */
enum { TYPE_SIZE = 0, TYPE_PTR_BYTES = 8, TYPE_TFLAG = 20, TYPE_GCDATA = 32, TYPE_HEAD = 40 };

/* Go 1.24: abi.TFlagGCMaskOnDemand, where Go 1.22 and 1.23 had a flag that changes nothing here. */
#define TFLAG_MASK_ON_DEMAND 16

struct known_type {
	struct type_mask mask;	/* bits NULL: it is none */
};

struct type_masks {
	struct go_runtime *rt;
	struct addrmap *by_addr;
	struct known_type **all;	/* each stays where it is */
	uint32_t n, room;
	uint64_t bytes;		/* of all bits */
};

int type_masks_open(struct go_runtime *rt, struct type_masks **ret)
{
	struct type_masks *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->rt = rt;
	m->by_addr = addrmap_new();
	if (!m->by_addr) {
		free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

static void known_type_free(struct known_type *k)
{
	if (!k)
		return;
	free((void *)k->mask.bits);
	free(k);
}
DEFINE_CLEANUP(struct known_type, known_type_free)

void type_masks_free(struct type_masks *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n; i++)
		known_type_free(m->all[i]);
	free(m->all);
	addrmap_free(m->by_addr);
	free(m);
}

/*
 * A type that reflect makes, and its mask, never go nor change (reflect keeps each in a table), and
 * the mask is memory without pointers: a copy of the process may be without it, the process is not.
 */
static int read_for_good(struct go_runtime *rt, uint64_t addr, void *buf, size_t len)
{
	int r = constant_read(rt, addr, buf, len);

	return r == -EFAULT && rt->running ? mem_read(rt->running, addr, buf, len) : r;
}

/* The bits of ptr_words words at addr: the linker's, or of types that reflect made. NULL when they cannot be had. */
static uint64_t *read_bits(struct type_masks *m, uint64_t addr, uint64_t ptr_words)
{
	size_t bytes = (ptr_words + 7) / 8, room = (bytes + 7) / 8 * 8;
	uint64_t *bits = calloc(1, room);

	if (!bits || read_for_good(m->rt, addr, bits, bytes) < 0) {
		free(bits);
		return NULL;
	}
	if (ptr_words % 64)
		bits[ptr_words / 64] &= (1ull << ptr_words % 64) - 1;
	m->bytes += room;
	return bits;
}

static void learn(struct type_masks *m, uint64_t type, struct known_type *k)
{
	uint8_t head[TYPE_HEAD];
	struct span s = span_of(head, sizeof(head));
	uint64_t size, ptr_bytes, gcdata;

	if (!type || read_for_good(m->rt, type, head, sizeof(head)) < 0)
		return;
	size = span_u64(&s, TYPE_SIZE);
	ptr_bytes = span_u64(&s, TYPE_PTR_BYTES);
	gcdata = span_u64(&s, TYPE_GCDATA);
	if (!ptr_bytes || ptr_bytes > size || (size | ptr_bytes) % 8 || !gcdata ||
	    ptr_bytes / 64 > LIMIT_TYPE_BITS - m->bytes)
		return;
	if (m->rt->minor >= 24 && (span_u8(&s, TYPE_TFLAG) & TFLAG_MASK_ON_DEMAND) &&
	    (read_for_good(m->rt, gcdata, &gcdata, sizeof(gcdata)) < 0 || !gcdata))
		return;
	k->mask.bits = read_bits(m, gcdata, ptr_bytes / 8);
	k->mask.size_words = size / 8;
	k->mask.ptr_words = ptr_bytes / 8;
}

static const struct known_type *remember(struct type_masks *m, uint64_t type)
{
	CLEANUP(known_type_free_p) struct known_type *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	if (m->n == m->room) {
		uint32_t room = m->room ? m->room * 2 : 256;
		struct known_type **all = realloc(m->all, room * sizeof(struct known_type *));

		if (!all)
			return NULL;
		m->all = all;
		m->room = room;
	}
	learn(m, type, k);
	if (addrmap_put(m->by_addr, type, m->n) < 0)
		return NULL;
	m->all[m->n] = TAKE(k);
	return m->all[m->n++];
}

const struct type_mask *type_masks_get(struct type_masks *m, uint64_t type, uint64_t elem_bytes)
{
	const struct known_type *k = NULL;
	uint32_t at;

	if (addrmap_get(m->by_addr, type, &at) == 0)
		k = m->all[at];
	else if (m->n < LIMIT_TYPES)
		k = remember(m, type);
	return k && k->mask.bits && k->mask.size_words <= elem_bytes / 8 ? &k->mask : NULL;
}

/* --- Variables --- */

/* runtime.bitvector: a count as i32, and the address of the bits. */
struct bitvector {
	int32_t n;
	uint32_t pad;
	uint64_t bits;
};

static int read_mask(struct go_runtime *rt, const struct bitvector *v, uint64_t start, uint64_t end,
		     uint64_t **bits, uint64_t *words)
{
	uint64_t n = end > start ? (end - start) / 8 : 0;
	uint64_t *ret;
	int r;

	/* The linker ends its program with the last pointer, so there may be fewer. */
	if (v->n < 0 || (uint64_t)v->n > n + 64 || n / 8 > LIMIT_VARIABLE_BITS)
		return -EBADMSG;
	ret = calloc(n / 64 + 2, sizeof(*ret));
	if (!ret)
		return -ENOMEM;
	r = v->n ? mem_read(rt->live, v->bits, ret, ((uint32_t)v->n + 7) / 8) : 0;
	if (r < 0) {
		free(ret);
		return r;
	}
	pointers_cut(ret, (n / 64 + 2) * 64, (uint64_t)v->n < n ? (uint32_t)v->n : n);
	*bits = ret;
	*words = n;
	return 0;
}

int module_masks_read(struct go_runtime *rt, struct module_masks *ret)
{
	/*
	 * moduledata ends with gcdatamask, gcbssmask, typemap, bad (moved away in Go 1.24) and next
	 * (runtime/symtab.go).
	 */
	uint32_t behind = rt->minor < 24 ? 48 : 40;
	struct bitvector v[2];
	int r;

	*ret = (struct module_masks){ 0 };
	if (rt->layout.module_next < (int32_t)behind)
		return -EBADMSG;
	r = mem_read(rt->live, rt->md.addr + (uint32_t)rt->layout.module_next - behind, v,
		     sizeof(v));
	if (r == 0)
		r = read_mask(rt, &v[0], rt->md.data, rt->md.edata, &ret->data, &ret->data_words);
	if (r == 0)
		r = read_mask(rt, &v[1], rt->md.bss, rt->md.ebss, &ret->bss, &ret->bss_words);
	if (r < 0)
		module_masks_done(ret);
	return r;
}

void module_masks_done(struct module_masks *m)
{
	free(m->data);
	free(m->bss);
	*m = (struct module_masks){ 0 };
}
