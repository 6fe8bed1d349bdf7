/* SPDX-License-Identifier: Apache-2.0 */
/* Ledgers made of literals, for the samples of samples.h. */
#pragma once

#include <stdint.h>

#include "base/arena.h"

struct memory_ledger;

struct memory_ledger *sample_ledger_typical(struct arena *a);
/* names: of files, and as notes. */
struct memory_ledger *sample_ledger_hostile(struct arena *a, const char *const *names, uint32_t n);
struct memory_ledger *sample_ledger_huge(struct arena *a);
