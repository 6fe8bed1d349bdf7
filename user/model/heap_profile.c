// SPDX-License-Identifier: Apache-2.0
#include "model/heap_profile.h"

#include "base/cleanup.h"

const char *heap_profile_state_name(enum heap_profile_state s)
{
	static const char *const names[] = {
		[HEAP_PROFILE_UNKNOWN] = "unknown",
		[HEAP_PROFILE_READ] = "read",
		[HEAP_PROFILE_LINKED_OUT] = "linked-out",
		[HEAP_PROFILE_OFF] = "off",
	};

	return (size_t)s < ARRAY_SIZE(names) ? names[s] : "unknown";
}

void heap_site_stack(const struct heap_profile *p, const struct heap_site *s,
		     struct frame frames[LIMIT_FRAMES], struct stack *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_frames && n < LIMIT_FRAMES; i++)
		if (s->frames[i] < p->n_frames)
			frames[n++] = p->frames[s->frames[i]];
	*ret = (struct stack){ frames, n, s->truncated };
}
