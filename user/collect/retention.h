/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds the live Go heap: the graph of its objects, and as roots the packages' variables and
 * the goroutines' stacks, by name. The target goes on running: what moves meanwhile may be missed or
 * counted to a former holder.
 */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "goruntime/heap.h"
#include "image/elf.h"
#include "model/retained.h"
#include "model/snapshot.h"

struct retention_source {
	struct go_runtime *rt;
	struct go_heap *heap;
	struct elf_image *elf;		/* symbols, where it has some; may be NULL */
	/* Judged: whose goroutines are leaked. Its groups' heap_bytes are filled. May be NULL. */
	struct snapshot *snapshot;
	const char *module;		/* the main module, whose code names a site; or NULL */
	uint64_t max_bytes;		/* of our memory; 0: LIMIT_GRAPH_BYTES */
	uint64_t dwarf_bytes;		/* of DWARF that is unpacked for types; 0: none */
};

/*
 * Fills ret, which lies in the arena. What cannot be found out is no error: ret->why_not says so.
 * -ESRCH, -EPERM, -ENOMEM.
 */
int retention_take(const struct retention_source *src, struct arena *a, struct retained *ret,
		   struct diag *d);

/*
 * The same for a judged snapshot that has a ledger: fills its `retained`, or notes why it cannot
 * be. `cheap`: only where it takes little memory and less than a second.
 */
int retention_add(struct go_runtime *rt, struct elf_image *elf, bool cheap, struct snapshot *s,
		  struct diag *d);
