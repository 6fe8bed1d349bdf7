/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only smaps tells. While the kernel makes it, the process cannot map memory, for 40 ms a GiB
 * where that is one mapping: never without being asked for.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct process;

/*
 * Bytes that the kernel may take when it needs them (MADV_FREE), of all mappings. -ESRCH, -EPERM,
 * -ENOMEM; -EBADMSG: this kernel does not tell (before Linux 4.12).
 */
int smaps_lazyfree(const struct process *p, uint64_t *ret);

/* The part that is fuzzed: a text that comes in pieces. */
struct smaps_sum {
	char line[64];		/* the beginning of the one that is not whole yet */
	size_t n;
	uint64_t lazyfree;
	uint64_t lines;		/* that told of it */
};
void smaps_add(struct smaps_sum *s, const char *text, size_t len);
