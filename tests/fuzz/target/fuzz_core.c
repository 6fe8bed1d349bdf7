// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever was accepted must hang together. */
static void look_around(struct core *c)
{
	const struct maps *m = core_maps(c);
	struct core_facts f;
	uint64_t last = 0;
	uint8_t buf[256];

	core_facts(c, &f);
	for (uint32_t i = 0; i < f.threads; i++)
		if (f.tids[i] <= 0)
			abort();
	for (size_t i = 0; i < m->n; i++) {
		const struct mapping *p = &m->all[i];

		if (p->start < last || p->end <= p->start || maps_find(m, p->start) != p)
			abort();
		last = p->end;
		if (strlen(p->path) > 65536)
			abort();
		mem_read(core_mem(c), p->start, buf, sizeof(buf));
		mem_read(core_mem(c), p->end - 1, buf, sizeof(buf));
	}
	mem_read(core_mem(c), 0, buf, sizeof(buf));
	mem_read(core_mem(c), UINT64_MAX - 8, buf, sizeof(buf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	CLEANUP(core_close_p) struct core *c = NULL;
	struct diag d = DIAG_INIT;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	if (core_open(path, &c, &d) == 0)
		look_around(c);
	else if (!d.why[0])
		abort();
	return 0;
}
