/* SPDX-License-Identifier: Apache-2.0 */
/* A small pclntab built as cmd/link does it: for unit tests and as a seed for fuzzing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "image/pclntab.h"

/* Where it stands; code at FAKE_TEXT. */
#define FAKE_TEXT 0x401000ull
#define FAKE_ETEXT 0x402000ull
#define FAKE_TAB 0x402000ull

/*
 * Functions of 0x100 bytes from FAKE_TEXT on:
 *   plain		lines 10 and, from +0x40, 11 of a.go; sp delta 0, then 24 from +0x10
 *   caller		lines 20.. of a.go; +0x20..+0x40 is middle (b.go:5), inlined at +0x10, and
 *			+0x30..+0x40 of it inner (b.go:7), inlined at +0x28
 *   wrapper		a wrapper
 *   gopanic		runtime.gopanic
 *   generic		main.generic[go.shape.int].func1
 *   twice		main.(*box[go.shape.[]string]).convert[go.shape.int]
 */
enum fake_func {
	FAKE_PLAIN,
	FAKE_CALLER,
	FAKE_WRAPPER,
	FAKE_GOPANIC,
	FAKE_GENERIC,
	FAKE_TWICE,
	FAKE_FUNCS
};

struct fake_pclntab {
	uint8_t bytes[2048];
	size_t len;
	struct pclntab_where where;
	size_t at_names, at_cutab, at_pctab, at_ftab, at_tree;	/* offsets, for damage */
};

void fake_pclntab_build(int minor, struct fake_pclntab *ret);

/* Address `off` bytes into a function. */
static inline uint64_t fake_pc(enum fake_func f, uint64_t off)
{
	return FAKE_TEXT + 0x100 * (uint64_t)f + off;
}
