// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>

#include "target/frozen_state.h"

int frozen_pieces_add(struct pieces *p, uint64_t start, uint64_t end, uint64_t at)
{
	struct piece *last = p->n ? &p->all[p->n - 1] : NULL;

	if (last && last->end == start) {
		last->end = end;
		return 0;
	}
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 256;
		struct piece *more = reallocarray(p->all, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->all = more;
		p->room = room;
	}
	p->all[p->n++] = (struct piece){ start, end, at };
	return 0;
}

size_t frozen_pieces_at(const struct piece *all, size_t n, uint64_t at)
{
	size_t low = 0, high = n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (all[mid].at <= at)
			low = mid;
		else
			high = mid;
	}
	return low;
}

const struct piece *frozen_pieces_behind(const struct pieces *p, uint64_t addr)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->all[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return p->all + low;
}
