/* SPDX-License-Identifier: Apache-2.0 */
/* Names for addresses, once for each distinct stack. Strings are interned in the arena. */
#pragma once

#include "base/arena.h"
#include "goruntime/goroutines.h"
#include "image/pclntab.h"
#include "model/snapshot.h"

/* Fills stack and no_stack of the group from a walked goroutine. -ENOMEM. */
int symbolize_walk(struct pclntab *tab, const struct go_walk *w, struct arena *a,
		   struct group *ret);

/*
 * The innermost function at one pc, looked up at `lookup`; left alone when none covers it or pc
 * is 0. -ENOMEM.
 */
int symbolize_pc(struct pclntab *tab, uint64_t pc, uint64_t lookup, struct arena *a,
		 struct frame *ret);

/* Makes a frame's names outlive the table that they came from. */
void symbolize_own(struct arena *a, struct frame *f);

/* The same in every run of one binary: of names and lines, not of addresses. */
uint64_t symbolize_group_id(const struct group *g);
/* The same, and the labels do not count. */
uint64_t symbolize_site_id(const struct group *g);
