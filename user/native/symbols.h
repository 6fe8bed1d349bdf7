/* SPDX-License-Identifier: Apache-2.0 */
/* Names for the addresses of C stacks, whoever walked them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/goroutine.h"

struct modules;

/*
 * Frames for n addresses, innermost first, return addresses but for the first. With `with_lines`,
 * and where the file has DWARF: inlined calls, file and line. Else the function by the symbol
 * table. Where no symbol covers the pc, function is "libx.so+0x1234" and entry 0; where there is
 * not even a file, function is NULL. -ENOMEM.
 */
int symbols_stack(struct modules *m, const uint64_t *pcs, uint32_t n, bool truncated,
		  bool with_lines, struct arena *a, struct stack *ret);

/* The function alone, by the symbol table; NULL when none covers it. Stands until the next call. */
const char *symbols_function(struct modules *m, uint64_t pc, bool return_address);
