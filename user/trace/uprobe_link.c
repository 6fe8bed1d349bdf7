// SPDX-License-Identifier: Apache-2.0
#include "trace/uprobe_link.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "trace/sweeper.h"

/* BPF_TRACE_UPROBE_MULTI, BPF_F_UPROBE_MULTI_RETURN; Debian 12's headers are those of Linux 6.1. */
enum { UPROBE_MULTI_ATTACH_TYPE = 48, UPROBE_MULTI_RETURN = 1 };

/* link_create of union bpf_attr, with the member for uprobe_multi (Linux 6.6). */
struct link_create {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, reserved;
};

int uprobe_link(int prog_fd, enum uprobe_link_kind kind, int fd, pid_t pid,
		const uint64_t *offsets, const uint64_t *cookies, size_t n)
{
	char path[32];
	struct link_create attr = {
		.prog_fd = (uint32_t)prog_fd,
		.attach_type = kind == UPROBE_LINK_SESSION ? UPROBE_SESSION_ATTACH_TYPE :
							     UPROBE_MULTI_ATTACH_TYPE,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.cnt = (uint32_t)n,
		.multi_flags = kind == UPROBE_LINK_RETURN ? UPROBE_MULTI_RETURN : 0,
		.pid = (uint32_t)pid,
	};
	long r;

	sweeper_note(fd, offsets, n);
	/* The very file, whatever its path says now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return r < 0 ? -errno : (int)r;
}
