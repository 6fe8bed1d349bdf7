// SPDX-License-Identifier: Apache-2.0
#include "daemon/cell_answer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x3143534cu	/* "LSC1" */

enum { FIRST_ROOM = 16 << 10, ERRNO_MAX = 4095 };

static int write_all(int fd, const void *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, (const char *)bytes + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return 0;
}

static int write_answer(int fd, int err, const void *bytes, size_t len)
{
	const struct cell_answer_head head = { .magic = MAGIC, .err = err, .len = len };
	int r = write_all(fd, &head, sizeof(head));

	return r < 0 ? r : write_all(fd, bytes, len);
}

int cell_answer_write(int fd, const void *bytes, size_t len)
{
	return write_answer(fd, 0, bytes, len);
}

int cell_answer_fail(int fd, int err, const struct diag *d)
{
	return write_answer(fd, err < 0 ? err : -EIO, d, sizeof(*d));
}

void cell_answer_init(struct cell_answer *a, uint64_t max)
{
	*a = (struct cell_answer){ .max = max };
}

void cell_answer_done(struct cell_answer *a)
{
	free(a->bytes);
	a->bytes = NULL;
}

static bool has_head(const struct cell_answer *a, struct cell_answer_head *ret)
{
	if (a->len < sizeof(*ret))
		return false;
	memcpy(ret, a->bytes, sizeof(*ret));
	return true;
}

static int check_head(const struct cell_answer *a)
{
	struct cell_answer_head head;

	if (!has_head(a, &head))
		return 0;
	if (head.magic != MAGIC || head.err > 0 || head.err < -ERRNO_MAX ||
	    (head.err && head.len != sizeof(struct diag)))
		return -EBADMSG;
	if (!head.err && head.len > a->max)
		return -E2BIG;
	return a->len - sizeof(head) > head.len ? -EBADMSG : 0;
}

/* Room for all that the head promises at once, as far as it has shown that it keeps it. */
static int make_room(struct cell_answer *a)
{
	size_t more = a->room ? a->room * 2 : FIRST_ROOM;
	char *bigger;

	if (a->len < a->room)
		return 0;
	bigger = realloc(a->bytes, more);
	if (!bigger)
		return -ENOMEM;
	a->bytes = bigger;
	a->room = more;
	return 0;
}

int cell_answer_read(struct cell_answer *a, int fd)
{
	for (;;) {
		ssize_t n;
		int r = make_room(a);

		if (r < 0)
			return r;
		n = read(fd, a->bytes + a->len, a->room - a->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		if (n == 0)
			return 0;
		a->len += (size_t)n;
		r = check_head(a);
		if (r < 0)
			return r;
	}
}

static void copy_text(char *to, size_t size, const char *from)
{
	memcpy(to, from, size);
	to[size - 1] = '\0';
	for (char *c = to; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static void copy_diag(struct diag *to, const struct diag *from)
{
	copy_text(to->what, sizeof(to->what), from->what);
	copy_text(to->why, sizeof(to->why), from->why);
	copy_text(to->hint, sizeof(to->hint), from->hint);
}

int cell_answer_take(struct cell_answer *a, char **ret, size_t *len, struct diag *d)
{
	struct cell_answer_head head;
	struct diag why;

	if (!has_head(a, &head) || a->len - sizeof(head) < head.len)
		return -ENODATA;
	if (head.err) {
		memcpy(&why, a->bytes + sizeof(head), sizeof(why));
		copy_diag(d, &why);
		return head.err;
	}
	memmove(a->bytes, a->bytes + sizeof(head), head.len);
	*ret = a->bytes;
	*len = head.len;
	a->bytes = NULL;
	a->len = a->room = 0;
	return 0;
}
