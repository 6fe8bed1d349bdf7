/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of target/mem_frozen share. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/mem_frozen.h"

#define FROZEN_PAGE 4096
/* Memory is the bottleneck by then. */
#define FROZEN_THREADS_MAX 16

/* A range of the target and where its copy begins in the buffer. */
struct piece {
	uint64_t start, end, at;
};

struct pieces {
	struct piece *all;	/* ascending by `at`, without gaps there */
	size_t n, room;
};

/* Adds the next one; one that follows the last is made one with it. -ENOMEM. */
int frozen_pieces_add(struct pieces *p, uint64_t start, uint64_t end, uint64_t at);
/* Of n > 0: the last piece that begins at or before `at` in the buffer. */
size_t frozen_pieces_at(const struct piece *all, size_t n, uint64_t at);
/* The first piece, ascending by start, that ends behind addr; one past the last: none. */
const struct piece *frozen_pieces_behind(const struct pieces *p, uint64_t addr);

struct mem_frozen {
	const struct process *p;
	uint8_t *buffer;
	size_t mapped;
	_Atomic uint64_t *absent;	/* a bit a page of the buffer */
	struct pieces plan;	/* ascending by start, too */
	struct pieces more;
	struct pieces index;	/* of both by start, made at the end */
	uint64_t plan_bytes, room_bytes;

	pthread_t threads[FROZEN_THREADS_MAX];
	unsigned int n_threads;

	_Atomic uint64_t next;	/* of the plan: where the next portion begins */
	_Atomic uint64_t copied;
	_Atomic int err;	/* the first that stopped a thread */
	_Atomic uint64_t deadline_ns;	/* 0 none */
	_Atomic uint64_t misses, first_miss;
	uint64_t forget_from, forget_to;	/* of the buffer: to be given back */
	const struct frozen_range *without;
	size_t n_without;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock. */
	uint64_t limit;		/* of the plan: how much is copied this time */
	uint64_t more_next, more_end;	/* of the buffer: what is to do behind the plan */
	unsigned int round;	/* counts the copies that were begun */
	unsigned int working;
	bool complete;		/* nothing more comes in this round */
	bool over;		/* threads shall end */
};
