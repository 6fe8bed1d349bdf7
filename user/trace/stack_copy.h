/* SPDX-License-Identifier: Apache-2.0 */
/* A copied stack on its way from the kernel's record to a plain value. */
#pragma once

#include "base/arena.h"
#include "model/stack_copy.h"

struct ev_raw_stack;

/* Copies into the arena. -EBADMSG when the record lies about its length; -ENOMEM. */
int trace_stack_copy(struct arena *a, const struct ev_raw_stack *ev, struct stack_copy *ret);
