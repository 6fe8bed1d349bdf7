// SPDX-License-Identifier: Apache-2.0
/*
 * The answer for people: the process, what its goroutines wait for, what was found, the groups,
 * and last what could not be read.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/leaks.h"
#include "model/memory.h"
#include "report/line.h"
#include "report/report.h"
#include "report/text_finding.h"
#include "report/text_heap.h"
#include "report/text_ledger.h"
#include "report/text_list.h"
#include "report/text_retained.h"
#include "report/text_table.h"
#include "report/words.h"

#define DOT " \xc2\xb7 "

enum { TOTALS_SHOWN = 24 };

static void print_process(const struct process_info *p, struct line *l, FILE *out)
{
	struct flow f = { .line = l, .out = out, .indent = 2, .separator = "  " };
	char words[WORDS_NUMBER];

	line_style(l, STYLE_BOLD);
	flow_put(&f, p->name ? p->name : p->exe ? p->exe : "?");
	line_style(l, STYLE_NONE);
	if (p->pid > 0)
		flow_printf(&f, "pid %d", p->pid);
	if (p->core_file)
		flow_printf(&f, "core %.1000s", p->core_file);
	if (p->go_version)
		flow_put(&f, p->go_version);
	if (p->uptime_s >= 0)
		flow_printf(&f, "up %s", words_uptime(p->uptime_s, words));
	if (p->unit)
		flow_printf(&f, "unit %.200s", p->unit);
	else if (p->container_id)
		flow_printf(&f, "container %.12s", p->container_id);
	if (p->rss_bytes)
		flow_printf(&f, "RSS %s", words_bytes(p->rss_bytes, words));
	if (p->threads)
		flow_printf(&f, "%s thread%s", words_count(p->threads, words),
			    p->threads == 1 ? "" : "s");
	if (p->module_file)
		flow_printf(&f, "Go in %.1000s", p->module_file);
	flow_end(&f);
}

static const char *stopped(const struct quality *q)
{
	return q->stopped_ms > 0 ? "" : ", never stopped";
}

static void print_reading(const struct snapshot *s, struct line *l, FILE *out)
{
	const struct quality *q = &s->quality;
	struct flow f = { .line = l, .out = out, .indent = 2, .separator = DOT };
	char words[WORDS_NUMBER];

	/* A process that is not Go, of which attach tells: it has none to read. */
	if (!s->process.go_version && !q->goroutines_read && s->process.pid > 0)
		return;
	flow_printf(&f, "%s goroutine%s", words_count(s->total, words), s->total == 1 ? "" : "s");
	if (s->process.core_file)
		flow_put(&f, "read from a core file");
	else if (s->duration_ms < 10000)
		flow_printf(&f, "read in %.0f ms%s", s->duration_ms, stopped(q));
	else
		flow_printf(&f, "read in %.0f s%s", s->duration_ms / 1000, stopped(q));
	if (q->stopped_ms > 0)
		flow_printf(&f, "stopped %.*f ms", q->stopped_ms < 10 ? 1 : 0, q->stopped_ms);
	if (q->torn_retried)
		flow_printf(&f, "%s torn, retried", words_count(q->torn_retried, words));
	if (q->torn)
		flow_printf(&f, "%s torn, not shown", words_count(q->torn, words));
	if (q->unreadable)
		flow_printf(&f, "%s unreadable", words_count(q->unreadable, words));
	if (q->passes > 1)
		flow_printf(&f, "%" PRIu32 " passes over %.1f s", q->passes, q->span_s);
	flow_end(&f);
}

static void put_grade(struct flow *f, uint64_t n, const char *grade)
{
	char words[WORDS_NUMBER];

	if (!n)
		return;
	flow_printf(f, "%s %s", words_count(n, words), grade);
	f->separator = DOT;
}

/* How many can never run again, and what would come back with them. */
static void print_leaks(const struct snapshot *s, struct line *l, FILE *out)
{
	struct flow f = { .line = l, .out = out, .indent = 2, .separator = DOT };
	uint64_t proven = 0, likely = 0, suspect = 0, bytes;
	char words[WORDS_NUMBER];

	if (!s->leaks || !s->leaks->passes)
		return;
	bytes = s->leaks->heap_bytes;
	for (uint32_t i = 0; i < s->n_groups; i++) {
		proven += s->groups[i].n_proven;
		likely += s->groups[i].n_likely;
		suspect += s->groups[i].n_leak_suspect;
		bytes += s->groups[i].leaked_stack_bytes;
	}
	if (!proven && !likely && !suspect) {
		flow_printf(&f, "no leak among %s blocked goroutine%s",
			    words_count(s->leaks->judged, words),
			    s->leaks->judged == 1 ? "" : "s");
		flow_end(&f);
		return;
	}
	flow_put(&f, "can never run again:");
	f.separator = " ";
	put_grade(&f, proven, "proven");
	put_grade(&f, likely, "likely");
	put_grade(&f, suspect, "suspect");
	f.separator = DOT;
	flow_printf(&f, "%s would come back", words_bytes(bytes, words));
	flow_end(&f);
}

static void put_total(struct flow *f, const struct named_count *c, uint32_t *shown)
{
	char words[WORDS_NUMBER];

	if (++*shown <= TOTALS_SHOWN)
		flow_printf(f, "%s %.200s", words_count(c->count, words), c->name ? c->name : "?");
}

/* Wait reasons, then the states of those that do not wait. */
static void print_totals(const struct snapshot *s, struct line *l, FILE *out)
{
	struct flow f = { .line = l, .out = out, .indent = 2, .separator = DOT };
	const char *waiting = go_state_name(GO_WAITING);
	uint32_t shown = 0;

	for (uint32_t i = 0; i < s->n_by_wait_reason; i++)
		put_total(&f, &s->by_wait_reason[i], &shown);
	for (uint32_t i = 0; i < s->n_by_state; i++)
		if (!s->n_by_wait_reason || !s->by_state[i].name ||
		    strcmp(s->by_state[i].name, waiting) != 0)
			put_total(&f, &s->by_state[i], &shown);
	if (shown > TOTALS_SHOWN)
		flow_printf(&f, "%" PRIu32 " more kinds", shown - TOTALS_SHOWN);
	flow_end(&f);
}

static void print_findings(const struct snapshot *s, struct line *l, FILE *out,
			   const struct report_options *o)
{
	uint32_t shown = o->top && o->top < s->n_findings ? o->top : s->n_findings;

	if (s->n_findings)
		fputc('\n', out);
	for (uint32_t i = 0; i < shown; i++)
		text_finding(&s->findings[i], l, out);
	if (shown < s->n_findings) {
		line_printf(l, "... and %" PRIu32 " more findings: --format json, or -o",
			    s->n_findings - shown);
		line_end(l, out);
	}
}

/* The runtime's own goroutines, on one line. */
static void print_system(const struct snapshot *s, struct line *l, FILE *out)
{
	struct named_count kinds[8];
	uint32_t n = 0;
	char words[WORDS_NUMBER];

	if (s->system == 0)
		return;
	for (uint32_t i = 0, k; i < s->n_groups; i++) {
		const struct group *g = &s->groups[i];
		const char *name = g->wait_reason ? g->wait_reason : go_state_name(g->state);

		if (!g->system)
			continue;
		for (k = 0; k < n && strcmp(kinds[k].name, name) != 0; k++)
			;
		if (k < n)
			kinds[k].count += g->count;
		else if (n < ARRAY_SIZE(kinds))
			kinds[n++] = (struct named_count){ .name = name, .count = g->count };
	}
	fputc('\n', out);
	line_style(l, STYLE_DIM);
	line_printf(l, "%s of the runtime's own", words_count(s->system, words));
	for (uint32_t i = 0; i < n; i++)
		line_printf(l, "%s%s %.200s", i ? ", " : ": ",
			    words_count(kinds[i].count, words), kinds[i].name);
	line_end(l, out);
}

static void print_not_read(const struct quality *q, struct line *l, FILE *out)
{
	char words[WORDS_NUMBER], sentence[256];

	if (q->torn || q->unreadable || q->n_notes)
		fputc('\n', out);
	if (q->torn) {
		snprintf(sentence, sizeof(sentence), "%s goroutine%s changed under every attempt to "
			 "read it: counted, not in the groups", words_count(q->torn, words),
			 q->torn == 1 ? "" : "s");
		text_sentence(l, out, 0, "not read: ", sentence);
	}
	if (q->unreadable) {
		snprintf(sentence, sizeof(sentence), "%s goroutine%s in memory that could not be "
			 "read", words_count(q->unreadable, words), q->unreadable == 1 ? "" : "s");
		text_sentence(l, out, 0, "not read: ", sentence);
	}
	for (uint32_t i = 0; i < q->n_notes; i++)
		text_sentence(l, out, 0, "note: ", q->notes[i]);
}

int report_text(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	struct line l;
	int r = 0;

	line_init(&l, o->width, o->colour);
	print_process(&s->process, &l, out);
	print_reading(s, &l, out);
	print_totals(s, &l, out);
	print_leaks(s, &l, out);
	print_findings(s, &l, out, o);
	if (s->memory)
		text_ledger(s->memory, &l, out);
	if (s->memory && s->memory->retained && !s->memory->retained->why_not)
		text_retained(s->memory->retained, &l, out);
	if (s->heap_profile)
		r = text_heap(s, &l, out);
	if (r < 0)
		return r;
	text_table(s, out, o);
	if (o->list)
		text_list(s, out, o);
	print_system(s, &l, out);
	print_not_read(&s->quality, &l, out);
	return ferror(out) ? -EIO : 0;
}
