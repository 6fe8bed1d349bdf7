// SPDX-License-Identifier: Apache-2.0
#include "model/c_memory.h"

const char *c_allocator_name(enum c_allocator a)
{
	switch (a) {
	case C_ALLOCATOR_NONE:
		return "none";
	case C_ALLOCATOR_GLIBC:
		return "glibc";
	case C_ALLOCATOR_MUSL:
		return "musl";
	case C_ALLOCATOR_JEMALLOC:
		return "jemalloc";
	case C_ALLOCATOR_TCMALLOC:
		return "tcmalloc";
	case C_ALLOCATOR_MIMALLOC:
		return "mimalloc";
	case C_ALLOCATOR_SANITIZER:
		return "sanitizer";
	case C_ALLOCATOR_UNKNOWN:
		break;
	}
	return NULL;
}
