// SPDX-License-Identifier: Apache-2.0
/* Names of types and labels out of bytes that are all the input's. */
#include <pthread.h>
#include <string.h>

#include "goruntime/gotypes.h"
#include "goruntime/labels.h"

#define BASE 0x10000ull
#define MAX_BYTES 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[MAX_BYTES];
	const struct mem_range range = { BASE, bytes, sizeof(bytes) };
	struct go_runtime rt = { .arena = arena_new() };
	const struct label *labels;
	uint32_t n;

	if (size > sizeof(bytes))
		size = sizeof(bytes);
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, data, size);
	/* The first byte chooses the release: labels are a map up to Go 1.23, a list since. */
	rt.minor = size ? 18 + data[0] % 10 : 18;
	if (!rt.arena || layout_lookup(rt.minor, 99, &rt.layout, NULL) < 0 ||
	    mem_array_open(&range, 1, &rt.live) < 0)
		goto out;
	rt.md.types = BASE;
	rt.md.etypes = BASE + sizeof(bytes);
	if (memcache_open(rt.live, 256, 16, &rt.chase) == 0 &&
	    memcache_open(rt.live, 256, 16, &rt.constant) == 0)
		for (uint64_t at = BASE; at < BASE + 256; at += 8) {
			gotype_name(&rt, at);
			labels_read(&rt, at, rt.arena, &labels, &n);
		}
out:
	mem_close(rt.constant);
	mem_close(rt.chase);
	mem_close(rt.live);
	arena_free(rt.arena);
	return 0;
}
