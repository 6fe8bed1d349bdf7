/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of uprobes on one file that go on and off together. With uprobe_multi (Linux 6.6) that is
 * one link, which takes about 8 ms to make and 30 ms to end whatever the number of sites; without
 * it there is a perf event for each site, which takes 100 ms to end. Ending the process that owns
 * a set ends the set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct bpf_program;
struct uprobes;

struct uprobe_point {
	uint64_t offset;	/* in the file */
	uint64_t cookie;	/* for bpf_get_attach_cookie(), with uprobe_multi */
	struct bpf_program *prog;	/* without: the program of that site */
};

/* Does the kernel have uprobe_multi? Needs the right to load programs; asked once. */
bool uprobes_have_multi(void);

/*
 * Puts the probes on, for one process alone: `path` is opened by the kernel, so "/proc/PID/exe"
 * means that very file. multi: the program for all points, of SEC("uprobe.multi"); NULL: each has
 * its own. -EPERM, -EOPNOTSUPP, -ESRCH with the sentence.
 */
int uprobes_attach(struct bpf_program *multi, pid_t pid, const char *path,
		   const struct uprobe_point *points, size_t n, struct uprobes **ret,
		   struct diag *d);
/* Takes them off: when it returns no program runs for them any more. Accepts NULL. */
void uprobes_detach(struct uprobes *u);
DEFINE_CLEANUP(struct uprobes, uprobes_detach)
