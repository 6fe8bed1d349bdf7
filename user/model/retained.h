/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the live heap: roots by name, with the bytes that are reached from them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/goroutine.h"

enum retainer_kind {
	RETAINER_VARIABLE,	/* of a package */
	RETAINER_GOROUTINES,	/* the stacks of those that stand at one site */
	RETAINER_RUNTIME,	/* the Go runtime itself: timers, pools, caches, finalizers */
	RETAINER_KINDS
};
/* "variable", "goroutines", "runtime": the JSON contract's words. */
const char *retainer_kind_name(enum retainer_kind k);

struct retainer {
	enum retainer_kind kind;
	/*
	 * "main.cache"; where there are no symbols ".bss+0x1a40"; of goroutines the site that they
	 * stand at, "main.worker main.go:12". What is no variable, "(finalizers)".
	 */
	const char *name;
	const char *type;	/* of the variable, by DWARF; NULL unknown */
	const char *users;	/* without symbols: functions that use it, "main.fill"; or NULL */
	/* Reached from it first: it is the nearest of its kind, and variables come before stacks. */
	uint64_t bytes, objects;
	/* Reached from nothing else: garbage as soon as this one lets go. */
	uint64_t exclusive_bytes, exclusive_objects;
	const char *path;	/* the way to the most of it, "main.cache -> map -> []uint8"; or NULL */
	/* Of goroutines: */
	uint64_t goroutines;
	uint32_t group;		/* index of their group in the snapshot; UINT32_MAX several or none */
	enum verdict verdict;	/* the gravest of their groups */
};

/* All of it, in an arena. */
struct retained {
	const struct retainer *all;	/* most bytes first; those with little left out */
	uint32_t n;
	uint64_t other_bytes;		/* first reached by those left out */
	uint64_t live_bytes, live_objects;	/* reached at all */
	uint64_t garbage_bytes;		/* allocated and not reached: the next collection's */
	uint64_t shared_bytes;		/* reached from several, so exclusive to none */
	uint64_t leaked_bytes;		/* exclusive to sites of goroutines that are leaked */
	uint64_t unread_bytes;		/* of objects that could not be read */
	uint64_t memory_bytes;		/* of loiter's own, that it took to find out */
	bool by_section;		/* no symbols: variables are called by where they stand */
	bool conservative;		/* some stacks were taken word by word */
	const char *why_not;		/* nothing above is known, and why; else NULL */
};
