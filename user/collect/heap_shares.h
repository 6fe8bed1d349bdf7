/* SPDX-License-Identifier: Apache-2.0 */
/* What lives in a Go heap by size and type: where there is no heap profile. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "goruntime/goruntime.h"
#include "model/heap_profile.h"

/*
 * Fills classes and types of *ret. Types are told by Go 1.22 and on, and there only of objects with
 * pointers and more than 512 bytes. A heap that cannot be read is no error: they stay NULL.
 * -ESRCH, -EPERM, -ENOMEM.
 */
int heap_shares_read(struct go_runtime *rt, struct arena *a, struct heap_profile *ret,
		     struct diag *d);
