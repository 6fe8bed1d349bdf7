// SPDX-License-Identifier: Apache-2.0
#include "trace/capabilities.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/capability.h>

#include "target/procfile.h"

/* PROC_USER_INIT_INO of include/linux/proc_ns.h: the inode of the first user namespace. */
enum { FIRST_USER_NAMESPACE = 0xEFFFFFFD };

void capabilities_read(struct capabilities *ret)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	uint64_t effective = 0, admin = 1ull << CAP_SYS_ADMIN;
	const char *line;
	struct stat ns;
	size_t len;

	*ret = (struct capabilities){ 0 };
	if (procfile_read(AT_FDCWD, "/proc/thread-self/status", 64 * 1024, &text, &len) == 0) {
		line = strstr(text, "\nCapEff:");
		effective = line ? strtoull(line + 8, NULL, 16) : 0;
	}
	ret->own_user_ns = stat("/proc/self/ns/user", &ns) == 0 && ns.st_ino != FIRST_USER_NAMESPACE;
	if (ret->own_user_ns)
		return;
	ret->ptrace = effective & 1ull << CAP_SYS_PTRACE;
	/* Linux 5.8 split these out of CAP_SYS_ADMIN. */
	ret->bpf = effective & (1ull << CAP_BPF | admin);
	ret->perfmon = effective & (1ull << CAP_PERFMON | admin);
}

void capabilities_missing(const struct capabilities *c, bool ptrace, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", ptrace && !c->ptrace ? " CAP_SYS_PTRACE" : "",
		 c->bpf ? "" : " CAP_BPF", c->perfmon ? "" : " CAP_PERFMON");
}
