// SPDX-License-Identifier: Apache-2.0
/*
 * layout-dump FILE MINOR [heap]: the layout that a binary's own DWARF tells, one `field offset` a
 * line; `heap`: that of the heap. Any field that the release should have must be there: the program that the generator builds
 * mentions every type. A part of scripts/gen-go-layouts; not installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "goruntime/heap_layout.h"
#include "goruntime/layout.h"

#define LOOK(name, type, member, from, to)                                                         \
	if (l.name < 0 && minor >= (from) && minor <= (to)) {                                      \
		fprintf(stderr, "layout-dump: %s is not there\n", type);                           \
		missing = true;                                                                    \
	}
#define PRINT(name, type, member, from, to) printf("%s %d\n", #name, l.name);

static int dump_layout(int fd, int minor, struct diag *d)
{
	bool missing = false;
	struct go_layout l;
	int r = layout_from_dwarf(fd, minor, &l, d);

	if (r < 0)
		return r;
	LAYOUT_FIELDS(LOOK)
	LAYOUT_FIELDS(PRINT)
	return missing ? diag_fail(d, -ENODATA, "some types are not there") : 0;
}

static int dump_heap(int fd, int minor, struct diag *d)
{
	bool missing = false;
	struct go_heap_layout l;
	int r = heap_layout_from_dwarf(fd, minor, &l, d);

	if (r < 0)
		return r;
	HEAP_FIELDS(LOOK)
	HEAP_FIELDS(PRINT)
	return missing ? diag_fail(d, -ENODATA, "some types are not there") : 0;
}

int main(int argc, char **argv)
{
	struct diag d = DIAG_INIT;
	bool heap = argc == 4 && strcmp(argv[3], "heap") == 0;
	int fd, r;

	if (argc != 3 && !heap) {
		fprintf(stderr, "usage: layout-dump FILE MINOR [heap]\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "layout-dump: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	r = heap ? dump_heap(fd, atoi(argv[2]), &d) : dump_layout(fd, atoi(argv[2]), &d);
	close(fd);
	if (r < 0) {
		fprintf(stderr, "layout-dump: %s: %s\n", argv[1], d.why);
		return 1;
	}
	return 0;
}
