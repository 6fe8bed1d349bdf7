/* SPDX-License-Identifier: Apache-2.0 */
/* Names of Go types out of the runtime's own type data. */
#pragma once

#include <stdint.h>

#include "goruntime/goruntime.h"

/*
 * "error", "*http.Request", "map[string]int" as %T prints it, for the address of a runtime type
 * (internal/abi.Type); NULL when it is not one of this module or malformed. Interned in rt->arena.
 */
const char *gotype_name(struct go_runtime *rt, uint64_t type);
