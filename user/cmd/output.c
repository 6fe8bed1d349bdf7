// SPDX-License-Identifier: Apache-2.0
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/interrupt.h"

/* Keeps the first errno: stdio only remembers that there was one. */
static ssize_t cookie_write(void *cookie, const char *buf, size_t len)
{
	struct output *o = cookie;
	size_t done = 0;

	while (!o->err && done < len) {
		ssize_t n = write(o->fd, buf + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			o->err = -errno;
	}
	/* fopencookie(3): a write reports failure by 0, never by a negative number. */
	return (ssize_t)done;
}

void output_reserve(void)
{
	int fd;

	/* That cannot be written, so that a report for nobody is an error. */
	do {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int open_stream(struct output *o)
{
	const cookie_io_functions_t io = { .write = cookie_write };

	o->file = fopencookie(o, "w", io);
	if (!o->file)
		return -ENOMEM;
	setvbuf(o->file, NULL, _IOFBF, 1 << 16);
	return 0;
}

/* Says what went wrong with the path that the user gave; a bad path is a usage error. */
static int open_failed(int err, const char *path, struct diag *d)
{
	diag_fail(d, err, "%s", strerror(-err));
	diag_what(d, err, "%s", path);
	switch (-err) {
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENXIO:
	case ENAMETOOLONG:
		return diag_hint(d, -EINVAL, "give -o a path that can be written");
	case EACCES:
	case EPERM:
	case EROFS:
		return diag_hint(d, -EACCES, "give -o a path that you may write");
	default:
		return err;
	}
}

/* A new file gets what the umask allows; one that is replaced passes on its mode. */
static mode_t mode_for(const struct stat *old, bool exists)
{
	mode_t mask;

	if (exists)
		return old->st_mode & 0777;
	mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static int open_temp(struct output *o, const char *path, const struct stat *old, bool exists)
{
	mode_t mode = mode_for(old, exists);

	/* A rename would replace also what its owner has made read-only. */
	if (exists && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
		return -errno;
	o->path = exists ? realpath(path, NULL) : strdup(path);
	if (!o->path)
		return errno ? -errno : -ENOMEM;
	if (asprintf(&o->temp, "%s.XXXXXX", o->path) < 0) {
		o->temp = NULL;
		return -ENOMEM;
	}
	interrupt_hold();
	o->fd = mkostemp(o->temp, O_CLOEXEC);
	if (o->fd < 0) {
		int err = -errno;

		interrupt_release();
		free(TAKE(o->temp));
		return err;
	}
	interrupt_remove(o->temp);
	interrupt_release();
	return fchmod(o->fd, mode) < 0 ? -errno : 0;
}

int output_open(struct output *o, const char *path, struct diag *d)
{
	struct stat st;
	bool exists;
	int r = 0;

	*o = (struct output){ .fd = STDOUT_FILENO };
	if (!path || strcmp(path, "-") == 0)
		return open_stream(o);

	exists = stat(path, &st) == 0;
	if (!*path) {
		r = -ENOENT;
	} else if (exists && S_ISDIR(st.st_mode)) {
		r = -EISDIR;
	} else if (exists && !S_ISREG(st.st_mode)) {
		o->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		r = o->fd < 0 ? -errno : 0;
		/* For the sentence alone: without it the output has no name. */
		o->path = strdup(path);
	} else {
		r = open_temp(o, path, &st, exists);
	}
	if (r < 0) {
		output_done(o);
		return open_failed(r, path, d);
	}
	r = open_stream(o);
	if (r < 0)
		output_done(o);
	return r;
}

static int write_failed(struct output *o, int err, struct diag *d)
{
	diag_fail(d, err, "could not be written: %s", strerror(-err));
	diag_what(d, err, "%s", o->path ? o->path : "output");
	output_done(o);
	/* -EIO and such mean the target elsewhere; a failed write is none of its doing. */
	return err == -ENOSPC ? err : -ENOTRECOVERABLE;
}

int output_finish(struct output *o, struct diag *d)
{
	int err = 0;

	if (fclose(TAKE(o->file)) != 0)
		err = o->err ? o->err : -errno;
	if (o->err)
		err = o->err;
	if (!err && o->temp && fsync(o->fd) < 0)
		err = -errno;
	if (!err && o->temp && rename(o->temp, o->path) < 0)
		err = -errno;
	if (err)
		return write_failed(o, err, d);
	interrupt_remove(NULL);
	free(TAKE(o->temp));
	output_done(o);
	return 0;
}

void output_done(struct output *o)
{
	if (o->file) {
		/* What is still buffered is part of an answer that was given up. */
		o->err = o->err ? o->err : -ECANCELED;
		fclose(TAKE(o->file));
	}
	if (o->temp) {
		unlink(o->temp);
		interrupt_remove(NULL);
		free(TAKE(o->temp));
	}
	if (o->fd > STDOUT_FILENO)
		close(o->fd);
	o->fd = -1;
	free(TAKE(o->path));
}
