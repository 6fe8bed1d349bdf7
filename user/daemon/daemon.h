/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as a whole: from a configuration to a clean end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "daemon/config.h"

/* The file that is read when none is named, and may be absent then. */
#define DAEMON_CONFIG "/etc/loiter/loiter.conf"

struct daemon_args {
	const char *config;	/* path; NULL: DAEMON_CONFIG, if it is there */
	const struct config_setting *over;	/* these go over the file, also after a reload */
	size_t n_over;
};

/*
 * Runs until SIGTERM or SIGINT, then 0. What fails before it is ready is returned: -EINVAL a bad
 * configuration, -EADDRINUSE and others the address, -ENOMEM, -errno. What fails later is logged.
 */
int daemon_run(const struct daemon_args *args, struct diag *d);
