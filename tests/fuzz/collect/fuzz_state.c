// SPDX-License-Identifier: Apache-2.0
/* A state file of anybody's, with a checksum that is right: what is accepted must hang together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "collect/state_file.h"
#include "model/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_series(const struct state_series *s)
{
	if (s->n > STATE_SERIES)
		abort();
	for (uint32_t i = 0; i < s->n; i++)
		if (!isfinite(s->all[i].at_s) || (i && s->all[i].at_s < s->all[i - 1].at_s))
			abort();
}

static void check(const struct state *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct state_process *p = &s->all[i];

		if (p->pid <= 0 || (i && p->pid <= s->all[i - 1].pid) || !(p->gap_s >= 0) ||
		    p->n_sites > LIMIT_STATE_SITES)
			abort();
		for (uint32_t k = 0; k < p->history.n; k++)
			if (!isfinite(p->history.points[k].elapsed_s))
				abort();
		check_series(&p->rss);
		check_series(&p->threads);
	}
}

/* What was read and is written again is read as the same. */
static void again(const struct state *s)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct state copy;
	void *bytes;
	size_t len;

	if (!a || state_encode(s, &bytes, &len) < 0)
		abort();
	if (state_decode(bytes, len, a, &copy, &d) < 0 || copy.n != s->n)
		abort();
	check(&copy);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 24 };
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct state s;
	uint32_t version = 1, body = (uint32_t)size;
	uint64_t hash = XXH64(data, size, version);
	char *bytes = malloc(HEAD + size);

	if (!a || !bytes)
		abort();
	memcpy(bytes, "loiterst", 8);
	memcpy(bytes + 8, &version, 4);
	memcpy(bytes + 12, &body, 4);
	memcpy(bytes + 16, &hash, 8);
	memcpy(bytes + HEAD, data, size);
	if (state_decode(bytes, HEAD + size, a, &s, &d) == 0) {
		check(&s);
		again(&s);
	} else if (!d.why[0]) {
		abort();
	}
	free(bytes);
	return 0;
}
