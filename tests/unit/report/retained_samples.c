// SPDX-License-Identifier: Apache-2.0
#include "retained_samples.h"

#include <assert.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "model/retained.h"

#define MIB (1ull << 20)

static const struct retainer typical[] = {
	{ .kind = RETAINER_VARIABLE, .name = "main.cache", .type = "map[string][]uint8",
	  .bytes = 612 * MIB, .objects = 1200000, .exclusive_bytes = 600 * MIB,
	  .exclusive_objects = 1180000, .path = "main.cache -> map -> []uint8", .group = UINT32_MAX },
	{ .kind = RETAINER_GOROUTINES, .name = "main.fetch.func1 fetch.go:48", .bytes = 47 * MIB,
	  .objects = 12031, .exclusive_bytes = 47 * MIB, .exclusive_objects = 12031,
	  .path = "stack -> *main.response -> []uint8", .goroutines = 12031, .group = 0,
	  .verdict = VERDICT_PROVEN },
	{ .kind = RETAINER_VARIABLE, .name = ".bss+0x1a40", .users = "main.fill, main.drop and 3 more",
	  .bytes = 9 * MIB, .objects = 3, .exclusive_bytes = 9 * MIB, .exclusive_objects = 3,
	  .group = UINT32_MAX },
	{ .kind = RETAINER_RUNTIME, .name = "runtime.allp", .bytes = 2 * MIB, .objects = 70,
	  .exclusive_bytes = 0, .group = UINT32_MAX },
};

static const struct retained all_typical = {
	.all = typical, .n = ARRAY_SIZE(typical), .other_bytes = 10 * MIB, .live_bytes = 680 * MIB,
	.live_objects = 4000000, .garbage_bytes = 200 * MIB, .shared_bytes = 12 * MIB,
	.leaked_bytes = 47 * MIB, .unread_bytes = 8192, .conservative = true,
};

const struct retained *sample_retained_typical(void)
{
	return &all_typical;
}

const struct retained *sample_retained_hostile(struct arena *a, const char *name)
{
	struct retainer *one = arena_alloc(a, 2, sizeof(*one));
	struct retained *all = arena_alloc(a, 1, sizeof(*all));

	assert(one && all);
	one[0] = (struct retainer){ .kind = RETAINER_VARIABLE, .name = name, .type = name,
		.users = name, .bytes = UINT64_MAX, .objects = UINT64_MAX, .path = name,
		.group = UINT32_MAX };
	one[1] = (struct retainer){ .kind = RETAINER_GOROUTINES, .name = name, .path = name,
		.goroutines = UINT64_MAX, .group = UINT32_MAX, .verdict = VERDICT_LIKELY };
	*all = (struct retained){ .all = one, .n = 2, .live_bytes = UINT64_MAX,
		.garbage_bytes = UINT64_MAX, .by_section = true };
	return all;
}
