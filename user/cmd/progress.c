// SPDX-License-Identifier: Apache-2.0
#include "cmd/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/interrupt.h"
#include "cmd/terminal.h"

enum { FIRST_MS = 1000, EVERY_MS = 100 };

static int64_t ms_since(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000 + (to->tv_nsec - from->tv_nsec) / 1000000;
}

void progress_start(struct progress *p, const char *what)
{
	*p = (struct progress){ .what = what, .on = terminal_smart(STDERR_FILENO) };
	clock_gettime(CLOCK_MONOTONIC, &p->start);
}

void progress_update(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;
	struct timespec now;

	if (!p->on)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (ms_since(&p->start, &now) < FIRST_MS ||
	    (p->visible && ms_since(&p->shown, &now) < EVERY_MS))
		return;
	p->shown = now;
	p->visible = true;
	interrupt_erase(1);
	fprintf(stderr, "\rloiter: %" PRIu64 " of %" PRIu64 " %s\033[K", done, total, p->what);
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (!p->visible)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	p->visible = false;
	interrupt_erase(0);
}
