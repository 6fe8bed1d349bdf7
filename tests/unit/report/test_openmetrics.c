// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

#include "metrics_parser.h"
#include "metrics_samples.h"
#include "report/openmetrics.h"
#include "report/openmetrics_families.h"

/* --- Writing and reading --- */

static char *written(const struct openmetrics_book *b, bool plain, uint32_t series_max, size_t *len)
{
	const struct openmetrics_options o = { .plain = plain, .series_max = series_max };
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	assert_non_null(out);
	assert_int_equal(openmetrics_node(b, &metrics_sample_self, &o, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static struct parsed_metrics read_back(const struct openmetrics_book *b, bool plain,
				       uint32_t series_max)
{
	struct parsed_metrics p;
	size_t len;
	char *text = written(b, plain, series_max, &len);

	if (!metrics_parse(text, len, plain, &p))
		fail_msg("%s", p.error);
	free(text);
	return p;
}

static struct openmetrics_book *book_of(const struct node_look *look, uint32_t targets_max)
{
	struct openmetrics_book *b = openmetrics_book_new(targets_max);

	assert_non_null(b);
	assert_int_equal(openmetrics_book_add(b, look), 0);
	return b;
}

static void assert_value(const struct parsed_metrics *p, const char *name, double value)
{
	const struct parsed_series *s = metrics_find(p, name);

	if (!s)
		fail_msg("there is no %s", name);
	if (s->value != value)
		fail_msg("%s is %g and not %g", name, s->value, value);
}

static void assert_absent(const struct parsed_metrics *p, const char *start)
{
	for (size_t i = 0; i < p->n; i++)
		if (strncmp(p->all[i].name, start, strlen(start)) == 0)
			fail_msg("%s should not be there", p->all[i].name);
}

static size_t count_of(const struct parsed_metrics *p, const char *family)
{
	size_t n = 0, len = strlen(family);

	for (size_t i = 0; i < p->n; i++)
		n += strncmp(p->all[i].name, family, len) == 0 &&
		     (p->all[i].name[len] == '{' || !p->all[i].name[len]);
	return n;
}

/* --- What is written --- */

static void each_family_has_a_series_in_both_formats(void **state)
{
	struct openmetrics_book *b = book_of(metrics_sample(), 0);

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct parsed_metrics p = read_back(b, plain, 0);

		for (size_t i = 0; i < n_target_families; i++)
			if (!count_of(&p, target_families[i].metric.name))
				fail_msg("no %s", target_families[i].metric.name);
		for (size_t i = 0; i < n_node_families; i++)
			if (!count_of(&p, node_families[i].metric.name))
				fail_msg("no %s", node_families[i].metric.name);
		metrics_done(&p);
	}
	openmetrics_book_free(b);
}

#define SHOP "{pod_uid=\"8a1c\",exe=\"shop-api\""
#define FETCH ",site=\"main.fetch.func1 fetch.go:48\",wait_reason=\"chan send\"}"

static void a_go_process_is_told_with_all_that_is_known(void **state)
{
	static const struct { const char *name; double value; } wanted[] = {
		{ "loiter_processes" SHOP ",kind=\"go\",state=\"running\"}", 1 },
		{ "loiter_target_info" SHOP ",kind=\"go\",go_version=\"go1.24.9\","
		  "module=\"example.org/shop\",build_id=\"abcdef\","
		  "newest_container_id=\"c0ffee\"}", 1 },
		{ "loiter_uptime_seconds" SHOP "}", 5000 },
		{ "loiter_process_exits_total" SHOP ",how=\"exit\"}", 0 },
		{ "loiter_looks_total" SHOP "}", 10 },
		{ "loiter_looks_failed_total" SHOP "}", 2 },
		{ "loiter_looks_missed_total" SHOP "}", 1 },
		{ "loiter_look_age_seconds" SHOP "}", 0 },
		{ "loiter_target_lost_events_total" SHOP "}", 4 },
		{ "loiter_goroutine_processes" SHOP "}", 1 },
		{ "loiter_goroutines" SHOP ",state=\"waiting\"}", 15 },
		{ "loiter_goroutines" SHOP ",state=\"running\"}", 1 },
		{ "loiter_goroutines_waiting" SHOP ",wait_reason=\"chan send\"}", 12 },
		{ "loiter_oldest_wait_seconds" SHOP ",wait_reason=\"chan send\"}", 9 },
		{ "loiter_system_goroutines" SHOP "}", 5 },
		{ "loiter_unread_goroutines" SHOP "}", 2 },
		{ "loiter_sites" SHOP "}", 3 },
		{ "loiter_growing_sites" SHOP "}", 1 },
		{ "loiter_site_goroutines" SHOP FETCH, 12 },
		{ "loiter_site_goroutines" SHOP ",site=\"running on a thread\"}", 1 },
		{ "loiter_site_goroutines_squared" SHOP FETCH, 144 },
		{ "loiter_site_growing" SHOP FETCH, 1 },
		{ "loiter_site_growth_per_second" SHOP FETCH, 0.5 },
		{ "loiter_leaked_goroutines" SHOP ",verdict=\"proven\"}", 7 },
		{ "loiter_leaked_goroutines" SHOP ",verdict=\"likely\"}", 3 },
		{ "loiter_leaked_goroutines" SHOP ",verdict=\"suspect\"}", 0 },
		{ "loiter_leaked_bytes" SHOP ",verdict=\"proven\"}", 70000 },
		{ "loiter_leak_searched_processes" SHOP "}", 1 },
		{ "loiter_leak_search_age_seconds" SHOP "}", 140 },
		{ "loiter_findings" SHOP ",pattern=\"growing-group\",verdict=\"suspect\"}", 1 },
		{ "loiter_findings" SHOP ",pattern=\"orphan-send\",verdict=\"proven\"}", 1 },
		{ "loiter_resident_memory_bytes" SHOP "}", 1000 },
		{ "loiter_resident_memory_growing" SHOP "}", 1 },
		{ "loiter_resident_memory_growth_bytes_per_second" SHOP "}", 100 },
		{ "loiter_memory_bytes" SHOP ",part=\"go.heap.live\"}", 600 },
		{ "loiter_memory_bytes" SHOP ",part=\"unexplained\"}", 50 },
		{ "loiter_memory_age_seconds" SHOP "}", 140 },
		{ "loiter_threads" SHOP "}", 9 },
		{ "loiter_threads_growing" SHOP "}", 0 },
		{ "loiter_threads_growth_per_second" SHOP "}", 0 },
		{ "loiter_lock_long_waits_total" SHOP "}", 6 },
		{ "loiter_lock_longest_wait_seconds" SHOP "}", 2.5 },
		{ "loiter_processes{unit=\"nginx.service\",exe=\"nginx\",kind=\"c\","
		  "state=\"stopped\"}", 1 },
		{ "loiter_processes{exe=\"other\",kind=\"c\",state=\"running\"}", 1 },
		{ "loiter_resident_memory_bytes{exe=\"other\"}", 50 },
	};
	struct openmetrics_book *b = book_of(metrics_sample(), 0);
	struct parsed_metrics p = read_back(b, false, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_value(&p, wanted[i].name, wanted[i].value);
	metrics_done(&p);
	openmetrics_book_free(b);
}

static void the_node_and_loiter_are_told(void **state)
{
	static const struct { const char *name; double value; } wanted[] = {
		{ "loiter_build_info{version=\"9.9\",node=\"node-1\"}", 1 },
		{ "loiter_node_looks_total", 1 },
		{ "loiter_last_look_timestamp_seconds", 1700000002.5 },
		{ "loiter_node_process_starts_total", 8 },
		{ "loiter_node_process_ends_total", 5 },
		{ "loiter_unreadable_processes", 1 },
		{ "loiter_stuck_processes", 2 },
		{ "loiter_left_out_processes", 2 },
		{ "loiter_lost_events_total{source=\"discovery\"}", 1 },
		{ "loiter_lost_events_total{source=\"tracing\"}", 3 },
		{ "loiter_collector_up{collector=\"futex\"}", 1 },
		{ "loiter_budget_cores", 0.01 },
		{ "loiter_probe_cores", 0.001 },
		{ "loiter_cells_killed_total", 1 },
		{ "loiter_http_requests_total", 100 },
		{ "process_cpu_seconds_total", 0.25 },
		{ "process_resident_memory_bytes", 30000000 },
		{ "process_start_time_seconds", 1699999000.25 },
		{ "process_open_fds", 17 },
		{ "loiter_targets", 2 },
		{ "loiter_dropped_series", 0 },
	};
	struct openmetrics_book *b = book_of(metrics_sample(), 0);
	struct parsed_metrics p = read_back(b, true, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_value(&p, wanted[i].name, wanted[i].value);
	assert_value(&p, "loiter_series", (double)p.n);
	metrics_done(&p);
	openmetrics_book_free(b);
}

static void what_was_not_read_has_no_series(void **state)
{
	static const struct node_self nobody = { .version = "9" };
	const struct openmetrics_options o = { 0 };
	struct openmetrics_book *b = book_of(metrics_sample(), 0);
	struct parsed_metrics p = read_back(b, false, 0);
	char *text = NULL;
	size_t len;
	FILE *out;

	(void)state;
	assert_absent(&p, "loiter_goroutines{unit=\"nginx.service\"");
	assert_absent(&p, "loiter_looks_total{unit=\"nginx.service\"");
	assert_absent(&p, "loiter_uptime_seconds{unit=\"nginx.service\"");
	assert_absent(&p, "loiter_leaked_goroutines{unit=\"nginx.service\"");
	assert_absent(&p, "loiter_resident_memory_growing{unit=\"nginx.service\"");
	assert_absent(&p, "loiter_leaked_bytes" SHOP ",verdict=\"likely\"");
	assert_absent(&p, "loiter_memory_bytes" SHOP ",part=\"go.stacks\"");
	assert_absent(&p, "loiter_oldest_wait_seconds" SHOP ",wait_reason=\"select\"");
	metrics_done(&p);
	openmetrics_book_free(b);

	/* Before the first look. */
	b = openmetrics_book_new(0);
	out = open_memstream(&text, &len);
	assert_int_equal(openmetrics_node(b, &nobody, &o, out), 0);
	fclose(out);
	assert_true(metrics_parse(text, len, false, &p));
	assert_absent(&p, "loiter_last_look");
	assert_absent(&p, "loiter_processes");
	assert_absent(&p, "loiter_otlp");
	assert_absent(&p, "loiter_probe_cores");
	assert_absent(&p, "process_");
	metrics_done(&p);
	free(text);
	openmetrics_book_free(b);
}

static void without_a_search_no_leak_is_no_fact(void **state)
{
	struct node_process p = metrics_sample()->all[0];
	struct node_look look = *metrics_sample();
	struct openmetrics_book *b;
	struct parsed_metrics got;

	(void)state;
	p.examined = NULL;
	look.all = &p;
	look.n = 1;
	b = book_of(&look, 0);
	got = read_back(b, false, 0);
	/* Proven by the wait itself. */
	assert_value(&got, "loiter_leaked_goroutines" SHOP ",verdict=\"proven\"}", 2);
	assert_absent(&got, "loiter_leaked_goroutines" SHOP ",verdict=\"likely\"");
	assert_absent(&got, "loiter_leaked_goroutines" SHOP ",verdict=\"suspect\"");
	assert_absent(&got, "loiter_leak_search");
	metrics_done(&got);
	openmetrics_book_free(b);
}

/* --- Names --- */

static void hostile_names_leave_the_text_whole(void **state)
{
	struct openmetrics_book *b = book_of(metrics_sample_hostile(), 0);

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct parsed_metrics p = read_back(b, plain, 0);
		size_t len;
		char *text = written(b, plain, 0, &len);

		assert_non_null(strstr(text, "a\\\"b\\\\c\\nd\xef\xbf\xbd[2Je"));
		assert_null(memchr(text, 0x1b, len));
		assert_null(memchr(text, 0x7f, len));
		free(text);
		metrics_done(&p);
	}
	openmetrics_book_free(b);
}

static void a_name_is_cut_at_a_character_and_stays_as_it_is(void **state)
{
	char raw[1000], once[METRIC_VALUE], twice[METRIC_VALUE];

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		memset(raw, 'x', sizeof(raw));
		for (size_t i = shift; i + 4 < sizeof(raw); i += 4)
			memcpy(raw + i, "\xf0\x9f\x90\xbf", 4);
		raw[sizeof(raw) - 1] = '\0';
		metric_clean(raw, once);
		assert_true(strlen(once) <= LIMIT_METRIC_LABEL);
		assert_string_equal(once + strlen(once) - 3, "\xe2\x80\xa6");
		assert_string_equal(metric_clean(once, twice), once);
	}
	memset(raw, 'x', sizeof(raw));
	raw[LIMIT_METRIC_LABEL] = '\0';
	assert_string_equal(metric_clean(raw, once), raw);
	assert_string_equal(metric_clean("\xff\xff", once), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void a_scope_and_a_container_of_a_pod_are_not_in_the_name(void **state)
{
	const struct node_process all[] = {
		{ .pid = 1, .name = "a", .kind = NODE_GO, .unit = "session-77.scope" },
		{ .pid = 2, .name = "b", .kind = NODE_GO, .container_id = "1234",
		  .unit = "x.service" },
		{ .pid = 3, .name = "c", .kind = NODE_GO, .pod_uid = "p", .container_id = "1234" },
	};
	const struct node_look look = { .all = all, .n = 3 };
	struct openmetrics_book *b = book_of(&look, 0);
	struct parsed_metrics p = read_back(b, false, 0);

	(void)state;
	assert_value(&p, "loiter_processes{exe=\"a\",kind=\"go\",state=\"running\"}", 1);
	assert_value(&p, "loiter_processes{container_id=\"1234\",exe=\"b\",kind=\"go\","
			 "state=\"running\"}", 1);
	assert_value(&p, "loiter_processes{pod_uid=\"p\",exe=\"c\",kind=\"go\","
			 "state=\"running\"}", 1);
	metrics_done(&p);
	openmetrics_book_free(b);
}

static void processes_of_one_name_are_summed(void **state)
{
	struct node_process all[3];
	struct node_look look = *metrics_sample();
	struct openmetrics_book *b;
	struct parsed_metrics p;

	(void)state;
	for (int i = 0; i < 3; i++) {
		all[i] = metrics_sample()->all[0];
		all[i].pid = 500 + i;
		all[i].uptime_s = 100 * (i + 1);
	}
	all[2].state = WATCH_STOPPED;
	all[1].interval = NULL;
	look.all = all;
	look.n = 3;
	b = book_of(&look, 0);
	p = read_back(b, false, 0);
	assert_value(&p, "loiter_processes" SHOP ",kind=\"go\",state=\"running\"}", 2);
	assert_value(&p, "loiter_processes" SHOP ",kind=\"go\",state=\"stopped\"}", 1);
	assert_value(&p, "loiter_goroutine_processes" SHOP "}", 2);
	assert_value(&p, "loiter_goroutines" SHOP ",state=\"waiting\"}", 30);
	assert_value(&p, "loiter_site_goroutines" SHOP FETCH, 24);
	assert_value(&p, "loiter_site_goroutines_squared" SHOP FETCH, 288);
	assert_value(&p, "loiter_site_growing" SHOP FETCH, 2);
	assert_value(&p, "loiter_oldest_wait_seconds" SHOP ",wait_reason=\"chan send\"}", 9);
	assert_value(&p, "loiter_uptime_seconds" SHOP "}", 100);
	assert_value(&p, "loiter_resident_memory_bytes" SHOP "}", 3000);
	assert_value(&p, "loiter_sites" SHOP "}", 3);
	metrics_done(&p);
	openmetrics_book_free(b);
}

/* --- Over time --- */

static const struct process_info shop_info = { .exe = "/bin/shop", .go_version = "go1.24.9" };

static struct node_process shop(int pid, uint64_t start_time, uint64_t looks)
{
	return (struct node_process){ .pid = pid, .start_time = start_time, .name = "shop",
				      .kind = NODE_GO, .uptime_s = 1e6, .info = &shop_info,
				      .tally = { .looks = looks } };
}

static void look_again(struct openmetrics_book *b, struct node_process *all, uint32_t n,
		       struct node_process *gone, uint32_t n_gone, double elapsed_s)
{
	const struct node_look look = { .number = (uint32_t)elapsed_s, .elapsed_s = elapsed_s,
					.all = all, .n = n, .gone = gone, .n_gone = n_gone };

	assert_int_equal(openmetrics_book_add(b, &look), 0);
}

static void assert_counts(const struct openmetrics_book *b, double starts, double restarts,
			  double exits, double execs, double looks)
{
	struct parsed_metrics p = read_back(b, false, 0);

	assert_value(&p, "loiter_process_starts_total{exe=\"shop\"}", starts);
	assert_value(&p, "loiter_process_restarts_total{exe=\"shop\"}", restarts);
	assert_value(&p, "loiter_process_exits_total{exe=\"shop\",how=\"exit\"}", exits);
	assert_value(&p, "loiter_process_exits_total{exe=\"shop\",how=\"exec\"}", execs);
	assert_value(&p, "loiter_looks_total{exe=\"shop\"}", looks);
	metrics_done(&p);
}

static void counters_go_on_when_a_process_ends(void **state)
{
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct node_process a = shop(1, 10, 5), c = shop(2, 20, 3);

	(void)state;
	/* What was there before us did not start. */
	look_again(b, (struct node_process[]){ a, c }, 2, NULL, 0, 0);
	assert_counts(b, 0, 0, 0, 0, 8);
	a.tally.looks = 6;
	a.state = WATCH_EXITED;
	c.tally.looks = 4;
	look_again(b, &c, 1, &a, 1, 60);
	assert_counts(b, 0, 0, 1, 0, 10);
	/* The same pid again: another process, whose looks are counted from 0. */
	a = shop(1, 99, 1);
	a.uptime_s = 30;
	look_again(b, (struct node_process[]){ a, c }, 2, NULL, 0, 120);
	assert_counts(b, 1, 1, 1, 0, 11);
	look_again(b, (struct node_process[]){ a, c }, 2, NULL, 0, 180);
	assert_counts(b, 1, 1, 1, 0, 11);
	/* All are gone, and the counters stay. */
	a.state = c.state = WATCH_EXITED;
	look_again(b, NULL, 0, (struct node_process[]){ a, c }, 2, 240);
	assert_counts(b, 1, 1, 3, 0, 11);
	openmetrics_book_free(b);
}

static void how_old_a_look_is_goes_by_the_node_s_clock(void **state)
{
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct snapshot s = { .total = 1 };
	struct interval i = { .snapshot = &s };
	struct node_process p = shop(1, 10, 1);
	struct parsed_metrics got;

	(void)state;
	p.interval = &i;
	p.looked = true;
	look_again(b, &p, 1, NULL, 0, 1000);
	p.looked = false;
	look_again(b, &p, 1, NULL, 0, 1060);
	look_again(b, &p, 1, NULL, 0, 1120);
	got = read_back(b, false, 0);
	assert_value(&got, "loiter_look_age_seconds{exe=\"shop\"}", 120);
	metrics_done(&got);
	/* The daemon has begun its looks anew, and its clock with them. */
	look_again(b, &p, 1, NULL, 0, 0);
	look_again(b, &p, 1, NULL, 0, 60);
	got = read_back(b, false, 0);
	assert_value(&got, "loiter_look_age_seconds{exe=\"shop\"}", 60);
	assert_value(&got, "loiter_process_starts_total{exe=\"shop\"}", 0);
	metrics_done(&got);
	openmetrics_book_free(b);
}

static void sites_of_one_process_that_read_the_same_are_one(void **state)
{
	const struct frame frame = { .function = "main.f", .file = "f.go", .line = 1 };
	struct group groups[] = { { .stack = { &frame, 1 } }, { .stack = { &frame, 1 } } };
	const struct site sites[] = { { .id = 1, .group = 0, .count = 4 },
				      { .id = 2, .group = 1, .count = 3 } };
	struct snapshot s = { .groups = groups, .n_groups = 2 };
	struct interval i = { .snapshot = &s, .sites = sites, .n_sites = 2 };
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct node_process p[] = { shop(1, 10, 1), shop(2, 10, 1) };
	struct parsed_metrics got;

	(void)state;
	p[0].interval = p[1].interval = &i;
	look_again(b, p, 2, NULL, 0, 0);
	got = read_back(b, false, 0);
	assert_value(&got, "loiter_site_goroutines{exe=\"shop\",site=\"main.f f.go:1\"}", 14);
	assert_value(&got, "loiter_site_goroutines_squared{exe=\"shop\",site=\"main.f f.go:1\"}",
		     98);
	metrics_done(&got);
	openmetrics_book_free(b);
}

static void a_site_that_is_shown_stays_unless_another_is_much_larger(void **state)
{
	enum { SITES = LIMIT_METRIC_SITES + 1 };
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct frame frames[SITES];
	struct group groups[SITES];
	struct site sites[SITES];
	struct snapshot s = { .groups = groups, .n_groups = SITES };
	struct interval i = { .snapshot = &s, .sites = sites, .n_sites = SITES };
	struct node_process p = shop(1, 10, 1);
	/* Of the last two sites, at three looks; the others have 200. */
	static const struct { uint64_t counts[2]; bool first_is_shown; } looks[] = {
		{ { 100, 99 }, true }, { { 81, 100 }, true }, { { 79, 100 }, false },
	};

	(void)state;
	p.interval = &i;
	for (size_t look = 0; look < ARRAY_SIZE(looks); look++) {
		struct parsed_metrics got;

		for (uint32_t k = 0; k < SITES; k++) {
			frames[k] = (struct frame){ .function = "main.f", .file = "f.go",
						    .line = k };
			groups[k] = (struct group){ .stack = { &frames[k], 1 } };
			sites[k] = (struct site){ .id = k, .group = k, .count = 200 };
			if (k >= SITES - 2)
				sites[k].count = looks[look].counts[k - (SITES - 2)];
		}
		look_again(b, &p, 1, NULL, 0, 60.0 * (double)look);
		got = read_back(b, false, 0);
		assert_int_equal(!!metrics_find(&got, "loiter_site_goroutines{exe=\"shop\","
						      "site=\"main.f f.go:9\"}"),
				 looks[look].first_is_shown);
		assert_int_equal(count_of(&got, "loiter_site_goroutines"), SITES);
		metrics_done(&got);
	}
	openmetrics_book_free(b);
}

static void an_exec_ends_one_program_and_begins_another(void **state)
{
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct node_process was = shop(1, 10, 5), is = shop(1, 10, 1);

	(void)state;
	look_again(b, &was, 1, NULL, 0, 0);
	was.state = WATCH_EXECED;
	look_again(b, &is, 1, &was, 1, 60);
	assert_counts(b, 1, 1, 0, 1, 6);
	openmetrics_book_free(b);
}

static void a_start_counts_once_it_is_known_what_began(void **state)
{
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct node_process p = shop(1, 10, 0);

	(void)state;
	look_again(b, NULL, 0, NULL, 0, 0);
	p.began = true;
	p.uptime_s = 1;
	p.info = NULL;
	look_again(b, &p, 1, NULL, 0, 60);
	p.began = false;
	p.uptime_s = 61;
	p.info = &shop_info;
	look_again(b, &p, 1, NULL, 0, 120);
	assert_counts(b, 1, 0, 0, 0, 0);
	openmetrics_book_free(b);
}

static void what_ends_before_it_is_looked_at_has_begun_all_the_same(void **state)
{
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct node_process p = shop(1, 10, 0);

	(void)state;
	look_again(b, NULL, 0, NULL, 0, 0);
	p.uptime_s = 1;
	p.info = NULL;
	look_again(b, &p, 1, NULL, 0, 60);
	p.info = &shop_info;
	p.tally.looks = 1;
	p.state = WATCH_EXITED;
	look_again(b, NULL, 0, &p, 1, 120);
	assert_counts(b, 1, 0, 1, 0, 1);
	openmetrics_book_free(b);
}

static void a_target_is_forgotten_long_after_its_last_process(void **state)
{
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct node_process p = shop(1, 10, 7);
	struct parsed_metrics got;

	(void)state;
	look_again(b, &p, 1, NULL, 0, 0);
	look_again(b, NULL, 0, NULL, 0, 60);
	assert_counts(b, 0, 0, 0, 0, 7);
	look_again(b, NULL, 0, NULL, 0, LIMIT_METRIC_KEEP_S + 1);
	got = read_back(b, false, 0);
	assert_null(metrics_find(&got, "loiter_looks_total{exe=\"shop\"}"));
	assert_value(&got, "loiter_looks_total{exe=\"other\"}", 7);
	metrics_done(&got);
	openmetrics_book_free(b);
}

/* --- Caps --- */

static struct node_process named(char *name, int pid)
{
	snprintf(name, 20, "p%d", pid);
	return (struct node_process){ .pid = pid, .start_time = (uint64_t)pid, .name = name,
				      .kind = NODE_GO, .tally = { .looks = 1 },
				      .rss = { .known = true, .now = 1 } };
}

static void who_has_findings_takes_the_place_of_who_has_none(void **state)
{
	const struct finding f = { .pattern = "orphan-send", .verdict = VERDICT_PROVEN };
	struct openmetrics_book *b = openmetrics_book_new(3);
	struct node_process all[5];
	char names[5][20];
	struct parsed_metrics p;

	(void)state;
	for (int i = 0; i < 5; i++)
		all[i] = named(names[i], i);
	look_again(b, all, 4, NULL, 0, 0);
	p = read_back(b, false, 0);
	assert_value(&p, "loiter_resident_memory_bytes{exe=\"other\"}", 1);
	assert_value(&p, "loiter_folded_processes", 1);
	metrics_done(&p);

	/* Newly come, and worst. */
	all[4].findings = &f;
	all[4].n_findings = 1;
	look_again(b, (struct node_process[]){ all[4], all[0], all[1], all[2], all[3] }, 5, NULL, 0,
		   60);
	p = read_back(b, false, 0);
	assert_value(&p, "loiter_findings{exe=\"p4\",pattern=\"orphan-send\","
			 "verdict=\"proven\"}", 1);
	assert_value(&p, "loiter_resident_memory_bytes{exe=\"p0\"}", 1);
	assert_value(&p, "loiter_resident_memory_bytes{exe=\"p1\"}", 1);
	assert_null(metrics_find(&p, "loiter_resident_memory_bytes{exe=\"p2\"}"));
	assert_value(&p, "loiter_resident_memory_bytes{exe=\"other\"}", 2);
	assert_value(&p, "loiter_looks_total{exe=\"other\"}", 2);
	metrics_done(&p);
	openmetrics_book_free(b);
}

/* Does a counter that was there before have less now? */
static void assert_none_went_back(const struct parsed_metrics *was, const struct parsed_metrics *is)
{
	for (size_t i = 0; i < is->n; i++) {
		const struct parsed_series *old;

		if (!is->all[i].counter)
			continue;
		old = metrics_find(was, is->all[i].name);
		if (old && old->value > is->all[i].value)
			fail_msg("%s went from %g to %g", old->name, old->value, is->all[i].value);
	}
}

static double looks_of_all(const struct parsed_metrics *p)
{
	double n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (strncmp(p->all[i].name, "loiter_looks_total{", 19) == 0)
			n += p->all[i].value;
	return n;
}

/* 2,000 processes, of which most are others at each look, with names that come and go. */
static void churn_keeps_counters_and_the_cap(void **state)
{
	enum { ALL = 2000, LOOKS = 40 };
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct parsed_metrics was = { 0 }, is;
	struct node_process *all = calloc(ALL, sizeof(*all)), *gone = calloc(ALL, sizeof(*gone));
	char (*names)[20] = calloc(2 * ALL, sizeof(*names));

	(void)state;
	for (int look = 0; look < LOOKS; look++) {
		uint32_t n_gone = 0;

		for (int i = 0; i < ALL; i++) {
			bool stays = look && i % 10 == 0;

			if (look && !stays) {
				gone[n_gone] = all[i];
				strcpy(names[ALL + n_gone], all[i].name);
				gone[n_gone].name = names[ALL + n_gone];
				gone[n_gone++].state = WATCH_EXITED;
			}
			if (!stays)
				all[i] = named(names[i], look * ALL + i);
			all[i].info = NULL;
			all[i].uptime_s = stays ? 60 : 1;
		}
		look_again(b, all, ALL, gone, n_gone, 60 * look);
		is = read_back(b, false, 0);
		assert_true(is.n <= LIMIT_METRIC_SERIES);
		assert_none_went_back(&was, &is);
		assert_true(looks_of_all(&is) >= looks_of_all(&was));
		metrics_done(&was);
		was = is;
	}
	assert_int_equal(looks_of_all(&was), ALL + (LOOKS - 1) * (ALL - ALL / 10));
	metrics_done(&was);
	openmetrics_book_free(b);
	free(names);
	free(gone);
	free(all);
}

enum { BIG_PROCESSES = 2000, BIG_SITES = 1000 };

struct big {
	struct node_process processes[BIG_PROCESSES];
	char names[BIG_PROCESSES][20];
	struct group groups[BIG_SITES];
	struct site sites[BIG_SITES];
	struct frame frames[BIG_SITES];
	struct snapshot snapshot;
	struct interval interval;
};

static struct big *make_big(bool one_name)
{
	struct big *big = calloc(1, sizeof(*big));

	assert_non_null(big);
	for (uint32_t i = 0; i < BIG_SITES; i++) {
		big->frames[i] = (struct frame){ .function = "main.f", .file = "f.go",
						 .line = i + 1 };
		big->groups[i] = (struct group){ .id = i, .count = 10, .wait_reason = "select",
						 .stack = { &big->frames[i], 1 },
						 .oldest_wait_ns = 5 };
		big->sites[i] = (struct site){ .id = i, .group = i, .count = 10, .window_s = 60 };
	}
	big->snapshot = (struct snapshot){ .total = 10 * BIG_SITES, .groups = big->groups,
					   .n_groups = BIG_SITES };
	big->interval = (struct interval){ .snapshot = &big->snapshot, .sites = big->sites,
					   .n_sites = BIG_SITES };
	for (int i = 0; i < BIG_PROCESSES; i++) {
		big->processes[i] = named(big->names[i], one_name ? 0 : i);
		big->processes[i].pid = i;
		big->processes[i].info = &shop_info;
		big->processes[i].interval = &big->interval;
	}
	return big;
}

static void two_thousand_processes_with_a_thousand_sites_stay_below_the_cap(void **state)
{
	(void)state;
	for (int one_name = 0; one_name < 2; one_name++) {
		struct big *big = make_big(one_name);
		struct process_info *infos = calloc(BIG_PROCESSES, sizeof(*infos));
		const struct node_look look = { .all = big->processes, .n = BIG_PROCESSES };
		struct openmetrics_book *b;
		struct parsed_metrics p;
		double sum = 0;

		for (int i = 0; i < BIG_PROCESSES; i++) {
			infos[i] = shop_info;
			infos[i].exe = big->names[one_name ? 0 : i];
			big->processes[i].info = &infos[i];
		}
		b = book_of(&look, 0);
		p = read_back(b, false, 0);
		assert_true(p.n <= LIMIT_METRIC_SERIES);
		/* Nobody is lost: what is not told apart is in a sum. */
		for (size_t i = 0; i < p.n; i++)
			if (strncmp(p.all[i].name, "loiter_processes{", 17) == 0)
				sum += p.all[i].value;
		assert_int_equal(sum, BIG_PROCESSES);
		if (one_name) {
			assert_value(&p, "loiter_site_goroutines{exe=\"p0\",site=\"other\"}",
				     10.0 * (BIG_SITES - LIMIT_METRIC_SITES) * BIG_PROCESSES);
			assert_value(&p, "loiter_dropped_series", 0);
		} else {
			assert_value(&p, "loiter_folded_processes",
				     BIG_PROCESSES - LIMIT_METRIC_TARGETS);
			/* The worst ones have all their series. */
			assert_non_null(metrics_find(&p, "loiter_site_goroutines{exe=\"p0\","
							 "site=\"main.f f.go:1\","
							 "wait_reason=\"select\"}"));
		}
		metrics_done(&p);
		openmetrics_book_free(b);
		free(infos);
		free(big);
	}
}

static void any_cap_is_kept_and_said(void **state)
{
	struct openmetrics_book *b = book_of(metrics_sample(), 0);
	struct parsed_metrics whole = read_back(b, false, 0);

	(void)state;
	for (uint32_t max = 1; max <= whole.n + 1; max++) {
		struct parsed_metrics p = read_back(b, false, max);

		assert_true(p.n <= max);
		if (max >= whole.n)
			assert_value(&p, "loiter_dropped_series", 0);
		else if (metrics_find(&p, "loiter_dropped_series"))
			assert_true(metrics_find(&p, "loiter_dropped_series")->value > 0);
		metrics_done(&p);
	}
	metrics_done(&whole);
	openmetrics_book_free(b);
}

/* --- The reader is strict, or it proves nothing --- */

static void the_reader_refuses_what_is_wrong(void **state)
{
	static const char *const bad[] = {
		"", "# EOF", "x 1\n# EOF\n", "# HELP x h\n# TYPE x gauge\nx 1\n",
		"# HELP x h\n# TYPE x gauge\nx 1\nx 2\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\nx{a=\"\"} 1\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\nx{a=\"\\t\"} 1\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\nx{a=\"b\x1b\"} 1\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\nx{a=\"b\xff\"} 1\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\nx{a=\"b\",a=\"c\"} 1\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\nx{a=\"b\"}1\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\nx nan\n# EOF\n",
		"# HELP x h\n# TYPE x counter\nx 1\n# EOF\n",
		"# HELP x h\n# TYPE x counter\nx_total -1\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\n# UNIT x bytes\nx 1\n# EOF\n",
		"# HELP x h\n# TYPE x gauge\nx 1\n# EOF\n\n",
		"# HELP x h\n# TYPE x gauge\nx 1\n\n# EOF\n",
	};
	struct parsed_metrics p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (metrics_parse(bad[i], strlen(bad[i]), false, &p))
			fail_msg("it takes %s", bad[i]);
		metrics_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_family_has_a_series_in_both_formats),
		cmocka_unit_test(a_go_process_is_told_with_all_that_is_known),
		cmocka_unit_test(the_node_and_loiter_are_told),
		cmocka_unit_test(what_was_not_read_has_no_series),
		cmocka_unit_test(without_a_search_no_leak_is_no_fact),
		cmocka_unit_test(hostile_names_leave_the_text_whole),
		cmocka_unit_test(a_name_is_cut_at_a_character_and_stays_as_it_is),
		cmocka_unit_test(a_scope_and_a_container_of_a_pod_are_not_in_the_name),
		cmocka_unit_test(processes_of_one_name_are_summed),
		cmocka_unit_test(counters_go_on_when_a_process_ends),
		cmocka_unit_test(sites_of_one_process_that_read_the_same_are_one),
		cmocka_unit_test(a_site_that_is_shown_stays_unless_another_is_much_larger),
		cmocka_unit_test(how_old_a_look_is_goes_by_the_node_s_clock),
		cmocka_unit_test(an_exec_ends_one_program_and_begins_another),
		cmocka_unit_test(a_start_counts_once_it_is_known_what_began),
		cmocka_unit_test(what_ends_before_it_is_looked_at_has_begun_all_the_same),
		cmocka_unit_test(a_target_is_forgotten_long_after_its_last_process),
		cmocka_unit_test(who_has_findings_takes_the_place_of_who_has_none),
		cmocka_unit_test(churn_keeps_counters_and_the_cap),
		cmocka_unit_test(two_thousand_processes_with_a_thousand_sites_stay_below_the_cap),
		cmocka_unit_test(any_cap_is_kept_and_said),
		cmocka_unit_test(the_reader_refuses_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
