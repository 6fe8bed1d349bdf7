/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at what the threads of a process sleep for, by /proc and its memory alone: it needs no
 * BPF, sees waits that began before us, and stops nobody.
 */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/mem.h"
#include "model/locks.h"

struct modules;
struct process;

/*
 * Every thread that sleeps in a futex and may wait for a lock, with its stack (of a crowd at one
 * lock the first LIMIT_LOCK_SAMPLE, and those that hold a lock themselves); and every thread
 * that holds a lock which another one waits for, with its own stack when it sleeps elsewhere. A
 * thread that moved while it was read is counted and left out. Reads the mappings again first.
 * -ESRCH, -EPERM, -ENOMEM.
 *
 * hints, by tid, may be NULL: with them waits have an age, and the walk of a stack never has to
 * search for a frame pointer, of which /proc does not tell. One that is out of date is not used.
 */
int lock_look_take(const struct process *p, struct modules *m, struct mem *live,
		   const struct lock_hint *hints, size_t n_hints, struct arena *a,
		   struct lock_look *ret, struct diag *d);
