// SPDX-License-Identifier: Apache-2.0
#include "report/processes_json.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "model/examined.h"
#include "report/json_value.h"

enum { PROC = 40 };

static struct jvalue trend(const struct trend *t)
{
	struct jvalue j = jvalue_object();

	if (!t->known) {
		jvalue_null(&j, "now");
		return j;
	}
	jvalue_u64(&j, "now", t->now);
	jvalue_i64(&j, "delta", t->delta);
	if (t->window_s > 0) {
		jvalue_real(&j, "window_s", t->window_s, 3);
		jvalue_real(&j, "rate_per_min", t->rate_per_min, 3);
	}
	jvalue_bool(&j, "grows", t->grows);
	return j;
}

static void put_trend(struct jvalue *j, const char *key, const struct trend *t)
{
	struct jvalue part = trend(t);

	jvalue_put(j, key, &part);
}

static void put_findings(struct jvalue *j, const char *key, const struct finding *all, uint32_t n)
{
	struct jvalue list = jvalue_array();

	for (uint32_t i = 0; i < n; i++) {
		struct jvalue f = json_finding_of(&all[i], NULL);

		jvalue_append(&list, &f);
	}
	jvalue_put(j, key, &list);
}

static void put_leaks(struct jvalue *j, const char *key, const struct examined_leaks *l)
{
	struct jvalue part = jvalue_object();

	jvalue_u64(&part, "goroutines", l->goroutines);
	jvalue_count(&part, "bytes", l->bytes);
	jvalue_put(j, key, &part);
}

static void put_parts(struct jvalue *j, const struct examined *e)
{
	struct jvalue parts = jvalue_array();

	jvalue_u64_known(j, "rss_bytes", e->rss_bytes);
	for (int i = 0; e->rss_bytes && i < MEMORY_PARTS; i++) {
		struct jvalue part = jvalue_object();

		jvalue_string(&part, "name", memory_part_name((enum memory_part)i));
		if (e->part[i] == MEMORY_UNKNOWN)
			jvalue_null(&part, "bytes");
		else
			jvalue_u64(&part, "bytes", e->part[i]);
		jvalue_append(&parts, &part);
	}
	jvalue_put(j, "parts", &parts);
}

static struct jvalue examined(const struct examined *e)
{
	struct jvalue j = jvalue_object();
	char when[JSON_TIME];

	jvalue_string(&j, "time", json_time(&e->time, when));
	jvalue_string(&j, "reason", e->reason);
	jvalue_real(&j, "cpu_ms", e->cpu_ms, 3);
	if (e->leaks_known) {
		put_leaks(&j, "proven", &e->proven);
		put_leaks(&j, "likely", &e->likely);
		put_leaks(&j, "suspect", &e->suspect);
	}
	put_parts(&j, e);
	put_findings(&j, "findings", e->findings, e->n_findings);
	return j;
}

static struct jvalue looks(const struct node_process *p)
{
	struct jvalue j = jvalue_object();

	jvalue_u64(&j, "taken", p->tally.looks);
	jvalue_u64(&j, "failed", p->tally.failed);
	jvalue_u64(&j, "missed", p->tally.missed);
	if (p->interval_s > 0)
		jvalue_real(&j, "interval_s", p->interval_s, 3);
	else
		jvalue_null(&j, "interval_s");
	return j;
}

static void put_identity(struct jvalue *j, const struct node_process *p)
{
	const struct process_info *info = p->info;
	char proc[PROC];

	snprintf(proc, sizeof(proc), "%d-%" PRIu64, p->pid, p->start_time);
	jvalue_string(j, "proc", proc);
	jvalue_i64(j, "pid", p->pid);
	jvalue_u64(j, "start_time", p->start_time);
	jvalue_string(j, "name", p->name);
	jvalue_string(j, "kind", p->kind == NODE_UNKNOWN ? NULL : node_kind_name(p->kind));
	jvalue_string(j, "state", watch_state_name(p->state));
	jvalue_bool(j, "began", p->began);
	jvalue_string(j, "exe", info ? info->exe : NULL);
	jvalue_string(j, "go_version", info ? info->go_version : NULL);
	jvalue_string(j, "module", info ? info->module : NULL);
	jvalue_string(j, "unit", p->unit);
	jvalue_string(j, "cgroup", p->cgroup);
	jvalue_string(j, "container_id", p->container_id);
	jvalue_string(j, "pod_uid", p->pod_uid);
}

static struct jvalue process(const struct node_process *p)
{
	struct jvalue j = jvalue_object(), part;

	put_identity(&j, p);
	if (p->uptime_s >= 0)
		jvalue_real(&j, "uptime_s", p->uptime_s, 3);
	else
		jvalue_null(&j, "uptime_s");
	if (p->cores >= 0)
		jvalue_real(&j, "cores", p->cores, 6);
	else
		jvalue_null(&j, "cores");
	put_trend(&j, "rss", &p->rss);
	put_trend(&j, "threads", &p->threads);
	put_trend(&j, "goroutines", &p->goroutines);
	jvalue_u64(&j, "growing_sites", p->growing_sites);
	part = looks(p);
	jvalue_put(&j, "looks", &part);
	jvalue_string(&j, "not_read", p->not_read);
	put_findings(&j, "findings", p->findings, p->n_findings);
	if (p->examined) {
		part = examined(p->examined);
		jvalue_put(&j, "examined", &part);
	}
	return j;
}

static struct jvalue process_at(const void *of, uint64_t i)
{
	const struct node_look *n = of;

	return process(&n->all[i]);
}

static struct jvalue gone_at(const void *of, uint64_t i)
{
	const struct node_look *n = of;

	return process(&n->gone[i]);
}

static struct jvalue totals(const struct node_look *n, const struct node_self *self)
{
	struct jvalue j = jvalue_object();

	jvalue_u64(&j, "total", n->n);
	jvalue_u64(&j, "go", n->n_go);
	jvalue_u64(&j, "unknown", n->n_unknown);
	jvalue_u64(&j, "worse", n->n_worse);
	jvalue_u64(&j, "began", n->began);
	jvalue_u64(&j, "ended", n->ended);
	jvalue_u64(&j, "unreadable", n->unreadable);
	jvalue_u64(&j, "stuck", n->stuck);
	jvalue_u64(&j, "left_out", self->left_out);
	return j;
}

static struct jvalue loiter(const struct processes_options *o)
{
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "version", o->version);
	return j;
}

int processes_json(const struct node_look *n, const struct node_self *self,
		   const struct processes_options *o, FILE *out)
{
	struct jvalue part = jvalue_object();
	char when[JSON_TIME];
	int r;

	fputs("{\"schema\": \"loiter.processes/1\"", out);
	jvalue_string(&part, "time", json_time(&n->time, when));
	jvalue_string(&part, "node", o->node);
	jvalue_u64(&part, "number", n->number);
	jvalue_real(&part, "elapsed_s", n->elapsed_s, 3);
	jvalue_real(&part, "next_s", n->next_s, 3);
	r = json_member(out, "look", &part);
	if (r == 0) {
		part = loiter(o);
		r = json_member(out, "loiter", &part);
	}
	if (r == 0) {
		part = totals(n, self);
		r = json_member(out, "totals", &part);
	}
	if (r == 0)
		r = json_array_member(out, "processes", n, n->n, process_at);
	if (r == 0)
		r = json_array_member(out, "gone", n, n->n_gone, gone_at);
	if (r < 0)
		return r;
	fputs("}\n", out);
	return ferror(out) ? -EIO : 0;
}
