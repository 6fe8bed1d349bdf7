// SPDX-License-Identifier: Apache-2.0
#include "goruntime/batch.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PAGE_SHIFT 12

#define DIGIT_BITS 8
#define DIGITS (1 << DIGIT_BITS)

/* One pass of a radix sort: stable, by the digit at `shift`. */
static void sort_by_digit(const struct want *from, struct want *to, size_t n, unsigned int shift)
{
	uint32_t place[DIGITS] = { 0 }, sum = 0;

	for (size_t i = 0; i < n; i++)
		place[(from[i].addr >> shift) % DIGITS]++;
	for (size_t d = 0; d < DIGITS; d++) {
		uint32_t count = place[d];

		place[d] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[place[(from[i].addr >> shift) % DIGITS]++] = from[i];
}

/*
 * By digits, for it is a tenth of a snapshot's work when every comparison of random addresses is a
 * guess of the processor's. Most digits are the same in all, and addresses come sorted already
 * when the heap handed them out in order.
 */
void batch_sort(struct want *w, size_t n, struct want *scratch)
{
	struct want *from = w, *to = scratch;
	uint64_t differ = 0;
	bool sorted = true;

	for (size_t i = 1; i < n; i++) {
		differ |= w[i].addr ^ w[0].addr;
		sorted = sorted && w[i - 1].addr <= w[i].addr;
	}
	for (unsigned int shift = 0; !sorted && shift < 64; shift += DIGIT_BITS) {
		struct want *swap = to;

		if ((differ >> shift) % DIGITS == 0)
			continue;
		sort_by_digit(from, to, n, shift);
		to = from;
		from = swap;
	}
	if (from != w)
		memcpy(w, from, n * sizeof(*w));
}

/*
 * Merges sorted wants into as few requests as there are gaps. A gap is read along only when it
 * skips no whole page: a page that the target never touched must not be touched by us either.
 * Returns the number of requests. Wants that do not fit into room bytes are left for the next
 * portion: *taken says how many were covered, at least one, for each is smaller than any room.
 */
static size_t merge(struct want *w, size_t n, uint8_t *buf, size_t room, struct mem_req *reqs,
		    size_t *taken)
{
	size_t n_reqs = 0, used = 0, i;

	for (i = 0; i < n; i++) {
		struct mem_req *last = n_reqs ? &reqs[n_reqs - 1] : NULL;
		uint64_t end = w[i].addr + w[i].len;

		if (last && w[i].addr >> PAGE_SHIFT <= ((last->addr + last->len - 1) >> PAGE_SHIFT) + 1) {
			uint64_t last_end = last->addr + last->len;
			size_t more = end > last_end ? end - last_end : 0;

			if (used + more > room)
				break;
			w[i].at = (uint8_t *)last->buf + (w[i].addr - last->addr);
			last->len += more;
			used += more;
			continue;
		}
		if (used + w[i].len > room)
			break;
		w[i].at = buf + used;
		reqs[n_reqs++] = (struct mem_req){ w[i].addr, buf + used, w[i].len, 0 };
		used += w[i].len;
	}
	*taken = i;
	return n_reqs;
}

/* Those inside a request that failed are tried one by one: a hole must not cost its neighbours. */
int batch_read(struct mem *m, struct want *w, size_t n, uint8_t *buf, size_t room,
		      struct mem_req *reqs, size_t *taken)
{
	size_t n_reqs = merge(w, n, buf, room, reqs, taken);
	size_t at = 0;
	int r = mem_read_many(m, reqs, n_reqs);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_reqs; i++) {
		uint64_t end = reqs[i].addr + reqs[i].len;

		for (; at < *taken && w[at].addr >= reqs[i].addr && w[at].addr < end; at++) {
			if (reqs[i].err == 0)
				continue;
			r = mem_read(m, w[at].addr, (void *)w[at].at, w[at].len);
			if (r == -ESRCH)
				return r;
			if (r < 0)
				w[at].at = NULL;
		}
	}
	return 0;
}
