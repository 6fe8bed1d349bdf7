// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"
#include "report/report.h"
#include "report/utf8.h"

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
	p->site = site_string(sum->arena, site_frame(&largest->stack, s->process.module));
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
		.go_version = copy(sum->arena, s->process.go_version),
		.goroutines = s->total,
	};
	for (uint32_t i = 0; i < s->n_findings; i++) {
		if (s->findings[i].verdict > p->worst)
			p->worst = s->findings[i].verdict;
		p->findings += s->findings[i].verdict >= VERDICT_SUSPECT;
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

/* Columns that s takes; a hidden or broken byte shows as one. */
static unsigned int columns_of(const char *s, size_t *len)
{
	uint32_t c;
	unsigned int w;

	*len = utf8_decode(s, strlen(s), &c);
	w = *len ? utf8_columns(c) : 0;
	if (!*len)
		*len = 1;
	return w;
}

/* At most `width` columns of s, a cut told by a final ~; padded to `width` when pad. */
static void put_cell(FILE *out, const char *s, unsigned int width, bool pad)
{
	unsigned int total = 0, used = 0;
	size_t len;

	for (const char *p = s; *p; p += len) {
		unsigned int w = columns_of(p, &len);

		total += w ? w : 1;
	}
	while (*s) {
		unsigned int w = columns_of(s, &len);
		unsigned int room = total > width ? width - 1 : width;

		if (used + (w ? w : 1) > room)
			break;
		if (w)
			fwrite(s, 1, len, out);
		else
			fputc('?', out);
		used += w ? w : 1;
		s += len;
	}
	if (*s) {
		fputc('~', out);
		used++;
	}
	for (; pad && used < width; used++)
		fputc(' ', out);
}

/* "12,031"; the caller's buffer holds the longest number with its commas. */
static const char *grouped(uint64_t n, char buf[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *p = buf;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}

/* Columns are as wide as what stands in them, within limits. */
struct widths {
	unsigned int pid, name, go, count, findings;
};

static unsigned int at_least(unsigned int width, const char *s, unsigned int most)
{
	size_t n = s ? strlen(s) : 1;

	if (n > most)
		n = most;
	return n > width ? (unsigned int)n : width;
}

static struct widths measure(const struct summary *sum)
{
	struct widths w = { .pid = 5, .name = 4, .go = 6, .count = 10, .findings = 8 };
	char buf[32];

	for (size_t i = 0; i < sum->n; i++) {
		const struct summary_process *p = &sum->processes[i];

		snprintf(buf, sizeof(buf), "%d", p->pid);
		w.pid = at_least(w.pid, buf, 10);
		w.name = at_least(w.name, p->name, 15);
		w.go = at_least(w.go, p->go_version, 12);
		w.count = at_least(w.count, grouped(p->goroutines, buf), 26);
	}
	return w;
}

static void put_process(FILE *out, const struct summary_process *p, const struct widths *w,
			const struct report_options *o)
{
	const char *red = o->colour && p->findings ? "\033[31m" : "";
	unsigned int fixed = w->pid + w->name + w->go + w->count + w->findings + 8;
	char number[32], tail[1024];

	fprintf(out, "%*d  ", (int)w->pid, p->pid);
	put_cell(out, p->name ? p->name : "?", w->name, true);
	fputs("  ", out);
	put_cell(out, p->go_version ? p->go_version : "?", w->go, true);
	fprintf(out, " %*s", (int)w->count, grouped(p->goroutines, number));
	fprintf(out, " %s%*s%s  ", red, (int)w->findings, grouped(p->findings, number),
		*red ? "\033[0m" : "");
	if (p->largest) {
		snprintf(tail, sizeof(tail), "%s %s%s%s", grouped(p->largest, number), p->wait,
			 p->site ? " " : "", p->site ? p->site : "");
		put_cell(out, tail, o->width > fixed + 16 ? o->width - fixed : 16, false);
	}
	fputc('\n', out);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "es";
}

static void put_missing(FILE *out, const struct summary *sum, const struct widths *w)
{
	char number[32];

	if (sum->n_misses)
		fprintf(out, "\n%s process%s that run%s Go, or may, could not be read\n",
			grouped(sum->n_misses, number), plural(sum->n_misses),
			sum->n_misses == 1 ? "s" : "");
	for (size_t i = 0; i < sum->n_misses; i++) {
		const struct summary_miss *m = &sum->misses[i];

		fprintf(out, "%*d  ", (int)w->pid, m->pid);
		put_cell(out, m->name && *m->name ? m->name : "?", w->name, true);
		fputs("  ", out);
		put_cell(out, m->why, UINT16_MAX, false);
		fputc('\n', out);
	}
	if (sum->denied)
		fprintf(out, "\n%s of other users' processes could not be looked at; run as root\n",
			grouped(sum->denied, number));
}

int report_summary(struct summary *sum, FILE *out, const struct report_options *o)
{
	const struct widths w = measure(sum);

	if (sum->n) {
		qsort(sum->processes, sum->n, sizeof(*sum->processes), worse_first);
		fprintf(out, "%*s  %-*s  %-*s %*s %*s  %s\n", (int)w.pid, "PID", (int)w.name, "NAME",
			(int)w.go, "GO", (int)w.count, "GOROUTINES", (int)w.findings, "FINDINGS",
			"LARGEST GROUP");
	} else {
		fputs("no Go process found\n", out);
	}
	for (size_t i = 0; i < sum->n; i++)
		put_process(out, &sum->processes[i], &w, o);
	put_missing(out, sum, &w);
	return ferror(out) ? -EIO : 0;
}
