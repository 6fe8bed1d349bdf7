/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening files that somebody else named. Only regular ones: to open a device may have an effect,
 * to open a FIFO waits.
 */
#pragma once

#include <sys/stat.h>

/*
 * Opens for reading what an O_PATH descriptor stands for; takes the descriptor, also on failure,
 * and a negative errno in its place, which it returns. -EINVAL not a regular file.
 */
int regfile_reopen(int path_fd, struct stat *st);
/* The same by path. */
int regfile_open(const char *path, struct stat *st);
