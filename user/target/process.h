/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process and proof that it is still the same one: a pidfd pins the pid, the start time and the
 * executable's inode tell an exec. Everything is opened relative to /proc/PID, so a target in
 * another mount namespace cannot steer us to a look-alike path.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"

struct sealed;		/* target/sealed.h */

struct process {
	pid_t pid;
	int pidfd;		/* owned */
	int proc_fd;		/* /proc/PID, owned */
	uint64_t start_ticks;	/* field 22 of stat */
	uint64_t start_stack;	/* field 28: random at each exec; 0 when it is hidden from us */
	uint64_t exe_dev, exe_ino;
	char comm[64];		/* raw bytes of the target's choosing */
	struct sealed *sealed;	/* what was opened ahead; NULL: files are opened as they are needed */
};

/*
 * -ESRCH no such process (or a zombie, or the id of a thread: said so), -EPERM its memory may not
 * be read by us, -EOPNOTSUPP a kernel thread or a process without an executable. The diag sentence
 * says which. On success the memory was readable at that time.
 */
int process_open(pid_t pid, struct process **ret, struct diag *d);
void process_close(struct process *p);
DEFINE_CLEANUP(struct process, process_close)

/*
 * 0 while it is the process that was opened; -ESRCH when it exited, -ESTALE when it exec'ed; -EAGAIN
 * when its main thread alone has exited, which is also how an exec begins. Others (-EMFILE) say
 * nothing of it.
 */
int process_check(const struct process *p, struct diag *d);

/* Static facts; strings go into the arena. Missing ones stay NULL/0/negative. */
struct process_facts {
	const char *exe;	/* readlink of exe, " (deleted)" cut off */
	bool exe_deleted;
	const char *cgroup;	/* the unified (or first) hierarchy's path */
	const char *container_id;	/* 64 hex digits found in the cgroup path */
	const char *pod_uid;	/* of Kubernetes, with dashes, found in the cgroup path */
	const char *unit;	/* "x.service" or "x.scope" found in the cgroup path */
	uint64_t rss_bytes;
	uint32_t threads;
	uint32_t cpus;		/* that it may run on; 0 unknown */
	double uptime_s;	/* negative unknown */
	double cpu_s;		/* that all its threads have used; negative unknown */
	bool stopped;		/* by a signal or a tracer: it does not run */
	int64_t monotonic_offset_ns;	/* the target's CLOCK_MONOTONIC minus ours */
};
/* 0, -ENOMEM, -ESRCH. */
int process_facts_read(const struct process *p, struct arena *a, struct process_facts *ret);

/* Opens the executable by /proc/PID/exe: works when it is deleted or in another namespace.
 * fd or -errno. */
int process_open_exe(const struct process *p, struct diag *d);

/*
 * Opens `name`, a file below /proc/PID, for reading from its beginning: of a sealed process what was
 * opened ahead, where that is one of them. fd or -errno. Two of the same name share their place.
 */
int process_open_file(const struct process *p, const char *name);
