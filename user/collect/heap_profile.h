/* SPDX-License-Identifier: Apache-2.0 */
/* The heap profile of a Go program, with names. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "goruntime/goruntime.h"
#include "model/heap_profile.h"

/*
 * Reads it into the arena. One that is not there, or cannot be read or believed, is no error: the
 * state and the reason are in *ret, and what lives by size and type, as far as that can be known.
 * -ESRCH, -EPERM, -ENOMEM.
 */
int heap_profile_read(struct go_runtime *rt, struct arena *a, struct heap_profile **ret,
		      struct diag *d);
