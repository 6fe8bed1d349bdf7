// SPDX-License-Identifier: Apache-2.0
/* Many processes over time, a line each. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/line.h"
#include "report/node.h"
#include "report/text_finding.h"
#include "report/words.h"

enum { ROWS = 20, LOCKS_MAX = 2 };
/* A change below these is noise: nobody wants a line for it. */
#define RSS_CHANGE (8u << 20)
#define GOROUTINES_CHANGE 100
/* A rate of less time than this is of a start, or of one step. */
#define RATE_MIN_S 20

/* Columns at which the cells end, or begin. */
enum { AT_NAME = 9, AT_KIND = 26, END_GOROUTINES = 40, END_THREADS = 50, END_RSS = 61,
       END_RATE = 71, END_CPU = 77, AT_WHAT = 79 };

static void cell(struct line *l, const char *text, unsigned int end)
{
	line_put_right(l, text, end - l->at - l->blanks);
}

static void count_cell(struct line *l, const struct trend *t, unsigned int end)
{
	char number[WORDS_NUMBER];

	cell(l, t->known ? words_count(t->now, number) : "-", end);
}

/* "+3.1 MiB" a minute. */
static void rate_cell(struct line *l, const struct trend *t, unsigned int end)
{
	char number[WORDS_NUMBER], text[WORDS_NUMBER + 2];

	if (!t->known || (!t->grows && t->window_s < RATE_MIN_S)) {
		cell(l, "-", end);
		return;
	}
	snprintf(text, sizeof(text), "%c%s", t->rate_per_min < 0 ? '-' : '+',
		 words_bytes((uint64_t)fabs(t->rate_per_min), number));
	cell(l, text, end);
}

static void head(FILE *out, const struct report_options *o)
{
	struct line l;

	line_init(&l, o->width, o->colour);
	line_style(&l, STYLE_DIM);
	line_put_right(&l, "PID", AT_NAME - 2);
	line_pad(&l, AT_NAME);
	line_put(&l, "NAME");
	line_pad(&l, AT_KIND);
	line_put(&l, "KIND");
	cell(&l, "GOROUT.", END_GOROUTINES);
	cell(&l, "THREADS", END_THREADS);
	cell(&l, "RSS", END_RSS);
	cell(&l, "A MINUTE", END_RATE);
	cell(&l, "CPU", END_CPU);
	line_end(&l, out);
}

static const char *state_of(const struct node_process *p)
{
	return p->state == WATCH_RUNNING ? "" : watch_state_name(p->state);
}

/* What is wrong, on the same line where it is wide enough, else on one of its own. */
static void put_finding(struct line *l, const struct finding *f, FILE *out)
{
	if (l->width < AT_WHAT + 40) {
		line_end(l, out);
		line_pad(l, AT_NAME);
	} else {
		line_pad(l, AT_WHAT);
	}
	line_style(l, f->verdict >= VERDICT_LIKELY ? STYLE_RED : STYLE_YELLOW);
	line_printf(l, "%s ", f->pattern);
	line_style(l, STYLE_NONE);
	if (f->site) {
		line_put(l, f->site);
		line_put(l, ": ");
	}
	line_put(l, f->summary ? f->summary : "");
	line_end(l, out);
}

static void row(const struct node_process *p, FILE *out, const struct report_options *o)
{
	char number[32];
	struct line l;

	line_init(&l, o->width, o->colour);
	snprintf(number, sizeof(number), "%d", p->pid);
	line_put_right(&l, number, AT_NAME - 2);
	line_pad(&l, AT_NAME);
	line_style(&l, p->n_findings ? STYLE_BOLD : STYLE_NONE);
	line_put_cut(&l, p->name ? p->name : "?", AT_KIND - AT_NAME - 1);
	line_style(&l, STYLE_NONE);
	line_pad(&l, AT_KIND);
	line_put(&l, node_kind_name(p->kind));
	count_cell(&l, &p->goroutines, END_GOROUTINES);
	count_cell(&l, &p->threads, END_THREADS);
	cell(&l, p->rss.known ? words_bytes(p->rss.now, number) : "-", END_RSS);
	rate_cell(&l, &p->rss, END_RATE);
	if (p->cores >= 0)
		snprintf(number, sizeof(number), "%.0f%%", p->cores * 100);
	cell(&l, p->cores >= 0 ? number : "-", END_CPU);
	if (p->n_findings) {
		put_finding(&l, &p->findings[0], out);
		return;
	}
	if (l.width >= AT_WHAT + 10 && (*state_of(p) || p->began)) {
		line_pad(&l, AT_WHAT);
		line_put(&l, *state_of(p) ? state_of(p) : "new");
	}
	line_end(&l, out);
}

/* The frame that asked for the lock; libc's own say nothing. */
static const struct frame *asking(const struct stack *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const char *f = s->frames[i].function;

		if (f && strncmp(f + strspn(f, "_"), "pthread_", 8) != 0 &&
		    strncmp(f + strspn(f, "_"), "lll_", 4) != 0 && strcmp(f, "futex_wait") != 0 &&
		    strcmp(f, "syscall") != 0)
			return &s->frames[i];
	}
	return NULL;
}

static void put_side(struct line *l, const char *what, const struct lock_side *side)
{
	const struct frame *f = asking(&side->stack);
	char place[WORDS_CELL];

	if (!side->tid)
		return;
	line_printf(l, "%s %d", what, side->tid);
	if (f) {
		line_put(l, " ");
		line_put(l, words_place(f, 40, place));
	}
}

/* "waited up to 1.3 s, 12 times: thread 12 main.c:4; let in by thread 13 hold main.c:9" */
static void put_locks(const struct node_process *p, FILE *out, const struct report_options *o)
{
	for (uint32_t i = 0; p->locks && i < p->locks->n_contended && i < LOCKS_MAX; i++) {
		const struct lock_contention *c = &p->locks->contended[i];
		struct line l;

		line_init(&l, o->width, o->colour);
		line_pad(&l, AT_NAME);
		line_printf(&l, "lock 0x%" PRIx64 ": %" PRIu64 " wait%s of up to %s%.1f s", c->futex,
			    c->waits, c->waits == 1 ? "" : "s", c->at_least ? "more than " : "",
			    (double)c->longest_ns / 1e9);
		put_side(&l, "; thread", &c->waiter);
		put_side(&l, ", let in by", &c->waker);
		line_end(&l, out);
	}
}

static bool changed(const struct node_process *p)
{
	return llabs(p->rss.delta) >= RSS_CHANGE || p->threads.delta ||
	       llabs(p->goroutines.delta) >= GOROUTINES_CHANGE;
}

static bool has_locks(const struct node_process *p)
{
	return p->locks && p->locks->n_contended;
}

static void summary(const struct node_look *n, FILE *out, const struct report_options *o)
{
	struct line l;
	char when[WORDS_NUMBER];

	line_init(&l, o->width, o->colour);
	line_printf(&l, "%s  %u processes, %u of them Go", words_clock(&n->time, when), n->n,
		    n->n_go);
	if (n->n_unknown)
		line_printf(&l, ", %u not looked at yet", n->n_unknown);
	if (n->unreadable)
		line_printf(&l, ", %u not readable", n->unreadable);
	if (n->stuck)
		line_printf(&l, ", %u stuck", n->stuck);
	if (n->began || n->ended)
		line_printf(&l, "; %" PRIu64 " began, %" PRIu64 " ended", n->began, n->ended);
	if (n->futex.on && n->futex.seen < 0.995 && n->number)
		line_printf(&l, "; locks seen %.0f %% of the time", n->futex.seen * 100);
	line_end(&l, out);
}

static int written(FILE *out)
{
	return ferror(out) ? -EIO : 0;
}

int node_text(const struct node_look *n, FILE *out, const struct report_options *o)
{
	uint32_t room = o->top ? o->top : ROWS, rows = 0, left_out = 0;
	struct line l;

	summary(n, out, o);
	for (uint32_t i = 0; i < n->n; i++) {
		const struct node_process *p = &n->all[i];
		bool tells = i < n->n_worse || has_locks(p);

		if (!tells && (!n->number || !changed(p)))
			continue;
		if (rows == room) {
			left_out += tells;
			continue;
		}
		if (rows++ == 0)
			head(out, o);
		row(p, out, o);
		put_locks(p, out, o);
	}
	for (uint32_t i = 0; i < n->n_gone && rows < room; i++, rows++)
		row(&n->gone[i], out, o);
	if (left_out) {
		line_init(&l, o->width, o->colour);
		line_printf(&l, "%u more with findings", left_out);
		line_end(&l, out);
	}
	return written(out);
}

/* --- The end --- */

/* The sites of a Go process stand in its own report. */
static bool is_told_elsewhere(const struct node_process *p, const struct finding *f)
{
	static const char *const ours[] = { "unexplained", "lock-cycle", "long-futex-wait" };

	/* All threads of a process have no one site. */
	if (strcmp(f->pattern, "cgo-threads") == 0 && !f->site)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(f->pattern, ours[i]) == 0)
			return false;
	return p->kind == NODE_GO || p->kind == NODE_CGO;
}

static void end_of(const struct node_process *p, FILE *out, const struct report_options *o)
{
	struct line l;
	bool headed = false;

	line_init(&l, o->width, o->colour);
	for (uint32_t i = 0; i < p->n_findings; i++) {
		if (is_told_elsewhere(p, &p->findings[i]))
			continue;
		if (!headed) {
			line_end(&l, out);
			line_style(&l, STYLE_BOLD);
			line_put(&l, p->name ? p->name : "?");
			line_style(&l, STYLE_NONE);
			line_printf(&l, "  pid %d  %s", p->pid, node_kind_name(p->kind));
			line_end(&l, out);
		}
		headed = true;
		text_finding(&p->findings[i], &l, out);
	}
}

int node_text_end(const struct node_look *n, FILE *out, const struct report_options *o)
{
	char number[WORDS_NUMBER];
	struct line l;

	for (uint32_t i = 0; i < n->n_worse; i++)
		end_of(&n->all[i], out, o);
	line_init(&l, o->width, o->colour);
	line_end(&l, out);
	line_printf(&l, "cost: %.2f %% of a core by loiter, %.2f %% by tracing, of a budget of %g %%; "
		    "%s resident", n->overhead.core_percent, n->overhead.target_cpu * 100,
		    n->overhead.budget_percent, words_bytes(n->overhead.rss_bytes, number));
	line_end(&l, out);
	return written(out);
}
