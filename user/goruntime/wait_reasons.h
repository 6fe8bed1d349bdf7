/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.waitReasonStrings: why a goroutine waits, in the target's own words. The numbers move
 * between releases (Go 1.25, 1.26) and the words do too, so the target's own table is read.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/mem.h"
#include "image/moduledata.h"

/*
 * Searches the module's data for the table: an empty string, then "GC assist marking" (so in all
 * of Go 1.18 to 1.27, runtime2.go), and on until something is no string. What lies behind the table
 * may happen to be strings and is taken along: only a number that no g.waitreason has reaches it.
 * `file` is tried first for the texts, `live` holds the table. -EOPNOTSUPP not found, or words that
 * every release has are missing.
 */
int wait_reasons_find(const struct moduledata *md, struct mem *live, struct mem *file,
		      struct arena *a, const char ***ret, uint32_t *ret_n, struct diag *d);
