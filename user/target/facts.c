// SPDX-License-Identifier: Apache-2.0
#include "target/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "target/cgroup.h"
#include "target/procfile.h"

/* Cgroup paths nest at will, but the kernel prints each in at most a page or so. */
enum { SMALL_FILE = 256 * 1024 };

static int read_exe(const struct process *p, struct arena *a, struct process_facts *f)
{
	static const char mark[] = " (deleted)";
	CLEANUP(procfile_free_p) char *path = NULL;
	size_t len;
	int r = procfile_readlink(p->proc_fd, "exe", &path);

	if (r < 0)
		return r == -ENOMEM || r == -ESRCH ? r : 0;
	len = strlen(path);
	if (len >= sizeof(mark) && strcmp(path + len - (sizeof(mark) - 1), mark) == 0) {
		f->exe_deleted = true;
		len -= sizeof(mark) - 1;
	}
	f->exe = arena_strndup(a, path, len);
	return f->exe ? 0 : -ENOMEM;
}

static int read_cgroup(const struct process *p, struct arena *a, struct process_facts *f)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	size_t len;
	int r = procfile_read(p->proc_fd, "cgroup", SMALL_FILE, &text, &len);

	if (r < 0)
		return r == -ENOMEM || r == -ESRCH ? r : 0;
	return cgroup_parse(text, len, a, f);
}

static void read_sizes(const struct process *p, struct process_facts *f)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	struct procstat st;
	struct timespec now;
	uint64_t pages;
	size_t len;

	/* "size resident shared ..." in pages. */
	if (procfile_read(p->proc_fd, "statm", SMALL_FILE, &text, &len) == 0 &&
	    sscanf(text, "%*u %lu", &pages) == 1)
		f->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	if (procstat_read(p->proc_fd, &st) < 0)
		return;
	f->threads = st.threads;
	f->cpu_s = (double)st.cpu_ticks / (double)sysconf(_SC_CLK_TCK);
	f->stopped = st.state == 'T' || st.state == 't';
	/* Both are seen from our own time namespace. */
	if (clock_gettime(CLOCK_BOOTTIME, &now) == 0) {
		double up = (double)now.tv_sec + (double)now.tv_nsec / 1e9 -
			    (double)st.start_ticks / (double)sysconf(_SC_CLK_TCK);

		/* The start is rounded to a tick, so a newborn may seem to come from the future. */
		f->uptime_s = up > 0 ? up : 0;
	}
}

/* Of its first thread; more CPUs than the kernel's own mask holds are none. */
static uint32_t count_cpus(pid_t pid)
{
	static const size_t most = 8192;
	cpu_set_t *set = CPU_ALLOC(most);
	int n = 0;

	if (set && sched_getaffinity(pid, CPU_ALLOC_SIZE(most), set) == 0)
		n = CPU_COUNT_S(CPU_ALLOC_SIZE(most), set);
	CPU_FREE(set);
	return (uint32_t)n;
}

/* Nanoseconds that a time namespace adds to CLOCK_MONOTONIC; 0 before Linux 5.5. */
static int64_t monotonic_offset(int proc_fd)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	long long s, ns;
	size_t len;

	if (procfile_read(proc_fd, "timens_offsets", SMALL_FILE, &text, &len) < 0 ||
	    sscanf(text, "monotonic %lld %lld", &s, &ns) != 2)
		return 0;
	return s * 1000000000ll + ns;
}

static int64_t offset_to_ours(const struct process *p)
{
	int64_t theirs = monotonic_offset(p->proc_fd), ours;
	int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (self < 0)
		return 0;
	ours = monotonic_offset(self);
	close(self);
	return theirs - ours;
}

int process_facts_read(const struct process *p, struct arena *a, struct process_facts *ret)
{
	struct process_facts f = { .uptime_s = -1, .cpu_s = -1 };
	int r = read_exe(p, a, &f);

	if (r == 0)
		r = read_cgroup(p, a, &f);
	if (r < 0)
		return r;
	read_sizes(p, &f);
	f.cpus = count_cpus(p->pid);
	f.monotonic_offset_ns = offset_to_ours(p);
	*ret = f;
	return 0;
}
