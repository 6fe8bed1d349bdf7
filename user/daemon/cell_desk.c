// SPDX-License-Identifier: Apache-2.0
#include "daemon/cell_desk.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/cell.h"
#include "daemon/cells.h"
#include "daemon/config.h"
#include "daemon/examined_wire.h"
#include "daemon/log.h"
#include "daemon/page_answer.h"
#include "model/examined.h"
#include "model/node_self.h"

struct cell_desk {
	struct cells *cells;
	struct cell_limits limits;
	struct past *past;
	void (*told)(void *arg, int pid, uint64_t start_time, struct examined *e);
	void *told_arg;
};

/* An examination on its way. */
struct examination {
	struct cell_desk *desk;
	struct cell_request request;
	const char *reason;
};

static const enum cell_what what_is_asked[] = {
	[ASK_SNAPSHOT] = CELL_SNAPSHOT,
	[ASK_PAGE] = CELL_PAGE,
	[ASK_FLAMEGRAPH] = CELL_FLAMEGRAPH,
	[ASK_GOROUTINE] = CELL_GOROUTINE,
	[ASK_GOROUTINELEAK] = CELL_GOROUTINELEAK,
	[ASK_HEAP] = CELL_HEAP,
	[ASK_THREADCREATE] = CELL_THREADCREATE,
};

int cell_desk_open(const struct config *c, struct past *past, struct cell_desk **ret,
		   struct diag *d)
{
	CLEANUP(cell_desk_close_p) struct cell_desk *desk = calloc(1, sizeof(*desk));
	const struct cell_limits limits = {
		.memory_bytes = c->cell_memory_bytes,
		.deadline_ms = (uint32_t)(c->cell_deadline_s * 1000),
		.cpu_s = (uint32_t)(c->cell_deadline_s * 2) + 1,
	};
	struct cells_options o = {
		.foreman = { .most = limits, .max_cells = (uint32_t)c->cells_max, .run = cell_run },
	};
	int r;

	if (!desk)
		return -ENOMEM;
	desk->limits = limits;
	desk->past = past;
	r = cells_open(&o, &desk->cells, d);
	if (r < 0)
		return diag_what(d, r, "cells");
	*ret = TAKE(desk);
	return 0;
}

void cell_desk_close(struct cell_desk *desk)
{
	if (!desk)
		return;
	cells_close(desk->cells);
	free(desk);
}

int cell_desk_fd(const struct cell_desk *desk)
{
	return cells_poll_fd(desk->cells);
}

int cell_desk_dispatch(struct cell_desk *desk)
{
	return cells_dispatch(desk->cells);
}

/* --- A page, which gets how the process's figures ran --- */

struct page_wait {
	struct cell_desk *desk;
	int pid;
	uint64_t start_time;
	cell_done *done;
	void *done_arg;
};

static void page_landed(void *arg, int err, const struct diag *d, char *bytes, size_t len)
{
	struct page_wait *w = arg;

	if (err == 0)
		page_answer_fill(w->desk->past, w->pid, w->start_time, &bytes, &len);
	w->done(w->done_arg, err, d, bytes, len);
	free(w);
}

static int start_page(struct cell_desk *desk, const struct cell_request *q, cell_done *done,
		      void *done_arg, struct diag *d)
{
	struct page_wait *w = malloc(sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct page_wait){ .desk = desk, .pid = q->pid, .start_time = q->start_time,
				 .done = done, .done_arg = done_arg };
	r = cells_start(desk->cells, q, page_landed, w, d);
	if (r < 0)
		free(w);
	return r;
}

static int start(void *arg, const struct ask *ask, cell_done *done, void *done_arg, struct diag *d)
{
	struct cell_desk *desk = arg;
	const struct cell_request q = {
		.pid = ask->pid,
		.what = what_is_asked[ask->what],
		.start_time = ask->start_time,
		.debug = ask->debug,
		.prove_max_ms = ask->prove_max_ms,
		.limits = desk->limits,
	};

	if (ask->what == ASK_PAGE)
		return start_page(desk, &q, done, done_arg, d);
	return cells_start(desk->cells, &q, done, done_arg, d);
}

struct cell_port cell_desk_port(struct cell_desk *desk)
{
	return (struct cell_port){ .arg = desk, .start = start };
}

/* --- Examinations --- */

void cell_desk_tell(struct cell_desk *desk,
		    void (*told)(void *arg, int pid, uint64_t start_time, struct examined *e),
		    void *arg)
{
	desk->told = told;
	desk->told_arg = arg;
}

/* That a process has gone meanwhile is no news: the next look sees it. */
static void say_failure(const struct examination *x, int err, const struct diag *d)
{
	struct log_line l;

	if (err == -ESRCH || err == -ESTALE || err == -ECANCELED)
		return;
	log_begin(&l, SAY_INFO, "examine-failed", "%s", d->why);
	log_number(&l, "pid", x->request.pid);
	log_number(&l, "errno", -err);
	log_end(&l);
}

static void landed(void *arg, int err, const struct diag *d, char *bytes, size_t len)
{
	struct examination *x = arg;
	struct examined *e = NULL;
	struct diag why = *d;

	if (err == 0) {
		err = examined_read(bytes, len, &e);
		if (err < 0)
			diag_fail(&why, err, "the cell told nonsense");
	}
	free(bytes);
	if (err < 0)
		say_failure(x, err, &why);
	if (e)
		e->reason = x->reason;
	if (x->desk->told)
		x->desk->told(x->desk->told_arg, x->request.pid, x->request.start_time, e);
	else
		examined_free(e);
	free(x);
}

int cell_desk_examine(void *arg, int pid, uint64_t start_time, const char *reason)
{
	struct cell_desk *desk = arg;
	struct examination *x = calloc(1, sizeof(*x));
	struct diag d = DIAG_INIT;
	int r;

	if (!x)
		return -ENOMEM;
	*x = (struct examination){
		.desk = desk,
		.reason = reason,
		.request = { .pid = pid, .what = CELL_EXAMINATION, .start_time = start_time,
			     .limits = desk->limits },
	};
	r = cells_start(desk->cells, &x->request, landed, x, &d);
	if (r < 0)
		free(x);
	return r;
}

void cell_desk_count(struct cell_desk *desk, struct node_self *ret)
{
	struct cells_counts n;

	cells_counts(desk->cells, &n);
	ret->cells_run = n.run;
	ret->cells_failed = n.failed;
	ret->cells_killed = n.killed;
}
