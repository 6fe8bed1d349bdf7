// SPDX-License-Identifier: Apache-2.0
#include "analysis/diff.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/amount.h"
#include "analysis/diff_parts.h"
#include "base/cleanup.h"
#include "model/memory.h"

enum { NOTES_MAX = 12 };
/* Less time between two looks than this makes no rate. */
#define RATE_MIN_S 0.5
/* By more than this the clock and the process's own age may not disagree. */
#define CLOCK_SLACK_MS 5000

const char *diff_relation_name(enum diff_relation r)
{
	static const char *const names[] = { "same-process", "unsure", "restarted", "other-build" };

	return (unsigned int)r < ARRAY_SIZE(names) ? names[r] : "?";
}

const char *diff_change_name(enum diff_change c)
{
	static const char *const names[] = { "same", "grew", "shrank", "new", "gone" };

	return (unsigned int)c < ARRAY_SIZE(names) ? names[c] : "?";
}

enum diff_change diff_change_of(int64_t before, int64_t after)
{
	if (before < 0 && after < 0)
		return DIFF_SAME;
	if (before < 0)
		return DIFF_NEW;
	if (after < 0)
		return DIFF_GONE;
	return after > before ? DIFF_GREW : after < before ? DIFF_SHRANK : DIFF_SAME;
}

bool diff_per_min(const struct diff *d, int64_t before, int64_t after, double *ret)
{
	if (d->seconds <= 0 || before < 0 || after < 0)
		return false;
	*ret = ((double)after - (double)before) * 60 / d->seconds;
	return true;
}

/* Arenas that are short of memory lose a note, and nothing else. */
static void note(struct diff *d, struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void note(struct diff *d, struct arena *a, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (d->n_notes < NOTES_MAX && (d->notes[d->n_notes] = arena_strdup(a, text)))
		d->n_notes++;
}

/* --- Whose they are --- */

static bool equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

/* `go build x.go` calls every program so. */
static bool says_module(const char *module)
{
	return module && strcmp(module, "command-line-arguments") != 0;
}

static bool same_program(const struct saved *a, const struct saved *b)
{
	if (equal(a->build_id, b->build_id))
		return true;
	if (says_module(a->module) && says_module(b->module))
		return equal(a->module, b->module);
	if (a->name && b->name)
		return equal(a->name, b->name);
	/* Neither says what it is. */
	return !a->exe || !b->exe || equal(a->exe, b->exe);
}

static const char *name_of(const struct saved *s)
{
	return s->name ? s->name : s->exe ? s->exe : s->module ? s->module : "a process unknown";
}

static enum diff_relation relation_of(const struct saved *a, const struct saved *b)
{
	/* Before the pid: exec() keeps that, and the start time. */
	if (differ(a->build_id, b->build_id))
		return DIFF_OTHER_BUILD;
	if (!a->build_id != !b->build_id || differ(a->go_version, b->go_version))
		return DIFF_OTHER_BUILD;
	if ((a->pid > 0 && b->pid > 0 && a->pid != b->pid) ||
	    (a->start_time && b->start_time && a->start_time != b->start_time))
		return DIFF_RESTARTED;
	if (a->pid <= 0 || b->pid <= 0 || !a->start_time || !b->start_time || a->core_file ||
	    b->core_file)
		return DIFF_UNSURE;
	return DIFF_SAME_PROCESS;
}

/* --- When --- */

/* Milliseconds from a to b of one process; its own age is the better clock, for nobody sets it. */
static bool between(const struct saved *a, const struct saved *b, int64_t *ret, bool *ret_clock_set)
{
	bool timed = a->time_ms >= 0 && b->time_ms >= 0;
	bool aged = a->uptime_ms >= 0 && b->uptime_ms >= 0;
	int64_t by_time = timed ? b->time_ms - a->time_ms : 0;
	int64_t by_age = aged ? b->uptime_ms - a->uptime_ms : 0;

	*ret_clock_set = timed && aged && llabs(by_time - by_age) > CLOCK_SLACK_MS;
	*ret = timed && !*ret_clock_set ? by_time : by_age;
	return timed || aged;
}

static void put_in_order(struct diff *d, struct arena *a)
{
	bool clock_set = false;
	int64_t ms = 0;

	if (d->relation != DIFF_SAME_PROCESS)
		return;
	if (!between(d->before, d->after, &ms, &clock_set)) {
		note(d, a, "neither says when it was taken: no rates");
		return;
	}
	if (ms < 0) {
		const struct saved *later = d->before;

		d->before = d->after;
		d->after = later;
		d->swapped = true;
		ms = -ms;
		note(d, a, "%.300s is the later one: compared in the order of time, from %.300s "
		     "to it", later->file, d->before->file);
	}
	if (clock_set)
		note(d, a, "the clock was set in between: rates are by the age of the process");
	d->seconds = (double)ms / 1000;
	if (d->seconds < RATE_MIN_S) {
		d->seconds = 0;
		note(d, a, ms ? "too little time lies between them: no rates" :
				"no time lies between them: no rates");
	}
}

static const char *pid_words(struct arena *a, const struct saved *s)
{
	const char *age = s->uptime_ms >= 0 ? amount_span(a, (double)s->uptime_ms / 1000) : NULL;

	if (s->pid <= 0)
		return "an unknown pid";
	return arena_printf(a, "pid %lld%s%s", (long long)s->pid, age ? ", up " : "",
			    age ? age : "");
}

static void note_relation(struct diff *d, struct arena *a)
{
	const char *from = pid_words(a, d->before), *to = pid_words(a, d->after);

	switch (d->relation) {
	case DIFF_SAME_PROCESS:
		break;
	case DIFF_UNSURE:
		note(d, a, d->before->core_file || d->after->core_file ?
				   "a core file does not say when it was taken, or of which "
				   "process: no rates, and nobody is said to have stayed" :
				   "whether both are of one process is not known: no rates, and "
				   "nobody is said to have stayed");
		break;
	case DIFF_RESTARTED:
		note(d, a, "these are two processes (%s; %s), as after a restart: no rates, and "
		     "nobody stayed", from ? from : "?", to ? to : "?");
		break;
	case DIFF_OTHER_BUILD:
		note(d, a, "these are two builds (%s; %s): groups are compared by their functions, "
		     "and there are no rates", from ? from : "?", to ? to : "?");
		break;
	}
}

/* --- Numbers --- */

static int by_contract(const void *x, const void *y)
{
	const struct diff_number *a = x, *b = y;
	unsigned int p = (unsigned int)memory_part_find(a->name);
	unsigned int q = (unsigned int)memory_part_find(b->name);

	/* Those of no contract, -1, are the last. */
	return p != q ? (p > q) - (p < q) : strcmp(a->name, b->name);
}

static double size_of_change(int64_t before, int64_t after)
{
	return fabs((double)(after < 0 ? 0 : after) - (double)(before < 0 ? 0 : before));
}

static int by_change(const void *x, const void *y)
{
	const struct diff_number *a = x, *b = y;
	double p = size_of_change(a->before, a->after), q = size_of_change(b->before, b->after);

	return p != q ? (p < q) - (p > q) : strcmp(a->name, b->name);
}

static int64_t value_of(const struct saved_number *n)
{
	return n->value <= INT64_MAX ? (int64_t)n->value : WAIT_UNKNOWN;
}

/* Both are sorted by name. compare: of the result; NULL leaves it so. */
static int match_numbers(const struct saved_numbers *x, const struct saved_numbers *y,
			 struct arena *a, int (*compare)(const void *, const void *),
			 struct diff_numbers *ret)
{
	struct diff_number *all = arena_alloc(a, (size_t)x->n + y->n + 1, sizeof(*all));
	uint32_t i = 0, j = 0, n = 0;

	if (!all)
		return -ENOMEM;
	while (i < x->n || j < y->n) {
		int c = i == x->n ? 1 : j == y->n ? -1 : strcmp(x->all[i].name, y->all[j].name);
		struct diff_number *to = &all[n++];

		*to = (struct diff_number){ .name = c <= 0 ? x->all[i].name : y->all[j].name,
					    .before = WAIT_UNKNOWN, .after = WAIT_UNKNOWN };
		if (c <= 0)
			to->before = value_of(&x->all[i++]);
		if (c >= 0)
			to->after = value_of(&y->all[j++]);
	}
	if (compare && n)
		qsort(all, n, sizeof(*all), compare);
	*ret = (struct diff_numbers){ .all = all, .n = n };
	return 0;
}

/* --- Sites --- */

static int64_t site_change(const struct diff_site *s)
{
	return (int64_t)((s->after ? s->after->value : 0) - (s->before ? s->before->value : 0));
}

static int site_by_change(const void *x, const void *y)
{
	const struct diff_site *a = x, *b = y;
	uint64_t p = (uint64_t)llabs(site_change(a)), q = (uint64_t)llabs(site_change(b));
	const struct saved_site *s = a->after ? a->after : a->before;
	const struct saved_site *t = b->after ? b->after : b->before;

	return p != q ? (p < q) - (p > q) : (s->id > t->id) - (s->id < t->id);
}

static int by_like(const void *x, const void *y)
{
	const struct saved_site *a = x, *b = y;

	return (a->like > b->like) - (a->like < b->like);
}

/* The sites of one, sorted by the key that they are matched by, which is put in their id. */
static int keyed_sites(const struct saved_sites *x, bool by_likeness, struct arena *a,
		       struct saved_sites *ret)
{
	uint32_t n = 0;

	*ret = *x;
	if (!by_likeness || !x->n)
		return 0;
	ret->all = arena_alloc(a, x->n, sizeof(*ret->all));
	if (!ret->all)
		return -ENOMEM;
	memcpy(ret->all, x->all, x->n * sizeof(*ret->all));
	qsort(ret->all, x->n, sizeof(*ret->all), by_like);
	for (uint32_t i = 0; i < x->n; i++) {
		if (n && ret->all[n - 1].id == ret->all[i].like) {
			ret->all[n - 1].value += ret->all[i].value;
			if (ret->all[n - 1].value > LIMIT_SAVED_VALUE)
				ret->all[n - 1].value = LIMIT_SAVED_VALUE;
			ret->all[n - 1].objects = WAIT_UNKNOWN;
			continue;
		}
		ret->all[n] = ret->all[i];
		ret->all[n].id = ret->all[n].like;
		n++;
	}
	ret->n = n;
	return 0;
}

static int match_sites(const struct diff *d, const struct saved_sites *before,
		       const struct saved_sites *after, struct arena *a, struct diff_sites *ret)
{
	bool by_likeness = d->relation == DIFF_OTHER_BUILD;
	struct diff_site *all = arena_alloc(a, (size_t)before->n + after->n + 1, sizeof(*all));
	uint32_t i = 0, j = 0, n = 0;
	struct saved_sites x, y;

	if (!all || keyed_sites(before, by_likeness, a, &x) < 0 ||
	    keyed_sites(after, by_likeness, a, &y) < 0)
		return -ENOMEM;
	while (i < x.n || j < y.n) {
		bool left = j == y.n || (i < x.n && x.all[i].id <= y.all[j].id);
		bool right = i == x.n || (j < y.n && y.all[j].id <= x.all[i].id);

		all[n++] = (struct diff_site){ .before = left ? &x.all[i] : NULL,
					       .after = right ? &y.all[j] : NULL };
		i += left;
		j += right;
	}
	if (n)
		qsort(all, n, sizeof(*all), site_by_change);
	*ret = (struct diff_sites){ .all = all, .n = n };
	return 0;
}

static int match_memory(struct diff *d, struct arena *a)
{
	const struct saved *x = d->before, *y = d->after;
	int r;

	r = match_numbers(&x->parts, &y->parts, a, by_contract, &d->parts);
	if (r == 0)
		r = match_numbers(&x->go, &y->go, a, NULL, &d->go);
	if (r == 0)
		r = match_numbers(&x->c, &y->c, a, NULL, &d->c);
	if (r == 0)
		r = match_numbers(&x->retained_by, &y->retained_by, a, by_change, &d->retained_by);
	if (r == 0)
		r = match_numbers(&x->retained_at, &y->retained_at, a, by_change, &d->retained_at);
	if (r == 0)
		r = match_numbers(&x->heap_by_type, &y->heap_by_type, a, by_change,
				  &d->heap_by_type);
	if (r == 0)
		r = match_numbers(&x->threads_by_kind, &y->threads_by_kind, a, NULL,
				  &d->threads_by_kind);
	if (r == 0)
		r = match_sites(d, &x->heap_sites, &y->heap_sites, a, &d->heap_sites);
	if (r == 0)
		r = match_sites(d, &x->thread_sites, &y->thread_sites, a, &d->thread_sites);
	return r;
}

/* What one of them lacks is no change. */
static void note_missing(struct diff *d, struct arena *a)
{
	const struct saved *x = d->before, *y = d->after;
	uint64_t torn = x->torn > UINT64_MAX - y->torn ? UINT64_MAX : x->torn + y->torn;

	if (x->has_memory != y->has_memory)
		note(d, a, "only %.300s has an account of the memory: save both with --memory",
		     x->has_memory ? x->file : y->file);
	if (d->relation == DIFF_SAME_PROCESS && (!x->listed || !y->listed))
		note(d, a, "who stayed is not known for sure: save both with --goroutines");
	if (torn)
		note(d, a, "goroutines that changed while they were read, %llu in both, are in no "
		     "group", (unsigned long long)torn);
}

int diff_compare(const struct saved *first, const struct saved *second, struct arena *a,
		 struct diff *ret, struct diag *diag)
{
	struct diff d = { .before = first, .after = second };
	int r;

	if (!same_program(first, second)) {
		diag_fail(diag, -EINVAL, "one is of %.100s, the other of %.100s", name_of(first),
			  name_of(second));
		return diag_hint(diag, -EINVAL, "give two snapshots of one program");
	}
	d.notes = arena_alloc(a, NOTES_MAX, sizeof(*d.notes));
	if (!d.notes)
		return -ENOMEM;
	d.relation = relation_of(first, second);
	put_in_order(&d, a);
	note_relation(&d, a);
	d.goroutines = (struct diff_number){ "goroutines", d.before->total, d.after->total };
	d.threads = (struct diff_number){ "threads", d.before->threads, d.after->threads };
	d.rss = (struct diff_number){ "rss", d.before->rss_bytes, d.after->rss_bytes };
	r = diff_groups(&d, a);
	if (r == 0)
		r = match_memory(&d, a);
	if (r == 0)
		r = diff_findings(&d, a);
	if (r < 0)
		return r;
	note_missing(&d, a);
	*ret = d;
	return 0;
}
