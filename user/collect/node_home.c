// SPDX-License-Identifier: Apache-2.0
/* Where a process belongs: read once and kept, for that hardly ever changes. */
#include "collect/node_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/cgroup.h"
#include "target/process.h"
#include "target/procfile.h"

/* Cgroup paths nest at will, but the kernel prints each in at most a page or so. */
enum { TEXT_MAX = 256 * 1024 };
/* A service manager moves what it starts, soon after; seldom anybody later. */
#define AGAIN_S 600.0
#define SETTLED_LOOKS 2

void node_home_done(struct node_home *h)
{
	free(h->cgroup);
	free(h->container_id);
	free(h->pod_uid);
	free(h->unit);
	*h = (struct node_home){ NULL };
}

static int copy(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int take(struct node_home *h, const struct process_facts *f)
{
	int r = copy(f->cgroup, &h->cgroup);

	if (r == 0)
		r = copy(f->container_id, &h->container_id);
	if (r == 0)
		r = copy(f->pod_uid, &h->pod_uid);
	return r < 0 ? r : copy(f->unit, &h->unit);
}

int node_home_read(struct node *n, struct node_entry *e)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	struct process_facts f = { 0 };
	char path[32];
	size_t len;
	int r;

	if (!e->fresh || (e->looks > SETTLED_LOOKS && n->look.elapsed_s - e->home.read_s < AGAIN_S))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", e->line.pid);
	r = procfile_read(AT_FDCWD, path, TEXT_MAX, &text, &len);
	/* It may have ended meanwhile; what was known of it stays. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = cgroup_parse(text, len, n->arena, &f);
	if (r < 0)
		return r;
	node_home_done(&e->home);
	e->home.read_s = n->look.elapsed_s;
	return take(&e->home, &f);
}
