/* SPDX-License-Identifier: Apache-2.0 */
/* What the memory of a watched process grew by, from a first ledger to a last one. */
#pragma once

#include "base/cleanup.h"
#include "base/diag.h"
#include "model/snapshot.h"

struct go_runtime;
struct ledger_growth;
struct subject;

/*
 * The first ledger, with who holds the heap, as far as both are cheap: else *ret is NULL, and
 * nothing will be told. now: of the same process at about this time, for the numbers that no ledger
 * has. rt NULL: no Go. -ESRCH, -EPERM, -ENOMEM.
 */
int ledger_growth_begin(const struct subject *subject, struct go_runtime *rt,
			const struct snapshot *now, struct ledger_growth **ret, struct diag *d);
void ledger_growth_free(struct ledger_growth *g);
DEFINE_CLEANUP(struct ledger_growth, ledger_growth_free)

/*
 * Gives s, which is judged, its ledger, and adds findings on what of Go's heap grew, and of what
 * nobody can explain. As above.
 */
int ledger_growth_end(const struct ledger_growth *g, const struct subject *subject,
		      struct go_runtime *rt, struct snapshot *s, struct diag *d);
