// SPDX-License-Identifier: Apache-2.0
#include "target/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "target/process.h"
#include "target/procfile.h"
#include "target/regfile.h"
#include "target/sealed.h"

/* 65,530 mappings (vm.max_map_count) with ordinary paths take 8 MiB; more is made to hurt us. */
enum { MAPS_BYTES = 64 * 1024 * 1024 };

/* Digits of the base up to the one character that must follow; false otherwise. */
static bool number(const char **at, int base, char after, uint64_t *ret)
{
	uint64_t v = 0;
	const char *s = *at;

	for (;; s++) {
		int digit = *s >= '0' && *s <= '9'   ? *s - '0'
			    : *s >= 'a' && *s <= 'f' ? *s - 'a' + 10
						     : 99;

		if (digit >= base)
			break;
		if (v > UINT64_MAX / 16)
			return false;
		v = v * (uint64_t)base + (uint64_t)digit;
	}
	if (s == *at || *s != after)
		return false;
	*at = s + 1;
	*ret = v;
	return true;
}

static bool protection(const char **at, struct mapping *m)
{
	static const char allowed[4][3] = { "r-", "w-", "x-", "ps" };
	const char *s = *at;

	for (int i = 0; i < 4; i++)
		if (s[i] != allowed[i][0] && s[i] != allowed[i][1])
			return false;
	if (s[4] != ' ')
		return false;
	m->readable = s[0] == 'r';
	m->writable = s[1] == 'w';
	m->executable = s[2] == 'x';
	m->shared = s[3] == 's';
	*at = s + 5;
	return true;
}

/* "start-end rwxp offset major:minor inode   path", NUL-terminated in place. */
static int parse_line(char *line, struct mapping *ret)
{
	static const char mark[] = " (deleted)";
	struct mapping m = { 0 };
	uint64_t major_nr, minor_nr;
	const char *at = line;
	size_t len;

	if (!number(&at, 16, '-', &m.start) || !number(&at, 16, ' ', &m.end) ||
	    !protection(&at, &m) || !number(&at, 16, ' ', &m.offset) ||
	    !number(&at, 16, ':', &major_nr) || !number(&at, 16, ' ', &minor_nr))
		return -EBADMSG;
	/* After the inode stands a space even where no path follows, but for old kernels. */
	if (!number(&at, 10, ' ', &m.ino)) {
		if (!number(&at, 10, '\0', &m.ino))
			return -EBADMSG;
		at--;
	}
	if (m.start >= m.end || major_nr > UINT32_MAX || minor_nr > UINT32_MAX)
		return -EBADMSG;
	m.dev = makedev((unsigned int)major_nr, (unsigned int)minor_nr);
	at += strspn(at, " ");
	len = strlen(at);
	if (len >= sizeof(mark) && strcmp(at + len - (sizeof(mark) - 1), mark) == 0) {
		m.deleted = true;
		line[(size_t)(at - line) + len - (sizeof(mark) - 1)] = '\0';
	}
	m.path = at;
	*ret = m;
	return 0;
}

/* Cuts what a piecewise read showed twice; 0 when nothing is left of m. */
static bool cut_overlap(const struct maps *maps, struct mapping *m)
{
	uint64_t last = maps->n ? maps->all[maps->n - 1].end : 0;

	if (m->end <= last)
		return false;
	if (m->start < last) {
		if (m->ino)
			m->offset += last - m->start;
		m->start = last;
	}
	return true;
}

/* At least as many as the text has mappings: the shortest line has 16 characters. */
static size_t count_lines(const char *text, size_t len)
{
	size_t n = 1;

	for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))); p++)
		n++;
	return n < len / 16 + 1 ? n : len / 16 + 1;
}

int maps_parse(const char *text, size_t len, struct maps **ret, struct diag *d)
{
	CLEANUP(maps_free_p) struct maps *maps = calloc(1, sizeof(*maps));
	char *line, *next;

	if (!maps)
		return -ENOMEM;
	/* A NUL would hide the rest of a line from the checks. */
	if (memchr(text, '\0', len))
		return diag_fail(d, -EBADMSG, "the list of mappings holds a NUL");
	maps->text = strndup(text, len);
	maps->all = calloc(count_lines(text, len), sizeof(*maps->all));
	if (!maps->text || !maps->all)
		return -ENOMEM;
	for (line = maps->text; *line; line = next) {
		char *end = strchrnul(line, '\n');

		next = *end ? end + 1 : end;
		*end = '\0';
		if (parse_line(line, &maps->all[maps->n]) < 0)
			return diag_fail(d, -EBADMSG, "a malformed line in the list of mappings");
		if (cut_overlap(maps, &maps->all[maps->n]))
			maps->n++;
	}
	*ret = TAKE(maps);
	return 0;
}

int maps_read(const struct process *p, struct maps **ret, struct diag *d)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	size_t len = 0;
	int fd = process_open_file(p, "maps");
	int r = fd < 0 ? fd : procfile_read_fd(fd, MAPS_BYTES, &text, &len);

	if (fd >= 0)
		close(fd);
	if (r == -EACCES || r == -EPERM) {
		r = diag_fail(d, -EPERM, "its mappings may not be read");
		diag_hint(d, r, "run as root or with CAP_SYS_PTRACE");
	} else if (r == -E2BIG) {
		r = diag_fail(d, -EBADMSG, "its list of mappings is longer than 64 MiB");
	} else if (r < 0 && r != -ENOMEM) {
		r = diag_fail(d, -ESRCH, "the process has exited");
	} else if (r == 0 && len == 0) {
		/* Of one that exits just now the file opens and is empty. */
		r = diag_fail(d, -ESRCH, "the process has no memory any more: it is exiting");
	} else if (r == 0) {
		r = maps_parse(text, len, ret, d);
	}
	return r < 0 ? diag_what(d, r, "pid %d", p->pid) : 0;
}

void maps_free(struct maps *m)
{
	if (!m)
		return;
	free(m->all);
	free(m->text);
	free(m);
}

const struct mapping *maps_find(const struct maps *m, uint64_t addr)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr >= m->all[mid].end)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n && addr >= m->all[lo].start ? &m->all[lo] : NULL;
}

/* Needs CAP_SYS_ADMIN, or CAP_CHECKPOINT_RESTORE (Linux 5.9), in the initial namespace. */
static int open_map_file(const struct process *p, const struct mapping *m)
{
	char name[64];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "map_files/%lx-%lx", m->start, m->end);
	fd = openat(p->proc_fd, name, O_PATH | O_CLOEXEC);
	return regfile_reopen(fd < 0 ? -errno : fd, &st);
}

/*
 * The device that maps prints is the superblock's. On btrfs, and on overlayfs before Linux 6.8,
 * stat tells another one, which is always an anonymous one (major 0): there the inode number and
 * the path must do.
 */
static bool same_file(const struct mapping *m, uint64_t dev, uint64_t ino)
{
	return m->ino == ino && (m->dev == dev || major(dev) == 0);
}

static bool is_exe(const struct process *p, const struct mapping *m)
{
	static const char mark[] = " (deleted)";
	CLEANUP(procfile_free_p) char *path = NULL;
	size_t len = strlen(m->path);

	if (!same_file(m, p->exe_dev, p->exe_ino))
		return false;
	if (procfile_readlink(p->proc_fd, "exe", &path) < 0)
		return false;
	return strncmp(path, m->path, len) == 0 &&
	       strcmp(path + len, m->deleted ? mark : "") == 0;
}

/* /proc/PID/root keeps the target's mount namespace; no link may lead out of it. */
static int open_below_root(const struct process *p, const struct mapping *m)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	struct stat st;
	int root, fd;

	if (m->path[0] != '/' || m->deleted)
		return -ENOENT;
	root = openat(p->proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root, m->path, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(root);
	fd = regfile_reopen(fd, &st);
	if (fd >= 0 && !same_file(m, st.st_dev, st.st_ino)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

int maps_open_file(const struct process *p, const struct mapping *m, struct diag *d)
{
	int fd;

	if (m->ino == 0) {
		diag_fail(d, -ENOENT, "no file is behind this memory");
		return diag_what(d, -ENOENT, "%lx-%lx of pid %d", m->start, m->end, p->pid);
	}
	fd = p->sealed ? sealed_open_mapped(p->sealed, m) : open_map_file(p, m);
	if (fd < 0 && !p->sealed && is_exe(p, m))
		fd = process_open_exe(p, NULL);
	if (fd < 0 && !p->sealed)
		fd = open_below_root(p, m);
	if (fd == -ESTALE || (fd == -ENOENT && m->deleted))
		diag_fail(d, fd, "the mapped file was deleted or replaced since");
	else if (fd < 0)
		diag_fail(d, fd, "the mapped file cannot be opened: %s", strerror(-fd));
	if (fd == -ESTALE || fd == -EPERM || fd == -EACCES || (fd == -ENOENT && m->deleted))
		diag_hint(d, fd, "run as root, which can open what is mapped under no path");
	return fd < 0 ? diag_what(d, fd, "%s of pid %d", m->path, p->pid) : fd;
}
