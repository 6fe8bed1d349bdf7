/* SPDX-License-Identifier: Apache-2.0 */
/* memory.retained_by and memory.retained of the JSON. */
#pragma once

#include "model/snapshot.h"
#include "report/json_value.h"

/* Adds both to the memory object. s: whose groups they refer to. */
void json_retained(struct jvalue *memory, const struct snapshot *s);
