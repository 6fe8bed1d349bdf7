// SPDX-License-Identifier: Apache-2.0
#include "daemon/flight.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct flight *flight_new(const struct cell_request *q, cells_done *done, void *arg)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->request = *q;
	f->done = done;
	f->done_arg = arg;
	f->pipe = -1;
	cell_answer_init(&f->answer, q->limits.answer_bytes);
	return f;
}

void flight_free(struct flight *f)
{
	if (!f)
		return;
	if (f->pipe >= 0)
		close(f->pipe);
	cell_answer_done(&f->answer);
	free(f->bytes);
	free(f);
}

void flight_fail(struct flight *f, int err, const char *why, ...)
{
	va_list ap;

	f->finished = f->by_us = true;
	f->err = err;
	f->why = (struct diag)DIAG_INIT;
	va_start(ap, why);
	vsnprintf(f->why.why, sizeof(f->why.why), why, ap);
	va_end(ap);
	diag_what(&f->why, err, "pid %d", f->request.pid);
}

/* As soon as the answer is whole, how its cell ends does not matter. */
static bool take_answer(struct flight *f)
{
	f->why = (struct diag)DIAG_INIT;
	f->err = cell_answer_take(&f->answer, &f->bytes, &f->len, &f->why);
	f->finished = f->err != -ENODATA || f->why.why[0];
	return f->finished;
}

void flight_read(struct flight *f)
{
	int r = cell_answer_read(&f->answer, f->pipe);

	if (r == 1)
		return;
	if (r == -E2BIG)
		flight_fail(f, r, "the answer is longer than %lu bytes",
			    f->request.limits.answer_bytes);
	else if (r == -ENOMEM)
		flight_fail(f, r, "no memory for the answer");
	else if (r < 0)
		flight_fail(f, -EPROTO, "its cell told nonsense");
	f->read_all = true;
	if (r == 0)
		take_answer(f);
}

static void say_how(struct flight *f)
{
	if (f->sig == SIGXCPU)
		flight_fail(f, -ETIMEDOUT, "a look at it took more than %u s of CPU time",
			    f->request.limits.cpu_s);
	else if (f->sig == SIGSYS)
		flight_fail(f, -EPROTO, "its cell made a system call that it may not make, and was "
			    "killed");
	else if (f->sig)
		flight_fail(f, -EPROTO, "its cell was killed by signal %d (SIG%s)", f->sig,
			    sigabbrev_np(f->sig) ? sigabbrev_np(f->sig) : "?");
	else
		flight_fail(f, -EPROTO, "its cell ended without an answer (exit code %d)",
			    f->code);
}

bool flight_settle(struct flight *f, uint64_t foreman)
{
	if (f->finished || !f->read_all)
		return f->finished;
	if (f->ended)
		say_how(f);
	else if (f->foreman != foreman)
		flight_fail(f, -EIO, "the process that watches over cells has died; ask again");
	return f->finished;
}

void flight_tell(struct flight *f)
{
	f->done(f->done_arg, f->err, &f->why, f->err ? NULL : TAKE(f->bytes), f->err ? 0 : f->len);
	flight_free(f);
}
