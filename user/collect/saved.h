/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a snapshot that `loiter snapshot --json` saved. The file is untrusted. */
#pragma once

#include "base/diag.h"
#include "model/saved.h"

/*
 * path may be a pipe. -EBADMSG with the sentence: malformed, cut off, more than one document,
 * another schema, or larger than any of ours; -ENOENT and the like; -ENOMEM.
 */
int saved_read(const char *path, struct saved **ret, struct diag *d);

/* The same from a descriptor, which stays open; name is how it is called. */
int saved_read_fd(int fd, const char *name, struct saved **ret, struct diag *d);
