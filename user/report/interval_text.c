// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/growth.h"
#include "analysis/site.h"
#include "report/interval.h"
#include "report/line.h"
#include "report/text_activity.h"
#include "report/words.h"

#define DOT " \xc2\xb7 "

/* Sites that stand in plain lines besides those that grow. */
enum { CHANGED_SHOWN = 5, INDENT = 2, NUMBERS = 2 * WORDS_NUMBER };

/* "+102", "-3", "0"; buf has NUMBERS bytes. */
static char *change(int64_t n, char *buf)
{
	char number[WORDS_NUMBER];

	snprintf(buf, NUMBERS, "%s%s", n < 0 ? "-" : n ? "+" : "",
		 words_count((uint64_t)(n < 0 ? -n : n), number));
	return buf;
}

static char *bytes_change(int64_t n, char *buf)
{
	char number[WORDS_NUMBER];

	snprintf(buf, NUMBERS, "%s%s", n < 0 ? "-" : "+",
		 words_bytes((uint64_t)(n < 0 ? -n : n), number));
	return buf;
}

static void put_name(struct flow *f, const struct process_info *p)
{
	line_style(f->line, STYLE_BOLD);
	flow_put(f, p->name ? p->name : "?");
	line_style(f->line, STYLE_NONE);
	flow_printf(f, "pid %d", p->pid);
}

int interval_head(const struct process_info *p, double every_s, FILE *out,
		  const struct interval_form *form)
{
	struct line l;
	struct flow f = { .line = &l, .out = out, .indent = INDENT, .separator = "  " };
	char words[WORDS_NUMBER];

	line_init(&l, form->report.width, form->report.colour);
	put_name(&f, p);
	flow_put(&f, p->go_version ? p->go_version : "not Go: locks, memory, threads and CPU alone");
	if (p->uptime_s >= 0)
		flow_printf(&f, "up %s", words_uptime(p->uptime_s, words));
	if (p->unit)
		flow_printf(&f, "unit %.200s", p->unit);
	flow_end(&f);
	line_printf(&l, "a look every %g s; what only grows is named from look %d on", every_s,
		    GROWTH_LOOKS + 1);
	line_end(&l, out);
	return ferror(out) ? -EIO : 0;
}

/* The process in one line: what there is now, and what changed. */
static void put_process(struct flow *f, const struct interval *i)
{
	char words[WORDS_NUMBER], more[NUMBERS];
	bool first = i->number == 0;

	if (i->state != WATCH_RUNNING)
		flow_printf(f, "%s: %.300s", watch_state_name(i->state), i->reason ? i->reason : "");
	if (i->snapshot && i->snapshot->process.go_version) {
		flow_printf(f, "%s goroutines", words_count(i->snapshot->total, words));
		if (!first)
			flow_printf(f, "%s", change(i->goroutines_delta, more));
	}
	if (i->rss_bytes) {
		flow_printf(f, "RSS %s", words_bytes(i->rss_bytes, words));
		if (!first && i->snapshot && i->rss_delta)
			flow_printf(f, "%s", bytes_change(i->rss_delta, more));
	}
	if (i->threads) {
		flow_printf(f, "%s threads", words_count(i->threads, words));
		if (!first && i->snapshot && i->threads_delta)
			flow_printf(f, "%s", change(i->threads_delta, more));
	}
	if (i->lost_events)
		flow_printf(f, "%s events lost", words_count(i->lost_events, words));
}

static const struct group *group_of(const struct interval *i, const struct site *site)
{
	return &i->snapshot->groups[site->group];
}

static const char *wait_words(const struct group *g)
{
	return g->wait_reason ? g->wait_reason : go_state_name(g->state);
}

static void put_place(struct line *l, const struct interval *i, const struct site *site,
		      unsigned int columns)
{
	const struct group *g = group_of(i, site);
	const struct frame *f = site_frame(&g->stack, i->snapshot->process.module);
	char place[WORDS_CELL];

	if (!f && g->started.function)
		f = &g->started;
	line_put_cut(l, f ? words_place(f, columns, place) : "?", columns);
}

/* Under a site that grows: how fast, what it waits for, and who made it. */
static int print_why(struct line *l, const struct interval *i, const struct site *site, FILE *out)
{
	struct flow f = { .line = l, .out = out, .indent = INDENT + 9, .separator = DOT };
	const struct group *g = group_of(i, site);
	const char *sentence = growth_sentence(i->snapshot->arena, site);
	char cell[WORDS_CELL];

	if (!sentence)
		return -ENOMEM;
	line_pad(l, f.indent);
	flow_put(&f, sentence);
	flow_printf(&f, "%s %s", verdict_name(site->verdict), site->pattern ? site->pattern : "");
	if (*words_wait(&g->blocked_on, cell))
		flow_put(&f, cell);
	if (g->created_by.function)
		flow_printf(&f, "by %s", words_place(&g->created_by, l->width - f.indent - 3, cell));
	flow_end(&f);
	return 0;
}

static int print_site(struct line *l, const struct interval *i, const struct site *site, FILE *out)
{
	const struct group *g = group_of(i, site);
	char number[WORDS_NUMBER], more[NUMBERS];

	line_pad(l, INDENT);
	line_style(l, site->grows ? STYLE_YELLOW : STYLE_NONE);
	line_put(l, site->held ? "STAYS" : site->grows ? "GROWS" : site->grew ? "CALM" : "");
	line_style(l, STYLE_NONE);
	line_pad(l, INDENT + 5);
	line_put_right(l, words_count(site->count, number), 9);
	line_put_right(l, change(site->delta, more), 8);
	line_put(l, "  ");
	line_put(l, wait_words(g));
	line_put(l, "  ");
	put_place(l, i, site, l->width > l->at ? l->width - l->at : 0);
	line_end(l, out);
	/* Once; the closing report says it again. */
	return site->grows && !site->grew ? print_why(l, i, site, out) : 0;
}

static bool larger_change(const struct site *a, const struct site *b)
{
	return llabs(a->delta) > llabs(b->delta);
}

/* The largest changes among the sites that do not grow. */
static int print_changes(struct line *l, const struct interval *i, FILE *out)
{
	const struct site *top[CHANGED_SHOWN];
	size_t n = 0;
	int r = 0;

	for (uint32_t k = 0; k < i->n_sites; k++) {
		const struct site *site = &i->sites[k];
		size_t at = n;

		if (site->grows || (!site->delta && !site->grew) || i->number == 0)
			continue;
		while (at && larger_change(site, top[at - 1]))
			at--;
		if (at == CHANGED_SHOWN)
			continue;
		if (n < CHANGED_SHOWN)
			n++;
		memmove(top + at + 1, top + at, (n - 1 - at) * sizeof(*top));
		top[at] = site;
	}
	for (size_t k = 0; r == 0 && k < n; k++)
		r = print_site(l, i, top[k], out);
	return r;
}

/* Where threads sit, when there are more of them than before. */
static void print_threads(struct line *l, const struct interval *i, FILE *out)
{
	char number[WORDS_NUMBER];

	if (i->threads_delta <= 0)
		return;
	for (uint32_t k = 0; k < i->n_sites; k++) {
		const struct group *g = group_of(i, &i->sites[k]);

		if (g->state != GO_SYSCALL || i->sites[k].delta <= 0)
			continue;
		line_pad(l, INDENT);
		line_put(l, "THREADS");
		line_put_right(l, words_count(i->sites[k].count, number), 7);
		line_put(l, site_is_in_c(&g->stack) ? "  in C, called by  " : "  in a system call of  ");
		put_place(l, i, &i->sites[k], l->width - l->at);
		line_end(l, out);
	}
}

static void print_rss_note(struct line *l, const struct interval *i, FILE *out)
{
	struct flow f = { .line = l, .out = out, .indent = INDENT + 2, .separator = DOT };
	bool go = i->snapshot && i->snapshot->process.go_version;
	char rate[NUMBERS];

	if (!i->rss_climbs_alone && !i->rss_climbs_by)
		return;
	line_pad(l, INDENT);
	flow_printf(&f, "RSS climbs%s: %s a minute",
		    i->rss_climbs_alone && go ? " while the goroutines stand still" : "",
		    bytes_change((int64_t)i->rss_rate_per_min, rate));
	if (i->rss_climbs_by)
		flow_put(&f, i->rss_climbs_by);
	flow_end(&f);
}

/* Those that are there still of the threads that were made at one place; NULL: nobody knows. */
static const struct thread_site *most_alive(const struct interval *i)
{
	const struct thread_activity *t = i->activity ? i->activity->threads : NULL;
	const struct thread_site *most = NULL;

	for (uint32_t k = 0; t && k < t->n_sites; k++)
		if (t->sites[k].stack.n && (!most || t->sites[k].alive > most->alive))
			most = &t->sites[k];
	return most && most->alive ? most : NULL;
}

/* Go's scheduler makes its threads on whichever stack it is: its own sites say who holds them. */
static void print_threads_note(struct line *l, const struct interval *i, FILE *out)
{
	bool is_go = i->snapshot->process.go_version != NULL;
	const struct thread_site *most = is_go ? NULL : most_alive(i);
	const struct frame *f = most ? site_frame_mixed(&most->stack, NULL) : NULL;
	char rate[NUMBERS], alive[WORDS_NUMBER], born[WORDS_NUMBER], place[WORDS_CELL];

	if (!i->threads_climb)
		return;
	line_pad(l, INDENT);
	line_printf(l, "threads climb: %s a minute", change((int64_t)i->threads_rate_per_min, rate));
	line_end(l, out);
	if (!f)
		return;
	line_pad(l, INDENT + 9);
	line_printf(l, "%s of %s stay that were seen made by ", words_count(most->alive, alive),
		    words_count(most->born, born));
	line_put(l, words_place(f, l->width > l->at ? l->width - l->at : 0, place));
	line_end(l, out);
}

int interval_lines(const struct process_info *p, const struct interval *i, FILE *out,
		   const struct interval_form *form, struct interval_told *told)
{
	struct line l;
	struct flow f = { .line = &l, .out = out, .indent = INDENT, .separator = "  " };
	char words[WORDS_NUMBER];
	int r = 0;

	line_init(&l, form->report.width, form->report.colour);
	flow_put(&f, words_clock(&i->time, words));
	if (form->many)
		put_name(&f, p);
	put_process(&f, i);
	flow_end(&f);
	text_activity_news(i, &l, out, told);
	if (!i->snapshot)
		return ferror(out) ? -EIO : 0;
	for (uint32_t k = 0; r == 0 && k < i->n_sites && i->sites[k].grows; k++)
		if (!i->sites[k].echo)
			r = print_site(&l, i, &i->sites[k], out);
	if (r == 0)
		r = print_changes(&l, i, out);
	print_threads(&l, i, out);
	print_rss_note(&l, i, out);
	print_threads_note(&l, i, out);
	text_activity(i, &l, out);
	if (r < 0)
		return r;
	return ferror(out) ? -EIO : 0;
}

/* Both in percent of one core, for the shares of a process that does little are large. */
static void put_traced(struct flow *f, const struct overhead *o)
{
	double used = o->target_percent > 0 ? o->core_percent / o->target_percent * 100 : -1;

	if (o->target_cpu >= 0 && used >= 0)
		flow_printf(f, "tracing took %.2f %% of one in the process, which used %.1f %%",
			    o->target_cpu * used, used);
	if (o->budget_percent > 0)
		flow_printf(f, "budget %g %%", o->budget_percent);
}

int interval_cost(const struct process_info *p, const struct interval *last, FILE *out,
		  const struct interval_form *form)
{
	const struct overhead *o = &last->overhead;
	uint32_t looks = last->number + (last->snapshot != NULL);
	struct line l;
	struct flow f = { .line = &l, .out = out, .indent = INDENT, .separator = DOT };
	char words[WORDS_NUMBER];

	line_init(&l, form->report.width, form->report.colour);
	fputc('\n', out);
	if (form->many)
		flow_printf(&f, "pid %d", p->pid);
	flow_printf(&f, "watched for %s", words_uptime(last->elapsed_s, words));
	flow_printf(&f, "%" PRIu32 " look%s", looks, looks == 1 ? "" : "s");
	flow_printf(&f, "cost %.2f %% of a core", o->core_percent);
	if (o->setup_ms >= 1)
		flow_printf(&f, "%.0f ms of it once, to set up", o->setup_ms);
	if (o->rss_bytes)
		flow_printf(&f, "%s of memory", words_bytes(o->rss_bytes, words));
	put_traced(&f, o);
	flow_end(&f);
	return ferror(out) ? -EIO : 0;
}
