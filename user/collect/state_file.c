// SPDX-License-Identifier: Apache-2.0
#include "collect/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/limits.h"

#define NAME "node.state"
#define NEXT NAME ".new"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* On disk under its other name. A link that somebody has put there is not followed. */
static int write_next(int dir_fd, const void *bytes, size_t len)
{
	CLEANUP(close_fd) int fd = -1;
	int r;

	unlinkat(dir_fd, NEXT, 0);
	fd = openat(dir_fd, NEXT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, len);
	/* A full disk may be told as late as here. */
	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

int state_write(const char *dir, const void *bytes, size_t len, struct diag *d)
{
	CLEANUP(close_fd) int fd = open_dir(dir);
	int r = fd < 0 ? fd : write_next(fd, bytes, len);

	if (r == 0 && renameat(fd, NEXT, fd, NAME) < 0)
		r = -errno;
	if (r < 0) {
		if (fd >= 0)
			unlinkat(fd, NEXT, 0);
		diag_fail(d, r, "the state cannot be written: %s", strerror(-r));
		return diag_what(d, r, "%s/" NAME, dir);
	}
	/* The name is on disk with this; without it, an old file that is whole is there. */
	fsync(fd);
	return 0;
}

static int read_all(int fd, char **ret, size_t *ret_len)
{
	struct stat st;
	size_t len = 0;
	char *bytes;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if (st.st_size > (off_t)LIMIT_STATE_BYTES)
		return -EFBIG;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, bytes + len, (size_t)st.st_size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	*ret = bytes;
	*ret_len = len;
	return 0;
}

int state_read(const char *dir, struct arena *a, struct state *ret, struct diag *d)
{
	CLEANUP(close_fd) int dir_fd = open_dir(dir);
	CLEANUP(close_fd) int fd = -1;
	char *bytes = NULL;
	size_t len = 0;
	int r = dir_fd < 0 ? dir_fd : 0;

	if (r == 0) {
		/* A FIFO of that name would hold us up. */
		fd = openat(dir_fd, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		r = fd < 0 ? -errno : read_all(fd, &bytes, &len);
	}
	if (r < 0)
		diag_fail(d, r, "%s", r == -EFBIG ? "it is too large to be a state file" :
				      r == -EBADMSG ? "it is no file" : strerror(-r));
	if (r == 0)
		r = state_decode(bytes, len, a, ret, d);
	free(bytes);
	return r < 0 ? diag_what(d, r, "%s/" NAME, dir) : 0;
}
