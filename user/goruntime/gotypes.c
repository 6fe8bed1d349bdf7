// SPDX-License-Identifier: Apache-2.0
#include "goruntime/gotypes.h"

#include <errno.h>

#include "base/span.h"
#include "model/limits.h"

/* internal/abi/type.go TFlagExtraStar: the name has a "*" in front that is not part of it. */
#define EXTRA_STAR 2

/* The file's bytes where they are constant; relocated memory otherwise. */
static int read_constant(struct go_runtime *rt, uint64_t addr, void *buf, size_t len)
{
	int r = mem_read(rt->constant, addr, buf, len);

	return r == -EFAULT ? mem_read(rt->chase, addr, buf, len) : r;
}

const char *gotype_name(struct go_runtime *rt, uint64_t type)
{
	const struct go_layout *l = &rt->layout;
	uint8_t head[6], tflag;
	char text[LIMIT_NAME];
	struct span s;
	size_t off = 1;
	int32_t str;
	uint32_t len;
	uint64_t name;

	if (type < rt->md.types || type >= rt->md.etypes)
		return NULL;
	if (read_constant(rt, type + l->type_str, &str, sizeof(str)) < 0 ||
	    read_constant(rt, type + l->type_tflag, &tflag, 1) < 0 || str <= 0)
		return NULL;
	/* internal/abi.Name: a byte of flags, the length as a varint, the bytes. */
	name = rt->md.types + (uint32_t)str;
	if (name >= rt->md.etypes || read_constant(rt, name, head, sizeof(head)) < 0)
		return NULL;
	s = span_of(head, sizeof(head));
	len = span_uvarint(&s, &off);
	if (s.overrun || len == 0 || len > sizeof(text) || name + off + len > rt->md.etypes)
		return NULL;
	if (read_constant(rt, name + off, text, len) < 0)
		return NULL;
	if (tflag & EXTRA_STAR && text[0] == '*')
		return len > 1 ? arena_intern(rt->arena, text + 1, len - 1) : NULL;
	return arena_intern(rt->arena, text, len);
}
