/* SPDX-License-Identifier: Apache-2.0 */
/* Sites of C allocations of one process over time, with their stacks in both languages. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/goroutine.h"

struct c_heap_site {
	uint64_t id;		/* of the stacks; the same as long as the process runs */
	struct stack c;		/* innermost first, from the caller of malloc() on */
	struct stack go;	/* of the goroutine that called C; n 0: none, or not known */
	/* Sampled allocations that survived their burst: see analysis/malloc_sites.h. */
	uint64_t survivors, gone, here, here_bytes, aged, aged_bytes;
	uint64_t oldest_ns;
	uint64_t rewritten;	/* whose contents changed when they were of age */
	/* Of those that hardware watchpoints were set on; and those that are watched now. */
	uint64_t touched, untouched, watching;
	double watched_s;	/* each of the untouched, at least */
	double share;		/* of the bytes of the aged ones of all sites that are not in use */
	bool in_use;		/* one was seen to go, to change or to be touched */
	bool candidate;		/* not in use, and enough of age. Not: a leak */
	bool suspect;		/* and enough of them were watched, in vain */
};

struct c_heap {
	struct c_heap_site *sites;	/* suspects first, then candidates, then by bytes of age */
	size_t n_sites;
	const char *unwatched;	/* why watchpoints cannot be had; NULL: they can */
	unsigned int bursts;		/* since the look before, as all below */
	uint64_t armed_ns;
	uint64_t hits;			/* traps */
	uint64_t allocs, bytes;		/* while armed */
	uint64_t lost;			/* allocations that found no place, and survivors left out */
};
