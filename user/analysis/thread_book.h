/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which births of threads are still there: sites of births, births and exits in, numbers out. Pure.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct thread_book;

struct thread_book_site {
	uint64_t born, alive;	/* noted, and of these not yet gone */
};

/* For sites 0 to n_sites - 1. NULL when memory is short. */
struct thread_book *thread_book_new(uint32_t n_sites);
void thread_book_free(struct thread_book *b);
DEFINE_CLEANUP(struct thread_book, thread_book_free)

/* A thread is told from a later one of its id by when it was born. -ENOSPC: it is not followed. */
int thread_book_born(struct thread_book *b, uint32_t site, pid_t tid, uint64_t born_ns);
/* One that is not in the book is ignored. */
void thread_book_gone(struct thread_book *b, pid_t tid, uint64_t born_ns);
/* Exits were missed: whoever was alive may not be. All numbers begin anew. */
void thread_book_forget(struct thread_book *b);

struct thread_book_site thread_book_at(const struct thread_book *b, uint32_t site);
