/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.proto, gzip'ed, piece by piece. A Profile that is cut in pieces means the same as the
 * whole (protobuf merges them), so each string, function, location and sample leaves as soon as it
 * is known and only the tables of what was numbered stay in memory.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "profile.pb-c.h"

#include "model/snapshot.h"
#include "report/gzip.h"
#include "report/pprof_table.h"

struct pprof {
	struct gzip gzip;
	struct arena *arena;
	struct pprof_table strings, functions, locations;
	uint8_t *buf;		/* packed pieces pass through it */
	size_t buf_size;
	uint64_t lowest, highest;	/* addresses of locations */
	bool begun;		/* gzip */
	int err;		/* the first failure, sticky: nothing is written after it */
};

struct pprof_head {
	const char *const (*types)[2];	/* of the samples' values, with their units */
	size_t n_types;
	const char *default_type;	/* of `types` */
	const char *const *period_type;	/* of its unit */
	int64_t period;
	struct timespec time;
};

/* Starts a profile with its head. 0 or -ENOMEM, -EIO; pprof_end() is to be called in any case. */
int pprof_begin(struct pprof *p, FILE *out, const struct pprof_head *head);
/* Writes the mapping and what is left, and frees all. The first error of all. */
int pprof_end(struct pprof *p, const struct process_info *process);

/* Index of a string of target bytes; NULL is index 0, "". */
int64_t pprof_string(struct pprof *p, const char *s);
void pprof_comment(struct pprof *p, const char *text);
/* Numbers the locations of a stack and writes what is new; how many. */
size_t pprof_stack(struct pprof *p, const struct stack *s, uint64_t ids[LIMIT_FRAMES]);
/* Adds a label to the sample, in the room given; none when value is NULL. */
void pprof_label(struct pprof *p, Pprof__Sample *sample, Pprof__Label *room, const char *key,
		 const char *value);
/* The same with a number. */
void pprof_number(struct pprof *p, Pprof__Sample *sample, Pprof__Label *room, const char *key,
		  int64_t value);
void pprof_sample(struct pprof *p, Pprof__Sample *sample);
