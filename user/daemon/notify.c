// SPDX-License-Identifier: Apache-2.0
#include "daemon/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/quantity.h"

/* A path, or a name that no file has: '@' stands for the NUL that such a name begins with. */
static int connect_to(const char *name, struct diag *d)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd, r;

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(to.sun_path))
		return diag_fail(d, -EINVAL, "\"%s\" is not the name of a socket", name);
	memcpy(to.sun_path, name, len);
	if (name[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_fail(d, -errno, "no socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
		return fd;
	r = diag_fail(d, -errno, "cannot be connected to: %s", strerror(errno));
	close(fd);
	return r;
}

/*
 * The watchdog may be meant for another process: a parent of ours that passed its environment on.
 */
static int read_watchdog(double *ret_s, struct diag *d)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t n;
	int r;

	if (!usec)
		return 0;
	if (pid) {
		r = quantity_count(pid, 1, INT32_MAX, &n, d);
		if (r < 0)
			return diag_what(d, r, "WATCHDOG_PID");
		if (n != (uint64_t)getpid())
			return 0;
	}
	r = quantity_count(usec, 1, UINT32_MAX * UINT64_C(1000000), &n, d);
	if (r < 0)
		return diag_what(d, r, "WATCHDOG_USEC");
	*ret_s = (double)n / 1e6;
	return 0;
}

int notify_open(struct notify *n, struct diag *d)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int r;

	*n = (struct notify){ .fd = -1 };
	if (!name)
		return 0;
	n->fd = connect_to(name, d);
	r = n->fd < 0 ? diag_what(d, n->fd, "NOTIFY_SOCKET") : read_watchdog(&n->watchdog_s, d);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return r;
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

/* A manager that does not read must not hold us up. */
static int tell(const struct notify *n, const char *words)
{
	if (n->fd < 0)
		return 0;
	if (send(n->fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

int notify_ready(const struct notify *n)
{
	return tell(n, "READY=1");
}

int notify_reloading(const struct notify *n)
{
	char words[64];

	snprintf(words, sizeof(words), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 clock_now_ns(CLOCK_MONOTONIC) / 1000);
	return tell(n, words);
}

int notify_stopping(const struct notify *n)
{
	return tell(n, "STOPPING=1");
}

int notify_watchdog(const struct notify *n)
{
	return tell(n, "WATCHDOG=1");
}

int notify_status(const struct notify *n, const char *fmt, ...)
{
	char words[256] = "STATUS=";
	size_t at = strlen(words);
	va_list args;

	va_start(args, fmt);
	vsnprintf(words + at, sizeof(words) - at, fmt, args);
	va_end(args);
	/* What follows a newline would be another word of the protocol. */
	for (char *c = words; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return tell(n, words);
}
