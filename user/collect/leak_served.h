/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a goroutine wait on channels that are fields of objects which its own stack holds? That is
 * what a worker looks like whose owner was forgotten.
 */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "goruntime/goroutines.h"
#include "goruntime/goruntime.h"
#include "model/goroutine.h"

/* The words of one stack that may point to such an object. */
struct leak_witness;

/*
 * Keeps what can only be seen while the walk's stack is there; *ret is left alone when there is
 * something, or nothing is worth it. -ENOMEM.
 */
int leak_witness_note(const struct go_walk *w, const struct wait_object *object, struct arena *a,
		      struct leak_witness **ret);

/* The heap that such objects lie in. */
struct leak_served;
/* Where it cannot be read, nothing is in it. -ENOMEM. */
int leak_served_open(struct go_runtime *rt, struct leak_served **ret);
void leak_served_free(struct leak_served *l);
DEFINE_CLEANUP(struct leak_served, leak_served_free)

/* Start and length (1 KiB at most) of the object with pointers that addr points into; 0 none. */
uint64_t leak_served_object(const struct leak_served *l, uint64_t addr, size_t *len);

/* stack: the same one, with names. False where that is not seen. */
bool leak_served_find(struct go_runtime *rt, const struct leak_served *l,
		      const struct leak_witness *w, const struct stack *stack);
