// SPDX-License-Identifier: Apache-2.0
#include "base/self.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

uint64_t self_rss_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Of a thread alone, as Linux has it (setpriority(2), NOTES). */
int self_hurry(void)
{
	int before = getpriority(PRIO_PROCESS, 0);

	setpriority(PRIO_PROCESS, 0, -20);
	return before;
}

void self_calm(int before)
{
	setpriority(PRIO_PROCESS, 0, before);
}

/* Left to itself, malloc() takes the largest block that was ever freed for a small one. */
#define LARGE_BYTES (128 * 1024)

void self_keep_small(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
	mallopt(M_ARENA_MAX, 2);
}
