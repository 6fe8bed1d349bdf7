// SPDX-License-Identifier: Apache-2.0
#include "native/glibc_tcache.h"

#include "base/span.h"

static uint64_t size_of_bin(unsigned int bin)
{
	return CHUNK_MIN + 16ull * bin;
}

bool glibc_tcache_counts(const uint8_t *bytes, const struct glibc_params *p)
{
	struct span s = span_of(bytes, TCACHE_BYTES);
	uint32_t most = p->found ? p->tcache_count : 7;
	bool any = false;

	for (unsigned int i = 0; i < TCACHE_BINS; i++) {
		uint16_t count = span_u16(&s, 2ull * i);

		if (count > most)
			return false;
		if (count) {
			uint64_t e = span_u64(&s, TCACHE_ENTRIES + 8ull * i);

			if (!e || e % CHUNK_ALIGN)
				return false;
			any = true;
		}
	}
	return any;
}

int64_t glibc_tcache_read(const struct glibc_source *s, const uint8_t *bytes)
{
	struct span t = span_of(bytes, TCACHE_BYTES);
	struct mem_req reqs[TCACHE_BINS];
	uint64_t sizes[TCACHE_BINS];
	unsigned int bins[TCACHE_BINS], n = 0, wrong = 0;
	int64_t sum = 0;
	int r;

	for (unsigned int i = 0; i < TCACHE_BINS; i++) {
		uint64_t e = span_u64(&t, TCACHE_ENTRIES + 8ull * i);

		/* The thread may be at work on one bin. */
		if ((e != 0) != (span_u16(&t, 2ull * i) != 0))
			wrong++;
		else if (e && !glibc_in_data(s, e - CHUNK_HEADER, size_of_bin(i)))
			wrong++;
		else if (e) {
			bins[n] = i;
			reqs[n] = (struct mem_req){ .addr = e - CHUNK_SIZE, .buf = &sizes[n],
						    .len = sizeof(sizes[n]) };
			n++;
		}
	}
	if (wrong > 1 || !n)
		return 0;
	r = mem_read_many(s->mem, reqs, n);
	if (r < 0)
		return glibc_fatal(r) ? r : 0;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t size = size_of_bin(bins[i]);

		if (reqs[i].err || (sizes[i] & ~(uint64_t)CHUNK_FLAGS) != size)
			wrong++;
		else
			sum += (int64_t)(size * span_u16(&t, 2ull * bins[i]));
	}
	return wrong > 1 ? 0 : sum;
}
