/* SPDX-License-Identifier: Apache-2.0 */
/* The page at /debug/pprof/ of one process: which profiles there are, and by what address. */
#pragma once

#include <stddef.h>

#include "daemon/cell_port.h"

/*
 * HTML, of malloc(); below_proc: it is below /proc/T/. Links are relative, as those of the pages
 * are. -ENOMEM.
 */
int http_index_page(const struct ask *ask, bool below_proc, char **ret, size_t *ret_len);
