// SPDX-License-Identifier: Apache-2.0
#include "report/openmetrics_families.h"

/* What one series has besides the target's name. */
struct more {
	const char *name, *value;
};

#define MORE(...) (const struct more[]){ __VA_ARGS__ }

static void put(struct metric_text *m, const struct book_target *t, double value,
		const struct more *more, size_t n)
{
	static const char *const names[] = {
		[LABEL_POD] = "pod_uid", [LABEL_CONTAINER] = "container_id", [LABEL_UNIT] = "unit",
		[LABEL_EXE] = "exe",
	};
	struct metric_label labels[METRIC_LABELS];
	size_t k = 0;

	for (size_t i = 0; i < TARGET_NAME_LABELS; i++)
		labels[k++] = (struct metric_label){ names[i], t->label[i] };
	for (size_t i = 0; i < n; i++)
		labels[k++] = (struct metric_label){ more[i].name, more[i].value };
	metric_put(m, labels, k, value);
}

static void put_one(struct metric_text *m, const struct book_target *t, double value)
{
	put(m, t, value, NULL, 0);
}

static void put_sum(struct metric_text *m, const struct book_target *t, const struct target_sum *s)
{
	if (s->known)
		put_one(m, t, s->value);
}

/* --- Processes --- */

static void processes(struct metric_text *m, const struct book_target *t)
{
	for (int k = 0; t->now && k < NODE_KINDS; k++)
		for (int s = 0; s <= WATCH_FAILED; s++)
			if (t->now->by_kind[k][s])
				put(m, t, t->now->by_kind[k][s],
				    MORE({ "kind", node_kind_name((enum node_kind)k) },
					 { "state", watch_state_name((enum watch_state)s) }), 2);
}

static void target_info(struct metric_text *m, const struct book_target *t)
{
	const struct target *now = t->now;
	/* Unless it is in the name; and never under that label, by which others join. */
	const char *container = *t->label[LABEL_CONTAINER] ? NULL : now ? now->container : NULL;

	/* Those without a place of their own are not one thing that could be told. */
	if (now && t->serial)
		put(m, t, 1, MORE({ "kind", node_kind_name(now->kind) },
				  { "go_version", now->go_version }, { "module", now->module },
				  { "build_id", now->build_id },
				  { "newest_container_id", container }), 5);
}

static void uptime(struct metric_text *m, const struct book_target *t)
{
	if (t->now && t->serial && t->now->uptime_s >= 0)
		put_one(m, t, t->now->uptime_s);
}

/* What was never watched has no such facts. */
static void count(struct metric_text *m, const struct book_target *t, enum target_counter c)
{
	if (t->watched)
		put_one(m, t, (double)t->count[c]);
}

static void starts(struct metric_text *m, const struct book_target *t)
{
	count(m, t, COUNT_STARTS);
}

static void restarts(struct metric_text *m, const struct book_target *t)
{
	count(m, t, COUNT_RESTARTS);
}

static void exits(struct metric_text *m, const struct book_target *t)
{
	if (!t->watched)
		return;
	put(m, t, (double)t->count[COUNT_EXITS], MORE({ "how", "exit" }), 1);
	put(m, t, (double)t->count[COUNT_EXECS], MORE({ "how", "exec" }), 1);
}

static void looks(struct metric_text *m, const struct book_target *t)
{
	count(m, t, COUNT_LOOKS);
}

static void looks_failed(struct metric_text *m, const struct book_target *t)
{
	count(m, t, COUNT_LOOKS_FAILED);
}

static void looks_missed(struct metric_text *m, const struct book_target *t)
{
	count(m, t, COUNT_LOOKS_MISSED);
}

static void lost_events(struct metric_text *m, const struct book_target *t)
{
	count(m, t, COUNT_LOST_EVENTS);
}

static void look_age(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->look_age_s);
}

/* --- Goroutines --- */

static void goroutine_processes(struct metric_text *m, const struct book_target *t)
{
	if (t->now && t->now->goroutines.known)
		put_one(m, t, t->now->goroutines.known);
}

static void goroutines(struct metric_text *m, const struct book_target *t)
{
	const struct target_words *w = t->now ? &t->now->states : NULL;

	for (uint32_t i = 0; w && i < w->n; i++)
		put(m, t, (double)w->all[i].count, MORE({ "state", w->all[i].word }), 1);
}

static void waiting(struct metric_text *m, const struct book_target *t)
{
	const struct target_words *w = t->now ? &t->now->reasons : NULL;

	for (uint32_t i = 0; w && i < w->n; i++)
		put(m, t, (double)w->all[i].count, MORE({ "wait_reason", w->all[i].word }), 1);
}

static void oldest_wait(struct metric_text *m, const struct book_target *t)
{
	const struct target_words *w = t->now ? &t->now->reasons : NULL;

	for (uint32_t i = 0; w && i < w->n; i++)
		if (w->all[i].wait_ns >= 0)
			put(m, t, (double)w->all[i].wait_ns / 1e9,
			    MORE({ "wait_reason", w->all[i].word }), 1);
}

static void system_goroutines(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->system);
}

static void unread(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->unread);
}

/* --- Sites --- */

static void growing_sites(struct metric_text *m, const struct book_target *t)
{
	if (t->now && t->now->goroutines.known)
		put_one(m, t, t->now->growing_sites);
}

static void sites(struct metric_text *m, const struct book_target *t)
{
	if (t->now && t->now->sites.processes)
		put_one(m, t, t->now->sites.most);
}

static void put_site(struct metric_text *m, const struct book_target *t,
		     const struct target_site *s, double value)
{
	put(m, t, value, MORE({ "site", s->site }, { "wait_reason", s->wait_reason }), 2);
}

static void site_goroutines(struct metric_text *m, const struct book_target *t)
{
	const struct target_sites *s = t->now ? &t->now->sites : NULL;

	for (uint32_t i = 0; s && i < s->n; i++)
		put_site(m, t, &s->all[i], (double)s->all[i].count);
	if (s && s->others)
		put(m, t, (double)s->others, MORE({ "site", "other" }), 1);
}

static void site_squares(struct metric_text *m, const struct book_target *t)
{
	const struct target_sites *s = t->now ? &t->now->sites : NULL;

	for (uint32_t i = 0; s && i < s->n; i++)
		put_site(m, t, &s->all[i], s->all[i].squares);
}

static void site_growing(struct metric_text *m, const struct book_target *t)
{
	const struct target_sites *s = t->now ? &t->now->sites : NULL;

	for (uint32_t i = 0; s && i < s->n; i++)
		if (s->all[i].judged)
			put_site(m, t, &s->all[i], s->all[i].growing);
}

static void site_growth(struct metric_text *m, const struct book_target *t)
{
	const struct target_sites *s = t->now ? &t->now->sites : NULL;

	for (uint32_t i = 0; s && i < s->n; i++)
		if (s->all[i].growing)
			put_site(m, t, &s->all[i], s->all[i].rate_per_s);
}

/* --- Leaks and findings --- */

static void put_grades(struct metric_text *m, const struct book_target *t,
		       const struct target_sum *grades)
{
	static const enum verdict verdicts[GRADES] = {
		[GRADE_PROVEN] = VERDICT_PROVEN, [GRADE_LIKELY] = VERDICT_LIKELY,
		[GRADE_SUSPECT] = VERDICT_SUSPECT,
	};

	for (int i = 0; i < GRADES; i++)
		if (grades[i].known)
			put(m, t, grades[i].value, MORE({ "verdict", verdict_name(verdicts[i]) }),
			    1);
}

static void leaked(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_grades(m, t, t->now->leaked);
}

static void leaked_bytes(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_grades(m, t, t->now->leaked_bytes);
}

static void searched(struct metric_text *m, const struct book_target *t)
{
	if (t->now && t->now->searched_age_s.known)
		put_one(m, t, t->now->searched_age_s.known);
}

static void search_age(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->searched_age_s);
}

static void findings(struct metric_text *m, const struct book_target *t)
{
	const struct target_words *w = t->now ? &t->now->findings : NULL;

	for (uint32_t i = 0; w && i < w->n; i++)
		put(m, t, (double)w->all[i].count,
		    MORE({ "pattern", w->all[i].word }, { "verdict", w->all[i].second }), 2);
}

/* --- Memory, threads, locks --- */

static void rss(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->rss);
}

static void rss_growing(struct metric_text *m, const struct book_target *t)
{
	if (t->now && t->now->rss_rate.known)
		put_one(m, t, t->now->rss_growing);
}

static void rss_growth(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->rss_rate);
}

static void parts(struct metric_text *m, const struct book_target *t)
{
	for (int i = 0; t->now && i < MEMORY_PARTS; i++)
		if (t->now->part[i].known)
			put(m, t, t->now->part[i].value,
			    MORE({ "part", memory_part_name((enum memory_part)i) }), 1);
}

static void parts_age(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->parts_age_s);
}

static void threads(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->threads);
}

static void threads_growing(struct metric_text *m, const struct book_target *t)
{
	if (t->now && t->now->threads_rate.known)
		put_one(m, t, t->now->threads_growing);
}

static void threads_growth(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->threads_rate);
}

static void long_waits(struct metric_text *m, const struct book_target *t)
{
	if (t->count[COUNT_LONG_WAITS])
		put_one(m, t, (double)t->count[COUNT_LONG_WAITS]);
}

static void longest_wait(struct metric_text *m, const struct book_target *t)
{
	if (t->now)
		put_sum(m, t, &t->now->lock_wait_s);
}

/* --- All of them --- */

const struct target_family target_families[] = {
	{ { "loiter_processes", METRIC_GAUGE,
	    "Processes of this name." },
	  "kind state", "sum", true, processes },
	{ { "loiter_target_info", METRIC_INFO,
	    "What the process of this name is that began last." },
	  "kind go_version module build_id newest_container_id", "newest", false, target_info },
	{ { "loiter_uptime_seconds", METRIC_GAUGE,
	    "Time since the process that began last began." },
	  "", "min", false, uptime },
	{ { "loiter_process_starts_total", METRIC_COUNTER,
	    "Processes that began, of those that are watched." },
	  "", "sum", true, starts },
	{ { "loiter_process_restarts_total", METRIC_COUNTER,
	    "Of these, those that followed the end of one of the same name." },
	  "", "sum", true, restarts },
	{ { "loiter_process_exits_total", METRIC_COUNTER,
	    "Watched processes that ended, or became another program." },
	  "how", "sum", true, exits },
	{ { "loiter_looks_total", METRIC_COUNTER,
	    "Looks at goroutines that succeeded." },
	  "", "sum", true, looks },
	{ { "loiter_looks_failed_total", METRIC_COUNTER,
	    "Looks at goroutines that could not be had." },
	  "", "sum", true, looks_failed },
	{ { "loiter_looks_missed_total", METRIC_COUNTER,
	    "Looks that were due and did not come in time." },
	  "", "sum", true, looks_missed },
	{ { "loiter_look_age_seconds", METRIC_GAUGE,
	    "Time since the goroutines were last read." },
	  "", "max", true, look_age },
	{ { "loiter_target_lost_events_total", METRIC_COUNTER,
	    "Events of its tracing that had to be dropped." },
	  "", "sum", false, lost_events },
	{ { "loiter_goroutine_processes", METRIC_GAUGE,
	    "Processes whose goroutines were read." },
	  "", "sum", true, goroutine_processes },
	{ { "loiter_goroutines", METRIC_GAUGE,
	    "Goroutines of the program's own, by state." },
	  "state", "sum", true, goroutines },
	{ { "loiter_goroutines_waiting", METRIC_GAUGE,
	    "Goroutines that wait, by what Go says for what." },
	  "wait_reason", "sum", false, waiting },
	{ { "loiter_oldest_wait_seconds", METRIC_GAUGE,
	    "The longest that one of them has waited, at least." },
	  "wait_reason", "max", false, oldest_wait },
	{ { "loiter_system_goroutines", METRIC_GAUGE,
	    "Goroutines of the Go runtime itself." },
	  "", "sum", false, system_goroutines },
	{ { "loiter_unread_goroutines", METRIC_GAUGE,
	    "Goroutines that changed while they were read, or could not be read." },
	  "", "sum", false, unread },
	{ { "loiter_sites", METRIC_GAUGE,
	    "Different places at which goroutines are." },
	  "", "max", false, sites },
	{ { "loiter_growing_sites", METRIC_GAUGE,
	    "Places at which goroutines only come." },
	  "", "sum", true, growing_sites },
	{ { "loiter_site_goroutines", METRIC_GAUGE,
	    "Goroutines at the places that grow or have most." },
	  "site wait_reason", "sum", false, site_goroutines },
	{ { "loiter_site_goroutines_squared", METRIC_GAUGE,
	    "The square of each process's goroutines there, for a root mean square." },
	  "site wait_reason", "sum", false, site_squares },
	{ { "loiter_site_growing", METRIC_GAUGE,
	    "Processes in which goroutines only come there." },
	  "site wait_reason", "sum", false, site_growing },
	{ { "loiter_site_growth_per_second", METRIC_GAUGE,
	    "Goroutines that came there and stayed, in a second." },
	  "site wait_reason", "sum", false, site_growth },
	{ { "loiter_leaked_goroutines", METRIC_GAUGE,
	    "Goroutines that can never run again, by how sure that is." },
	  "verdict", "sum", true, leaked },
	{ { "loiter_leaked_bytes", METRIC_GAUGE,
	    "Memory that they hold, as far as it is known." },
	  "verdict", "sum", false, leaked_bytes },
	{ { "loiter_leak_searched_processes", METRIC_GAUGE,
	    "Processes that were searched for such goroutines." },
	  "", "sum", false, searched },
	{ { "loiter_leak_search_age_seconds", METRIC_GAUGE,
	    "Time since that search." },
	  "", "max", false, search_age },
	{ { "loiter_findings", METRIC_GAUGE,
	    "Findings, by pattern." },
	  "pattern verdict", "sum", true, findings },
	{ { "loiter_resident_memory_bytes", METRIC_GAUGE,
	    "RSS." },
	  "", "sum", true, rss },
	{ { "loiter_resident_memory_growing", METRIC_GAUGE,
	    "Processes whose RSS only grows." },
	  "", "sum", true, rss_growing },
	{ { "loiter_resident_memory_growth_bytes_per_second", METRIC_GAUGE,
	    "How fast RSS changes." },
	  "", "sum", false, rss_growth },
	{ { "loiter_memory_bytes", METRIC_GAUGE,
	    "Where RSS is: parts that sum to it." },
	  "part", "sum", false, parts },
	{ { "loiter_memory_age_seconds", METRIC_GAUGE,
	    "Time since memory was told apart." },
	  "", "max", false, parts_age },
	{ { "loiter_threads", METRIC_GAUGE,
	    "Threads." },
	  "", "sum", true, threads },
	{ { "loiter_threads_growing", METRIC_GAUGE,
	    "Processes whose threads only come." },
	  "", "sum", true, threads_growing },
	{ { "loiter_threads_growth_per_second", METRIC_GAUGE,
	    "How fast the number of threads changes." },
	  "", "sum", false, threads_growth },
	{ { "loiter_lock_long_waits_total", METRIC_COUNTER,
	    "Long waits for locks that ended." },
	  "", "sum", false, long_waits },
	{ { "loiter_lock_longest_wait_seconds", METRIC_GAUGE,
	    "The longest of those that ended since the look before." },
	  "", "max", false, longest_wait },
};
const size_t n_target_families = ARRAY_SIZE(target_families);
