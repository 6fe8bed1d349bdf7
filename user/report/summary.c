// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"
#include "report/line.h"
#include "report/report.h"
#include "report/words.h"

/* An array that doubles: full at each power of two. The old one stays in the arena. */
static void *grow(struct arena *a, void *all, size_t n, size_t size)
{
	void *more;

	if (n && (n & (n - 1)))
		return all;
	more = arena_alloc(a, n ? 2 * n : 1, size);
	if (more && n)
		memcpy(more, all, n * size);
	return more;
}

static const char *copy(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, s) : NULL;
}

static void largest_group(struct summary *sum, const struct snapshot *s, struct summary_process *p)
{
	const struct group *largest = NULL;
	const struct frame *site;

	for (uint32_t i = 0; i < s->n_groups; i++) {
		const struct group *g = &s->groups[i];

		if (!g->system && (!largest || g->count > largest->count))
			largest = g;
	}
	if (!largest)
		return;
	p->largest = largest->count;
	p->wait = copy(sum->arena, largest->wait_reason ? largest->wait_reason
							 : go_state_name(largest->state));
	site = site_frame(&largest->stack, s->process.module);
	if (!site)
		return;
	p->site = *site;
	p->site.function = copy(sum->arena, site->function);
	p->site.file = copy(sum->arena, site->file);
}

/* "1.24.9": the column is headed GO. */
static const char *release(const char *go_version)
{
	return go_version && strncmp(go_version, "go", 2) == 0 ? go_version + 2 : go_version;
}

int summary_add(struct summary *sum, const struct snapshot *s)
{
	struct summary_process *p;

	p = grow(sum->arena, sum->processes, sum->n, sizeof(*p));
	if (!p)
		return -ENOMEM;
	sum->processes = p;
	p += sum->n++;
	*p = (struct summary_process){
		.pid = s->process.pid,
		.name = copy(sum->arena, s->process.name),
		.go_version = copy(sum->arena, release(s->process.go_version)),
		.goroutines = s->total,
	};
	for (uint32_t i = 0; i < s->n_findings; i++) {
		if (s->findings[i].verdict < VERDICT_SUSPECT)
			continue;
		p->findings++;
		if (s->findings[i].verdict > p->worst)
			p->worst = s->findings[i].verdict;
	}
	largest_group(sum, s, p);
	return 0;
}

int summary_add_miss(struct summary *sum, int pid, const char *name, const char *why)
{
	struct summary_miss *m;

	m = grow(sum->arena, sum->misses, sum->n_misses, sizeof(*m));
	if (!m)
		return -ENOMEM;
	sum->misses = m;
	m[sum->n_misses++] = (struct summary_miss){
		.pid = pid, .name = copy(sum->arena, name), .why = copy(sum->arena, why),
	};
	return 0;
}

static int worse_first(const void *a, const void *b)
{
	const struct summary_process *p = a, *q = b;

	if (p->worst != q->worst)
		return p->worst > q->worst ? -1 : 1;
	if (p->goroutines != q->goroutines)
		return p->goroutines > q->goroutines ? -1 : 1;
	return (p->pid > q->pid) - (p->pid < q->pid);
}

/* Columns are as wide as what stands in them, within limits. */
struct columns {
	unsigned int pid, name, go, count;
};

enum { FINDINGS = 8, GAP = 2 };

static void widen(unsigned int *width, const char *s, unsigned int most)
{
	size_t n = s ? text_columns(s) : 1;

	if (n > most)
		n = most;
	if (n > *width)
		*width = (unsigned int)n;
}

static struct columns measure(const struct summary *sum)
{
	struct columns c = { .pid = 5, .name = 4, .go = 2, .count = 10 };
	char buf[WORDS_NUMBER];

	for (size_t i = 0; i < sum->n; i++) {
		const struct summary_process *p = &sum->processes[i];

		snprintf(buf, sizeof(buf), "%d", p->pid);
		widen(&c.pid, buf, 10);
		widen(&c.name, p->name, 12);
		widen(&c.go, p->go_version, 12);
		widen(&c.count, words_count(p->goroutines, buf), 20);
	}
	return c;
}

/* PID and NAME: the start of each line. */
static void put_name(struct line *l, const struct columns *c, int pid, const char *name)
{
	char number[WORDS_NUMBER];

	snprintf(number, sizeof(number), "%d", pid);
	line_put_right(l, number, c->pid);
	line_pad(l, l->at + GAP);
	line_put_cut(l, name && *name ? name : "?", c->name);
	line_pad(l, c->pid + GAP + c->name + GAP);
}

static void put_process(struct line *l, FILE *out, const struct columns *c,
			const struct summary_process *p)
{
	unsigned int go_end = c->pid + GAP + c->name + GAP + c->go;
	char number[WORDS_NUMBER], place[WORDS_CELL];

	put_name(l, c, p->pid, p->name);
	line_put_cut(l, p->go_version ? p->go_version : "?", c->go);
	line_pad(l, go_end + 1);
	line_put_right(l, words_count(p->goroutines, number), c->count);
	line_pad(l, l->at + 1);
	if (p->findings)
		line_style(l, p->worst == VERDICT_SUSPECT ? STYLE_YELLOW : STYLE_RED);
	line_put_right(l, words_count(p->findings, number), FINDINGS);
	line_style(l, STYLE_NONE);
	line_pad(l, l->at + GAP);
	if (p->largest) {
		line_printf(l, "%s %s ", words_count(p->largest, number), p->wait ? p->wait : "?");
		if (p->site.function || p->site.pc)
			line_put(l, words_place(&p->site, l->width - l->at, place));
	}
	line_end(l, out);
}

static void put_header(struct line *l, FILE *out, const struct columns *c)
{
	line_style(l, STYLE_BOLD);
	line_put_right(l, "PID", c->pid);
	line_pad(l, l->at + GAP);
	line_put(l, "NAME");
	line_pad(l, c->pid + GAP + c->name + GAP);
	line_put(l, "GO");
	line_pad(l, c->pid + GAP + c->name + GAP + c->go + 1);
	line_put_right(l, "GOROUTINES", c->count);
	line_put_right(l, "FINDINGS", FINDINGS + 1);
	line_pad(l, l->at + GAP);
	line_put(l, "LARGEST GROUP");
	line_end(l, out);
}

static void put_misses(struct line *l, FILE *out, const struct columns *c,
		       const struct summary *sum)
{
	char number[WORDS_NUMBER];

	if (sum->n_misses == 1)
		fputs("\n1 process that runs Go, or may, could not be read\n", out);
	else if (sum->n_misses)
		fprintf(out, "\n%s processes that run Go, or may, could not be read\n",
			words_count(sum->n_misses, number));
	for (size_t i = 0; i < sum->n_misses; i++) {
		struct flow words = { .line = l, .out = out, .separator = " " };

		put_name(l, c, sum->misses[i].pid, sum->misses[i].name);
		words.indent = l->at;
		flow_words(&words, sum->misses[i].why);
		flow_end(&words);
	}
	if (sum->denied)
		fprintf(out,
			"\n%s more could not be looked at: that takes root or CAP_SYS_PTRACE\n",
			words_count(sum->denied, number));
}

int report_summary(struct summary *sum, FILE *out, const struct report_options *o)
{
	const struct columns c = measure(sum);
	struct line l;

	line_init(&l, o->width, o->colour);
	if (sum->n) {
		qsort(sum->processes, sum->n, sizeof(*sum->processes), worse_first);
		put_header(&l, out, &c);
	} else {
		fputs("no Go process found\n", out);
	}
	for (size_t i = 0; i < sum->n; i++)
		put_process(&l, out, &c, &sum->processes[i]);
	put_misses(&l, out, &c, sum);
	return ferror(out) ? -EIO : 0;
}
