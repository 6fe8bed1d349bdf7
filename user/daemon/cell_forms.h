/* SPDX-License-Identifier: Apache-2.0 */
/* What each thing that a cell may be asked for takes of a snapshot, and who writes it. */
#pragma once

#include <stdio.h>

#include "collect/snapshot.h"
#include "daemon/cell_request.h"

struct report_options;

struct cell_form {
	enum cell_what what;
	uint32_t debug;
	struct snapshot_options options;
	int (*write)(const struct snapshot *s, FILE *out, const struct report_options *o);
	/* 0: the snapshot has what it is about; else why it has not. NULL: it always does. */
	int (*check)(const struct snapshot *s, struct diag *d);
};

/* NULL: there is no such form. */
const struct cell_form *cell_form_find(enum cell_what what, uint32_t debug);
