// SPDX-License-Identifier: Apache-2.0
/*
 * loiter.snapshot/1. Members and the elements of long arrays are built, printed and freed one by
 * one, a line each: a million goroutines take no more memory than one.
 */
#include <errno.h>
#include <inttypes.h>

#include "report/json_value.h"
#include "report/report.h"

static int print_member(FILE *out, const char *key, struct jvalue *v)
{
	fprintf(out, ",\n\"%s\": ", key);
	return jvalue_print(v, out);
}

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
	char when[64];
	struct tm tm;

	if (!gmtime_r(&s->time.tv_sec, &tm) ||
	    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		when[0] = '\0';
	fputs("{\"schema\": \"loiter.snapshot/1\"", out);
	if (when[0])
		fprintf(out, ",\n\"time\": \"%s.%03ldZ\"", when, s->time.tv_nsec / 1000000 % 1000);
	else
		fputs(",\n\"time\": null", out);
	if (s->duration_ms >= 0 && s->duration_ms < 1e12)
		fprintf(out, ",\n\"duration_ms\": %" PRIu64 ".%03" PRIu64,
			(uint64_t)s->duration_ms, (uint64_t)(s->duration_ms * 1000) % 1000);
	else
		fputs(",\n\"duration_ms\": null", out);
	jvalue_string(&loiter, "version", o->version);
	return print_member(out, "loiter", &loiter);
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
	return print_member(out, "process", &j);
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
	jvalue_null(&j, "stopped_ms");
	for (uint32_t i = 0; i < q->n_notes; i++)
		jvalue_append_string(&notes, q->notes[i]);
	jvalue_put(&j, "notes", &notes);
	return print_member(out, "quality", &j);
}

static struct jvalue counts(const struct named_count *c, uint32_t n)
{
	struct jvalue j = jvalue_object();

	for (uint32_t i = 0; i < n; i++)
		jvalue_add_count(&j, c[i].name ? c[i].name : "", c[i].count);
	return j;
}

/*
 * Proven by the wait itself is judged in every snapshot. The other two need several passes or
 * several snapshots: 0 of them says that nobody has looked.
 */
static int print_totals(const struct snapshot *s, FILE *out)
{
	uint64_t judged[VERDICT_PROVEN + 1] = { 0 };
	struct jvalue j = jvalue_object(), part;

	for (uint32_t i = 0; i < s->n_groups; i++)
		if (!s->groups[i].system && s->groups[i].verdict <= VERDICT_PROVEN)
			judged[s->groups[i].verdict] += s->groups[i].count;
	jvalue_u64(&j, "total", s->total);
	jvalue_u64(&j, "system", s->system);
	part = counts(s->by_state, s->n_by_state);
	jvalue_put(&j, "by_state", &part);
	part = counts(s->by_wait_reason, s->n_by_wait_reason);
	jvalue_put(&j, "by_wait_reason", &part);
	jvalue_u64(&j, "proven", judged[VERDICT_PROVEN]);
	jvalue_u64_known(&j, "likely", judged[VERDICT_LIKELY]);
	jvalue_u64_known(&j, "suspect", judged[VERDICT_SUSPECT]);
	return print_member(out, "goroutines", &j);
}

/* A group's id is a 64-bit hash: as text, since JSON numbers lose bits beyond 2^53. */
static void put_group_id(struct jvalue *j, const char *key, const struct snapshot *s, uint32_t i)
{
	char id[20];

	if (i < s->n_groups)
		snprintf(id, sizeof(id), "%016" PRIx64, s->groups[i].id);
	jvalue_string(j, key, i < s->n_groups ? id : NULL);
}

static struct jvalue sample_ids(const struct group *g)
{
	struct jvalue j = jvalue_array();

	for (uint32_t i = 0; i < g->n_samples && i < LIMIT_SAMPLES; i++)
		jvalue_append_u64(&j, g->sample_ids[i]);
	return j;
}

static struct jvalue group(const struct snapshot *s, uint32_t i)
{
	const struct group *g = &s->groups[i];
	struct jvalue j = jvalue_object(), part;

	put_group_id(&j, "id", s, i);
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
	part = jvalue_object();
	jvalue_u64_known(&part, "stack_bytes", g->stack_bytes);
	jvalue_null(&part, "heap_bytes");
	jvalue_put(&j, "held", &part);
	part = sample_ids(g);
	jvalue_put(&j, "sample_ids", &part);
	return j;
}

static struct jvalue goroutine(const struct snapshot *s, uint64_t i)
{
	const struct goroutine *g = &s->goroutines[i];
	const struct group *of = g->group < s->n_groups ? &s->groups[g->group] : NULL;
	struct jvalue j = jvalue_object(), part;

	jvalue_u64(&j, "id", g->id);
	jvalue_string(&j, "state", go_state_name(g->state));
	jvalue_string(&j, "wait_reason", g->wait_reason);
	jvalue_age(&j, "wait_s", g->wait_ns);
	put_group_id(&j, "group", s, g->group);
	jvalue_string(&j, "verdict", verdict_name(of ? of->verdict : VERDICT_UNKNOWN));
	jvalue_string(&j, "pattern", of ? of->pattern : NULL);
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

/* A finding that asks for nothing is "explained", one that nobody could judge a "candidate". */
static const char *finding_verdict(enum verdict v)
{
	if (v == VERDICT_OK)
		return "explained";
	return v > VERDICT_OK && v <= VERDICT_PROVEN ? verdict_name(v) : "candidate";
}

static struct jvalue finding(const struct snapshot *s, uint64_t i)
{
	const struct finding *f = &s->findings[i];
	struct jvalue j = jvalue_object(), evidence = jvalue_array();

	jvalue_string(&j, "pattern", f->pattern);
	jvalue_string(&j, "verdict", finding_verdict(f->verdict));
	jvalue_u64(&j, "count", f->count);
	jvalue_count(&j, "bytes", f->bytes);
	jvalue_string(&j, "site", f->site);
	put_group_id(&j, "group", s, f->group);
	jvalue_string(&j, "summary", f->summary);
	for (uint32_t k = 0; k < f->n_evidence; k++)
		jvalue_append_string(&evidence, f->evidence[k]);
	jvalue_put(&j, "evidence", &evidence);
	jvalue_string(&j, "advice", f->advice);
	return j;
}

static struct jvalue group_at(const struct snapshot *s, uint64_t i)
{
	return group(s, (uint32_t)i);
}

static int print_array(const struct snapshot *s, FILE *out, const char *key, uint64_t n,
		       struct jvalue (*element)(const struct snapshot *s, uint64_t i))
{
	fprintf(out, ",\n\"%s\": [", key);
	for (uint64_t i = 0; i < n; i++) {
		struct jvalue j = element(s, i);
		int r;

		fputs(i ? ",\n" : "\n", out);
		r = jvalue_print(&j, out);
		if (r < 0)
			return r;
		if (ferror(out))
			return -EIO;
	}
	fputs("]", out);
	return 0;
}

/* What /proc says of the whole process; the parts are another command's work. Absent if unknown. */
static int print_process_totals(const struct process_info *p, FILE *out)
{
	struct jvalue j;
	int r = 0;

	if (p->rss_bytes) {
		j = jvalue_object();
		jvalue_u64(&j, "rss_bytes", p->rss_bytes);
		r = print_member(out, "memory", &j);
	}
	if (r == 0 && p->threads) {
		j = jvalue_object();
		jvalue_u64(&j, "total", p->threads);
		r = print_member(out, "threads", &j);
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
		r = print_array(s, out, "groups", s->n_groups, group_at);
	if (r == 0 && s->goroutines)
		r = print_array(s, out, "goroutine_list", s->n_goroutines, goroutine);
	if (r == 0)
		r = print_process_totals(&s->process, out);
	if (r == 0)
		r = print_array(s, out, "findings", s->n_findings, finding);
	if (r < 0)
		return r;
	fputs("}\n", out);
	return ferror(out) ? -EIO : 0;
}
