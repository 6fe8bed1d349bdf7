/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of one process: what it maps, which pages of that are resident, and whose they are. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "model/memory.h"

struct go_runtime;
struct subject;

enum ledger_wish {
	LEDGER_IF_CHEAP,	/* unless it would take more than a second */
	LEDGER_ALWAYS,
	LEDGER_LAZYFREE,	/* and bytes that the kernel may take back, which takes smaps */
	LEDGER_NEVER,
};

/*
 * Of a running process, in the arena; rt NULL: no Go. What cannot be told is unknown or
 * unexplained, with a note. *ret NULL: it was not wanted, or would have taken too long, and *why
 * has the sentence. -ESRCH, -EPERM its mappings may not be read, -ENOMEM.
 */
int ledger_read(const struct subject *subject, struct go_runtime *rt, enum ledger_wish wish,
		struct arena *a, struct memory_ledger **ret, const char **why, struct diag *d);

/* Sentences for memory_ledger.notes. */
struct ledger_notes {
	struct arena *arena;
	const char *all[24];
	uint32_t n;
};

/* Once however often it is said; beyond the last place: not. */
void ledger_note(struct ledger_notes *n, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
