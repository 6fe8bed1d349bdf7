// SPDX-License-Identifier: Apache-2.0
#include "target/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/limits.h"
#include "target/maps.h"
#include "target/process.h"
#include "target/procfile.h"

/* A line of eight numbers. */
enum { SYSCALL_BYTES = 4096 };

struct sealed_file {
	uint64_t dev, ino;
	int fd;			/* negative: errno of opening it */
};

/* A descriptor of the process's, or one of its threads. */
struct sealed_text {
	pid_t number;
	char *text;
	char protocol[PROCFILE_PROTOCOL];	/* of a socket; "" unknown */
};

struct sealed_texts {
	struct sealed_text *all;	/* by number, ascending */
	size_t n;
};

static const char *const names[] = { "maps", "smaps", "pagemap", "mem", "exe" };
enum { MEM = 3, NAMES = ARRAY_SIZE(names) };

struct sealed {
	bool traced;
	int fds[NAMES];		/* of names[]; -1 not to be opened */
	struct maps *maps;
	struct sealed_file files[LIMIT_SEALED_FILES];
	size_t n_files;
	struct sealed_texts links, syscalls;
};

/* --- Files --- */

static const struct sealed_file *find_file(const struct sealed *s, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < s->n_files; i++)
		if (s->files[i].dev == dev && s->files[i].ino == ino)
			return &s->files[i];
	return NULL;
}

/* Code first, as that is what stacks lead to; a program may map any number of others. */
static void open_files(struct sealed *s, const struct process *p, bool executable)
{
	for (size_t i = 0; i < s->maps->n && s->n_files < LIMIT_SEALED_FILES; i++) {
		const struct mapping *m = &s->maps->all[i];

		if (!m->ino || m->path[0] != '/' || (executable && !m->executable) ||
		    find_file(s, m->dev, m->ino))
			continue;
		s->files[s->n_files++] = (struct sealed_file){
			m->dev, m->ino, maps_open_file(p, m, NULL)
		};
	}
}

static int open_names(struct sealed *s, const struct process *p, struct diag *d)
{
	for (size_t i = 0; i < NAMES; i++) {
		int fd = openat(p->proc_fd, names[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
			return -errno;
		if (fd < 0 && i == MEM)
			return diag_fail(d, errno == ENOENT || errno == ESRCH ? -ESRCH : -EPERM,
					 "its memory cannot be opened: %m");
		s->fds[i] = fd;
	}
	return 0;
}

/* --- What links and threads say --- */

static void free_texts(struct sealed_texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->all[i].text);
	free(t->all);
}

static const struct sealed_text *find_text(const struct sealed_texts *t, pid_t number)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->all[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->n && t->all[lo].number == number ? &t->all[lo] : NULL;
}

static int read_link(const struct process *p, struct sealed_text *t)
{
	char name[32];
	int r;

	snprintf(name, sizeof(name), "fd/%d", t->number);
	r = procfile_readlink(p->proc_fd, name, &t->text);
	if (r == 0 && strncmp(t->text, "socket:", 7) == 0 &&
	    procfile_protocol(p->proc_fd, t->number, t->protocol) < 0)
		t->protocol[0] = '\0';
	return r;
}

static int read_syscall(const struct process *p, struct sealed_text *t)
{
	char name[32];
	size_t len;

	snprintf(name, sizeof(name), "task/%d/syscall", t->number);
	return procfile_read(p->proc_fd, name, SYSCALL_BYTES, &t->text, &len);
}

/* Those that are gone again, or are not for us to see, have no text and are left out. */
static int read_texts(struct sealed_texts *t, const struct process *p, const char *dir, size_t most,
		      int (*read)(const struct process *, struct sealed_text *))
{
	pid_t *numbers = NULL;
	size_t n = 0;
	int r = procfile_numbers(p->proc_fd, dir, &numbers, &n);

	/* Descriptor 0 is a number as well, but no number of a process. */
	t->all = r == 0 ? calloc(n + 1, sizeof(*t->all)) : NULL;
	if (r == 0 && !t->all)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i <= n && t->n < most; i++) {
		struct sealed_text *next = &t->all[t->n];

		next->number = i ? numbers[i - 1] : 0;
		if (read(p, next) == 0)
			t->n++;
	}
	free(numbers);
	return r == -ENOMEM ? r : 0;
}

/* --- The whole --- */

static int fill(struct sealed *s, const struct process *p, struct diag *d)
{
	int r = open_names(s, p, d);

	if (r == 0)
		r = maps_read(p, &s->maps, d);
	if (r < 0)
		return r;
	open_files(s, p, true);
	open_files(s, p, false);
	r = read_texts(&s->links, p, "fd", LIMIT_SEALED_LINKS, read_link);
	if (r == 0)
		r = read_texts(&s->syscalls, p, "task", LIMIT_SEALED_THREADS, read_syscall);
	return r;
}

int process_seal(struct process *p, bool traced, struct diag *d)
{
	struct sealed *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->traced = traced;
	for (size_t i = 0; i < NAMES; i++)
		s->fds[i] = -1;
	r = fill(s, p, d);
	/* All of it is one process's, or none is. */
	if (r == 0)
		r = process_check(p, d);
	if (r < 0) {
		sealed_free(s);
		return diag_what(d, r, "pid %d", p->pid);
	}
	p->sealed = s;
	return 0;
}

void sealed_free(struct sealed *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < NAMES; i++)
		if (s->fds[i] >= 0)
			close(s->fds[i]);
	for (size_t i = 0; i < s->n_files; i++)
		if (s->files[i].fd >= 0)
			close(s->files[i].fd);
	free_texts(&s->links);
	free_texts(&s->syscalls);
	maps_free(s->maps);
	free(s);
}

static int another(int fd)
{
	int copy = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return fd >= 0 && copy < 0 ? -errno : copy;
}

int sealed_open(const struct sealed *s, const char *name)
{
	for (size_t i = 0; i < NAMES; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		if (s->fds[i] < 0)
			return -EACCES;
		/* A file of /proc is made anew for whoever reads it from its beginning. */
		if (lseek(s->fds[i], 0, SEEK_SET) < 0)
			return -errno;
		return another(s->fds[i]);
	}
	return -ENOENT;
}

int sealed_open_mapped(const struct sealed *s, const struct mapping *m)
{
	const struct sealed_file *f = find_file(s, m->dev, m->ino);

	return f ? another(f->fd) : -ENOENT;
}

bool sealed_by_descriptor(const struct process *p)
{
	return p->sealed && !p->sealed->traced;
}

ssize_t sealed_copy(const struct sealed *s, void *buf, const struct iovec *pieces, size_t n)
{
	ssize_t done = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = pieces[i].iov_len;
		ssize_t got = pread(s->fds[MEM], (char *)buf + done, len,
				    (off_t)(uintptr_t)pieces[i].iov_base);

		if (got == 0 && len)
			return -ESRCH;
		done += got > 0 ? got : 0;
		if (got < (ssize_t)len)
			break;
	}
	return done;
}

int sealed_mem_fd(const struct sealed *s)
{
	return s->fds[MEM];
}

int sealed_file_fd(const struct sealed *s, uint64_t dev, uint64_t ino)
{
	const struct sealed_file *f = find_file(s, dev, ino);

	return f && f->fd >= 0 ? f->fd : -1;
}

const struct maps *sealed_maps(const struct sealed *s)
{
	return s->maps;
}

bool sealed_memory_gone(const struct sealed *s)
{
	char byte;

	/* fs/proc/base.c, mem_rw(): nothing, when nobody uses that memory; an error, where nothing
	 * is mapped. */
	return pread(s->fds[MEM], &byte, 1, 0) == 0;
}

static int copy_text(const struct sealed_text *t, int absent, char **ret)
{
	if (!t)
		return absent;
	*ret = strdup(t->text);
	return *ret ? 0 : -ENOMEM;
}

int sealed_link(const struct sealed *s, int fd, char **ret)
{
	return copy_text(find_text(&s->links, fd), -ENOENT, ret);
}

int sealed_protocol(const struct sealed *s, int fd, char *ret)
{
	const struct sealed_text *t = find_text(&s->links, fd);

	if (!t || !t->protocol[0])
		return -ENODATA;
	strcpy(ret, t->protocol);
	return 0;
}

int sealed_syscall(const struct sealed *s, pid_t tid, char **ret)
{
	return copy_text(find_text(&s->syscalls, tid), -ESRCH, ret);
}
