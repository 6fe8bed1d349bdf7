// SPDX-License-Identifier: Apache-2.0
/*
 * loiter.snapshot/1. Members and the elements of long arrays are built, printed and freed one by
 * one, a line each: a million goroutines take no more memory than one.
 */
#include <errno.h>
#include <inttypes.h>

#include "model/leaks.h"
#include "report/json_heap.h"
#include "report/json_ledger.h"
#include "report/json_retained.h"
#include "report/json_timers.h"
#include "report/json_value.h"
#include "report/report.h"

/* null when negative or not a number: an unknown duration */
static void put_real(struct jvalue *j, const char *key, double v)
{
	if (v >= 0 && v < 1e12)
		jvalue_milli(j, key, (int64_t)(v * 1000 + 0.5));
	else
		jvalue_null(j, key);
}

static int print_head(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	struct jvalue loiter = jvalue_object();
	char buf[JSON_TIME];
	const char *when = json_time(&s->time, buf);

	fputs("{\"schema\": \"loiter.snapshot/1\"", out);
	if (when)
		fprintf(out, ",\n\"time\": \"%s\"", when);
	else
		fputs(",\n\"time\": null", out);
	if (s->duration_ms >= 0 && s->duration_ms < 1e12)
		fprintf(out, ",\n\"duration_ms\": %" PRIu64 ".%03" PRIu64,
			(uint64_t)s->duration_ms, (uint64_t)(s->duration_ms * 1000) % 1000);
	else
		fputs(",\n\"duration_ms\": null", out);
	jvalue_string(&loiter, "version", o->version);
	return json_member(out, "loiter", &loiter);
}

static int print_process(const struct process_info *p, FILE *out)
{
	struct jvalue j = jvalue_object();

	jvalue_count(&j, "pid", p->pid > 0 ? p->pid : WAIT_UNKNOWN);
	jvalue_u64_known(&j, "start_time", p->start_time);
	jvalue_string(&j, "name", p->name);
	jvalue_string(&j, "exe", p->exe);
	jvalue_string(&j, "module_file", p->module_file);
	jvalue_string(&j, "build_id", p->build_id);
	jvalue_string(&j, "go_version", p->go_version);
	jvalue_string(&j, "module", p->module);
	if (p->cgo_known)
		jvalue_bool(&j, "cgo", p->cgo);
	else
		jvalue_null(&j, "cgo");
	jvalue_bool(&j, "stripped", p->stripped);
	put_real(&j, "uptime_s", p->uptime_s);
	jvalue_string(&j, "cgroup", p->cgroup);
	jvalue_string(&j, "container_id", p->container_id);
	jvalue_string(&j, "unit", p->unit);
	jvalue_string(&j, "core_file", p->core_file);
	return json_member(out, "process", &j);
}

static int print_quality(const struct quality *q, FILE *out)
{
	struct jvalue j = jvalue_object(), notes = jvalue_array();

	jvalue_u64(&j, "goroutines_read", q->goroutines_read);
	jvalue_u64(&j, "torn", q->torn);
	jvalue_u64(&j, "torn_retried", q->torn_retried);
	jvalue_u64(&j, "unreadable", q->unreadable);
	jvalue_string(&j, "layout", q->layout);
	jvalue_u64_known(&j, "passes", q->passes);
	put_real(&j, "span_s", q->span_s);
	if (q->stopped_ms > 0)
		put_real(&j, "stopped_ms", q->stopped_ms);
	else
		jvalue_null(&j, "stopped_ms");
	for (uint32_t i = 0; i < q->n_notes; i++)
		jvalue_append_string(&notes, q->notes[i]);
	jvalue_put(&j, "notes", &notes);
	return json_member(out, "quality", &j);
}

/* Was it found out who is leaked, be it nobody? */
static bool leaks_known(const struct snapshot *s)
{
	return s->leaks && s->leaks->passes;
}

static struct jvalue counts(const struct named_count *c, uint32_t n)
{
	struct jvalue j = jvalue_object();

	for (uint32_t i = 0; i < n; i++)
		jvalue_add_count(&j, c[i].name ? c[i].name : "", c[i].count);
	return j;
}

/* How many are held to be leaked, by grade; a suspect may be one that only grows. */
static void count_verdicts(const struct snapshot *s, uint64_t judged[VERDICT_PROVEN + 1])
{
	for (uint32_t i = 0; i < s->n_groups; i++) {
		const struct group *g = &s->groups[i];

		if (g->system)
			continue;
		judged[VERDICT_PROVEN] += g->n_proven;
		judged[VERDICT_LIKELY] += g->n_likely;
		judged[VERDICT_SUSPECT] += g->n_leak_suspect;
		if (!group_leaked(g) && g->verdict >= VERDICT_SUSPECT &&
		    g->verdict <= VERDICT_PROVEN)
			judged[g->verdict] += g->count;
	}
}

/*
 * Proven by the wait itself is judged in every snapshot. The other two need several passes or
 * several snapshots: 0 of them would say that somebody has looked.
 */
static int print_totals(const struct snapshot *s, FILE *out)
{
	uint64_t judged[VERDICT_PROVEN + 1] = { 0 };
	struct jvalue j = jvalue_object(), part;

	count_verdicts(s, judged);
	jvalue_u64(&j, "total", s->total);
	jvalue_u64(&j, "system", s->system);
	part = counts(s->by_state, s->n_by_state);
	jvalue_put(&j, "by_state", &part);
	part = counts(s->by_wait_reason, s->n_by_wait_reason);
	jvalue_put(&j, "by_wait_reason", &part);
	jvalue_u64(&j, "proven", judged[VERDICT_PROVEN]);
	if (leaks_known(s)) {
		jvalue_u64(&j, "likely", judged[VERDICT_LIKELY]);
		jvalue_u64(&j, "suspect", judged[VERDICT_SUSPECT]);
	} else {
		jvalue_u64_known(&j, "likely", judged[VERDICT_LIKELY]);
		jvalue_u64_known(&j, "suspect", judged[VERDICT_SUSPECT]);
	}
	json_timers(&j, s->timers);
	return json_member(out, "goroutines", &j);
}

/* What the search for leaks says of the process as a whole. Absent: there was none. */
static int print_leaks(const struct snapshot *s, FILE *out)
{
	const struct leak_set *l = s->leaks;
	struct jvalue j = jvalue_object();
	uint64_t stacks = 0;

	if (!l)
		return 0;
	for (uint32_t i = 0; i < s->n_groups; i++)
		stacks += s->groups[i].leaked_stack_bytes;
	if (leaks_known(s)) {
		jvalue_u64(&j, "judged", l->judged);
		jvalue_u64(&j, "stack_bytes", stacks);
		jvalue_u64(&j, "heap_bytes", l->heap_bytes);
	}
	jvalue_u64_known(&j, "scanned_bytes", l->scanned_bytes);
	if (l->estimated_stop_ms >= 0)
		put_real(&j, "estimated_stop_ms", l->estimated_stop_ms);
	jvalue_string(&j, "why_not", l->why_not);
	return json_member(out, "leaks", &j);
}

static struct jvalue sample_ids(const struct group *g)
{
	struct jvalue j = jvalue_array();

	for (uint32_t i = 0; i < g->n_samples && i < LIMIT_SAMPLES; i++)
		jvalue_append_u64(&j, g->sample_ids[i]);
	return j;
}

/*
 * Of leaked goroutines what the search found that they hold, and not what only they reach: they
 * may hold the same, and who is leaked holds for nobody else.
 */
static struct jvalue held(const struct group *g)
{
	struct jvalue j = jvalue_object();

	jvalue_u64_known(&j, "stack_bytes", g->stack_bytes);
	if (g->leaked_heap_known && group_leaked(g) == g->count)
		jvalue_u64(&j, "heap_bytes", g->leaked_heap_bytes);
	else if (g->heap_known)
		jvalue_u64(&j, "heap_bytes", g->heap_bytes);
	else
		jvalue_null(&j, "heap_bytes");
	return j;
}

static struct jvalue leaked(const struct group *g)
{
	struct jvalue j = jvalue_object();

	jvalue_u64_known(&j, "proven", g->n_proven);
	jvalue_u64_known(&j, "likely", g->n_likely);
	jvalue_u64_known(&j, "suspect", g->n_leak_suspect);
	jvalue_u64_known(&j, "stack_bytes", g->leaked_stack_bytes);
	if (g->leaked_heap_known)
		jvalue_u64(&j, "heap_bytes", g->leaked_heap_bytes);
	else
		jvalue_null(&j, "heap_bytes");
	return j;
}

static struct jvalue group(const struct snapshot *s, uint32_t i)
{
	const struct group *g = &s->groups[i];
	struct jvalue j = jvalue_object(), part;

	json_group_id(&j, "id", s, i);
	jvalue_u64(&j, "count", g->count);
	jvalue_string(&j, "state", go_state_name(g->state));
	jvalue_string(&j, "wait_reason", g->wait_reason);
	jvalue_bool(&j, "system", g->system);
	jvalue_string(&j, "verdict", verdict_name(g->verdict));
	jvalue_string(&j, "pattern", g->pattern);
	jvalue_age(&j, "oldest_wait_s", g->oldest_wait_ns);
	if (g->oldest_wait_ns != WAIT_UNKNOWN)
		jvalue_bool(&j, "wait_is_lower_bound", true);
	part = json_stack(&g->stack);
	jvalue_put(&j, "stack", &part);
	if (g->stack.truncated)
		jvalue_bool(&j, "stack_truncated", true);
	if (g->no_stack)
		jvalue_string(&j, "no_stack", g->no_stack);
	if (g->created_by.function || g->created_by.pc) {
		part = json_frame(&g->created_by);
		jvalue_put(&j, "created_by", &part);
	} else {
		jvalue_null(&j, "created_by");
	}
	part = json_labels(g->labels, g->n_labels);
	jvalue_put(&j, "labels", &part);
	part = json_blocked_on(&g->blocked_on);
	jvalue_put(&j, "blocked_on", &part);
	if (g->objects_seen)
		jvalue_u64(&j, "objects_seen", g->objects_seen);
	part = held(g);
	jvalue_put(&j, "held", &part);
	if (group_leaked(g)) {
		part = leaked(g);
		jvalue_put(&j, "leaked", &part);
	}
	part = sample_ids(g);
	jvalue_put(&j, "sample_ids", &part);
	return j;
}

static struct jvalue goroutine(const void *of_snapshot, uint64_t i)
{
	const struct snapshot *s = of_snapshot;
	const struct goroutine *g = &s->goroutines[i];
	struct jvalue j = jvalue_object(), part;
	const char *pattern;
	enum verdict verdict = snapshot_verdict_of(s, g, &pattern);

	jvalue_u64(&j, "id", g->id);
	jvalue_string(&j, "state", go_state_name(g->state));
	jvalue_string(&j, "wait_reason", g->wait_reason);
	jvalue_age(&j, "wait_s", g->wait_ns);
	json_group_id(&j, "group", s, g->group);
	jvalue_string(&j, "verdict", verdict_name(verdict));
	jvalue_string(&j, "pattern", pattern);
	part = json_labels(g->labels, g->n_labels);
	jvalue_put(&j, "labels", &part);
	part = json_blocked_on(&g->blocked_on);
	jvalue_put(&j, "blocked_on", &part);
	jvalue_count(&j, "thread", g->tid > 0 ? g->tid : WAIT_UNKNOWN);
	jvalue_u64_known(&j, "created_by_goroutine", g->parent_id);
	jvalue_bool(&j, "system", g->system);
	jvalue_bool(&j, "locked_to_thread", g->locked_to_thread);
	jvalue_addr(&j, "g_addr", g->g_addr);
	return j;
}

static struct jvalue finding_at(const void *of_snapshot, uint64_t i)
{
	const struct snapshot *s = of_snapshot;

	return json_finding(s, &s->findings[i]);
}

static struct jvalue group_at(const void *of_snapshot, uint64_t i)
{
	const struct snapshot *s = of_snapshot;

	return group(s, (uint32_t)i);
}

/* Where the memory is, else what /proc says of it as a whole. Absent if unknown. */
static int print_process_totals(const struct snapshot *s, FILE *out)
{
	const struct process_info *p = &s->process;
	struct jvalue j;
	int r = 0;

	if (s->memory || s->heap_profile || p->rss_bytes) {
		j = s->memory ? json_ledger(s->memory) : jvalue_object();
		if (!s->memory)
			jvalue_u64_known(&j, "rss_bytes", p->rss_bytes);
		if (s->memory)
			json_retained(&j, s);
		if (s->heap_profile)
			json_heap_profile(&j, s->heap_profile);
		r = json_member(out, "memory", &j);
	}
	if (r == 0 && p->threads) {
		j = jvalue_object();
		jvalue_u64(&j, "total", p->threads);
		r = json_member(out, "threads", &j);
	}
	return r;
}

int report_json(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	int r;

	r = print_head(s, out, o);
	if (r == 0)
		r = print_process(&s->process, out);
	if (r == 0)
		r = print_quality(&s->quality, out);
	if (r == 0)
		r = print_totals(s, out);
	if (r == 0)
		r = print_leaks(s, out);
	if (r == 0)
		r = json_array_member(out, "groups", s, s->n_groups, group_at);
	if (r == 0 && s->goroutines)
		r = json_array_member(out, "goroutine_list", s, s->n_goroutines, goroutine);
	if (r == 0)
		r = print_process_totals(s, out);
	if (r == 0)
		r = json_array_member(out, "findings", s, s->n_findings, finding_at);
	if (r < 0)
		return r;
	fputs("}\n", out);
	return ferror(out) ? -EIO : 0;
}
