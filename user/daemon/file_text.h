/* SPDX-License-Identifier: Apache-2.0 */
/* A small file of whoever runs us, as a whole. */
#pragma once

#include <stddef.h>

#include "base/diag.h"

/*
 * Reads it to buf, of at least max + 1 bytes, and puts a NUL behind it. It is not waited for: what
 * has no end or no beginning is no file. -ENOENT; -EINVAL it cannot be read, or is larger than max.
 */
int file_text_read(const char *path, char *buf, size_t max, size_t *ret_len, struct diag *d);
