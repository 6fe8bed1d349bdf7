/* SPDX-License-Identifier: Apache-2.0 */
/* The heap profile in the JSON's "memory" object. */
#pragma once

#include "model/heap_profile.h"
#include "report/json_value.h"

/* Adds heap_profile, heap_sites and, without a profile, heap_by_type and heap_by_size. */
void json_heap_profile(struct jvalue *memory, const struct heap_profile *p);
