// SPDX-License-Identifier: Apache-2.0
#include "base/bulk.h"

#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)

void *bulk_alloc(size_t bytes)
{
	void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (bytes >= 2 * HUGE_PAGE)
		madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

void bulk_free(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes ? bytes : 1);
}
