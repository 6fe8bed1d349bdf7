// SPDX-License-Identifier: Apache-2.0
#include "model/memory.h"

#include <string.h>

#include "model/c_memory.h"

static const char *const names[MEMORY_PARTS] = {
	[MEMORY_GO_HEAP_LIVE] = "go.heap.live",
	[MEMORY_GO_HEAP_FREE] = "go.heap.free",
	[MEMORY_GO_HEAP_LAZYFREE] = "go.heap.lazyfree",
	[MEMORY_GO_STACKS] = "go.stacks",
	[MEMORY_GO_METADATA] = "go.metadata",
	[MEMORY_GO_OTHER] = "go.other",
	[MEMORY_C_HEAP_USED] = "c.heap.used",
	[MEMORY_C_HEAP_FREE] = "c.heap.free",
	[MEMORY_C_MMAP] = "c.mmap",
	[MEMORY_THREAD_STACKS] = "thread.stacks",
	[MEMORY_FILE_TEXT] = "file.text",
	[MEMORY_FILE_DATA] = "file.data",
	[MEMORY_SHARED] = "shared",
	[MEMORY_KERNEL_OTHER] = "kernel.other",
	[MEMORY_UNEXPLAINED] = "unexplained",
};

const char *memory_part_name(enum memory_part part)
{
	return (unsigned int)part < MEMORY_PARTS ? names[part] : NULL;
}

int memory_part_find(const char *name)
{
	for (int i = 0; i < MEMORY_PARTS; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

uint64_t memory_trimmable(const struct memory_ledger *m)
{
	uint64_t pages = m->c && m->c->counted ? m->c->trimmable_bytes : MEMORY_UNKNOWN;
	uint64_t resident = m->part[MEMORY_C_HEAP_FREE];

	if (pages == MEMORY_UNKNOWN || resident == MEMORY_UNKNOWN)
		return MEMORY_UNKNOWN;
	return pages < resident ? pages : resident;
}
