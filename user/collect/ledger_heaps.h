/* SPDX-License-Identifier: Apache-2.0 */
/* Who claims which bytes of a process's memory: the Go runtime's heap and the C library's. */
#pragma once

#include <stdbool.h>

#include "analysis/ledger.h"
#include "base/arena.h"
#include "base/diag.h"

struct c_memory;
struct go_memstats;
struct go_runtime;
struct ledger_notes;
struct maps;
struct subject;

struct ledger_heaps {
	bool go_known, c_known;		/* the layers below are */
	bool go_unread;			/* there is Go, and its layer is not known */
	bool go_partly;			/* some claims are missing in it */
	bool native;			/* there is a C library */
	struct ledger_layer go, c;
	const struct go_memstats *memstats;	/* NULL unknown */
	const struct c_memory *c_memory;	/* NULL unknown */
};

/*
 * What cannot be read is not known, and a note says why; -ESRCH and -ENOMEM alone are errors. Both
 * fill their own part of *ret.
 */
int ledger_heaps_go(struct go_runtime *rt, struct arena *a, struct ledger_notes *notes,
		    struct ledger_heaps *ret, struct diag *d);
/* After the other. stacks: claims of threads' stacks, where no chunk is looked for either. */
int ledger_heaps_c(const struct subject *subject, const struct maps *maps,
		   const struct ledger_layer *stacks, struct arena *a, struct ledger_notes *notes,
		   struct ledger_heaps *ret, struct diag *d);
