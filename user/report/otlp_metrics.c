// SPDX-License-Identifier: Apache-2.0
/*
 * The families of /metrics as OTLP: one name, one meaning, whichever way it goes. What says whom a
 * series is of becomes the resource, and the rest of its labels are attributes. A name loses what
 * OTLP says by other means, `_total`, and keeps its unit, so that Prometheus, which puts both
 * there when it takes OTLP, has the same series either way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/openmetrics_families.h"
#include "report/otlp_request.h"
#include "report/otlp_resource.h"

enum { TEMPORALITY_CUMULATIVE = 2 };

/* Takes the series of one resource. */
struct points {
	struct metric_text text;	/* first: it is what the families write to */
	struct otlp_maker m;
	const struct metric *family;	/* of the last metric */
	Otlp__Metric **all;
	size_t n;
	size_t skip;		/* labels that the resource has */
	uint64_t start_ns, time_ns;
};

static bool ends_in(const char *s, const char *tail)
{
	size_t n = strlen(s), len = strlen(tail);

	return n > len && strcmp(s + n - len, tail) == 0;
}

/* As UCUM writes it. None for a count: what reads "1" of a gauge takes it for a share of one. */
static const char *unit_of(const char *name)
{
	static const char *const units[][2] = {
		{ "_bytes_per_second", "By/s" }, { "_per_second", "1/s" }, { "_bytes", "By" },
		{ "_seconds", "s" }, { "_seconds_total", "s" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (ends_in(name, units[i][0]))
			return units[i][1];
	return "";
}

static char *name_of(struct otlp_maker *m, const struct metric *f)
{
	size_t n = strlen(f->name);
	char *name;

	if (f->type == METRIC_COUNTER && ends_in(f->name, "_total"))
		n -= strlen("_total");
	name = arena_strndup(m->arena, f->name, n);
	if (!name)
		m->failed = true;
	return name;
}

static bool make_sum(struct otlp_maker *m, Otlp__Metric *metric)
{
	metric->sum = otlp_zeroed(m, sizeof(*metric->sum));
	if (!metric->sum)
		return false;
	otlp__sum__init(metric->sum);
	metric->sum->aggregation_temporality = TEMPORALITY_CUMULATIVE;
	metric->sum->is_monotonic = true;
	metric->data_case = OTLP__METRIC__DATA_SUM;
	return true;
}

static bool make_gauge(struct otlp_maker *m, Otlp__Metric *metric)
{
	metric->gauge = otlp_zeroed(m, sizeof(*metric->gauge));
	if (!metric->gauge)
		return false;
	otlp__gauge__init(metric->gauge);
	metric->data_case = OTLP__METRIC__DATA_GAUGE;
	return true;
}

/* The metric of the family at hand: the last one, or a new one. NULL: no memory. */
static Otlp__Metric *metric_of(struct points *p)
{
	const struct metric *f = p->text.family;
	Otlp__Metric *metric, **all;

	if (p->family == f)
		return p->all[p->n - 1];
	metric = otlp_zeroed(&p->m, sizeof(*metric));
	all = otlp_grown(&p->m, p->all, p->n);
	if (!metric || !all)
		return NULL;
	otlp__metric__init(metric);
	metric->name = name_of(&p->m, f);
	metric->description = (char *)f->help;
	metric->unit = (char *)unit_of(f->name);
	if (!(f->type == METRIC_COUNTER ? make_sum(&p->m, metric) : make_gauge(&p->m, metric)))
		return NULL;
	p->family = f;
	p->all = all;
	p->all[p->n++] = metric;
	return metric;
}

static void add_point(struct points *p, Otlp__Metric *metric, Otlp__Point *point)
{
	bool sum = metric->data_case == OTLP__METRIC__DATA_SUM;
	size_t *n = sum ? &metric->sum->n_data_points : &metric->gauge->n_data_points;
	Otlp__Point ***all = sum ? &metric->sum->data_points : &metric->gauge->data_points;
	Otlp__Point **grown = otlp_grown(&p->m, *all, *n);

	if (!grown)
		return;
	point->start_time_unix_nano = sum ? p->start_ns : 0;
	*all = grown;
	grown[(*n)++] = point;
}

static void take(struct metric_text *t, const struct metric_label *labels, size_t n, double value)
{
	struct points *p = (struct points *)t;
	Otlp__Point *point = otlp_zeroed(&p->m, sizeof(*point));
	Otlp__Metric *metric = metric_of(p);
	struct otlp_attributes a = { 0 };

	if (!point || !metric)
		return;
	otlp__point__init(point);
	for (size_t i = p->skip; i < n; i++)
		otlp_attribute(&p->m, &a, labels[i].name, labels[i].value);
	point->attributes = a.all;
	point->n_attributes = a.n;
	point->time_unix_nano = p->time_ns;
	/* Always this one: a series whose kind of number changes is two to some who read it. */
	point->value_case = OTLP__POINT__VALUE_AS_DOUBLE;
	point->as_double = value;
	add_point(p, metric, point);
}

static int write_points(struct otlp_writer *w, struct points *p, Otlp__Resource *resource,
			const char *version)
{
	Otlp__MetricsRequest request = OTLP__METRICS_REQUEST__INIT;
	Otlp__ResourceMetrics of = OTLP__RESOURCE_METRICS__INIT, *ofs = &of;
	Otlp__ScopeMetrics scope = OTLP__SCOPE_METRICS__INIT, *scopes = &scope;

	scope.scope = otlp_scope(&p->m, version);
	if (p->m.failed)
		return -ENOMEM;
	if (!p->n)
		return 0;
	scope.metrics = p->all;
	scope.n_metrics = p->n;
	of.resource = resource;
	of.scope_metrics = &scopes;
	of.n_scope_metrics = 1;
	request.resource_metrics = &ofs;
	request.n_resource_metrics = 1;
	return otlp_write(w, &request.base, p->text.series);
}

static struct points points_of(struct arena *arena, const struct openmetrics_book *b,
			       const struct node_self *s)
{
	double start = s->start_time_s;

	return (struct points){
		.text = { .take = take, .series_max = UINT64_MAX },
		.m = { .arena = arena, .failed = !arena },
		.time_ns = otlp_ns(b->look.time),
		.start_ns = start > 0 && start < 1e10 ? (uint64_t)(start * 1e9) : 0,
	};
}

/* The series of one target; of those that are not `all`, the plain ones. */
static int write_target(struct otlp_writer *w, const struct openmetrics_book *b,
			const struct book_target *t, const struct node_self *s, bool all)
{
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct points p = points_of(arena, b, s);

	if (!arena)
		return -ENOMEM;
	p.skip = TARGET_NAME_LABELS;
	for (size_t i = 0; i < n_target_families; i++) {
		metric_begin(&p.text, &target_families[i].metric);
		if (all || target_families[i].plain)
			target_families[i].write(&p.text, t);
	}
	return write_points(w, &p, otlp_resource_target(&p.m, t->label, s->node), s->version);
}

static int write_self(struct otlp_writer *w, const struct openmetrics_book *b,
		      const struct node_self *s)
{
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct points p = points_of(arena, b, s);

	if (!arena)
		return -ENOMEM;
	for (size_t i = 0; i < n_node_families; i++) {
		metric_begin(&p.text, &node_families[i].metric);
		node_families[i].write(&p.text, b, s);
	}
	return write_points(w, &p, otlp_resource_self(&p.m, s->version, s->node), s->version);
}

static int by_rank(const void *a, const void *b)
{
	const struct book_target *x = *(const struct book_target *const *)a;
	const struct book_target *y = *(const struct book_target *const *)b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Those with a name, worst first. */
static uint32_t in_order(const struct openmetrics_book *b, const struct book_target **order)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n; i++)
		if (b->targets[i].label[LABEL_EXE])
			order[n++] = &b->targets[i];
	if (n)
		qsort(order, n, sizeof(*order), by_rank);
	return n;
}

int otlp_metrics(const struct openmetrics_book *b, const struct node_self *s,
		 const struct otlp_sink *sink)
{
	struct otlp_writer w = { .sink = sink, .r = { .kind = OTLP_METRICS } };
	const struct book_target **order = calloc(b->n, sizeof(struct book_target *));
	uint64_t points = 0;
	uint32_t n;
	int r;

	if (!order)
		return -ENOMEM;
	n = in_order(b, order);
	r = write_self(&w, b, s);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		uint64_t before = w.r.items;

		r = write_target(&w, b, order[i], s, points < LIMIT_METRIC_SERIES);
		points += w.r.items - before;
		if (w.r.len >= OTLP_REQUEST)
			otlp_write_end(&w);
	}
	otlp_write_end(&w);
	otlp_writer_done(&w);
	free(order);
	return r;
}
