// SPDX-License-Identifier: Apache-2.0
#include "target/procfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Reads to the end; the buffer grows by doubling, for files in /proc have no size. */
int procfile_read_fd(int fd, size_t max, char **ret, size_t *len)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	size_t n = 0, size = 0;

	for (;;) {
		ssize_t r;

		if (n + 1 >= size) {
			char *bigger = realloc(text, size ? size * 2 : 4096);

			if (!bigger)
				return -ENOMEM;
			text = bigger;
			size = size ? size * 2 : 4096;
		}
		r = read(fd, text + n, size - n - 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
		if (n > max)
			return -E2BIG;
	}
	text[n] = '\0';
	*len = n;
	*ret = TAKE(text);
	return 0;
}

int procfile_read(int dir_fd, const char *name, size_t max, char **ret, size_t *len)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = procfile_read_fd(fd, max, ret, len);
	close(fd);
	return r;
}

void procfile_free(char *text)
{
	free(text);
}

int procfile_readlink(int dir_fd, const char *name, char **ret)
{
	char target[PATH_MAX + 64];	/* the kernel's page, and " (deleted)" on top */
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));

	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	*ret = strndup(target, (size_t)n);
	return *ret ? 0 : -ENOMEM;
}

int procfile_protocol(int dir_fd, int fd, char *ret)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/fd/%d", dir_fd, fd);
	n = getxattr(path, "system.sockprotoname", ret, PROCFILE_PROTOCOL - 1);
	if (n <= 0)
		return -ENODATA;
	ret[n] = '\0';
	return 0;
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* 0 when the name is not a plain positive number. */
static pid_t number_of(const char *name)
{
	pid_t v = 0;

	for (; *name; name++) {
		if (*name < '0' || *name > '9' || v > (INT_MAX - 9) / 10)
			return 0;
		v = v * 10 + (*name - '0');
	}
	return v;
}

static int collect_numbers(DIR *dir, pid_t **ret, size_t *ret_n)
{
	pid_t *all = NULL;
	size_t n = 0, size = 0;
	struct dirent *e;

	while (errno = 0, (e = readdir(dir))) {
		pid_t v = number_of(e->d_name);

		if (!v)
			continue;
		if (n == size) {
			size_t more = size ? size * 2 : 64;
			pid_t *bigger = reallocarray(all, more, sizeof(*all));

			if (!bigger) {
				free(all);
				return -ENOMEM;
			}
			all = bigger;
			size = more;
		}
		all[n++] = v;
	}
	if (errno) {
		int r = -errno;

		free(all);
		return r;
	}
	if (n)
		qsort(all, n, sizeof(*all), by_number);
	*ret = all;
	*ret_n = n;
	return 0;
}

int procfile_numbers(int dir_fd, const char *name, pid_t **ret, size_t *n)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;
	int r;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	r = collect_numbers(dir, ret, n);
	closedir(dir);
	return r;
}

/* The fields after the state: unsigned, or signed with a minus that does not matter here. */
static int parse_fields(const char *at, uint64_t *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *end;

		errno = 0;
		fields[i] = strtoull(at, &end, 10);
		if (end == at || (*end != ' ' && *end != '\n' && *end != '\0'))
			return -EBADMSG;
		at = end;
	}
	return 0;
}

int procstat_parse(const char *text, struct procstat *ret)
{
	/* From ppid, the fourth, to startstack, the 28th. */
	enum { FIRST = 4, LAST = 28, FLAGS = 9, UTIME = 14, STIME = 15,
	       THREADS = 20, START = 22, RSS = 24, STACK = 28 };
	uint64_t fields[LAST - FIRST + 1];
	const char *open = strchr(text, '(');
	/* A process chooses its own comm, ") Z 0 (" included: only the last bracket closes it. */
	const char *close = strrchr(text, ')');
	size_t n;

	if (!open || !close || close < open || close[1] != ' ' || !close[2] || close[3] != ' ')
		return -EBADMSG;
	if (parse_fields(close + 4, fields, LAST - FIRST + 1) < 0)
		return -EBADMSG;

	*ret = (struct procstat){
		.state = close[2],
		.flags = (uint32_t)fields[FLAGS - FIRST],
		.threads = (uint32_t)fields[THREADS - FIRST],
		.cpu_ticks = fields[UTIME - FIRST] + fields[STIME - FIRST],
		.start_ticks = fields[START - FIRST],
		.rss_pages = fields[RSS - FIRST],
		.start_stack = fields[STACK - FIRST],
	};
	n = (size_t)(close - open - 1);
	if (n >= sizeof(ret->comm))
		n = sizeof(ret->comm) - 1;
	memcpy(ret->comm, open + 1, n);
	return 0;
}

int procstat_read(int dir_fd, struct procstat *ret)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	size_t len;
	int r = procfile_read(dir_fd, "stat", 16 * 1024, &text, &len);

	return r < 0 ? r : procstat_parse(text, ret);
}
