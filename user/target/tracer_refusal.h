/* SPDX-License-Identifier: Apache-2.0 */
/* Why ptrace(2) was refused: who traces already, whose it is, which rule of the system. */
#pragma once

#include <sys/types.h>

#include "base/diag.h"

struct process;

/*
 * What a PTRACE_SEIZE of the thread that failed with `err` (positive) means: 0 the thread is over,
 * and nothing is left of it to be stopped; -EBUSY, -EPERM or -err, with the sentence.
 */
int tracer_refusal(const struct process *p, pid_t tid, int err, struct diag *d);
