// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/json_value.h"
#include "report/openmetrics_name.h"
#include "report/processes_json.h"
#include "report/utf8.h"

enum { PROC = 40, ORDINAL = 16, LABEL_BYTES = 200 };

struct scrape_target {
	const struct node_process *p;
	/* As they will stand in labels, since names that differ may look alike there; "" none. */
	char *exe, *place;
	const char *place_key;
	uint32_t replica;
};

/*
 * Where a process runs, by what outlives its restart, as the metrics have it: a container of a pod
 * gets a new id each time, a scope is of one run. Returns the name, or NULL.
 */
static const char *place_of(const struct node_process *p, const char **key)
{
	*key = p->pod_uid ? "pod" : p->container_id ? "container" : "unit";
	if (p->pod_uid || p->container_id)
		return p->pod_uid ? p->pod_uid : p->container_id;
	return target_lasting_unit(p->unit);
}

/* As a label has it: valid UTF-8, and no longer than anybody reads. NULL when memory is short. */
static char *label_of(const char *name)
{
	char *cut = strndup(name ? name : "", LABEL_BYTES);
	char *label = cut ? utf8_repair(cut) : NULL;

	free(cut);
	return label;
}

/* -ENOMEM, and what there is already is freed by done(). */
static int fill(struct scrape_target *t, const struct node_process *p)
{
	const char *place = place_of(p, &t->place_key);

	t->p = p;
	t->exe = label_of(p->name && *p->name ? p->name : "unknown");
	t->place = label_of(place);
	return t->exe && t->place ? 0 : -ENOMEM;
}

static void done(struct scrape_target *all, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free(all[i].exe);
		free(all[i].place);
	}
	free(all);
}

/* By all labels that tell processes apart. */
static int compare_names(const struct scrape_target *a, const struct scrape_target *b)
{
	int r = strcmp(a->exe, b->exe);

	if (!r)
		r = strcmp(a->place, b->place);
	return r || !*a->place ? r : strcmp(a->place_key, b->place_key);
}

/* Of equal ones the oldest first, so that one more does not rename those that were there. */
static int compare_targets(const void *a, const void *b)
{
	const struct scrape_target *t = a, *u = b;
	const struct node_process *p = t->p, *q = u->p;
	int r = compare_names(t, u);

	if (!r)
		r = (p->start_time > q->start_time) - (p->start_time < q->start_time);
	return r ? r : (p->pid > q->pid) - (p->pid < q->pid);
}

static bool is_target(const struct node_process *p)
{
	return (p->kind == NODE_GO || p->kind == NODE_CGO) && p->state != WATCH_EXITED &&
	       p->state != WATCH_EXECED;
}

/* *n counts those that done() is to free, also on failure. */
static int list(const struct node_look *look, struct scrape_target *all, uint32_t *n)
{
	for (uint32_t i = 0; i < look->n; i++)
		if (is_target(&look->all[i]) && fill(&all[(*n)++], &look->all[i]) < 0)
			return -ENOMEM;
	qsort(all, *n, sizeof(*all), compare_targets);
	for (uint32_t i = 1; i < *n; i++)
		if (compare_names(&all[i - 1], &all[i]) == 0)
			all[i].replica = all[i - 1].replica + 1;
	return 0;
}

static void put_known(struct jvalue *j, const char *key, const char *s)
{
	char *label = label_of(s);

	if (!label)
		j->failed = true;
	else if (*label)
		jvalue_string(j, key, label);
	free(label);
}

static struct jvalue labels(const struct scrape_target *t, const struct processes_options *o)
{
	struct jvalue j = jvalue_object();
	char proc[PROC], replica[ORDINAL];

	snprintf(proc, sizeof(proc), "%d-%" PRIu64, t->p->pid, t->p->start_time);
	snprintf(replica, sizeof(replica), "%" PRIu32, t->replica);
	jvalue_string(&j, "__scheme__", o->tls ? "https" : "http");
	jvalue_string(&j, "__metrics_path__", "/debug/pprof/goroutine");
	jvalue_string(&j, "__param_proc", proc);
	put_known(&j, "exe", t->exe);
	put_known(&j, "service_name", t->exe);
	put_known(&j, t->place_key, t->place);
	put_known(&j, "node", o->node);
	jvalue_string(&j, "replica", replica);
	jvalue_string(&j, "kind", node_kind_name(t->p->kind));
	if (t->p->info)
		put_known(&j, "go_version", t->p->info->go_version);
	return j;
}

static struct jvalue target(const struct scrape_target *t, const struct processes_options *o)
{
	struct jvalue j = jvalue_object(), part = jvalue_array();

	jvalue_append_string(&part, o->address ? o->address : "127.0.0.1:9646");
	jvalue_put(&j, "targets", &part);
	part = labels(t, o);
	jvalue_put(&j, "labels", &part);
	return j;
}

static int print(const struct scrape_target *all, uint32_t n, const struct processes_options *o, FILE *out)
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
	struct scrape_target *all = calloc((size_t)n->n + 1, sizeof(*all));
	uint32_t k = 0;
	int r;

	if (!all)
		return -ENOMEM;
	r = list(n, all, &k);
	if (r == 0)
		r = print(all, k, o, out);
	done(all, k);
	return r;
}
