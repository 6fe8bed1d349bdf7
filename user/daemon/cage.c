// SPDX-License-Identifier: Apache-2.0
#include "daemon/cage.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What it has open and copies of some of it: the files of a target, and a few of our own. */
enum { FILES_MAX = 1024 };

static int limit(int what, rlim_t value, struct diag *d)
{
	struct rlimit r = { .rlim_cur = value, .rlim_max = value };

	/* At the lower one it is told by which limit it dies, at the upper one just killed. */
	if (what == RLIMIT_CPU)
		r.rlim_max++;

	return setrlimit((__rlimit_resource_t)what, &r) == 0
		       ? 0
		       : diag_fail(d, -errno, "setrlimit: %m");
}

static int bound(const struct cell_limits *l, struct diag *d)
{
	const struct {
		int what;
		rlim_t value;
	} all[] = {
		{ RLIMIT_AS, l->memory_bytes },	{ RLIMIT_CPU, l->cpu_s },
		{ RLIMIT_FSIZE, 0 },		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, FILES_MAX },	{ RLIMIT_MEMLOCK, 0 },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(all); i++)
		r = limit(all[i].what, all[i].value, d);
	return r;
}

/* Who looks into it sees copies of somebody's memory: nobody may, and no core keeps them. */
static int hide(struct diag *d)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return diag_fail(d, -errno, "PR_SET_DUMPABLE: %m");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return diag_fail(d, -errno, "PR_SET_NO_NEW_PRIVS: %m");
	return 0;
}

/* Without CAP_SETPCAP the bounding set stays: nothing that is executed could be given it. */
static int drop(bool keep_ptrace, struct diag *d)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (keep_ptrace)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_PTRACE);
	capng_apply(CAPNG_SELECT_BOUNDS);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return diag_fail(d, -EPERM, "its capabilities cannot be given up");
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return 0;
}

/* Its own directory as well: what it costs itself is looked up there. */
static int confine_files(int proc_fd, struct diag *d)
{
	int own = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	const int dirs[] = { proc_fd, own };

	if (own < 0)
		return diag_fail(d, -errno, "/proc/self: %m");
	r = cage_files_only(dirs, ARRAY_SIZE(dirs), d);
	close(own);
	return r;
}

int cage_enter(const struct cage_plan *plan, struct diag *d)
{
	int r = bound(&plan->limits, d);

	if (r == 0)
		r = hide(d);
	if (r == 0 && !plan->traced)
		r = confine_files(plan->proc_fd, d);
	if (r == 0)
		r = drop(plan->traced != 0, d);
	if (r == 0)
		r = cage_filter_calls(plan->traced, d);
	return r < 0 ? diag_what(d, r, "a cell") : 0;
}
