/* SPDX-License-Identifier: Apache-2.0 */
/* The free chunks of an arena, by following its bins. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "native/glibc_arena.h"
#include "native/glibc_fastbins.h"

struct glibc_free {
	uint64_t addr, bytes;
	bool fastbin;
};

struct glibc_lists {
	struct glibc_free *all;	/* ascending after glibc_lists_read(); malloc'ed */
	size_t n, size;
	size_t left;		/* chunks that may be followed yet, over all arenas */
};

void glibc_lists_done(struct glibc_lists *l);

/*
 * All free chunks. -EAGAIN when a chain makes no sense (it changed meanwhile, or is forged) or
 * chunks overlap; -ENOSPC when there are more than l->left; -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_lists_read(const struct glibc_source *s, const struct glibc_arena *av,
		     struct glibc_fastbins *f, struct glibc_lists *l);
