// SPDX-License-Identifier: Apache-2.0
#include "model/traced_memory.h"

static const char *const words[TRACED_MEMORY_KINDS] = {
	[TRACED_MMAP_ANON] = "mmap",
	[TRACED_MMAP_FILE] = "mmap of a file",
	[TRACED_MMAP_RESERVE] = "mmap without access",
	[TRACED_MUNMAP] = "munmap",
	[TRACED_MREMAP_GROW] = "mremap, larger",
	[TRACED_MREMAP_SHRINK] = "mremap, smaller",
	[TRACED_BRK_GROW] = "brk, up",
	[TRACED_BRK_SHRINK] = "brk, down",
	[TRACED_MADV_DONTNEED] = "madvise(DONTNEED)",
	[TRACED_MADV_FREE] = "madvise(FREE)",
	[TRACED_FAULT] = "page fault",
	[TRACED_FAULT_WRITE] = "write fault",
};

const char *traced_memory_kind_word(enum traced_memory_kind kind)
{
	return (unsigned int)kind < TRACED_MEMORY_KINDS ? words[kind] : "?";
}
