/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service manager is told, by the protocol of sd_notify(3): words in a datagram to the
 * socket that it has named. Without one, nothing is sent and nothing fails.
 */
#pragma once

#include "base/diag.h"

struct notify {
	int fd;			/* negative: nobody listens */
	double watchdog_s;	/* it wants to hear of us at least so often; 0: it does not */
};

/*
 * Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, and takes them out of the environment, so
 * that no child speaks for us. -EINVAL: they make no sense, and *n is as without them; -errno.
 */
int notify_open(struct notify *n, struct diag *d);
void notify_close(struct notify *n);

/* Each: 0 it was sent, or nobody listens; -errno. */
int notify_ready(const struct notify *n);
/* With the time, as a manager wants it that waits for notify_ready() after a reload. */
int notify_reloading(const struct notify *n);
int notify_stopping(const struct notify *n);
/* "All is well": see notify.watchdog_s. */
int notify_watchdog(const struct notify *n);
/* A line for `systemctl status`. */
int notify_status(const struct notify *n, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
