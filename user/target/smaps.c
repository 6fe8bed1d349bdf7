// SPDX-License-Identifier: Apache-2.0
#include "target/smaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/process.h"

/* A line ended: "LazyFree:              12 kB". What is longer than that is of another kind. */
static void take_line(struct smaps_sum *s)
{
	unsigned long kib;

	s->line[s->n < sizeof(s->line) ? s->n : sizeof(s->line) - 1] = '\0';
	if (sscanf(s->line, "LazyFree: %lu kB", &kib) == 1 && kib <= UINT32_MAX) {
		s->lazyfree += (uint64_t)kib << 10;
		s->lines++;
	}
	s->n = 0;
}

void smaps_add(struct smaps_sum *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			take_line(s);
		else if (s->n < sizeof(s->line))
			s->line[s->n++] = text[i];
	}
}

int smaps_lazyfree(const struct process *p, uint64_t *ret)
{
	struct smaps_sum sum = { .n = 0 };
	char text[4096];
	int fd = process_open_file(p, "smaps"), r = 0;
	ssize_t n;

	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd == -EACCES ? -EPERM : fd;
	while ((n = read(fd, text, sizeof(text))) != 0) {
		if (n > 0)
			smaps_add(&sum, text, (size_t)n);
		else if (errno != EINTR) {
			r = -errno;
			break;
		}
	}
	close(fd);
	if (r < 0)
		return r;
	if (!sum.lines)
		return process_check(p, NULL) < 0 ? -ESRCH : -EBADMSG;
	*ret = sum.lazyfree;
	return 0;
}
