/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that a collector watches, as all of them want it: who it is to us and to the kernel,
 * where its file is, and what its Go runtime looks like in memory.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"
#include "bpf/events.h"

struct process;

struct trace_target {
	pid_t pid;		/* as we call it */
	int pidfd;		/* borrowed from the struct process */
	uint64_t start_ticks;
	uint32_t host_tgid;	/* as BPF programs see it: the id in the first pid namespace */
	char exe[32];		/* "/proc/PID/exe": the very file, whatever its path says now */
	uint64_t cgroup_id;	/* of the unified hierarchy, as bpf_get_current_cgroup_id(); 0 unknown */
	/*
	 * Of the Go runtime, with run-time addresses. Zero, so without text, unless the caller
	 * fills it from what goruntime/ has found.
	 */
	struct ev_go go;
};

/*
 * Fills all but `go`. `p` must outlive it. -ESRCH it is gone; -EOPNOTSUPP, -EPERM as host_pid_find().
 */
int trace_target_fill(const struct process *p, struct trace_target *ret, struct diag *d);
