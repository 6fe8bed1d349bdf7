/* SPDX-License-Identifier: Apache-2.0 */
/* What hardware watchpoints cost while nobody touches them: registers are set at each switch. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * One watchpoint in one thread (0: the caller's), inherited by those that it makes: a descriptor,
 * or -errno. An address that is a multiple of 8.
 */
int watchpoint_fd(pid_t tid, uint64_t addr);

/*
 * CPU time that one watchpoint takes each time that a thread which has it is put on a processor.
 * Measured once, by some 20 ms of two threads that wake each other. 0: it could not be.
 */
double watchpoint_switch_ns(void);
