// SPDX-License-Identifier: Apache-2.0
/* loiter.interval/1: the snapshot's words, one object a line. */
#include <errno.h>
#include <inttypes.h>

#include "analysis/site.h"
#include "report/interval.h"
#include "report/json_events.h"
#include "report/json_value.h"

/* Of groups that changed and do not grow: a busy server has thousands. */
enum { CHANGED_MAX = 50 };

static struct jvalue process(const struct process_info *p)
{
	struct jvalue j = jvalue_object();

	jvalue_count(&j, "pid", p->pid);
	jvalue_u64_known(&j, "start_time", p->start_time);
	jvalue_string(&j, "name", p->name);
	jvalue_string(&j, "go_version", p->go_version);
	return j;
}

static struct jvalue growth(const struct site *site)
{
	struct jvalue j = jvalue_object(), cohort = jvalue_object();

	jvalue_real(&j, "window_s", site->window_s, 3);
	jvalue_real(&j, "rate_per_min", site->rate_per_min, 3);
	jvalue_real(&j, "rate_error", site->rate_error, 3);
	jvalue_u64(&cohort, "then", site->cohort.then);
	jvalue_u64(&cohort, "now", site->cohort.now);
	jvalue_u64(&cohort, "same_park", site->cohort.same_park);
	jvalue_real(&cohort, "age_s", site->cohort.age_s, 3);
	jvalue_put(&j, "cohort", &cohort);
	if (site->bytes_each > 0)
		jvalue_real(&j, "bytes_each", site->bytes_each, 3);
	if (site->bytes_each > 0)
		jvalue_bool(&j, "bytes_are_rss", site->bytes_are_rss);
	return j;
}

static void put_site(struct jvalue *j, const struct interval *i, const struct group *g)
{
	jvalue_string(j, "site", site_string(i->snapshot->arena,
					     site_frame(&g->stack, i->snapshot->process.module)));
}

static struct jvalue group(const struct interval *i, const struct site *site)
{
	const struct group *g = &i->snapshot->groups[site->group];
	struct jvalue j = jvalue_object(), part;
	char id[20];

	snprintf(id, sizeof(id), "%016" PRIx64, site->id);
	jvalue_string(&j, "id", id);
	jvalue_u64(&j, "count", site->count);
	jvalue_i64(&j, "delta", site->delta);
	jvalue_u64(&j, "arrived", site->arrived);
	jvalue_string(&j, "state", go_state_name(g->state));
	jvalue_string(&j, "wait_reason", g->wait_reason);
	jvalue_bool(&j, "grows", site->grows && !site->held);
	jvalue_bool(&j, "held", site->held);
	jvalue_string(&j, "verdict", verdict_name(site->verdict));
	jvalue_string(&j, "pattern", site->pattern);
	put_site(&j, i, g);
	if (site->window_s > 0) {
		part = growth(site);
		jvalue_put(&j, "growth", &part);
	}
	if (!site->grows)
		return j;
	part = json_stack(&g->stack);
	jvalue_put(&j, "stack", &part);
	if (g->created_by.function) {
		part = json_frame(&g->created_by);
		jvalue_put(&j, "created_by", &part);
	}
	part = json_blocked_on(&g->blocked_on);
	jvalue_put(&j, "blocked_on", &part);
	return j;
}

static void put_groups(struct jvalue *j, const struct interval *i)
{
	struct jvalue groups = jvalue_array();
	uint64_t left_out = 0, changed = 0;

	for (uint32_t k = 0; k < i->n_sites && !groups.failed; k++) {
		const struct site *site = &i->sites[k];
		struct jvalue g;

		if (!site->grows && !site->delta && i->number)
			continue;
		if (!site->grows && ++changed > CHANGED_MAX) {
			left_out++;
			continue;
		}
		g = group(i, site);
		jvalue_append(&groups, &g);
	}
	jvalue_put(j, "groups", &groups);
	if (left_out)
		jvalue_u64(j, "groups_left_out", left_out);
}

/* The Go calls that threads are in: C, or a system call. */
static struct jvalue thread_sites(const struct interval *i)
{
	struct jvalue sites = jvalue_array();

	for (uint32_t k = 0; k < i->n_sites && !sites.failed; k++) {
		const struct group *g = &i->snapshot->groups[i->sites[k].group];
		struct jvalue j, tids;

		if (g->state != GO_SYSCALL)
			continue;
		j = jvalue_object();
		tids = jvalue_array();
		for (uint32_t n = 0; n < g->n_samples; n++)
			if (g->sample_tids[n] > 0)
				jvalue_append_u64(&tids, (uint64_t)g->sample_tids[n]);
		jvalue_u64(&j, "count", i->sites[k].count);
		jvalue_string(&j, "kind", site_is_in_c(&g->stack) ? "cgo" : "go-syscall");
		put_site(&j, i, g);
		jvalue_put(&j, "tids", &tids);
		jvalue_append(&sites, &j);
	}
	return sites;
}

static void put_counts(struct jvalue *j, const struct interval *i)
{
	struct jvalue part = jvalue_object();

	if (i->snapshot && i->snapshot->process.go_version) {
		jvalue_u64(&part, "total", i->snapshot->total);
		jvalue_u64(&part, "system", i->snapshot->system);
		jvalue_i64(&part, "delta", i->goroutines_delta);
		jvalue_put(j, "goroutines", &part);
		put_groups(j, i);
		part = jvalue_object();
	}
	if (i->rss_bytes) {
		jvalue_u64(&part, "rss_bytes", i->rss_bytes);
		if (i->snapshot) {
			jvalue_i64(&part, "delta", i->rss_delta);
			jvalue_real(&part, "rate_per_min", i->rss_rate_per_min, 3);
			jvalue_bool(&part, "climbs_alone", i->rss_climbs_alone);
			jvalue_string(&part, "climbs_by", i->rss_climbs_by);
		}
		jvalue_put(j, "memory", &part);
		part = jvalue_object();
	}
	if (i->threads) {
		jvalue_u64(&part, "total", i->threads);
		if (i->snapshot) {
			jvalue_i64(&part, "delta", i->threads_delta);
			jvalue_real(&part, "rate_per_min", i->threads_rate_per_min, 3);
			jvalue_bool(&part, "climb", i->threads_climb);
		}
		if (i->snapshot && i->snapshot->process.go_version) {
			struct jvalue sites = thread_sites(i);

			jvalue_put(&part, "sites", &sites);
		}
		jvalue_put(j, "threads", &part);
		part = jvalue_object();
	}
	jvalue_done(&part);
}

static void put_known(struct jvalue *j, const char *key, double v, unsigned int decimals)
{
	if (v >= 0)
		jvalue_real(j, key, v, decimals);
	else
		jvalue_null(j, key);
}

static struct jvalue overhead(const struct overhead *o)
{
	struct jvalue j = jvalue_object();

	put_known(&j, "cpu_ms", o->cpu_ms, 3);
	put_known(&j, "setup_ms", o->setup_ms, 3);
	put_known(&j, "core_percent", o->core_percent, 3);
	put_known(&j, "target_percent", o->target_percent, 3);
	put_known(&j, "target_cpu", o->target_cpu, 6);
	put_known(&j, "budget_percent", o->budget_percent > 0 ? o->budget_percent : -1, 3);
	jvalue_u64_known(&j, "rss_bytes", o->rss_bytes);
	return j;
}

int interval_json(const struct process_info *p, const struct interval *i, FILE *out,
		  const struct interval_form *form)
{
	struct jvalue j = jvalue_object(), part = jvalue_object();
	char when[JSON_TIME];
	int r;

	jvalue_string(&j, "schema", "loiter.interval/1");
	jvalue_string(&j, "time", json_time(&i->time, when));
	jvalue_string(&part, "version", form->report.version);
	jvalue_put(&j, "loiter", &part);
	part = process(p);
	jvalue_put(&j, "process", &part);
	jvalue_u64(&j, "number", i->number);
	jvalue_real(&j, "elapsed_s", i->elapsed_s, 3);
	jvalue_real(&j, "span_s", i->span_s, 3);
	jvalue_string(&j, "state", watch_state_name(i->state));
	if (i->state != WATCH_RUNNING)
		jvalue_string(&j, "reason", i->reason);
	put_counts(&j, i);
	json_activity(&j, i);
	jvalue_u64(&j, "lost_events", i->lost_events);
	part = overhead(&i->overhead);
	jvalue_put(&j, "overhead", &part);
	r = jvalue_print(&j, out);
	if (r < 0)
		return r;
	fputc('\n', out);
	return ferror(out) ? -EIO : 0;
}
