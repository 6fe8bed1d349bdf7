// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/json_value.h"
#include "report/processes_json.h"

enum { PROC = 40, ORDINAL = 16 };

struct target {
	const struct node_process *p;
	uint32_t replica;
};

static int compare(const char *a, const char *b)
{
	if (a && b)
		return strcmp(a, b);
	return (a != NULL) - (b != NULL);
}

/*
 * Where a process runs, by what outlives its restart, as the metrics have it: a container of a pod
 * gets a new id each time, a scope is of one run.
 */
struct place {
	const char *key, *value;
};

static struct place place_of(const struct node_process *p)
{
	size_t n = p->unit ? strlen(p->unit) : 0;

	if (p->pod_uid)
		return (struct place){ "pod", p->pod_uid };
	if (p->container_id)
		return (struct place){ "container", p->container_id };
	if (n && !(n > 6 && strcmp(p->unit + n - 6, ".scope") == 0))
		return (struct place){ "unit", p->unit };
	return (struct place){ NULL, NULL };
}

/* By all that a label is made of. */
static int compare_names(const struct node_process *p, const struct node_process *q)
{
	struct place a = place_of(p), b = place_of(q);
	int r = compare(p->name, q->name);

	if (!r)
		r = compare(a.key, b.key);
	return r ? r : compare(a.value, b.value);
}

/* Of equal ones the oldest first, so that one more does not rename those that were there. */
static int compare_targets(const void *a, const void *b)
{
	const struct node_process *p = ((const struct target *)a)->p;
	const struct node_process *q = ((const struct target *)b)->p;
	int r = compare_names(p, q);

	if (!r)
		r = (p->start_time > q->start_time) - (p->start_time < q->start_time);
	return r ? r : (p->pid > q->pid) - (p->pid < q->pid);
}

static bool is_target(const struct node_process *p)
{
	return (p->kind == NODE_GO || p->kind == NODE_CGO) && p->state != WATCH_EXITED &&
	       p->state != WATCH_EXECED;
}

static uint32_t list(const struct node_look *n, struct target *all)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n->n; i++)
		if (is_target(&n->all[i]))
			all[k++].p = &n->all[i];
	qsort(all, k, sizeof(*all), compare_targets);
	for (uint32_t i = 1; i < k; i++)
		if (compare_names(all[i - 1].p, all[i].p) == 0)
			all[i].replica = all[i - 1].replica + 1;
	return k;
}

static void put_known(struct jvalue *j, const char *key, const char *s)
{
	if (s && *s)
		jvalue_string(j, key, s);
}

static struct jvalue labels(const struct target *t, const struct processes_options *o)
{
	const struct place place = place_of(t->p);
	struct jvalue j = jvalue_object();
	char proc[PROC], replica[ORDINAL];

	snprintf(proc, sizeof(proc), "%d-%" PRIu64, t->p->pid, t->p->start_time);
	snprintf(replica, sizeof(replica), "%" PRIu32, t->replica);
	jvalue_string(&j, "__scheme__", o->tls ? "https" : "http");
	jvalue_string(&j, "__metrics_path__", "/debug/pprof/goroutine");
	jvalue_string(&j, "__param_proc", proc);
	put_known(&j, "exe", t->p->name);
	put_known(&j, "service_name", t->p->name);
	if (place.key)
		put_known(&j, place.key, place.value);
	put_known(&j, "node", o->node);
	jvalue_string(&j, "replica", replica);
	jvalue_string(&j, "kind", node_kind_name(t->p->kind));
	if (t->p->info)
		put_known(&j, "go_version", t->p->info->go_version);
	return j;
}

static struct jvalue target(const struct target *t, const struct processes_options *o)
{
	struct jvalue j = jvalue_object(), part = jvalue_array();

	jvalue_append_string(&part, o->address ? o->address : "127.0.0.1:9646");
	jvalue_put(&j, "targets", &part);
	part = labels(t, o);
	jvalue_put(&j, "labels", &part);
	return j;
}

static int print(const struct target *all, uint32_t n, const struct processes_options *o, FILE *out)
{
	fputs("[", out);
	for (uint32_t i = 0; i < n; i++) {
		struct jvalue j = target(&all[i], o);
		int r;

		fputs(i ? ",\n" : "\n", out);
		r = jvalue_print(&j, out);
		if (r < 0)
			return r;
	}
	fputs("]\n", out);
	return ferror(out) ? -EIO : 0;
}

int targets_json(const struct node_look *n, const struct processes_options *o, FILE *out)
{
	struct target *all = calloc((size_t)n->n + 1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	r = print(all, list(n, all), o, out);
	free(all);
	return r;
}
