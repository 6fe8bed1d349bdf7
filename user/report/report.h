/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms in which a snapshot leaves the program. All write to a FILE and escape what they
 * print. They rely on verdict_judge(): user groups come before system groups.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "model/snapshot.h"

struct report_options {
	bool colour;		/* text only */
	unsigned int width;	/* text only: columns to keep to; 80 when not a terminal */
	unsigned int top;	/* text only: groups shown, 0 for all */
	bool list;		/* text only: every goroutine too, when snapshot.goroutines is there */
	const char *version;	/* of loiter, for the JSON */
};

/* Each: 0, or -EIO / -ENOMEM. A short write shows in ferror(out) and is the caller's to check. */
int report_text(const struct snapshot *s, FILE *out, const struct report_options *o);
/*
 * loiter.snapshot/1. Addresses and group ids are strings ("0x...", 16 hex digits), for JSON numbers
 * lose bits beyond 2^53; "group" of a goroutine or a finding is the group's id.
 */
int report_json(const struct snapshot *s, FILE *out, const struct report_options *o);
/* Brendan Gregg's folded stacks, root first: "main.main;main.f 12". */
int report_folded(const struct snapshot *s, FILE *out, const struct report_options *o);
/* A self-contained SVG of the same. */
int report_flamegraph(const struct snapshot *s, FILE *out, const struct report_options *o);
/* runtime/pprof's goroutine profile with debug=1 (groups) and debug=2 (each goroutine; needs
 * snapshot.goroutines). */
int report_debug1(const struct snapshot *s, FILE *out, const struct report_options *o);
int report_debug2(const struct snapshot *s, FILE *out, const struct report_options *o);
/*
 * profile.proto, gzip'ed. Sample types: goroutine/count; wait/nanoseconds, a lower bound of all
 * waits together (each goroutine's when snapshot.goroutines is there, else the longest one's
 * alone); stack/bytes. Labels: state, wait_reason, pattern and the target's own.
 */
int report_pprof(const struct snapshot *s, FILE *out, const struct report_options *o);

/*
 * The goroutineleak profile of Go 1.27, in the same form: those that are proven or likely leaked.
 * One sample type, goroutineleak/count.
 */
int report_goroutineleak(const struct snapshot *s, FILE *out, const struct report_options *o);

/*
 * The heap profile in the same form: snapshot.heap_profile, which must be there. Sample types are
 * runtime/pprof's, alloc_objects, alloc_space, inuse_objects and inuse_space, and scaled as it
 * does; the period is runtime.MemProfileRate. Of a program without a profile: what lives by type, and by
 * size class where the type is not known, as if each were a function.
 */
int report_pprof_heap(const struct snapshot *s, FILE *out, const struct report_options *o);

/* The goroutineleak profile with debug=1, as text. */
int report_goroutineleak_text(const struct snapshot *s, FILE *out, const struct report_options *o);
/* The heap profile with debug=1: snapshot.heap_profile, which must be HEAP_PROFILE_READ. */
int report_heap_debug1(const struct snapshot *s, FILE *out, const struct report_options *o);

/* The threadcreate profile: the threads there are, without stacks; and as text, with debug=1. */
int report_threadcreate(const struct snapshot *s, FILE *out, const struct report_options *o);
int report_threadcreate_text(const struct snapshot *s, FILE *out, const struct report_options *o);

/* A row a format: cmd/ and the man page check read the same table. */
struct report_format {
	const char *name;	/* as --format takes it */
	const char *help;
	int (*write)(const struct snapshot *s, FILE *out, const struct report_options *o);
	/* What it writes with --memory, when that is something else; or NULL. */
	int (*write_memory)(const struct snapshot *s, FILE *out, const struct report_options *o);
	bool binary;		/* refused on a terminal */
	bool needs_goroutines;	/* snapshot.goroutines must be filled */
	bool shows_leaks;	/* it has a place for who is leaked, */
	bool needs_leaks;	/* or nothing else */
};
extern const struct report_format report_formats[];	/* ends with a NULL name */
const struct report_format *report_format_find(const char *name);
