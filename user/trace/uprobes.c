// SPDX-License-Identifier: Apache-2.0
#include "trace/uprobes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "trace/bpf_load.h"
#include "trace/sweeper.h"

struct uprobes {
	size_t n;
	struct bpf_link *links[];
};

/* BPF_TRACE_UPROBE_MULTI; Debian 12's headers are those of Linux 6.1. */
#define ATTACH_UPROBE_MULTI ((enum bpf_attach_type)48)

static bool have_multi;

/*
 * A link to a file that is none fails with EBADF in a kernel that knows such links (the path is
 * looked at), with EINVAL in one that does not; libbpf asks so as well (features.c).
 */
static void ask_multi(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const unsigned long offset = 0;
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = ATTACH_UPROBE_MULTI);
	LIBBPF_OPTS(bpf_link_create_opts, link, .uprobe_multi.path = "/",
		    .uprobe_multi.offsets = &offset, .uprobe_multi.cnt = 1);
	int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", insns, ARRAY_SIZE(insns),
				 &load);
	int fd;

	if (prog < 0)
		return;
	fd = bpf_link_create(prog, -1, ATTACH_UPROBE_MULTI, &link);
	have_multi = fd == -EBADF;
	if (fd >= 0)
		close(fd);
	close(prog);
}

bool uprobes_have_multi(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, ask_multi);
	return have_multi;
}

static struct bpf_link *attach_multi(struct bpf_program *prog, pid_t pid, const char *path,
				     const struct uprobe_point *points, size_t n)
{
	struct bpf_link *link = NULL;
	unsigned long *offsets = calloc(n, sizeof(*offsets));
	__u64 *cookies = calloc(n, sizeof(*cookies));

	if (offsets && cookies) {
		LIBBPF_OPTS(bpf_uprobe_multi_opts, opts, .offsets = offsets, .cookies = cookies,
			    .cnt = n);

		for (size_t i = 0; i < n; i++) {
			offsets[i] = points[i].offset;
			cookies[i] = points[i].cookie;
		}
		link = bpf_program__attach_uprobe_multi(prog, pid, path, NULL, &opts);
	} else {
		errno = ENOMEM;
	}
	free(offsets);
	free(cookies);
	return link;
}

static int attach_each(struct uprobes *u, pid_t pid, const char *path,
		       const struct uprobe_point *points, size_t n)
{
	/*
	 * Where /sys does not show the kernel's uprobe events, libbpf would else make probes by name
	 * in tracefs, and those outlive us.
	 */
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .attach_mode = PROBE_ATTACH_MODE_PERF);

	for (size_t i = 0; i < n; i++) {
		u->links[u->n] = bpf_program__attach_uprobe_opts(points[i].prog, pid, path,
								 points[i].offset, &opts);
		if (!u->links[u->n])
			return -errno;
		u->n++;
	}
	return 0;
}

static int note(const char *path, const struct uprobe_point *points, size_t n)
{
	uint64_t *offsets = calloc(n, sizeof(*offsets));

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		offsets[i] = points[i].offset;
	sweeper_note_path(path, offsets, n);
	free(offsets);
	return 0;
}

int uprobes_attach(struct bpf_program *multi, pid_t pid, const char *path,
		   const struct uprobe_point *points, size_t n, struct uprobes **ret,
		   struct diag *d)
{
	CLEANUP(uprobes_detach_p) struct uprobes *u = NULL;
	int r = 0;

	trace_bpf_quiet();
	u = calloc(1, sizeof(*u) + n * sizeof(u->links[0]));
	if (!u || note(path, points, n) < 0)
		return -ENOMEM;
	if (multi) {
		u->links[0] = attach_multi(multi, pid, path, points, n);
		if (u->links[0])
			u->n = 1;
		else
			r = -errno;
	} else {
		r = attach_each(u, pid, path, points, n);
	}
	if (r == -ESRCH)
		return diag_fail(d, -ESRCH, "it ended while it was being probed");
	if (r < 0)
		return trace_bpf_fail(d, r, "uprobe");
	*ret = TAKE(u);
	return 0;
}

void uprobes_detach(struct uprobes *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++)
		bpf_link__destroy(u->links[i]);
	free(u);
}
