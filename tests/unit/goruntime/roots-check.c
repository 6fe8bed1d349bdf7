// SPDX-License-Identifier: Apache-2.0
/*
 * roots-check PID FILE [ADDRESS]...: how many words the runtime itself keeps alive, by kind, and
 * which kinds name each address, as JSON. FILE is the one that holds the runtime. For
 * tests/live/test_roots.py.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/heap_state.h"
#include "goruntime/roots.h"
#include "subject.h"

struct look {
	const uint64_t *addresses;
	uint32_t *kinds;	/* by address: a bit a kind */
	int n;
};

static int visit(void *arg, enum go_root_kind kind, uint64_t word)
{
	struct look *l = arg;

	for (int i = 0; i < l->n; i++)
		if (word == l->addresses[i])
			l->kinds[i] |= 1u << kind;
	return 0;
}

static void print(const struct go_roots_stats *s, const struct look *l)
{
	printf("{\"specials\": %" PRIu64 ", \"threads\": %" PRIu64 ", \"torn\": %" PRIu64
	       ", \"unreadable\": %" PRIu64 ", \"beyond\": %" PRIu64 ",\n \"words\": {",
	       s->specials, s->threads, s->torn, s->unreadable, s->beyond);
	for (int k = 0; k < GO_ROOT_KINDS; k++)
		printf("%s\"%s\": %" PRIu64, k ? ", " : "", go_root_kind_name(k), s->words[k]);
	printf("},\n \"complete\": %s,\n \"addresses\": [", go_roots_complete(s) ? "true" : "false");
	for (int i = 0; i < l->n; i++) {
		const char *comma = "";

		printf("%s[", i ? ", " : "");
		for (int k = 0; k < GO_ROOT_KINDS; k++) {
			if (!(l->kinds[i] >> k & 1))
				continue;
			printf("%s\"%s\"", comma, go_root_kind_name(k));
			comma = ", ";
		}
		printf("]");
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	struct go_roots_stats stats = { 0 };
	struct diag d = DIAG_INIT;
	struct subject s = { 0 };
	struct look l = { 0 };
	struct go_heap *h;
	uint64_t *addresses;

	if (argc < 3) {
		fprintf(stderr, "usage: roots-check PID FILE [ADDRESS]...\n");
		return 2;
	}
	addresses = calloc((size_t)argc, sizeof(*addresses));
	l.kinds = calloc((size_t)argc, sizeof(*l.kinds));
	if (!addresses || !l.kinds)
		return 1;
	l.n = argc - 3;
	for (int i = 0; i < l.n; i++)
		addresses[i] = strtoull(argv[3 + i], NULL, 0);
	l.addresses = addresses;
	subject_open(&s, (pid_t)atoi(argv[1]), argv[2]);
	if (go_heap_open(s.rt, s.arena, &h, &d) < 0 ||
	    go_roots_visit(h, visit, &l, &stats, &d) < 0) {
		fprintf(stderr, "roots-check: %s\n", d.why);
		return 1;
	}
	print(&stats, &l);
	subject_close(&s);
	free(addresses);
	free(l.kinds);
	return 0;
}
