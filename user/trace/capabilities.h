/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the capabilities that tracing takes we have (capabilities(7)). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct capabilities {
	bool ptrace;		/* CAP_SYS_PTRACE: reading other users' processes */
	bool bpf, perfmon;	/* CAP_BPF, CAP_PERFMON, or CAP_SYS_ADMIN, which stands for both */
	bool own_user_ns;	/* those of a user namespace do not count: all are false then */
};

/* The effective ones of this thread. */
void capabilities_read(struct capabilities *ret);

/* " CAP_BPF CAP_PERFMON": those that tracing lacks, CAP_SYS_PTRACE only with `ptrace`. */
void capabilities_missing(const struct capabilities *c, bool ptrace, char *buf, size_t size);
