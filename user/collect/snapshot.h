/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes one snapshot: order of reads, retries, races and budgets. The target is never
 * signalled or written to, and stopped only when leaks are to be proven.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/diag.h"
#include "collect/leaks.h"
#include "collect/ledger.h"
#include "model/snapshot.h"

struct subject;

struct snapshot_options {
	enum ledger_wish memory;	/* fill snapshot.memory; of a core it never is */
	struct leaks_options leaks;	/* fill snapshot.leaks, and name who is leaked */
	bool goroutines;	/* fill snapshot.goroutines: every goroutine with its own wait object */
	bool heap_profile;	/* fill snapshot.heap_profile */
	/*
	 * Called once the process is known and opened, and before any of its bytes is believed: where
	 * privileges are given up. Below 0 ends it all with that. Of a core never; may be NULL.
	 */
	int (*opened)(void *arg, struct subject *subject, struct diag *d);
	void *opened_arg;
	/* Called now and then while goroutines are read; may be NULL. */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
};

/*
 * A running process. With memory asked for always, one without Go has memory alone. Errors, each with its sentence in `d`: -ESRCH gone or a zombie, -EFAULT
 * unreadable, -EPERM or -EACCES no permission, -ENODATA not a Go process, -EOPNOTSUPP a Go version
 * or layout that we do not know or that failed its validation, -EBADMSG malformed, -ENOMEM; and
 * those of leaks_find().
 */
int snapshot_process(pid_t pid, const struct snapshot_options *o, struct snapshot **ret,
		     struct diag *d);
/* A core file; the same errors, and those of opening the file. */
int snapshot_core(const char *path, const struct snapshot_options *o, struct snapshot **ret,
		  struct diag *d);
