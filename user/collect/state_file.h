/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node knew of its processes, in a small file, so that a restart of loiter does not begin
 * anew: how their figures ran, which of their sites were seen to grow. Times are seconds of
 * CLOCK_BOOTTIME, which nobody sets and which ends with the boot that the file is of.
 *
 * The file is ours, and yet read as anybody's: it may be cut off, or of another release.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "model/node.h"

enum {
	STATE_BOOT_ID = 36,	/* characters of /proc/sys/kernel/random/boot_id */
	STATE_SERIES = 24,	/* values of a figure that are kept, at most */
};

struct state_value {
	double at_s;
	uint64_t value;
};

struct state_series {
	const struct state_value *all;	/* ascending in time */
	uint32_t n;
};

/* A site that was seen to grow. */
struct state_site {
	uint64_t id;
	uint64_t count;		/* of its goroutines, when it was written */
};

struct state_process {
	int pid;
	/* Both tell it from any other that has its pid, or that runs in it after an exec. */
	uint64_t start_time, start_stack;
	struct node_tally tally;
	struct node_history history;	/* elapsed_s: by CLOCK_BOOTTIME */
	double gap_s;		/* between its points */
	struct state_series rss, threads;
	const struct state_site *sites;
	uint32_t n_sites;
};

struct state {
	char boot_id[STATE_BOOT_ID + 1];
	double saved_s;
	const struct state_process *all;	/* ascending by pid */
	uint32_t n;
};

/* The bytes of a file, malloc'ed: the caller frees. -EFBIG it would be too large, -ENOMEM. */
int state_encode(const struct state *s, void **ret, size_t *ret_len);

/*
 * -EBADMSG not such a file, cut off or changed (its checksum is wrong); -EOPNOTSUPP of a release
 * that writes another form; -ENOMEM. The diag says which.
 */
int state_decode(const void *bytes, size_t len, struct arena *a, struct state *ret,
		 struct diag *d);

/*
 * Writes the bytes as the state file of a directory: whoever reads it, then or after a crash, finds
 * the old one or the new one whole. -errno (-ENOSPC ...); then the old one is there.
 */
int state_write(const char *dir, const void *bytes, size_t len, struct diag *d);

/* Reads and decodes it. -ENOENT there is none; -EFBIG; errors of reading and of state_decode(). */
int state_read(const char *dir, struct arena *a, struct state *ret, struct diag *d);
