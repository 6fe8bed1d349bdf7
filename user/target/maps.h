/* SPDX-License-Identifier: Apache-2.0 */
/* The mappings of a process (or those that a core recorded), in address order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct mapping {
	uint64_t start, end;	/* [start, end) */
	uint64_t offset;	/* in the file */
	uint64_t dev, ino;	/* 0 for anonymous memory */
	bool readable, writable, executable, shared;
	bool deleted;		/* the path had " (deleted)" behind it */
	const char *path;	/* as /proc prints it, without that; "" when none */
};

struct maps {
	struct mapping *all;
	size_t n;
	char *text;		/* what the paths point into */
};

struct process;

/* -ESRCH, -EPERM, -ENOMEM. */
int maps_read(const struct process *p, struct maps **ret, struct diag *d);
/*
 * Parses the text of a maps file: the part that is fuzzed. -EBADMSG on what no kernel prints. The
 * file of a running process is read in several pieces, so a mapping that grew in between may show
 * twice: overlaps are cut, the first one stands.
 */
int maps_parse(const char *text, size_t len, struct maps **ret, struct diag *d);
void maps_free(struct maps *m);
DEFINE_CLEANUP(struct maps, maps_free)

/* The mapping that holds addr, or NULL. */
const struct mapping *maps_find(const struct maps *m, uint64_t addr);

/*
 * Opens the file behind a mapping through /proc/PID/map_files (or /proc/PID/exe where that is the
 * same inode): the very inode that is mapped, whatever its path says now. Falls back to the path
 * below /proc/PID/root when map_files is refused, and then the inode must match. Regular files
 * only (-EINVAL): opening a device may have an effect. fd or -errno; -ENOENT nothing to open.
 */
int maps_open_file(const struct process *p, const struct mapping *m, struct diag *d);
