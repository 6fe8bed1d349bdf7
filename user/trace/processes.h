/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes of the machine have come, become another program or gone: told by the kernel, so
 * that nobody has to go through all of them to find out. A hint, not a fact: what has become of a
 * process, /proc says. Where events were lost, and from time to time anyhow, a walk through /proc is
 * the check.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"

struct processes_trace;

struct traced_processes {
	const pid_t *pids;	/* of which anything was told, ascending, each once */
	size_t n;
	uint64_t events;
	uint64_t lost;		/* since the collect before: somebody may be missing */
};

/*
 * From here on all are seen. -EPERM, -EOPNOTSUPP (in a pid namespace of our own too, for what the
 * kernel tells are not our ids), -ENOMEM.
 */
int processes_trace_open(struct processes_trace **ret, struct diag *d);
void processes_trace_close(struct processes_trace *t);
DEFINE_CLEANUP(struct processes_trace, processes_trace_close)

/* What was told since the call before; pids are in the arena. -ENOMEM, or what maps fail with. */
int processes_trace_collect(struct processes_trace *t, struct arena *a,
			    struct traced_processes *ret);
