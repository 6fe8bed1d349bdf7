// SPDX-License-Identifier: Apache-2.0
/* What is missing or of another type is unknown: only what cannot be read at all is an error. */
#include "collect/saved_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "collect/saved_value.h"

/* --- Head --- */

int64_t saved_time_ms(const char *s)
{
	struct tm tm = { 0 };
	int at = 0, ms = 0;
	time_t t;

	if (sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &at) != 6 || !at)
		return WAIT_UNKNOWN;
	if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
	    tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return WAIT_UNKNOWN;
	s += at;
	if (*s == '.') {
		size_t n = strspn(s + 1, "0123456789");

		for (size_t i = 0; i < 3; i++)
			ms = 10 * ms + (i < n ? s[1 + i] - '0' : 0);
		s += 1 + n;
	}
	if (strcmp(s, "Z") != 0)
		return WAIT_UNKNOWN;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	t = timegm(&tm);
	return t < 0 ? WAIT_UNKNOWN : (int64_t)t * 1000 + ms;
}

static int tell_schema(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;
	const char *s = saved_text(v);

	if (s && strcmp(s, "loiter.snapshot/1") == 0) {
		r->schema = true;
		return 0;
	}
	diag_fail(d, -EBADMSG, "is %.64s, not loiter.snapshot/1", s ? s : "of no schema");
	if (s && strcmp(s, "loiter.interval/1") == 0)
		return diag_hint(d, -EBADMSG, "the last line of what attach wrote is a snapshot");
	return diag_hint(d, -EBADMSG, "save one with `loiter snapshot PID --json -o FILE`");
}

static int tell_time(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;

	(void)d;
	if (saved_text(v))
		r->s->time_ms = saved_time_ms(saved_text(v));
	return r->s->time_ms >= 0 ? saved_copy(r, v, &r->s->time) : 0;
}

static int tell_process(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;
	struct saved *s = r->s;
	int err = 0;

	(void)d;
	s->pid = saved_count(saved_member(v, "pid"));
	s->start_time = saved_count_or_0(saved_member(v, "start_time"));
	s->uptime_ms = saved_milli(saved_member(v, "uptime_s"));
	err |= saved_copy(r, saved_member(v, "name"), &s->name);
	err |= saved_copy(r, saved_member(v, "exe"), &s->exe);
	err |= saved_copy(r, saved_member(v, "build_id"), &s->build_id);
	err |= saved_copy(r, saved_member(v, "go_version"), &s->go_version);
	err |= saved_copy(r, saved_member(v, "module"), &s->module);
	err |= saved_copy(r, saved_member(v, "core_file"), &s->core_file);
	return err ? -ENOMEM : 0;
}

static int tell_quality(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;

	(void)d;
	r->s->torn = saved_count_or_0(saved_member(v, "torn"));
	return 0;
}

static int64_t time_left(struct json_object *v)
{
	int64_t ms = saved_milli(v);

	return ms < 0 || ms > INT64_MAX / 1000000 ? TIME_UNKNOWN : ms * 1000000;
}

static int tell_timers(struct saved_reader *r, struct json_object *v)
{
	struct saved_timers *t = &r->s->timers;
	struct json_object *sites = saved_member(v, "made_by"), *site = NULL;
	int err = 0;

	t->total = saved_count(saved_member(v, "total"));
	t->waited = saved_count(saved_member(v, "waited"));
	t->unwaited = saved_count(saved_member(v, "unwaited"));
	t->unwaited_bytes = saved_count(saved_member(v, "unwaited_bytes"));
	t->first_ns = time_left(saved_member(v, "first_s"));
	t->last_ns = time_left(saved_member(v, "last_s"));
	if (json_object_is_type(sites, json_type_array) && json_object_array_length(sites))
		site = json_object_array_get_idx(sites, 0);
	t->goroutines = saved_count(saved_member(site, "goroutines"));
	t->loop = json_object_get_boolean(saved_member(site, "loop"));
	t->waits = json_object_get_boolean(saved_member(site, "waits"));
	err |= saved_copy(r, saved_member(site, "site"), &t->place);
	err |= saved_copy(r, saved_member(site, "call"), &t->call);
	return err ? -ENOMEM : 0;
}

static int tell_totals(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;

	(void)d;
	r->s->total = saved_count(saved_member(v, "total"));
	r->s->system = saved_count(saved_member(v, "system"));
	return tell_timers(r, saved_member(v, "timers"));
}

/* --- Memory and threads --- */

static int add_number(struct saved_reader *r, struct saved_list *l, const char *name,
		      struct json_object *v, struct diag *d)
{
	int64_t value = saved_count(v);
	struct saved_number *n;
	int err;

	if (value < 0 || !name)
		return 0;
	n = saved_add(l, sizeof(*n), LIMIT_SAVED_NUMBERS, &err, d);
	if (!n)
		return err;
	n->value = (uint64_t)value;
	n->name = arena_intern(r->s->arena, name, strnlen(name, LIMIT_NAME));
	return n->name ? 0 : -ENOMEM;
}

static int add_numbers(struct saved_reader *r, struct saved_list *l, struct json_object *v,
		       struct diag *d)
{
	if (!json_object_is_type(v, json_type_object))
		return 0;
	json_object_object_foreach(v, key, value) {
		int err = add_number(r, l, key, value, d);

		if (err < 0)
			return err;
	}
	return 0;
}

static int tell_rss(void *arg, struct json_object *v, struct diag *d)
{
	(void)d;
	((struct saved_reader *)arg)->s->rss_bytes = saved_count(v);
	return 0;
}

static int tell_part(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;

	return add_number(r, &r->parts, saved_text(saved_member(v, "name")), saved_member(v, "bytes"), d);
}

static int tell_go(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;

	return add_numbers(r, &r->go, v, d);
}

static int tell_c(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;

	return add_numbers(r, &r->c, v, d);
}

/* A variable, or the place that goroutines stand at. */
static int tell_retained(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;
	const char *variable = saved_text(saved_member(v, "variable"));
	struct saved_list *l = variable ? &r->retained_by : &r->retained_at;
	size_t before = l->n;
	int err = add_number(r, l, variable ? variable : saved_text(saved_member(v, "site")),
			     saved_member(v, "bytes"), d);

	if (err < 0 || l->n == before)
		return err;
	return saved_copy(r, saved_member(v, "path"), &((struct saved_number *)l->all)[before].path);
}

static int tell_retained_totals(void *arg, struct json_object *v, struct diag *d)
{
	(void)d;
	((struct saved_reader *)arg)->s->retained_other = saved_count(saved_member(v, "other_bytes"));
	return 0;
}

static int tell_type(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;

	return add_number(r, &r->heap_by_type, saved_text(saved_member(v, "type")),
			  saved_member(v, "bytes"), d);
}

static int tell_heap_site(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;
	int64_t bytes = saved_count(saved_member(v, "bytes"));
	struct saved_site *s;
	int err;

	if (bytes < 0)
		return 0;
	s = saved_add(&r->heap_sites, sizeof(*s), LIMIT_SAVED_SITES, &err, d);
	if (!s)
		return err;
	s->value = (uint64_t)bytes;
	s->objects = saved_count(saved_member(v, "objects"));
	saved_hash_stack(saved_member(v, "stack"), &s->id, &s->like);
	return saved_site_of(r, saved_member(v, "stack"), false, &s->site);
}

static int tell_threads(void *arg, struct json_object *v, struct diag *d)
{
	(void)d;
	((struct saved_reader *)arg)->s->threads = saved_count(v);
	return 0;
}

static int tell_by_kind(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;

	return add_numbers(r, &r->by_kind, v, d);
}

static int tell_thread_site(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;
	int64_t count = saved_count(saved_member(v, "count"));
	struct saved_site *s;
	const char *c_site = NULL;
	int err;

	if (count < 0)
		return 0;
	s = saved_add(&r->thread_sites, sizeof(*s), LIMIT_SAVED_SITES, &err, d);
	if (!s)
		return err;
	s->value = (uint64_t)count;
	s->objects = WAIT_UNKNOWN;
	err = saved_copy(r, saved_member(v, "kind"), &s->kind);
	s->id = s->like = saved_hash(0, s->kind);
	saved_hash_stack(saved_member(v, "go_stack"), &s->id, &s->like);
	s->id = saved_hash(s->id, NULL);
	s->like = saved_hash(s->like, NULL);
	saved_hash_stack(saved_member(v, "c_stack"), &s->id, &s->like);
	err |= saved_site_of(r, saved_member(v, "go_stack"), false, &s->site);
	if (!s->site)
		err |= saved_site_of(r, saved_member(v, "c_stack"), true, &c_site);
	if (!s->site)
		s->site = c_site;
	return err ? -ENOMEM : 0;
}

const struct json_row saved_rows[] = {
	{ "schema", JSON_VALUE, tell_schema },
	{ "time", JSON_VALUE, tell_time },
	{ "process", JSON_VALUE, tell_process },
	{ "quality", JSON_VALUE, tell_quality },
	{ "goroutines", JSON_VALUE, tell_totals },
	{ "groups", JSON_EACH, saved_tell_group },
	{ "goroutine_list", JSON_EACH, saved_tell_goroutine },
	{ "memory", JSON_MEMBERS, NULL },
	{ "memory.rss_bytes", JSON_VALUE, tell_rss },
	{ "memory.parts", JSON_EACH, tell_part },
	{ "memory.go", JSON_VALUE, tell_go },
	{ "memory.c", JSON_VALUE, tell_c },
	{ "memory.retained_by", JSON_EACH, tell_retained },
	{ "memory.retained", JSON_VALUE, tell_retained_totals },
	{ "memory.heap_by_type", JSON_EACH, tell_type },
	{ "memory.heap_sites", JSON_EACH, tell_heap_site },
	{ "threads", JSON_MEMBERS, NULL },
	{ "threads.total", JSON_VALUE, tell_threads },
	{ "threads.by_kind", JSON_VALUE, tell_by_kind },
	{ "threads.sites", JSON_EACH, tell_thread_site },
	{ NULL },
};
