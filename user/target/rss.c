// SPDX-License-Identifier: Apache-2.0
#include "target/rss.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "target/process.h"
#include "target/procfile.h"

enum { STATUS_BYTES = 64 << 10 };

/* The name of the process comes first: the kernel escapes a line break in it. */
static bool find(const char *text, const char *key, uint64_t *ret)
{
	const char *line = strstr(text, key);
	unsigned long kib;

	if (!line || sscanf(line + strlen(key), " %lu kB", &kib) != 1 || kib > UINT64_MAX >> 14)
		return false;
	*ret = (uint64_t)kib << 10;
	return true;
}

int rss_parse(const char *text, struct rss *ret)
{
	struct rss rss = { 0 };

	if (!find(text, "\nRssAnon:", &rss.anon) || !find(text, "\nRssFile:", &rss.file) ||
	    !find(text, "\nRssShmem:", &rss.shared) || !find(text, "\nVmSwap:", &rss.swap))
		return -EBADMSG;
	rss.total = rss.anon + rss.file + rss.shared;
	*ret = rss;
	return 0;
}

int rss_read(const struct process *p, struct rss *ret)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	size_t len;
	int r = procfile_read(p->proc_fd, "status", STATUS_BYTES, &text, &len);

	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* Of one that has no memory any more, the lines are not there. */
	r = rss_parse(text, ret);
	return r < 0 && process_check(p, NULL) < 0 ? -ESRCH : r;
}
