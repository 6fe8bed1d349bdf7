/* SPDX-License-Identifier: Apache-2.0 */
/* Many small pieces of the target in few large reads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* A piece of the target that we want, and where it landed. */
struct want {
	uint64_t addr;
	uint32_t len;
	uint32_t index;		/* the caller's own */
	const uint8_t *at;	/* out; NULL: could not be read */
};

/* By address, as batch_read() needs them; scratch is room for n. */
void batch_sort(struct want *w, size_t n, struct want *scratch);

/*
 * Reads the first *taken of n sorted wants: as many as fit into `room` bytes of buf, neighbours
 * and the gaps between them in one piece. Every want is at most `room` long, so at least one is
 * taken. reqs is scratch of n. -ESRCH, -EPERM.
 */
int batch_read(struct mem *m, struct want *w, size_t n, uint8_t *buf, size_t room,
	       struct mem_req *reqs, size_t *taken);
