/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One link of uprobe_multi, made by bpf(2) itself: libbpf before 1.6 does not know the sessions of
 * Linux 6.13, which see a function's entry and its return by one program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum uprobe_link_kind {
	UPROBE_LINK_ENTRY,
	UPROBE_LINK_RETURN,
	UPROBE_LINK_SESSION,
};

/* What a program must be loaded as (bpf_program__set_expected_attach_type()) for a session. */
enum { UPROBE_SESSION_ATTACH_TYPE = 57 };

/*
 * Probes the calls that process pid makes at those offsets of the file that fd is open on.
 * The link's descriptor, whose close() takes the probes off and waits until no program runs for
 * them any more; -EINVAL: the kernel has no such links; -errno.
 */
int uprobe_link(int prog_fd, enum uprobe_link_kind kind, int fd, pid_t pid,
		const uint64_t *offsets, const uint64_t *cookies, size_t n);
