// SPDX-License-Identifier: Apache-2.0
#include "target/mounts.h"

#include <errno.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "target/process.h"
#include "target/procfile.h"

enum {
	MOUNTINFO_BYTES = 16 << 20,
	MOUNTS_MAX = 4096,	/* those beyond are taken for files */
};

static int add(struct mounts *m, uint64_t dev, enum mount_kind kind)
{
	struct mount *more;

	if (m->n == MOUNTS_MAX)
		return 0;
	more = realloc(m->all, (m->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->all = more;
	m->all[m->n++] = (struct mount){ dev, kind };
	return 0;
}

/* "36 35 98:0 /root /mount/point options [tags ...] - type source options" (proc(5)). */
static int parse_line(struct mounts *m, const char *line)
{
	const char *type = strstr(line, " - ");
	unsigned int major_nr, minor_nr;

	if (!type || sscanf(line, "%*u %*u %u:%u ", &major_nr, &minor_nr) != 2)
		return 0;
	type += 3;
	if (strncmp(type, "tmpfs ", 6) == 0)
		return add(m, makedev(major_nr, minor_nr), MOUNT_MEMORY);
	if (strncmp(type, "hugetlbfs ", 10) == 0)
		return add(m, makedev(major_nr, minor_nr), MOUNT_HUGE_PAGES);
	return 0;
}

int mounts_parse(const char *text, struct mounts **ret)
{
	CLEANUP(mounts_free_p) struct mounts *m = calloc(1, sizeof(*m));
	char *copy = strdup(text), *rest = copy, *line;
	int r = m && copy ? 0 : -ENOMEM;

	while (r == 0 && (line = strsep(&rest, "\n")))
		r = parse_line(m, line);
	free(copy);
	if (r < 0)
		return r;
	*ret = TAKE(m);
	return 0;
}

/* The kernel mounts these for itself, where no list shows them; a file of our own is there too. */
static int add_own(struct mounts *m, unsigned int flags, enum mount_kind kind)
{
	int fd = memfd_create("loiter", MFD_CLOEXEC | flags);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0)
		r = add(m, st.st_dev, kind);
	close(fd);
	return r;
}

int mounts_read(const struct process *p, struct mounts **ret)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	CLEANUP(mounts_free_p) struct mounts *m = NULL;
	size_t len;
	int r = procfile_read(p->proc_fd, "mountinfo", MOUNTINFO_BYTES, &text, &len);

	if (r == -ENOMEM)
		return r;
	r = mounts_parse(r == 0 ? text : "", &m);
	if (r == 0)
		r = add_own(m, 0, MOUNT_MEMORY);
	if (r == 0)
		r = add_own(m, MFD_HUGETLB, MOUNT_HUGE_PAGES);
	if (r < 0)
		return r;
	*ret = TAKE(m);
	return 0;
}

void mounts_free(struct mounts *m)
{
	if (!m)
		return;
	free(m->all);
	free(m);
}

enum mount_kind mounts_kind(const struct mounts *m, uint64_t dev)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->all[i].dev == dev)
			return m->all[i].kind;
	return MOUNT_FILES;
}
