// SPDX-License-Identifier: Apache-2.0
/*
 * layout-dump FILE MINOR: the layout that a binary's own DWARF tells, one `field offset` a line.
 * A part of scripts/gen-go-layouts; not installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "goruntime/layout.h"

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
#define PRINT(name, type, member, from, to) printf("%s %d\n", #name, l.name);
	LAYOUT_FIELDS(PRINT)
#undef PRINT
	return 0;
}
