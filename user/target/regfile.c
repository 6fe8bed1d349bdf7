// SPDX-License-Identifier: Apache-2.0
#include "target/regfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int regfile_reopen(int path_fd, struct stat *st)
{
	char name[32];
	int fd;

	if (path_fd < 0)
		return path_fd;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	if (fstat(path_fd, st) < 0) {
		fd = -errno;
	} else if (!S_ISREG(st->st_mode)) {
		fd = -EINVAL;
	} else {
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			fd = -errno;
	}
	close(path_fd);
	return fd;
}

int regfile_open(const char *path, struct stat *st)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	return regfile_reopen(fd < 0 ? -errno : fd, st);
}
