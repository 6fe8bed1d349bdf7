/* SPDX-License-Identifier: Apache-2.0 */
/* One runtime.g out of its bytes, and what can be said of it by itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "goruntime/goroutines.h"
#include "goruntime/layout.h"

/* Bytes of runtime.g up to the last field that gstruct_parse() reads. */
uint32_t gstruct_bytes(const struct go_layout *l);

/* b: gstruct_bytes() of them, read at addr. */
void gstruct_parse(const struct go_layout *l, const uint8_t *b, uint64_t addr, struct go_g *g);

/*
 * Nothing has changed between two looks that could make the stack in between another's: goid,
 * state, saved registers, stack bounds, trackingSeq, wait reason and record.
 */
bool gstruct_same(const struct go_g *a, const struct go_g *b);

/* False for a running one: its saved registers are stale. */
bool gstruct_has_stack(const struct go_g *g);
/* Neither here nor there: being created, ended, or an extra M's that C does not run. */
bool gstruct_is_nobody(const struct go_g *g);
/* sp is aligned and lies in bounds that could be a stack's. */
bool gstruct_sane_stack(const struct go_g *g);
