// SPDX-License-Identifier: Apache-2.0
/* The parsers of /proc text; the first byte of the input chooses one. */
#include <stdlib.h>
#include <string.h>

#include "target/cgroup.h"
#include "target/mounts.h"
#include "target/nettable.h"
#include "target/process.h"
#include "target/procfile.h"
#include "target/rss.h"
#include "target/smaps.h"

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

static void parse_mounts(const char *text, size_t len)
{
	CLEANUP(mounts_free_p) struct mounts *m = NULL;
	char *copy = strndup(text, len);

	if (copy && mounts_parse(copy, &m) == 0)
		for (size_t i = 0; i < m->n; i++)
			if (mounts_kind(m, m->all[i].dev) == MOUNT_FILES)
				abort();
	free(copy);
}

/* In one piece and in two: the sum is the same. */
static void parse_memory(const char *text, size_t len)
{
	struct smaps_sum whole = { .n = 0 }, halves = { .n = 0 };
	char *copy = strndup(text, len);
	struct rss rss;

	smaps_add(&whole, text, len);
	smaps_add(&halves, text, len / 2);
	smaps_add(&halves, text + len / 2, len - len / 2);
	if (whole.lazyfree != halves.lazyfree || whole.lines != halves.lines)
		abort();
	if (copy && rss_parse(copy, &rss) == 0 && rss.total != rss.anon + rss.file + rss.shared)
		abort();
	free(copy);
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
	else if (data[0] == NET_UNIX + 2)
		parse_cgroup(text, size - 1);
	else if (data[0] == NET_UNIX + 3)
		parse_mounts(text, size - 1);
	else
		parse_memory(text, size - 1);
	return 0;
}
