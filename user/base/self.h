/* SPDX-License-Identifier: Apache-2.0 */
/* What loiter itself takes, and when. */
#pragma once

#include <stdint.h>

/* Resident memory; 0 unknown. */
uint64_t self_rss_bytes(void);

/*
 * For a process that stays: large blocks go back to the system as soon as they are freed, instead of
 * lying about between small ones that are kept, and threads share what is free. Of all of it, for good.
 */
void self_keep_small(void);

/*
 * The calling thread goes before all others, and so do threads that it makes, until self_calm() of
 * what this returns: for work that somebody stands still for. Without CAP_SYS_NICE it takes its turn.
 */
int self_hurry(void);
void self_calm(int before);
