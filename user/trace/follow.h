/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Survivors of bursts, followed until they are known to be gone: by the programs, which see later
 * calls, by the headers that glibc keeps before each allocation, and by what they begin with.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "model/traced_mallocs.h"

/* Survivors that are followed; each is three small reads of the target a collect. */
enum { FOLLOW_MAX = 16384 };

struct follow;

/*
 * aged_fd: the map of addresses to indices. fates: what the programs write, FOLLOW_MAX words.
 * heap: the process's memory; borrowed like both. -ENOMEM.
 */
int follow_new(int aged_fd, volatile uint64_t *fates, struct mem *heap, struct follow **ret);
void follow_free(struct follow *f);
DEFINE_CLEANUP(struct follow, follow_free)

struct follow_survivor {
	uint64_t addr;
	uint64_t header;	/* the chunk's size word */
	uint64_t at_ns;		/* CLOCK_MONOTONIC */
	uint64_t print;		/* of its contents soon after: chunk_print(); 0 unknown */
};

/*
 * One more, and the id that it goes by: never 0, and never given out twice. The oldest is forgotten
 * when there is no room.
 */
int follow_add(struct follow *f, const struct follow_survivor *s, uint64_t *id);
/* It is of no more interest: it makes room, and nothing is said of it. */
void follow_drop(struct follow *f, uint64_t id);

/* What has become of whom since the last call: at most 2 * FOLLOW_MAX. 0, -ESRCH, -ENOMEM. */
int follow_ends(struct follow *f, uint64_t now_ns, struct traced_malloc_end *ends, size_t *n);

size_t follow_count(const struct follow *f);
