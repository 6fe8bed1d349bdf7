// SPDX-License-Identifier: Apache-2.0
/*
 * layout-dump FILE MINOR: the layout that a binary's own DWARF tells, one `field offset` a line.
 * Any field that the release should have must be there: the program that the generator builds
 * mentions every type. A part of scripts/gen-go-layouts; not installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "goruntime/layout.h"

static bool complete(const struct go_layout *l)
{
	bool ret = true;

#define LOOK(name, type, member, from, to)                                                         \
	if (l->name < 0 && l->minor >= (from) && l->minor <= (to)) {                               \
		fprintf(stderr, "layout-dump: %s is not there\n", type);                           \
		ret = false;                                                                       \
	}
	LAYOUT_FIELDS(LOOK)
#undef LOOK
	return ret;
}

int main(int argc, char **argv)
{
	struct diag d = DIAG_INIT;
	struct go_layout l;
	int fd, r;

	if (argc != 3) {
		fprintf(stderr, "usage: layout-dump FILE MINOR\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "layout-dump: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	r = layout_from_dwarf(fd, atoi(argv[2]), &l, &d);
	close(fd);
	if (r < 0) {
		fprintf(stderr, "layout-dump: %s: %s\n", argv[1], d.why);
		return 1;
	}
	if (!complete(&l))
		return 1;
#define PRINT(name, type, member, from, to) printf("%s %d\n", #name, l.name);
	LAYOUT_FIELDS(PRINT)
#undef PRINT
	return 0;
}
