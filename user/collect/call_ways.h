/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways through a function of the target's, with the names of those whom it calls: what
 * goruntime/code_flow.h has, and calls that never return bar the way. Not while a scan runs: it
 * asks the runtime's table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "goruntime/code_flow.h"
#include "goruntime/goruntime.h"

/* The function that `pc` lies in. Errors of pclntab_find() and code_flow_open(). */
int call_ways_open(struct go_runtime *rt, uint64_t pc, struct code_flow **ret);

/* The function that is called, by its entry; NULL. Lives as long as the runtime's table. */
const char *call_ways_name(struct go_runtime *rt, const struct code_call *c);

/* Does a way lead from where the call returns to (pc) back to the call? */
bool call_ways_comes_again(struct go_runtime *rt, uint64_t pc);
