// SPDX-License-Identifier: Apache-2.0
/* The parsers of /proc text; the first byte of the input chooses one. */
#include <stdlib.h>
#include <string.h>

#include "target/cgroup.h"
#include "target/nettable.h"
#include "target/process.h"
#include "target/procfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_net(enum net_kind kind, const char *text, size_t len)
{
	struct net_table t = { 0 };

	if (net_table_parse(&t, kind, text, len) == 0) {
		net_table_sort(&t);
		for (size_t i = 0; i < t.n; i++)
			if (!t.all[i].ino || !net_table_find(&t, t.all[i].ino))
				abort();
	}
	net_table_done(&t);
}

static void parse_stat(const char *text, size_t len)
{
	char *copy = strndup(text, len);
	struct procstat st;

	if (copy && procstat_parse(copy, &st) == 0 && strnlen(st.comm, sizeof(st.comm)) > 63)
		abort();
	free(copy);
}

static void parse_cgroup(const char *text, size_t len)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct process_facts f = { 0 };

	if (a && cgroup_parse(text, len, a, &f) == 0 && f.container_id &&
	    strlen(f.container_id) != 64)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	if (data[0] <= NET_UNIX)
		parse_net((enum net_kind)data[0], text, size - 1);
	else if (data[0] == NET_UNIX + 1)
		parse_stat(text, size - 1);
	else
		parse_cgroup(text, size - 1);
	return 0;
}
