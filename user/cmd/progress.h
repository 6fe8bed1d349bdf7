/* SPDX-License-Identifier: Apache-2.0 */
/* A line on stderr that tells how far long work is: on a terminal only, and after a second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct progress {
	const char *what;	/* "goroutines" */
	struct timespec start, shown;
	bool on;		/* stderr is a terminal that can erase a line */
	bool visible;
};

void progress_start(struct progress *p, const char *what);
/* `arg` is the struct: fits snapshot_options.progress. */
void progress_update(void *arg, uint64_t done, uint64_t total);
/* Erases the line if it was shown. */
void progress_end(struct progress *p);
