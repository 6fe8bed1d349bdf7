/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of a memory ledger. */
#pragma once

#include "model/memory.h"
#include "report/json_value.h"

struct jvalue json_ledger(const struct memory_ledger *m);
