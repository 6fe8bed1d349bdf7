// SPDX-License-Identifier: Apache-2.0
#include "model/saved.h"

#include <stdlib.h>
#include <string.h>

struct saved *saved_new(void)
{
	struct saved *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->arena = arena_new();
	if (!s->arena) {
		free(s);
		return NULL;
	}
	s->time_ms = s->pid = s->uptime_ms = WAIT_UNKNOWN;
	s->timers = (struct saved_timers){
		.total = WAIT_UNKNOWN, .waited = WAIT_UNKNOWN, .unwaited = WAIT_UNKNOWN,
		.unwaited_bytes = WAIT_UNKNOWN, .first_ns = TIME_UNKNOWN, .last_ns = TIME_UNKNOWN,
		.goroutines = WAIT_UNKNOWN,
	};
	s->total = s->system = s->rss_bytes = s->threads = s->retained_other = WAIT_UNKNOWN;
	return s;
}

void saved_free(struct saved *s)
{
	if (!s)
		return;
	arena_free(s->arena);
	free(s);
}

int64_t saved_number(const struct saved_numbers *n, const char *name)
{
	for (uint32_t i = 0; i < n->n; i++)
		if (strcmp(n->all[i].name, name) == 0)
			return n->all[i].value <= INT64_MAX ? (int64_t)n->all[i].value :
							      WAIT_UNKNOWN;
	return WAIT_UNKNOWN;
}
