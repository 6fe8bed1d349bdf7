/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the answer goes: stdout, or the file of -o. A file is written under a temporary name
 * beside its place and renamed once it is complete, so that a partial one never looks whole.
 */
#pragma once

#include <stdio.h>

#include "base/diag.h"

struct output {
	FILE *file;		/* to write to */
	int fd;			/* behind it; owned unless it is stdout */
	int err;		/* negative errno of the first write that failed */
	char *path;		/* final name, symbolic links followed; NULL: stdout */
	char *temp;		/* name until then */
};

/*
 * Once, first of all: what is closed of stdin, stdout and stderr is taken, so that no file that is
 * opened later is written to as one of them.
 */
void output_reserve(void);

/*
 * path NULL or "-": stdout. Something that is not a regular file (a device, a pipe) is written
 * to directly. -EINVAL a path that cannot be (no such directory), -EACCES, -EPERM, -ENOSPC,
 * -ENOMEM and the like, with the sentence.
 */
int output_open(struct output *o, const char *path, struct diag *d);

/*
 * Writes out what is buffered, checks that every byte arrived and puts the file in its place.
 * -ENOSPC, -EIO and so on, with the sentence; the temporary file is removed then.
 */
int output_finish(struct output *o, struct diag *d);

/* Gives up: removes the temporary file. Nothing to do after output_finish(). */
void output_done(struct output *o);
