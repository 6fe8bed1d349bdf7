// SPDX-License-Identifier: Apache-2.0
#include "cmd/attach.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/attach_screen.h"
#include "cmd/command.h"
#include "cmd/exit.h"
#include "cmd/full_screen.h"
#include "cmd/interrupt.h"
#include "cmd/one_line.h"
#include "cmd/output.h"
#include "cmd/snapshot.h"
#include "cmd/terminal.h"
#include "report/interval.h"
#include "report/line.h"
#include "trace/sweeper.h"

enum {
	TOP = 20,		/* groups of the closing report */
	EVENTS = 16,
	AHEAD_S = 20,		/* whose budget looks may have taken before its time */
};

/* What woke us up; a watch's pidfd carries its place in the targets from there on. */
enum { WAKE_TICK, WAKE_END, WAKE_SIGNAL, WAKE_KEYS, WAKE_RESIZE, WAKE_TARGET };

struct attach {
	const struct attach_args *args;
	struct output *out;
	struct interval_form form;
	struct attach_targets targets;
	int epoll, tick, end, signals;
	struct attach_screen *screen;	/* NULL: lines, or no longer */
	bool drawn;		/* there was one: what it showed is not printed as lines */
	FILE *later;		/* reports of those that ended below the screen; NULL: none */
	char *later_text;
	size_t later_len;
	bool over;		/* --for has passed, or a signal came */
	bool matched;		/* --fail-on */
	bool told;		/* that the interval was lengthened */
	struct timespec begun;
	double looks_ms;	/* of CPU, since then */
};

/* --- What a target's look and its end print --- */

static int print_interval(struct attach *a, struct attach_target *t, const struct interval *i)
{
	const struct process_info *p = watch_process(t->watch);
	FILE *out = a->out->file;
	int r = 0;

	t->now = i;
	if (i->snapshot) {
		t->seen = *i;
		t->has_seen = true;
	}
	if (a->drawn)
		return 0;
	if (a->args->json)
		return interval_json(p, i, out, &a->form);
	if (!t->headed)
		r = interval_head(p, a->args->interval_s, out, &a->form);
	t->headed = true;
	return r < 0 ? r : interval_lines(p, i, out, &a->form, &t->told);
}

/* What is printed about an end has to wait while the screen is there. */
static FILE *report_file(struct attach *a)
{
	if (!a->screen)
		return a->out->file;
	if (!a->later)
		a->later = open_memstream(&a->later_text, &a->later_len);
	return a->later;
}

static bool has_ended(const struct interval *i)
{
	return i->state == WATCH_EXITED || i->state == WATCH_EXECED;
}

/* In place of a report: that it is over, unless whoever watches has ended it. */
static void say_end(struct attach *a, const struct attach_target *t, const struct interval *last,
		    FILE *out)
{
	const struct process_info *p = watch_process(t->watch);

	if (!a->args->n_pids || !has_ended(last))
		return;
	text_print(p->name ? p->name : "?", out);
	fprintf(out, "  pid %d  %s: %s\n", p->pid, watch_state_name(last->state),
		last->reason ? last->reason : "");
}

/*
 * The closing report. A target of many that was never seen whole has none, nor in the text one that
 * nobody named and that has nothing to report.
 */
static int close_target(struct attach *a, struct attach_target *t, const struct interval *last,
			struct diag *d)
{
	FILE *out = report_file(a);
	const struct snapshot *s = NULL;
	struct diag why = DIAG_INIT;
	int r = 0;

	if (!out)
		return -ENOMEM;
	if (a->screen && has_ended(last))
		attach_screen_note(a->screen, "pid %d: %s", watch_process(t->watch)->pid,
				   watch_state_name(last->state));
	if (!a->args->top)
		r = watch_finish(t->watch, &s, &why);
	if (a->args->top) {
		say_end(a, t, last, out);
	} else if (r == -ENODATA && a->form.many) {
		r = 0;
	} else if (r < 0) {
		*d = why;
	} else if (a->args->json) {
		r = one_line_json(s, out, &a->form.report);
	} else {
		fputc('\n', out);
		r = report_text(s, out, &a->form.report);
		if (r == 0)
			r = interval_cost(watch_process(t->watch), last, out, &a->form);
	}
	if (r == 0 && s)
		a->matched = a->matched || snapshot_matches(s, a->args->fail_on);
	watch_close(TAKE(t->watch));
	return r;
}

/*
 * One look at one target. *cpu_ms gets what it has cost; the first one, which reads every stack,
 * says nothing about the others.
 */
static int look_at(struct attach *a, size_t at, bool last, double *cpu_ms, struct diag *d)
{
	struct attach_target *t = &a->targets.all[at];
	const struct interval *i;
	int r = watch_look(t->watch, &i);

	if (r < 0)
		return r;
	if (t->looked)
		*cpu_ms += i->overhead.cpu_ms;
	t->looked = true;
	r = print_interval(a, t, i);
	if (r < 0)
		return r;
	return last || has_ended(i) ? close_target(a, t, i, d) : 0;
}

/* --- The loop --- */

static int listen_to(struct attach *a, int fd, uint64_t what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = what };

	return epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &e) < 0 && errno != EEXIST ? -errno : 0;
}

static int set_timer(int fd, double s)
{
	const struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)s,
			      .tv_nsec = (long)((s - floor(s)) * 1e9) + 1 },
	};

	return timerfd_settime(fd, 0, &t, NULL) < 0 ? -errno : 0;
}

/*
 * When the looks cost more than the budget, there are fewer of them. What counts is the sum: names
 * that are looked up once make a few of the first ones dear.
 */
static double next_interval(struct attach *a, double cpu_ms, double spent_s)
{
	double want = a->args->interval_s - spent_s, need;

	a->looks_ms += cpu_ms;
	need = a->looks_ms / 10 / a->args->budget - AHEAD_S - clock_since_s(a->begun);
	if (want < 0.001)
		want = 0.001;
	if (need <= want)
		return want;
	if (!a->told && a->screen)
		attach_screen_note(a->screen, "looks cost %.0f ms: the next in %.1f s", cpu_ms,
				   need);
	else if (!a->told)
		fprintf(stderr, "loiter: a look costs %.0f ms of CPU: the next comes after %.1f s, to "
			"keep to %g %% of a core\n", cpu_ms, need, a->args->budget);
	a->told = true;
	return need;
}

static size_t watched(const struct attach *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->targets.n; i++)
		n += a->targets.all[i].watch != NULL;
	return n;
}

/* To the screen, or to whoever reads lines. */
static int flush(struct attach *a)
{
	if (a->screen)
		return attach_screen_targets(a->screen, &a->targets);
	fflush(a->out->file);
	return a->out->err ? -EIO : 0;
}

/* Whoever watches has something to read while programs are loaded. */
static int trace_all(struct attach *a)
{
	size_t n = watched(a);
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->targets.n && !interrupt_noted(); i++) {
		struct watch *w = a->targets.all[i].watch;

		if (!w)
			continue;
		watch_set_share(w, 1.0 / (double)n);
		r = watch_account(w);
		if (r == 0)
			r = watch_trace(w);
	}
	return r == -ECANCELED ? 0 : r;
}

/* All targets, one after another. last: it is the end, and each gets its report. */
static int tick(struct attach *a, bool last, struct diag *d)
{
	struct timespec start;
	double cpu_ms = 0;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (size_t i = 0; r == 0 && i < a->targets.n; i++) {
		if (!a->targets.all[i].watch)
			continue;
		/* What the signal asks for is the report of all, at once. */
		if (!last && interrupt_noted())
			break;
		r = listen_to(a, watch_pidfd(a->targets.all[i].watch), WAKE_TARGET + i);
		if (r == 0)
			r = look_at(a, i, last, &cpu_ms, d);
	}
	if (r == 0)
		r = flush(a);
	if (r == 0 && !last)
		r = trace_all(a);
	if (r == 0 && !last)
		r = set_timer(a->tick, next_interval(a, cpu_ms, clock_since_s(start)));
	return r;
}

static void end_screen(struct attach *a)
{
	attach_screen_close(TAKE(a->screen));
	a->form.report.width = terminal_width(a->out->fd);
	if (!a->later)
		return;
	fclose(TAKE(a->later));
	fwrite(a->later_text, 1, a->later_len, a->out->file);
	fflush(a->out->file);
}

static void drain(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) == sizeof(n))
		;
}

static int on_event(struct attach *a, uint64_t what, struct diag *d)
{
	double cpu_ms = 0;
	size_t at;
	int r;

	switch (what) {
	case WAKE_TICK:
		drain(a->tick);
		return tick(a, false, d);
	case WAKE_END:
	case WAKE_SIGNAL:
		a->over = true;
		return 0;
	case WAKE_KEYS:
		return a->screen ? attach_screen_keys(a->screen, &a->over) : 0;
	case WAKE_RESIZE:
		return a->screen ? attach_screen_resize(a->screen) : 0;
	default:
		at = what - WAKE_TARGET;
		/* Closing a target's pidfd ends its events, but this one may be out already. */
		if (at >= a->targets.n || !a->targets.all[at].watch)
			return 0;
		r = look_at(a, at, false, &cpu_ms, d);
		return r < 0 ? r : flush(a);
	}
}

static bool goes_on(const struct attach *a)
{
	return !a->over && attach_targets_left(&a->targets);
}

static int watch_all(struct attach *a, struct diag *d)
{
	struct epoll_event events[EVENTS];
	int r;

	clock_gettime(CLOCK_MONOTONIC, &a->begun);
	r = a->screen ? flush(a) : 0;
	if (r == 0)
		r = tick(a, false, d);
	while (r == 0 && goes_on(a)) {
		int n = epoll_wait(a->epoll, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			r = -errno;
		for (int i = 0; r == 0 && i < n && goes_on(a); i++)
			r = on_event(a, events[i].data.u64, d);
	}
	end_screen(a);
	return r < 0 || a->args->top ? r : tick(a, true, d);
}

/* --- Around it --- */

/* Where it cannot be, there are lines. */
static int open_screen(struct attach *a)
{
	int r;

	if (a->args->json || !full_screen_possible(a->out->fd))
		return 0;
	r = attach_screen_open(a->args, a->form.report.colour, &a->screen);
	if (r < 0)
		return r == -ENOTTY ? 0 : r;
	a->drawn = true;
	r = listen_to(a, STDIN_FILENO, WAKE_KEYS);
	if (r == 0)
		r = listen_to(a, full_screen_resize_fd(), WAKE_RESIZE);
	return r;
}

static int open_loop(struct attach *a)
{
	int r;

	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	a->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	a->end = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (a->epoll < 0 || a->tick < 0 || a->end < 0)
		return -errno;
	a->signals = interrupt_note();
	if (a->signals < 0)
		return a->signals;
	r = listen_to(a, a->tick, WAKE_TICK);
	if (r == 0)
		r = listen_to(a, a->end, WAKE_END);
	if (r == 0)
		r = listen_to(a, a->signals, WAKE_SIGNAL);
	if (r == 0 && a->args->for_s > 0)
		r = set_timer(a->end, a->args->for_s);
	return r < 0 ? r : open_screen(a);
}

static void close_loop(struct attach *a)
{
	const int fds[] = { a->epoll, a->tick, a->end };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	attach_screen_close(a->screen);
	if (a->later)
		fclose(a->later);
	free(a->later_text);
	attach_targets_done(&a->targets);
	sweeper_end();
	interrupt_end();
}

static void open_form(struct attach *a)
{
	struct report_options *form = &a->form.report;

	form->version = LOITER_VERSION;
	form->colour = terminal_colour(a->out->fd);
	form->width = terminal_width(a->out->fd);
	form->top = TOP;
	a->form.many = a->args->n_pids != 1;
}

/* Each process takes some 60 descriptors; the soft limit is low for the sake of select(2). */
static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* Targets first: a bad one is refused before a file is made. */
static int attach(struct attach *a, struct diag *d)
{
	struct output out;
	int r;

	if (a->args->probes)
		sweeper_start();
	r = attach_targets_init(&a->targets, a->args);
	if (r == 0)
		r = attach_targets_find(&a->targets, d);
	if (r < 0)
		return r;
	r = output_open(&out, a->args->output, d);
	if (r < 0)
		return r;
	a->out = &out;
	open_form(a);
	r = open_loop(a);
	if (r == 0)
		r = watch_all(a, d);
	/* A failed write has its reason in `out`, where output_finish() finds it. */
	if (r < 0 && !out.err) {
		output_done(&out);
		return r;
	}
	return output_finish(&out, d);
}

int attach_run(const struct attach_args *args)
{
	struct attach a = { .args = args, .epoll = -1, .tick = -1, .end = -1, .signals = -1 };
	struct diag d = DIAG_INIT;
	int r;

	raise_limit();
	if (args->n_pids)
		r = attach(&a, &d);
	else
		r = attach_node(args, &a.matched, &d);
	close_loop(&a);
	if (r < 0)
		return exit_fail(r, &d);
	if (interrupt_noted() == SIGINT)
		return EXIT_INTERRUPTED;
	if (interrupt_noted())
		raise(interrupt_noted());
	return a.matched ? EXIT_MATCHED : EXIT_DONE;
}
