// SPDX-License-Identifier: Apache-2.0
/* `loiter attach --all` and `--cgroup`: every process, inside one budget. */
#include "cmd/attach.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/attach_screen.h"
#include "cmd/exit.h"
#include "cmd/full_screen.h"
#include "cmd/interrupt.h"
#include "cmd/one_line.h"
#include "cmd/output.h"
#include "cmd/snapshot.h"
#include "cmd/terminal.h"
#include "collect/node.h"
#include "report/node.h"

enum { TOP = 20 };

struct attach_node {
	const struct attach_args *args;
	struct output *out;
	struct report_options form;
	struct node *node;
	const struct node_look *look;
	struct attach_screen *screen;	/* NULL: lines, or no longer */
	bool drawn;		/* there was one: what it showed is not printed as lines */
	bool told;		/* that looks come less often than asked for */
	bool matched;
	double start_s;
	int signals;
};

/* --- What is printed --- */

static int print_json(struct attach_node *a)
{
	const struct node_look *n = a->look;
	FILE *out = a->out->file;
	int r = node_json(n, out, &a->form);

	for (uint32_t i = 0; r == 0 && i < n->n; i++)
		r = node_json_process(n, &n->all[i], out, &a->form);
	for (uint32_t i = 0; r == 0 && i < n->n_gone; i++)
		r = node_json_process(n, &n->gone[i], out, &a->form);
	return r;
}

static int print(struct attach_node *a)
{
	if (a->screen)
		return attach_screen_node(a->screen, a->look);
	if (a->drawn)
		return 0;
	return a->args->json ? print_json(a) : node_text(a->look, a->out->file, &a->form);
}

static void tell_longer(struct attach_node *a)
{
	if (a->told || a->look->next_s <= a->args->interval_s)
		return;
	a->told = true;
	if (a->screen) {
		attach_screen_note(a->screen, "looks take long: the next in %.1f s", a->look->next_s);
		return;
	}
	fprintf(stderr, "loiter: %u processes take long to look at: the next look comes after "
		"%.1f s, to keep to %g %% of a core\n", a->look->n, a->look->next_s,
		a->args->budget);
}

static int look(struct attach_node *a, struct diag *d)
{
	int r = node_look(a->node, &a->look, d);

	if (r == 0)
		r = print(a);
	if (r < 0)
		return r;
	fflush(a->out->file);
	tell_longer(a);
	return a->out->err ? -EIO : 0;
}

/* --- The end --- */

/* One that cannot be read any more has none; that is no failure. */
static int close_one(struct attach_node *a, const struct node_process *p, struct diag *d)
{
	const struct snapshot *s;
	struct diag why = DIAG_INIT;
	int r = node_finish(a->node, p->pid, &s, &why);

	(void)d;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	a->matched = a->matched || snapshot_matches(s, a->args->fail_on);
	if (a->args->json)
		return one_line_json(s, a->out->file, &a->form);
	if (!snapshot_matches(s, VERDICT_SUSPECT))
		return 0;
	fputc('\n', a->out->file);
	return report_text(s, a->out->file, &a->form);
}

static int finish(struct attach_node *a, struct diag *d)
{
	const struct node_look *n = a->look;
	int r = 0;

	a->form.top = TOP;
	for (uint32_t i = 0; i < n->n_worse; i++)
		a->matched = a->matched || (a->args->fail_on != VERDICT_UNKNOWN &&
					    n->all[i].findings[0].verdict >= a->args->fail_on);
	if (!a->args->json)
		r = node_text_end(n, a->out->file, &a->form);
	for (uint32_t i = 0; r == 0 && i < n->n; i++)
		if (n->all[i].kind == NODE_GO || n->all[i].kind == NODE_CGO)
			r = close_one(a, &n->all[i], d);
	return r;
}

/* --- The loop --- */

/* *quit: by a key. */
static int answer(struct attach_node *a, const struct pollfd *keys, const struct pollfd *size,
		  bool *quit)
{
	int r = 0;

	if (a->screen && size->revents)
		r = attach_screen_resize(a->screen);
	if (r == 0 && a->screen && keys->revents)
		r = attach_screen_keys(a->screen, quit);
	return r;
}

/* 1: it is time for the next look; 0: it is over. */
static int await_next(struct attach_node *a, double due_s)
{
	double end_s = a->args->for_s > 0 ? a->start_s + a->args->for_s : INFINITY;
	struct pollfd fds[] = {
		{ .fd = a->signals, .events = POLLIN },
		{ .fd = a->screen ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = a->screen ? full_screen_resize_fd() : -1, .events = POLLIN },
	};
	bool quit = false;
	int r = 0;

	while (r == 0 && !quit) {
		double now = clock_now_s(CLOCK_MONOTONIC), left = fmin(due_s, end_s) - now;

		if (interrupt_noted() || now >= end_s)
			return 0;
		if (left <= 0)
			return 1;
		if (poll(fds, ARRAY_SIZE(fds), left > 3600 ? 3600000 : (int)ceil(left * 1000)) > 0)
			r = answer(a, &fds[1], &fds[2], &quit);
	}
	return r;
}

static void end_screen(struct attach_node *a)
{
	attach_screen_close(TAKE(a->screen));
	a->form.width = terminal_width(a->out->fd);
}

static int watch_all(struct attach_node *a, struct diag *d)
{
	int r;

	a->signals = interrupt_note();
	if (a->signals < 0)
		return a->signals;
	a->start_s = clock_now_s(CLOCK_MONOTONIC);
	do {
		double began = clock_now_s(CLOCK_MONOTONIC);

		r = look(a, d);
		if (r == 0)
			r = await_next(a, began + a->look->next_s);
	} while (r > 0);
	end_screen(a);
	if (r < 0 || a->args->top)
		return r;
	r = look(a, d);
	return r < 0 ? r : finish(a, d);
}

/* Where it cannot be, there are lines. */
static int open_screen(struct attach_node *a)
{
	static const struct node_look none = { .overhead.target_cpu = -1 };
	int r;

	if (a->args->json || !full_screen_possible(a->out->fd))
		return 0;
	r = attach_screen_open(a->args, a->form.colour, &a->screen);
	if (r < 0)
		return r == -ENOTTY ? 0 : r;
	a->drawn = true;
	/* The first look may take a while. */
	return attach_screen_node(a->screen, &none);
}

static int run(struct attach_node *a, struct diag *d)
{
	const struct node_args args = {
		.cgroup = a->args->cgroup,
		.interval_s = a->args->interval_s,
		.budget_percent = a->args->budget,
		.futex = a->args->probes & 1u << COLLECTOR_FUTEX,
		.probes = a->args->probes_given ? a->args->probes & ~(1u << COLLECTOR_FUTEX) : 0,
	};
	struct output out;
	int r = output_open(&out, a->args->output, d);

	if (r < 0)
		return r;
	a->out = &out;
	a->form = (struct report_options){ .version = LOITER_VERSION,
					   .colour = terminal_colour(out.fd),
					   .width = terminal_width(out.fd) };
	r = node_open(&args, &a->node, d);
	if (r == 0)
		r = open_screen(a);
	if (r == 0)
		r = watch_all(a, d);
	attach_screen_close(TAKE(a->screen));
	/* A failed write has its reason in `out`, where output_finish() finds it. */
	if (r < 0 && !out.err) {
		output_done(&out);
		return r;
	}
	return output_finish(&out, d);
}

int attach_node(const struct attach_args *args, bool *ret_matched, struct diag *d)
{
	struct attach_node a = { .args = args, .signals = -1 };
	int r = run(&a, d);

	node_close(a.node);
	*ret_matched = a.matched;
	return r;
}
