/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in a cell: opens the target, gives up every privilege (daemon/cage.h), and only then
 * believes a byte of it.
 */
#pragma once

#include "daemon/cell_request.h"

/* Writes the answer or its error to `out` (daemon/cell_answer.h). The exit code of the process. */
int cell_run(const struct cell_request *q, int out);
