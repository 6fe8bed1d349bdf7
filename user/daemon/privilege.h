/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon and its foreman may do once they run: the capabilities that they use and no
 * others, for good; no core files of memory that holds copies of other processes'; and for the
 * daemon, which speaks to the network, no programs to start and nothing to write into others.
 */
#pragma once

#include <stddef.h>

#include "base/diag.h"

enum privilege_role {
	/* Reads /proc and memory of all processes, loads BPF programs. */
	PRIVILEGE_DAEMON,
	/* Opens what cells are given: reads, and loads nothing. Cells drop the rest. */
	PRIVILEGE_FOREMAN,
};

/*
 * Keeps of the capabilities that this process has those of the role; of the bounding set too, where
 * it may. No core files, not to be traced by others, no new privileges. It is the calling thread's
 * alone: to be called before there are others. 0, -EPERM.
 */
int privilege_keep_for(enum privilege_role role, struct diag *d);

/*
 * Takes from all threads of the daemon, those to come included, the system calls that it has no use
 * for: each fails with EPERM. May be called with threads. 0; negative errno: nothing was taken.
 */
int privilege_filter_daemon(struct diag *d);

/* " CAP_SYS_PTRACE ...": those that the role would use and this process lacks; "" none. */
void privilege_missing(enum privilege_role role, char *buf, size_t size);
