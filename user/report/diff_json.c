// SPDX-License-Identifier: Apache-2.0
/* loiter.diff/1: a member at a time, and the elements of long arrays on lines of their own. */
#include <errno.h>
#include <inttypes.h>

#include "report/diff.h"
#include "report/json_value.h"

static void put_id(struct jvalue *j, const char *key, uint64_t id)
{
	char text[20];

	snprintf(text, sizeof(text), "%016" PRIx64, id);
	jvalue_string(j, key, text);
}

/* before, after, change, per_min: the last two null unless both are known. */
static void put_change(struct jvalue *j, const struct diff *d, int64_t before, int64_t after)
{
	double per_min;

	jvalue_count(j, "before", before);
	jvalue_count(j, "after", after);
	if (before >= 0 && after >= 0)
		jvalue_i64(j, "change", after - before);
	else
		jvalue_null(j, "change");
	if (diff_per_min(d, before, after, &per_min))
		jvalue_real(j, "per_min", per_min, 3);
	else
		jvalue_null(j, "per_min");
}

static struct jvalue change(const struct diff *d, int64_t before, int64_t after)
{
	struct jvalue j = jvalue_object();

	put_change(&j, d, before, after);
	return j;
}

/* --- Head --- */

static struct jvalue side(const struct saved *s)
{
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "file", s->file);
	jvalue_string(&j, "time", s->time);
	jvalue_count(&j, "pid", s->pid > 0 ? s->pid : WAIT_UNKNOWN);
	jvalue_u64_known(&j, "start_time", s->start_time);
	jvalue_string(&j, "name", s->name);
	jvalue_string(&j, "build_id", s->build_id);
	jvalue_string(&j, "go_version", s->go_version);
	jvalue_string(&j, "core_file", s->core_file);
	if (s->uptime_ms >= 0)
		jvalue_milli(&j, "uptime_s", s->uptime_ms);
	else
		jvalue_null(&j, "uptime_s");
	return j;
}

static int print_head(const struct diff *d, FILE *out, const struct report_options *o)
{
	struct jvalue j = jvalue_object();
	int r;

	fputs("{\"schema\": \"loiter.diff/1\"", out);
	jvalue_string(&j, "version", o->version);
	r = json_member(out, "loiter", &j);
	j = side(d->before);
	if (r == 0)
		r = json_member(out, "from", &j);
	else
		jvalue_done(&j);
	if (r < 0)
		return r;
	j = side(d->after);
	r = json_member(out, "to", &j);
	if (r < 0)
		return r;
	fprintf(out, ",\n\"relation\": \"%s\",\n\"swapped\": %s", diff_relation_name(d->relation),
		d->swapped ? "true" : "false");
	if (d->seconds > 0)
		fprintf(out, ",\n\"seconds\": %.3f", d->seconds);
	else
		fputs(",\n\"seconds\": null", out);
	j = jvalue_array();
	for (uint32_t i = 0; i < d->n_notes; i++)
		jvalue_append_string(&j, d->notes[i]);
	return json_member(out, "notes", &j);
}

/* --- Elements --- */

static struct jvalue group(const void *of_diff, uint64_t i)
{
	const struct diff *d = of_diff;
	const struct diff_group *g = &d->groups[i];
	const struct saved_group *of = g->after ? g->after : g->before;
	struct jvalue j = jvalue_object();

	put_id(&j, "id", of->id);
	jvalue_string(&j, "status", diff_change_name(diff_change_of(
					    g->before ? diff_group_before(g) : WAIT_UNKNOWN,
					    g->after ? diff_group_after(g) : WAIT_UNKNOWN)));
	put_change(&j, d, diff_group_before(g), diff_group_after(g));
	jvalue_count(&j, "stayed", g->stayed);
	jvalue_count(&j, "left", g->left);
	jvalue_count(&j, "arrived", g->arrived);
	if (g->stayed < 0)
		jvalue_count(&j, "stayed_at_least", g->stayed_at_least);
	jvalue_string(&j, "state", of->state);
	jvalue_string(&j, "wait_reason", of->wait_reason);
	jvalue_bool(&j, "system", of->system);
	jvalue_string(&j, "verdict", verdict_name(of->verdict));
	jvalue_string(&j, "pattern", of->pattern);
	jvalue_string(&j, "site", of->place);
	jvalue_string(&j, "created_by", of->created_by);
	return j;
}

static struct jvalue number(const struct diff *d, const struct diff_number *n, const char *key)
{
	struct jvalue j = jvalue_object();

	jvalue_string(&j, key, n->name);
	jvalue_string(&j, "status", diff_change_name(diff_change_of(n->before, n->after)));
	put_change(&j, d, n->before, n->after);
	return j;
}

static struct jvalue numbers(const struct diff *d, const struct diff_numbers *n, const char *key)
{
	struct jvalue j = jvalue_array();

	for (uint32_t i = 0; i < n->n && !j.failed; i++) {
		struct jvalue one = number(d, &n->all[i], key);

		jvalue_append(&j, &one);
	}
	return j;
}

/* What is not among the sites of one snapshot had none there, as far as that tells. */
static struct jvalue site(const struct diff *d, const struct diff_site *s, bool heap)
{
	const struct saved_site *of = s->after ? s->after : s->before;
	int64_t before = s->before ? (int64_t)s->before->value : WAIT_UNKNOWN;
	int64_t after = s->after ? (int64_t)s->after->value : WAIT_UNKNOWN;
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "site", of->site);
	if (!heap)
		jvalue_string(&j, "kind", of->kind);
	jvalue_string(&j, "status", diff_change_name(diff_change_of(before, after)));
	put_change(&j, d, before < 0 ? 0 : before, after < 0 ? 0 : after);
	if (heap) {
		jvalue_count(&j, "objects_before", s->before ? s->before->objects : 0);
		jvalue_count(&j, "objects_after", s->after ? s->after->objects : 0);
	}
	return j;
}

static struct jvalue sites(const struct diff *d, const struct diff_sites *s, bool heap)
{
	struct jvalue j = jvalue_array();

	for (uint32_t i = 0; i < s->n && !j.failed; i++) {
		struct jvalue one = site(d, &s->all[i], heap);

		jvalue_append(&j, &one);
	}
	return j;
}

static struct jvalue finding(const void *of_diff, uint64_t i)
{
	const struct diff *d = of_diff;
	const struct finding *f = &d->findings[i];
	const struct diff_group *g = f->group < d->n_sites ? &d->sites[f->group] : NULL;
	char id[20];

	if (g)
		snprintf(id, sizeof(id), "%016" PRIx64, (g->after ? g->after : g->before)->id);
	return json_finding_of(f, g ? id : NULL);
}

/* --- Objects --- */

static int print_goroutines(const struct diff *d, FILE *out)
{
	struct jvalue j = change(d, d->goroutines.before, d->goroutines.after);

	jvalue_count(&j, "stayed", d->stayed);
	jvalue_count(&j, "left", d->left);
	jvalue_count(&j, "arrived", d->arrived);
	return json_member(out, "goroutines", &j);
}

static int print_memory(const struct diff *d, FILE *out)
{
	struct jvalue j = jvalue_object(), part;

	part = change(d, d->rss.before, d->rss.after);
	jvalue_put(&j, "rss", &part);
	part = numbers(d, &d->parts, "name");
	jvalue_put(&j, "parts", &part);
	part = numbers(d, &d->go, "name");
	jvalue_put(&j, "go", &part);
	part = numbers(d, &d->c, "name");
	jvalue_put(&j, "c", &part);
	part = numbers(d, &d->retained_by, "variable");
	for (uint32_t i = 0; i < d->retained_at.n && !part.failed; i++) {
		struct jvalue one = number(d, &d->retained_at.all[i], "site");

		jvalue_append(&part, &one);
	}
	jvalue_put(&j, "retained_by", &part);
	part = numbers(d, &d->heap_by_type, "type");
	jvalue_put(&j, "heap_by_type", &part);
	part = sites(d, &d->heap_sites, true);
	jvalue_put(&j, "heap_sites", &part);
	return json_member(out, "memory", &j);
}

static int print_threads(const struct diff *d, FILE *out)
{
	struct jvalue j = change(d, d->threads.before, d->threads.after), part;

	part = numbers(d, &d->threads_by_kind, "kind");
	jvalue_put(&j, "by_kind", &part);
	part = sites(d, &d->thread_sites, false);
	jvalue_put(&j, "sites", &part);
	return json_member(out, "threads", &j);
}

int report_diff_json(const struct diff *d, FILE *out, const struct report_options *o)
{
	int r;

	r = print_head(d, out, o);
	if (r == 0)
		r = json_array_member(out, "findings", d, d->n_findings, finding);
	if (r == 0)
		r = print_goroutines(d, out);
	if (r == 0)
		r = json_array_member(out, "groups", d, d->n_groups, group);
	if (r == 0)
		r = print_memory(d, out);
	if (r == 0)
		r = print_threads(d, out);
	if (r < 0)
		return r;
	fputs("}\n", out);
	return ferror(out) ? -EIO : 0;
}
