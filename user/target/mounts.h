/* SPDX-License-Identifier: Apache-2.0 */
/* Which file systems of a process are memory: files in them are nowhere else. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum mount_kind {
	MOUNT_FILES,
	MOUNT_MEMORY,		/* tmpfs, and the kernel's own for memfd, SysV and the like */
	MOUNT_HUGE_PAGES,	/* hugetlbfs */
};

struct mount {
	uint64_t dev;
	enum mount_kind kind;	/* never MOUNT_FILES */
};

struct mounts {
	struct mount *all;
	size_t n;
};

struct process;

/* What could not be read is not in it. -ENOMEM. */
int mounts_read(const struct process *p, struct mounts **ret);
/* Parses the text of a mountinfo file: the part that is fuzzed. -ENOMEM. */
int mounts_parse(const char *text, struct mounts **ret);
void mounts_free(struct mounts *m);
DEFINE_CLEANUP(struct mounts, mounts_free)

enum mount_kind mounts_kind(const struct mounts *m, uint64_t dev);
