/* SPDX-License-Identifier: Apache-2.0 */
/* What one process allows: may it be read and probed, and is its Go runtime one that we know? */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/diag.h"
#include "model/feature.h"

/*
 * Adds the rows. A process that may not be read is no error but a row; -ESRCH there is none;
 * -ENOMEM.
 */
int examine_process(pid_t pid, struct arena *a, struct features *ret, struct diag *d);
