// SPDX-License-Identifier: Apache-2.0
#include "daemon/file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *path, int err, struct diag *d)
{
	int r = err == ENOENT ? -ENOENT : -EINVAL;

	diag_fail(d, r, "it cannot be read: %s", strerror(err));
	return diag_what(d, r, "%s", path);
}

int file_text_read(const char *path, char *buf, size_t max, size_t *ret_len, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), err;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return fail(path, errno, d);
	while (n > 0 && len <= max) {
		n = read(fd, buf + len, max + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	err = errno;
	close(fd);
	if (n < 0)
		return fail(path, err, d);
	if (len > max) {
		diag_fail(d, -EINVAL, "it is larger than %zu KiB", max / 1024);
		return diag_what(d, -EINVAL, "%s", path);
	}
	buf[len] = '\0';
	*ret_len = len;
	return 0;
}
