// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "report/interval.h"
#include "report/json_value.h"
#include "report/node.h"

static struct jvalue futex(const struct node_look *n)
{
	const struct collector_report *c = &n->futex;
	struct jvalue j = jvalue_object();

	jvalue_bool(&j, "on", c->on);
	jvalue_string(&j, "refused", c->refused);
	if (c->on) {
		jvalue_real(&j, "seen", c->seen, 6);
		jvalue_real(&j, "cores", c->cores, 6);
		jvalue_u64(&j, "hits", c->hits);
	} else {
		jvalue_null(&j, "seen");
		jvalue_null(&j, "cores");
		jvalue_null(&j, "hits");
	}
	jvalue_u64(&j, "long_waits", n->long_waits);
	jvalue_u64(&j, "lost", c->lost);
	jvalue_u64(&j, "blind", n->blind);
	return j;
}

static struct jvalue overhead(const struct overhead *o)
{
	struct jvalue j = jvalue_object();

	jvalue_real(&j, "cpu_ms", o->cpu_ms, 3);
	jvalue_real(&j, "core_percent", o->core_percent, 3);
	jvalue_real(&j, "probe_cores", o->target_cpu, 6);
	jvalue_real(&j, "budget_percent", o->budget_percent, 3);
	jvalue_u64_known(&j, "rss_bytes", o->rss_bytes);
	return j;
}

static struct jvalue processes(const struct node_look *n)
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
	jvalue_u64(&j, "probed", n->probed);
	jvalue_u64(&j, "probed_max", n->probed_max);
	return j;
}

int node_json(const struct node_look *n, FILE *out, const struct report_options *o)
{
	struct jvalue j = jvalue_object(), part = jvalue_object();
	char when[JSON_TIME];
	int r;

	jvalue_string(&j, "schema", "loiter.node/1");
	jvalue_string(&j, "time", json_time(&n->time, when));
	jvalue_string(&part, "version", o->version);
	jvalue_put(&j, "loiter", &part);
	jvalue_u64(&j, "number", n->number);
	jvalue_real(&j, "elapsed_s", n->elapsed_s, 3);
	jvalue_real(&j, "span_s", n->span_s, 3);
	jvalue_real(&j, "next_s", n->next_s, 3);
	part = processes(n);
	jvalue_put(&j, "processes", &part);
	part = futex(n);
	jvalue_put(&j, "futex", &part);
	part = overhead(&n->overhead);
	jvalue_put(&j, "overhead", &part);
	r = jvalue_print(&j, out);
	return r == 0 && fputc('\n', out) == EOF ? -EIO : r;
}

/*
 * The interval of a process of which no more than its line is known, or the last one with what is
 * known besides.
 */
static struct interval interval_of(const struct node_look *n, const struct node_process *p,
				   struct activity *a)
{
	struct interval i = { .number = n->number, .time = n->time, .elapsed_s = n->elapsed_s,
			      .span_s = n->span_s };

	*a = (struct activity){ .findings = p->findings, .n_findings = p->n_findings };
	if (p->looked && p->interval) {
		i = *p->interval;
		if (i.activity)
			*a = *i.activity;
		a->findings = p->findings;
		a->n_findings = p->n_findings;
	} else {
		i.overhead = (struct overhead){ .cpu_ms = -1, .setup_ms = -1, .core_percent = -1,
						.target_percent = -1, .target_cpu = -1 };
	}
	i.state = p->state;
	i.rss_bytes = p->rss.now;
	i.rss_delta = p->rss.delta;
	i.rss_rate_per_min = p->rss.rate_per_min;
	i.threads = (uint32_t)p->threads.now;
	i.threads_delta = p->threads.delta;
	if (!a->locks && p->locks) {
		a->locks = p->locks;
		a->collectors[COLLECTOR_FUTEX] = n->futex;
	}
	i.activity = a;
	return i;
}

int node_json_process(const struct node_look *n, const struct node_process *p, FILE *out,
		      const struct report_options *o)
{
	const struct interval_form form = { .report = *o, .many = true };
	struct process_info info = { .pid = p->pid, .start_time = p->start_time, .name = p->name,
				     .uptime_s = p->uptime_s };
	struct activity a;
	struct interval i;
	bool go = p->kind == NODE_GO || p->kind == NODE_CGO;

	if (!(go && p->looked) && !p->n_findings && !(p->locks && p->locks->n_contended) &&
	    p->state != WATCH_EXITED && p->state != WATCH_EXECED)
		return 0;
	i = interval_of(n, p, &a);
	return interval_json(p->info ? p->info : &info, &i, out, &form);
}
