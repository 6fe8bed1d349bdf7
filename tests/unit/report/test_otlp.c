// SPDX-License-Identifier: Apache-2.0
/* Requests are read back as they were written; a real collector is in tests/live. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

#include "model/examined.h"
#include "model/node.h"
#include "model/node_self.h"
#include "otlp.pb-c.h"
#include "report/openmetrics.h"
#include "report/otlp.h"
#include "report/otlp_reply.h"
#include "report/utf8.h"

enum { ROOM = 8 };

/* A sink that keeps what it gets. */
struct kept {
	struct otlp_request all[ROOM];
	size_t n;
	int refuse;
};

static int keep(void *ctx, struct otlp_request *r)
{
	struct kept *k = ctx;

	if (k->refuse)
		return k->refuse;
	assert_true(k->n < ROOM);
	k->all[k->n++] = *r;
	r->bytes = NULL;
	return 0;
}

static void forget(struct kept *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->all[i].bytes);
	*k = (struct kept){ 0 };
}

static const struct node_self self = {
	.version = "9", .node = "host-1", .start_time_s = 1000, .otlp = true, .otlp_sent = 5,
};

static struct named_count states[] = { { "waiting", 70 }, { "running", 3 } };
static struct snapshot goroutines = {
	.total = 73, .by_state = states, .n_by_state = 2,
};
static const struct interval interval = { .snapshot = &goroutines };

static const struct process_info info = { .name = "shop-api", .go_version = "go1.26.8" };

/* Twice the same service, and something in a container. */
static void fill(struct node_process all[3])
{
	all[0] = (struct node_process){
		.pid = 4242, .start_time = 77, .name = "shop-api", .kind = NODE_GO,
		.unit = "shop-api.service", .rss = { .known = true, .now = 1000 },
		.threads = { .known = true, .now = 4 }, .interval = &interval, .info = &info,
		.looked = true,
		.uptime_s = 5, .cores = -1, .tally = { .looks = 3 },
	};
	all[1] = all[0];
	all[1].pid = 4343;
	all[1].rss.now = 500;
	all[2] = (struct node_process){
		.pid = 5151, .start_time = 78, .name = "db", .kind = NODE_C,
		.container_id = "c0ffee",
		.pod_uid = "1-2-3", .rss = { .known = true, .now = 9 },
		.threads = { .known = true, .now = 2 }, .uptime_s = 5, .cores = -1,
	};
}

static struct node_look look_of(const struct node_process *all, uint32_t n)
{
	return (struct node_look){ .time = { 2000, 5 }, .all = all, .n = n, .elapsed_s = 5,
				   .overhead = { .core_percent = 0.5, .target_cpu = -1 } };
}

/* --- Metrics --- */

static struct openmetrics_book *booked(const struct node_look *n)
{
	struct openmetrics_book *b = openmetrics_book_new(0);

	assert_non_null(b);
	assert_int_equal(openmetrics_book_add(b, n), 0);
	return b;
}

static Otlp__MetricsRequest *metrics_of(const struct node_look *n)
{
	struct openmetrics_book *b = booked(n);
	struct kept k = { 0 };
	const struct otlp_sink sink = { keep, &k };
	Otlp__MetricsRequest *m;

	assert_int_equal(otlp_metrics(b, &self, &sink), 0);
	assert_int_equal(k.n, 1);
	assert_int_equal(k.all[0].kind, OTLP_METRICS);
	assert_int_equal(k.all[0].ticket, 0);
	m = otlp__metrics_request__unpack(NULL, k.all[0].len, k.all[0].bytes);
	assert_non_null(m);
	forget(&k);
	openmetrics_book_free(b);
	return m;
}

static const char *text_in(Otlp__KeyValue *const *all, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i]->key, key) == 0 &&
		    all[i]->value->value_case == OTLP__ANY_VALUE__VALUE_STRING_VALUE)
			return all[i]->value->string_value;
	return NULL;
}

static const Otlp__ResourceMetrics *of_service(const Otlp__MetricsRequest *m, const char *name)
{
	const Otlp__ResourceMetrics *found = NULL;

	for (size_t i = 0; i < m->n_resource_metrics; i++) {
		const Otlp__Resource *r = m->resource_metrics[i]->resource;
		const char *is = text_in(r->attributes, r->n_attributes, "service.name");

		if (!is || strcmp(is, name) != 0)
			continue;
		assert_null(found);
		found = m->resource_metrics[i];
	}
	return found;
}

static const Otlp__Metric *metric_named(const Otlp__ResourceMetrics *r, const char *name)
{
	assert_non_null(r);
	assert_int_equal(r->n_scope_metrics, 1);
	assert_string_equal(r->scope_metrics[0]->scope->name, "loiter");
	for (size_t i = 0; i < r->scope_metrics[0]->n_metrics; i++)
		if (strcmp(r->scope_metrics[0]->metrics[i]->name, name) == 0)
			return r->scope_metrics[0]->metrics[i];
	return NULL;
}

static void processes_of_one_service_are_one_resource_with_their_sum(void **state)
{
	struct node_process all[3];
	struct node_look n = look_of(all, 3);
	const Otlp__ResourceMetrics *shop;
	const Otlp__Metric *rss;
	Otlp__MetricsRequest *m;
	const Otlp__Resource *r;

	(void)state;
	fill(all);
	m = metrics_of(&n);
	shop = of_service(m, "shop-api");
	rss = metric_named(shop, "loiter_resident_memory_bytes");
	assert_non_null(rss);
	assert_string_equal(rss->unit, "By");
	assert_int_equal(rss->data_case, OTLP__METRIC__DATA_GAUGE);
	assert_int_equal(rss->gauge->n_data_points, 1);
	assert_true(rss->gauge->data_points[0]->as_double == 1500);
	assert_int_equal(rss->gauge->data_points[0]->n_attributes, 0);
	r = shop->resource;
	assert_string_equal(text_in(r->attributes, r->n_attributes, "systemd.unit"),
			    "shop-api.service");
	assert_string_equal(text_in(r->attributes, r->n_attributes, "host.name"), "host-1");
	r = of_service(m, "db")->resource;
	assert_string_equal(text_in(r->attributes, r->n_attributes, "k8s.pod.uid"), "1-2-3");
	assert_string_equal(text_in(r->attributes, r->n_attributes, "process.executable.name"),
			    "db");
	otlp__metrics_request__free_unpacked(m, NULL);
}

static void goroutines_come_by_state(void **state)
{
	struct node_process all[3];
	struct node_look n = look_of(all, 3);
	const Otlp__Metric *g;
	Otlp__MetricsRequest *m;

	(void)state;
	fill(all);
	m = metrics_of(&n);
	g = metric_named(of_service(m, "shop-api"), "loiter_goroutines");
	assert_non_null(g);
	assert_int_equal(g->gauge->n_data_points, 2);
	for (size_t i = 0; i < 2; i++) {
		const Otlp__Point *p = g->gauge->data_points[i];
		const char *is = text_in(p->attributes, p->n_attributes, "state");

		assert_true(p->as_double == (strcmp(is, "waiting") == 0 ? 140 : 6));
	}
	assert_null(metric_named(of_service(m, "db"), "loiter_goroutines"));
	otlp__metrics_request__free_unpacked(m, NULL);
}

/* Every point of a request. */
static void each_point(const Otlp__MetricsRequest *m,
		       void (*check)(const Otlp__Metric *metric, const Otlp__Point *p))
{
	for (size_t i = 0; i < m->n_resource_metrics; i++) {
		const Otlp__ScopeMetrics *s = m->resource_metrics[i]->scope_metrics[0];

		for (size_t k = 0; k < s->n_metrics; k++) {
			const Otlp__Metric *metric = s->metrics[k];
			bool sum = metric->data_case == OTLP__METRIC__DATA_SUM;
			size_t points = sum ? metric->sum->n_data_points
					    : metric->gauge->n_data_points;

			assert_true(points > 0);
			for (size_t j = 0; j < points; j++)
				check(metric, sum ? metric->sum->data_points[j]
						  : metric->gauge->data_points[j]);
		}
	}
}

static void check_times(const Otlp__Metric *metric, const Otlp__Point *p)
{
	assert_int_equal(p->time_unix_nano, 2000000000005);
	if (metric->data_case == OTLP__METRIC__DATA_SUM) {
		assert_true(metric->sum->is_monotonic);
		assert_int_equal(metric->sum->aggregation_temporality, 2);
		assert_int_equal(p->start_time_unix_nano, 1000000000000);
	} else {
		assert_int_equal(p->start_time_unix_nano, 0);
	}
	assert_int_equal(p->value_case, OTLP__POINT__VALUE_AS_DOUBLE);
	assert_true(isfinite(p->as_double));
}

static void sums_have_a_start_and_nothing_has_a_pid(void **state)
{
	struct node_process all[3];
	struct node_look n = look_of(all, 3);
	Otlp__MetricsRequest *m;

	(void)state;
	fill(all);
	m = metrics_of(&n);
	each_point(m, check_times);
	for (size_t i = 0; i < m->n_resource_metrics; i++) {
		const Otlp__Resource *r = m->resource_metrics[i]->resource;

		for (size_t k = 0; k < r->n_attributes; k++) {
			assert_null(strstr(r->attributes[k]->key, "pid"));
			assert_null(strstr(r->attributes[k]->value->string_value, "4242"));
		}
	}
	otlp__metrics_request__free_unpacked(m, NULL);
}

static char *openmetrics_text(const struct node_look *n)
{
	const struct openmetrics_options o = { 0 };
	struct openmetrics_book *b = booked(n);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(openmetrics_node(b, &self, &o, out), 0);
	assert_int_equal(fclose(out), 0);
	openmetrics_book_free(b);
	return text;
}

static char *metrics_text;

static void check_name(const Otlp__Metric *metric, const Otlp__Point *p)
{
	char head[256];

	(void)p;
	snprintf(head, sizeof(head), "# TYPE %s %s\n", metric->name,
		 metric->data_case == OTLP__METRIC__DATA_SUM ? "counter" : "gauge");
	if (!strstr(metric->name, "_info"))
		assert_non_null(strstr(metrics_text, head));
	assert_true(strlen(metric->description) > 0);
}

static void names_and_kinds_are_those_of_the_other_way(void **state)
{
	struct node_process all[3];
	struct node_look n = look_of(all, 3);
	Otlp__MetricsRequest *m;
	size_t names = 0;

	(void)state;
	fill(all);
	m = metrics_of(&n);
	metrics_text = openmetrics_text(&n);
	each_point(m, check_name);
	assert_non_null(metric_named(of_service(m, "loiter"), "loiter_otlp_sent"));
	for (const char *s = metrics_text; (s = strstr(s, "# TYPE ")); s++)
		names++;
	assert_true(names > 20);
	free(metrics_text);
	otlp__metrics_request__free_unpacked(m, NULL);
}

static void hostile_names_become_valid_text(void **state)
{
	struct node_process p = {
		.pid = 1, .start_time = 2, .name = "\xff\xfe\x1b[31mx\n\"", .kind = NODE_GO,
		.unit = "\xc3(.service", .rss = { .known = true, .now = 1 }, .cores = -1,
	};
	struct node_look n = look_of(&p, 1);
	Otlp__MetricsRequest *m;

	(void)state;
	m = metrics_of(&n);
	for (size_t i = 0; i < m->n_resource_metrics; i++) {
		const Otlp__Resource *r = m->resource_metrics[i]->resource;

		for (size_t k = 0; k < r->n_attributes; k++) {
			const char *s = r->attributes[k]->value->string_value;

			assert_true(utf8_valid(s, strlen(s)));
		}
	}
	otlp__metrics_request__free_unpacked(m, NULL);
}

/* --- Findings --- */

static const char *const evidence[] = { "3 of 3 passes", "one more \xff line" };
static const struct finding leak = {
	.pattern = "orphan-send", .verdict = VERDICT_LIKELY, .count = 100, .bytes = 1 << 20,
	.site = "main.fetch fetch.go:48", .group = FINDING_NO_GROUP,
	.summary = "100 goroutines wait",
	.evidence = evidence, .n_evidence = 2, .advice = "give the channel a buffer",
};

static struct node_process sick(const struct finding *f)
{
	return (struct node_process){
		.pid = 4242, .start_time = 77, .name = "shop-api", .kind = NODE_GO,
		.unit = "shop-api.service", .container_id = NULL, .findings = f,
		.n_findings = f != NULL, .cores = -1,
	};
}

/* A look with these processes; what was put stays in k. */
static void tell(struct otlp_book *b, struct kept *k, const struct node_process *all, uint32_t n)
{
	const struct otlp_sink sink = { keep, k };
	struct node_look look = look_of(all, n);

	assert_int_equal(otlp_findings(b, &look, &self, &sink), 0);
}

static void tell_one(struct otlp_book *b, struct kept *k, const struct finding *f)
{
	struct node_process p = sick(f);

	tell(b, k, &p, 1);
}

/* The one record of the one request that was put, with its request, which the caller frees. */
static const Otlp__LogRecord *only_record(const struct kept *k, Otlp__LogsRequest **ret)
{
	Otlp__LogsRequest *l;

	assert_int_equal(k->n, 1);
	assert_int_equal(k->all[0].kind, OTLP_LOGS);
	assert_int_equal(k->all[0].items, 1);
	assert_true(k->all[0].ticket != 0);
	l = otlp__logs_request__unpack(NULL, k->all[0].len, k->all[0].bytes);
	assert_non_null(l);
	assert_int_equal(l->n_resource_logs, 1);
	assert_int_equal(l->resource_logs[0]->n_scope_logs, 1);
	assert_int_equal(l->resource_logs[0]->scope_logs[0]->n_log_records, 1);
	*ret = l;
	return l->resource_logs[0]->scope_logs[0]->log_records[0];
}

/* One record was put, of that change; settles it. */
static void expect_change(struct otlp_book *b, struct kept *k, const char *change, int severity,
			  bool arrived)
{
	Otlp__LogsRequest *l;
	const Otlp__LogRecord *r = only_record(k, &l);

	assert_string_equal(text_in(r->attributes, r->n_attributes, "loiter.finding.change"),
			    change);
	assert_int_equal(r->severity_number, severity);
	otlp__logs_request__free_unpacked(l, NULL);
	otlp_settle(b, k->all[0].ticket, arrived);
	forget(k);
}

static int64_t number_in(const Otlp__LogRecord *r, const char *key)
{
	for (size_t i = 0; i < r->n_attributes; i++)
		if (strcmp(r->attributes[i]->key, key) == 0)
			return r->attributes[i]->value->int_value;
	return -1;
}

static void a_record_says_all_that_the_finding_does(void **state)
{
	CLEANUP(otlp_book_free_p) struct otlp_book *b = otlp_book_new();
	struct kept k = { 0 };
	Otlp__LogsRequest *l;
	const Otlp__LogRecord *r;
	const Otlp__Resource *of;

	(void)state;
	tell_one(b, &k, &leak);
	r = only_record(&k, &l);
	assert_string_equal(r->body->string_value, leak.summary);
	assert_string_equal(r->severity_text, "WARN2");
	assert_string_equal(r->event_name, "loiter.finding");
	assert_int_equal(r->time_unix_nano, 2000000000005);
	assert_string_equal(text_in(r->attributes, r->n_attributes, "loiter.finding.pattern"),
			    "orphan-send");
	assert_string_equal(text_in(r->attributes, r->n_attributes, "loiter.finding.verdict"),
			    "likely");
	assert_string_equal(text_in(r->attributes, r->n_attributes, "loiter.finding.site"),
			    leak.site);
	assert_string_equal(text_in(r->attributes, r->n_attributes, "loiter.finding.advice"),
			    leak.advice);
	assert_string_equal(text_in(r->attributes, r->n_attributes, "loiter.process"), "4242-77");
	assert_int_equal(number_in(r, "loiter.finding.count"), 100);
	assert_int_equal(number_in(r, "loiter.finding.bytes"), 1 << 20);
	for (size_t i = 0; i < r->n_attributes; i++) {
		const Otlp__KeyValue *kv = r->attributes[i];

		if (strcmp(kv->key, "loiter.finding.evidence") != 0)
			continue;
		assert_int_equal(kv->value->array_value->n_values, 2);
		assert_string_equal(kv->value->array_value->values[0]->string_value, evidence[0]);
		assert_string_equal(kv->value->array_value->values[1]->string_value,
				    "one more " UTF8_REPLACEMENT " line");
	}
	of = l->resource_logs[0]->resource;
	assert_string_equal(text_in(of->attributes, of->n_attributes, "service.name"), "shop-api");
	otlp__logs_request__free_unpacked(l, NULL);
	forget(&k);
}

static void what_arrived_is_not_told_again_and_what_did_not_is(void **state)
{
	CLEANUP(otlp_book_free_p) struct otlp_book *b = otlp_book_new();
	struct kept k = { 0 };

	(void)state;
	tell_one(b, &k, &leak);
	assert_int_equal(otlp_untold(b), 1);
	expect_change(b, &k, "new", 14, false);
	tell_one(b, &k, &leak);
	assert_int_equal(k.n, 1);
	/* It is on its way: nobody knows yet. */
	struct kept meanwhile = { 0 };
	tell_one(b, &meanwhile, &leak);
	assert_int_equal(meanwhile.n, 0);
	expect_change(b, &k, "new", 14, true);
	assert_int_equal(otlp_untold(b), 0);
	tell_one(b, &k, &leak);
	assert_int_equal(k.n, 0);
}

static void a_sink_that_refuses_is_asked_again(void **state)
{
	CLEANUP(otlp_book_free_p) struct otlp_book *b = otlp_book_new();
	struct kept k = { .refuse = -ENOMEM };

	(void)state;
	tell_one(b, &k, &leak);
	k.refuse = 0;
	tell_one(b, &k, &leak);
	expect_change(b, &k, "new", 14, true);
}

static void a_change_is_told_when_it_is_a_large_one(void **state)
{
	CLEANUP(otlp_book_free_p) struct otlp_book *b = otlp_book_new();
	struct finding f = leak;
	struct kept k = { 0 };

	(void)state;
	tell_one(b, &k, &f);
	expect_change(b, &k, "new", 14, true);
	f.count = 199;
	tell_one(b, &k, &f);
	assert_int_equal(k.n, 0);
	f.count = 200;
	tell_one(b, &k, &f);
	expect_change(b, &k, "changed", 14, true);
	f.verdict = VERDICT_PROVEN;
	tell_one(b, &k, &f);
	expect_change(b, &k, "changed", 17, true);
	f.bytes *= 3;
	tell_one(b, &k, &f);
	expect_change(b, &k, "changed", 17, true);
}

static void an_end_is_told_after_some_looks_and_a_return_is_new(void **state)
{
	CLEANUP(otlp_book_free_p) struct otlp_book *b = otlp_book_new();
	struct kept k = { 0 };

	(void)state;
	tell_one(b, &k, &leak);
	expect_change(b, &k, "new", 14, true);
	/* Away for a look and back: no news. */
	tell_one(b, &k, NULL);
	tell_one(b, &k, &leak);
	assert_int_equal(k.n, 0);
	tell_one(b, &k, NULL);
	tell_one(b, &k, NULL);
	assert_int_equal(k.n, 0);
	tell_one(b, &k, NULL);
	expect_change(b, &k, "ended", 9, false);
	tell_one(b, &k, NULL);
	expect_change(b, &k, "ended", 9, true);
	tell_one(b, &k, NULL);
	assert_int_equal(k.n, 0);
	tell_one(b, &k, &leak);
	expect_change(b, &k, "new", 14, true);
}

static void a_process_that_is_gone_is_said_at_once(void **state)
{
	CLEANUP(otlp_book_free_p) struct otlp_book *b = otlp_book_new();
	struct kept k = { 0 };

	(void)state;
	tell_one(b, &k, &leak);
	expect_change(b, &k, "new", 14, true);
	tell(b, &k, NULL, 0);
	expect_change(b, &k, "process gone", 9, true);
	assert_int_equal(otlp_untold(b), 0);
	/* What nobody was told of needs no end. */
	tell_one(b, &k, &leak);
	expect_change(b, &k, "new", 14, false);
	tell(b, &k, NULL, 0);
	assert_int_equal(k.n, 0);
}

static void one_finding_twice_is_one_record_of_the_graver_verdict(void **state)
{
	CLEANUP(otlp_book_free_p) struct otlp_book *b = otlp_book_new();
	CLEANUP(examined_free_p) struct examined *e = examined_new();
	struct finding proven = leak, explained = leak;
	struct node_process p = sick(&leak);
	struct kept k = { 0 };

	(void)state;
	proven.verdict = VERDICT_PROVEN;
	explained.verdict = VERDICT_EXPLAINED;
	explained.site = "main.other o.go:1";
	e->findings = (const struct finding[]){ proven, explained };
	e->n_findings = 2;
	p.examined = e;
	tell(b, &k, &p, 1);
	expect_change(b, &k, "new", 17, true);
	tell(b, &k, &p, 1);
	assert_int_equal(k.n, 0);
}

static void a_book_that_is_full_says_how_many_it_left_out(void **state)
{
	CLEANUP(otlp_book_free_p) struct otlp_book *b = otlp_book_new();
	enum { MORE = 10, MANY = OTLP_FINDINGS + MORE };
	static struct finding all[MANY];
	static char sites[MANY][16];
	struct node_process p = sick(all);
	struct kept k = { 0 };
	uint64_t told = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(sites[i], sizeof(sites[i]), "f%zu", i);
		all[i] = leak;
		all[i].site = sites[i];
	}
	p.n_findings = MANY;
	tell(b, &k, &p, 1);
	assert_int_equal(otlp_left_out(b), MORE);
	assert_true(k.n > 1);
	for (size_t i = 0; i < k.n; i++) {
		told += k.all[i].items;
		assert_true(k.all[i].len < 2 * OTLP_REQUEST);
		otlp_settle(b, k.all[i].ticket, true);
	}
	assert_int_equal(told, OTLP_FINDINGS);
	forget(&k);
	tell(b, &k, NULL, 0);
	assert_true(k.n > 0);
	for (size_t i = 0; i < k.n; i++)
		otlp_settle(b, k.all[i].ticket, true);
	forget(&k);
	tell(b, &k, &p, 1);
	assert_true(k.n > 0);
	forget(&k);
}

/* --- Replies --- */

static void a_partial_success_is_read(void **state)
{
	/* partial_success { rejected: 3, error_message: "too\x1bold" } */
	static const uint8_t bytes[] = { 0x0a, 0x0b, 0x08, 0x03, 0x12, 0x07,
					 't',  'o',  'o',  0x1b, 'o',  'l', 'd' };
	static const uint8_t minus[] = { 0x0a, 0x0b, 0x08, 0xff, 0xff, 0xff, 0xff,
					 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
	/* code: 8, message: "slow" */
	static const uint8_t status[] = { 0x08, 0x08, 0x12, 0x04, 's', 'l', 'o', 'w' };
	struct otlp_reply r;

	(void)state;
	assert_int_equal(otlp_reply_read(bytes, sizeof(bytes), true, &r), 0);
	assert_int_equal(r.rejected, 3);
	assert_string_equal(r.message, "too\\x1bold");
	assert_int_equal(otlp_reply_read(minus, sizeof(minus), true, &r), 0);
	assert_int_equal(r.rejected, 0);
	assert_int_equal(otlp_reply_read(status, sizeof(status), false, &r), 0);
	assert_string_equal(r.message, "slow");
	assert_int_equal(otlp_reply_read(NULL, 0, true, &r), 0);
	assert_int_equal(r.rejected, 0);
}

static void an_answer_of_anything_else_is_malformed(void **state)
{
	static uint8_t large[OTLP_REPLY_BYTES + 1];
	static const char html[] = "<html>502 Bad Gateway</html>";
	struct otlp_reply r;

	(void)state;
	assert_int_equal(otlp_reply_read(html, strlen(html), false, &r), -EBADMSG);
	assert_string_equal(r.message, "");
	assert_int_equal(otlp_reply_read("\x0a\xff", 2, true, &r), -EBADMSG);
	assert_int_equal(otlp_reply_read(large, sizeof(large), true, &r), -EBADMSG);
	/* Fields that nobody knows, as many as fit: read, or refused, but bounded. */
	for (size_t i = 0; i < OTLP_REPLY_BYTES; i += 2)
		large[i] = 0x78;
	otlp_reply_read(large, OTLP_REPLY_BYTES, true, &r);
	assert_int_equal(r.rejected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_of_one_service_are_one_resource_with_their_sum),
		cmocka_unit_test(goroutines_come_by_state),
		cmocka_unit_test(sums_have_a_start_and_nothing_has_a_pid),
		cmocka_unit_test(names_and_kinds_are_those_of_the_other_way),
		cmocka_unit_test(hostile_names_become_valid_text),
		cmocka_unit_test(a_record_says_all_that_the_finding_does),
		cmocka_unit_test(what_arrived_is_not_told_again_and_what_did_not_is),
		cmocka_unit_test(a_sink_that_refuses_is_asked_again),
		cmocka_unit_test(a_change_is_told_when_it_is_a_large_one),
		cmocka_unit_test(an_end_is_told_after_some_looks_and_a_return_is_new),
		cmocka_unit_test(a_process_that_is_gone_is_said_at_once),
		cmocka_unit_test(one_finding_twice_is_one_record_of_the_graver_verdict),
		cmocka_unit_test(a_book_that_is_full_says_how_many_it_left_out),
		cmocka_unit_test(a_partial_success_is_read),
		cmocka_unit_test(an_answer_of_anything_else_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
