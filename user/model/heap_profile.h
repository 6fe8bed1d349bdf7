/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the live heap of a Go program was allocated, as its own profiler has sampled it, or what
 * can be said without: bytes by size class and by type. Plain values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/goroutine.h"
#include "model/limits.h"

enum heap_profile_state {
	HEAP_PROFILE_UNKNOWN,		/* it was not found, or failed its validation: `why` */
	HEAP_PROFILE_READ,
	HEAP_PROFILE_LINKED_OUT,	/* the program cannot take one, so it records nothing */
	HEAP_PROFILE_OFF,		/* runtime.MemProfileRate is 0: sites are from before */
};
/* "unknown", "read", "linked-out", "off": the JSON contract's words. */
const char *heap_profile_state_name(enum heap_profile_state s);

/*
 * Allocations of one size by one stack: a bucket of the runtime's. Of every object that was
 * allocated only some are recorded, one in `rate` bytes: these are counts of the recorded ones.
 * analysis/heap_sites.h estimates from them what they stand for.
 */
struct heap_site {
	const uint32_t *frames;		/* indices into heap_profile.frames, innermost first */
	uint32_t n_frames;
	bool truncated;			/* the stack is deeper than the runtime keeps, or we */
	uint64_t object_bytes;		/* of each object, as asked for */
	uint64_t allocs, frees;		/* frees <= allocs */
};

/* Live objects of one size class, or of one type. */
struct heap_share {
	const char *type;		/* as %T prints it; NULL: unknown, or a size class */
	uint64_t object_bytes;		/* of each; 0: they differ */
	uint64_t objects, bytes;
	uint64_t typed_objects, typed_bytes;	/* of a size class: those that `types` has too */
};

struct heap_profile {
	enum heap_profile_state state;
	const char *why;		/* a sentence: why there are no sites; or NULL */
	int64_t rate;			/* runtime.MemProfileRate; WAIT_UNKNOWN */
	/*
	 * No collection has been completed: what was freed is not known. Otherwise the profile is
	 * of the end of the last or last but one collection's marking, as runtime/pprof tells it.
	 */
	bool before_first_gc;
	bool unsettled;			/* the runtime moved it on under every attempt to read it */
	bool cut;			/* a LIMIT_HEAP_ was met: there are more sites or frames */
	uint64_t odd;			/* buckets that contradict themselves: left out */
	const struct frame *frames;	/* of the sites' stacks, each once */
	size_t n_frames;
	const struct heap_site *sites;	/* in no particular order */
	size_t n_sites;

	/* What lives, from spans; for a program without a profile. NULL: not known or not asked. */
	const struct heap_share *classes;	/* ascending by size; 0 bytes: large objects */
	size_t n_classes;
	const struct heap_share *types;		/* most bytes first; the rest has no known type */
	size_t n_types;
	bool types_estimated;			/* from a part of the objects */
};

/* The stack of a site, out of the frames that sites share; `frames` is the caller's room for it. */
void heap_site_stack(const struct heap_profile *p, const struct heap_site *s,
		     struct frame frames[LIMIT_FRAMES], struct stack *ret);
