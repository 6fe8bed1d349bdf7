/* SPDX-License-Identifier: Apache-2.0 */
/* What Go's own two text forms of a goroutine profile share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/goroutine.h"

/* In double quotes, as fmt's %q writes it (strconv.Quote). */
void go_quote(const char *s, FILE *out);

/*
 * Does `pc` end a frame of the machine's stack? Logical frames that are inlined into the next one
 * share its pc.
 */
bool go_frame_is_physical(const struct stack *s, uint32_t i);

/* A return address is looked up, and shown, by the call before it (runtime.CallersFrames). */
uint64_t go_call_pc(const struct frame *f);

/* Of debug=1: " 0x4a1b2c" for each address of the stack; its frames, a line each, and a blank. */
void go_print_addresses(const struct stack *s, FILE *out);
void go_print_stack(const struct stack *s, FILE *out);
