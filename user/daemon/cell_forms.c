// SPDX-License-Identifier: Apache-2.0
#include "daemon/cell_forms.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "daemon/examined_wire.h"
#include "model/examined.h"
#include "model/heap_profile.h"
#include "model/leaks.h"
#include "report/page.h"
#include "report/report.h"

/* An empty profile would say that there are none. */
static int check_leaks(const struct snapshot *s, struct diag *d)
{
	const struct leak_set *l = s->leaks;

	if (l && l->passes)
		return 0;
	return diag_fail(d, -EOPNOTSUPP, "%s",
			 l && l->why_not ? l->why_not : "it was not searched for leaks");
}

static int check_heap(const struct snapshot *s, struct diag *d)
{
	const struct heap_profile *h = s->heap_profile;

	if (h && (h->state == HEAP_PROFILE_READ || h->n_classes))
		return 0;
	return diag_fail(d, -EOPNOTSUPP, "%s", h && h->why ? h->why : "it has no heap profile");
}

static int write_examination(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	CLEANUP(examined_free_p) struct examined *e = examined_of(s);
	struct timespec cpu = { 0 };

	(void)o;
	if (!e)
		return -ENOMEM;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	e->cpu_ms = (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6;
	return examined_write(e, out);
}

/* How its figures ran is not known in a cell: the daemon fills that in. */
static int write_page(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	const struct page_options page = { .version = o->version };

	return page_process(s, &page, out);
}

/* The text has no place for what takes the profile's. */
static int check_profile(const struct snapshot *s, struct diag *d)
{
	const struct heap_profile *h = s->heap_profile;

	if (h && h->state == HEAP_PROFILE_READ)
		return 0;
	return diag_fail(d, -EOPNOTSUPP, "%s", h && h->why ? h->why : "it has no heap profile");
}

#define NO_MEMORY .memory = LEDGER_NEVER
#define NO_LEAKS .leaks = { .wish = LEAKS_NEVER }

static const struct cell_form forms[] = {
	{ .what = CELL_SNAPSHOT, .write = report_json,
	  .options = { .memory = LEDGER_IF_CHEAP, .leaks = { .wish = LEAKS_IF_CHEAP },
		       .heap_profile = true } },
	{ .what = CELL_PAGE, .write = write_page,
	  .options = { .memory = LEDGER_IF_CHEAP, .leaks = { .wish = LEAKS_IF_CHEAP } } },
	{ .what = CELL_FLAMEGRAPH, .write = report_flamegraph,
	  .options = { NO_MEMORY, NO_LEAKS } },
	{ .what = CELL_GOROUTINE, .write = report_pprof, .options = { NO_MEMORY, NO_LEAKS } },
	{ .what = CELL_GOROUTINE, .debug = 1, .write = report_debug1,
	  .options = { NO_MEMORY, NO_LEAKS } },
	{ .what = CELL_GOROUTINE, .debug = 2, .write = report_debug2,
	  .options = { NO_MEMORY, .leaks = { .wish = LEAKS_IF_CHEAP }, .goroutines = true } },
	{ .what = CELL_GOROUTINELEAK, .write = report_goroutineleak, .check = check_leaks,
	  .options = { NO_MEMORY, .leaks = { .wish = LEAKS_ALWAYS } } },
	{ .what = CELL_GOROUTINELEAK, .debug = 1, .write = report_goroutineleak_text,
	  .check = check_leaks, .options = { NO_MEMORY, .leaks = { .wish = LEAKS_ALWAYS } } },
	/* As Go's: all goroutines, after a search for those that are leaked. */
	{ .what = CELL_GOROUTINELEAK, .debug = 2, .write = report_debug2, .check = check_leaks,
	  .options = { NO_MEMORY, .leaks = { .wish = LEAKS_ALWAYS }, .goroutines = true } },
	{ .what = CELL_HEAP, .write = report_pprof_heap, .check = check_heap,
	  .options = { NO_MEMORY, NO_LEAKS, .heap_profile = true } },
	{ .what = CELL_HEAP, .debug = 1, .write = report_heap_debug1, .check = check_profile,
	  .options = { NO_MEMORY, NO_LEAKS, .heap_profile = true } },
	{ .what = CELL_THREADCREATE, .write = report_threadcreate,
	  .options = { NO_MEMORY, NO_LEAKS } },
	{ .what = CELL_THREADCREATE, .debug = 1, .write = report_threadcreate_text,
	  .options = { NO_MEMORY, NO_LEAKS } },
	{ .what = CELL_EXAMINATION, .write = write_examination,
	  .options = { .memory = LEDGER_ALWAYS, .leaks = { .wish = LEAKS_ALWAYS } } },
};

const struct cell_form *cell_form_find(enum cell_what what, uint32_t debug)
{
	/* Where Go knows but one text, more detail asked for is that one. */
	if (debug == 2 && (what == CELL_HEAP || what == CELL_THREADCREATE))
		debug = 1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].what == what && forms[i].debug == debug)
			return &forms[i];
	return NULL;
}
