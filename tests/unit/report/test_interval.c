// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "../unit.h"

#include "report/interval.h"
#include "report/line.h"
#include "interval_samples.h"
#include "samples.h"

typedef int writer(const struct process_info *p, const struct interval *i, FILE *out,
		   const struct interval_form *form);

static char *written(writer *write, const struct snapshot *s, const struct interval *i,
		     unsigned int width)
{
	const struct interval_form form = { .report = { .width = width, .version = "9" },
					    .many = true };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(write(&s->process, i, out, &form), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static int head(const struct process_info *p, const struct interval *i, FILE *out,
		const struct interval_form *form)
{
	(void)i;
	return interval_head(p, 5, out, form);
}

static int lines(const struct process_info *p, const struct interval *i, FILE *out,
		 const struct interval_form *form)
{
	struct interval_told told = { 0 };

	return interval_lines(p, i, out, form, &told);
}

static void no_line_is_wider_than_told_and_none_steers_a_terminal(void **state)
{
	static writer *const writers[] = { head, lines, interval_cost };

	(void)state;
	for (size_t n = 0; sample_names[n]; n++) {
		struct snapshot *s = sample_named(sample_names[n]);
		struct interval i = interval_sample(s);

		for (size_t w = 0; w < ARRAY_SIZE(writers); w++) {
			for (unsigned int width = 40; width <= 120; width += 40) {
				char *text = written(writers[w], s, &i, width), *rest = text;

				for (char *line; (line = strsep(&rest, "\n")) && rest;) {
					assert_true(text_columns(line) <= width);
					for (const char *c = line; *c; c++)
						assert_true((uint8_t)*c >= 0x20 && *c != 0x7f);
				}
				free(text);
			}
		}
		snapshot_free(s);
	}
}

static void json_is_one_line_that_parses(void **state)
{
	(void)state;
	for (size_t n = 0; sample_names[n]; n++) {
		struct snapshot *s = sample_named(sample_names[n]);
		struct interval i = interval_sample(s);
		char *text = written(interval_json, s, &i, 80);
		struct json_object *o = json_tokener_parse(text), *schema;

		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
		assert_non_null(o);
		assert_true(json_object_object_get_ex(o, "schema", &schema));
		assert_string_equal(json_object_get_string(schema), "loiter.interval/1");
		json_object_put(o);
		free(text);
		snapshot_free(s);
	}
}

static void a_look_that_was_not_had_says_why_and_nothing_else(void **state)
{
	struct snapshot *s = sample_one_group();
	const struct interval i = { .number = 3, .state = WATCH_FAILED, .reason = "torn to bits",
				    .overhead.target_percent = -1 };
	struct json_object *o, *value;
	char *text;

	(void)state;
	text = written(lines, s, &i, 80);
	assert_non_null(strstr(text, "failed: torn to bits"));
	free(text);
	text = written(interval_json, s, &i, 80);
	o = json_tokener_parse(text);
	assert_true(json_object_object_get_ex(o, "state", &value));
	assert_string_equal(json_object_get_string(value), "failed");
	assert_true(json_object_object_get_ex(o, "reason", &value));
	assert_false(json_object_object_get_ex(o, "goroutines", &value));
	assert_false(json_object_object_get_ex(o, "memory", &value));
	assert_false(json_object_object_get_ex(o, "threads", &value));
	json_object_put(o);
	free(text);
	snapshot_free(s);
}

static void plain_lines_explain_a_site_once(void **state)
{
	struct snapshot *s = sample_one_group();
	struct interval i = interval_sample(s);
	struct site *site = (struct site *)i.sites;
	char *text;

	(void)state;
	site->grew = false;
	text = written(lines, s, &i, 80);
	assert_non_null(strstr(text, "GROWS"));
	assert_non_null(strstr(text, "+300 a minute, 0 of 315 left in 20 s; 844 MiB in a day"));
	assert_non_null(strstr(text, "RSS climbs while the goroutines stand still"));
	free(text);
	site->grew = true;
	text = written(lines, s, &i, 80);
	assert_non_null(strstr(text, "GROWS"));
	assert_null(strstr(text, "a minute, 0 of"));
	free(text);
	site->grows = false;
	site->delta = 0;
	text = written(lines, s, &i, 80);
	assert_non_null(strstr(text, "CALM"));
	free(text);
	snapshot_free(s);
}

/* --- What the collectors saw --- */

/* The JSON of an interval with this activity. The caller puts it. */
static struct json_object *json_of(struct snapshot *s, const struct interval *i)
{
	char *text = written(interval_json, s, i, 80);
	struct json_object *o = json_tokener_parse(text);

	assert_non_null(o);
	free(text);
	return o;
}

/* By a path of keys; a number is a place in an array. It has to be there, but may be null. */
static struct json_object *at(struct json_object *o, const char *path)
{
	char copy[128], *rest = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *key; (key = strsep(&rest, "."));) {
		if (json_object_is_type(o, json_type_array))
			o = json_object_array_get_idx(o, (size_t)atoi(key));
		else if (!json_object_object_get_ex(o, key, &o))
			fail_msg("%s: there is no %s", path, key);
	}
	return o;
}

static bool has(struct json_object *o, const char *path, const char *key)
{
	return json_object_object_get_ex(at(o, path), key, NULL);
}

static void what_nobody_saw_is_null_and_never_a_zero(void **state)
{
	static const char *const nulls[] = {
		"events.goroutines.births", "events.goroutines.deaths", "events.goroutines.sites.0.waker",
		"events.goroutines.sites.0.blocked_on", "events.goroutines.go_statements.0.deaths",
		"events.goroutines.go_statements.0.at", "events.locks.hits", "events.locks.contended.0.waker",
		"events.memory.peak_rss_bytes", "events.c_heap.hits", "events.c_heap.allocs",
		"events.c_heap.bytes", "events.c_heap.sites.0.share", "events.oncpu.hz",
		"collectors.futex.hits", "collectors.futex.cores", "collectors.futex.refused",
		"collectors.threads.seen", "collectors.threads.hits", "overhead.target_cpu",
		"overhead.budget_percent",
	};
	struct snapshot *s = sample_one_group();
	struct interval i = interval_sample(s);
	struct activity *a = interval_activity(s);
	const struct frame frame = { .function = "f" };
	const struct park_site park = { .stack = { &frame, 1, false } };
	const struct go_site go = { .births = { .per_s = 0, .high = 3, .seen = 0.01 } };
	const struct goroutine_activity g = { .sites = &park, .n_sites = 1, .gos = &go, .n_gos = 1 };
	const struct lock_contention lock = { .waits = 1 };
	const struct lock_activity locks = { .contended = &lock, .n_contended = 1 };
	const struct memory_activity memory = { .seen = 0 };
	struct c_heap_site c_site = { .survivors = 1 };
	const struct c_heap c_heap = { .sites = &c_site, .n_sites = 1 };
	const struct thread_activity threads = { .median_life_s = -1 };
	const struct oncpu_look oncpu = { 0 };
	struct json_object *o;

	(void)state;
	i.activity = a;
	i.overhead.target_cpu = -1;
	i.overhead.budget_percent = 0;
	*a = (struct activity){ .goroutines = &g, .locks = &locks, .memory = &memory,
				.c_heap = &c_heap, .threads = &threads, .oncpu = &oncpu };
	a->collectors[COLLECTOR_FUTEX] = (struct collector_report){ .asked = true, .on = true,
								    .seen = 1 };
	a->collectors[COLLECTOR_THREADS].asked = true;
	o = json_of(s, &i);
	for (size_t k = 0; k < ARRAY_SIZE(nulls); k++)
		if (at(o, nulls[k]))
			fail_msg("%s is %s", nulls[k], json_object_to_json_string(at(o, nulls[k])));
	/* Nothing seen in a hundredth of the time is a fact, with its bound. */
	assert_float_equal(json_object_get_double(at(o, "events.goroutines.go_statements.0.births.high")),
			   3, 1e-9);
	assert_false(has(o, "events.goroutines.sites.0", "mean_wait_s"));
	assert_false(has(o, "events.goroutines.sites.0", "p99_wait_s"));
	assert_false(has(o, "events.goroutines.go_statements.0", "parent"));
	assert_false(has(o, "events.memory", "totals"));
	assert_false(has(o, "events.c_heap.sites.0", "oldest_s"));
	assert_false(has(o, "events.threads", "median_life_s"));
	assert_false(has(o, "collectors", "memory"));
	json_object_put(o);
	snapshot_free(s);
}

static void what_is_not_on_has_no_member(void **state)
{
	struct snapshot *s = sample_one_group();
	struct interval i = interval_sample(s);
	struct json_object *o;

	(void)state;
	i.activity = NULL;
	o = json_of(s, &i);
	assert_int_equal(json_object_object_length(at(o, "events")), 0);
	assert_false(json_object_object_get_ex(o, "collectors", NULL));
	assert_false(json_object_object_get_ex(o, "findings", NULL));
	json_object_put(o);
	snapshot_free(s);
}

static void small_numbers_keep_their_digits(void **state)
{
	struct snapshot *s = sample_typical();
	struct interval i = interval_sample(s);
	char *text = written(interval_json, s, &i, 80);

	(void)state;
	assert_non_null(strstr(text, "\"mean_wait_s\": 0.000012500"));
	assert_non_null(strstr(text, "\"seen\": 0.008000"));
	assert_non_null(strstr(text, "\"cores\": 0.004100"));
	assert_non_null(strstr(text, "\"target_cpu\": 0.004200"));
	free(text);
	snapshot_free(s);
}

static void a_long_list_says_how_many_are_left_out(void **state)
{
	struct snapshot *s = sample_huge();
	struct interval i = interval_sample(s);
	struct json_object *o = json_of(s, &i);

	(void)state;
	assert_int_equal(json_object_array_length(at(o, "events.goroutines.sites")), 30);
	assert_int_equal(json_object_get_int(at(o, "events.goroutines.sites_left_out")), 170);
	assert_int_equal(json_object_get_int(at(o, "events.locks.contended_left_out")), 170);
	json_object_put(o);
	snapshot_free(s);
}

static char *lines_again(struct snapshot *s, const struct interval *i, struct interval_told *told)
{
	const struct interval_form form = { .report = { .width = 80, .version = "9" } };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(interval_lines(&s->process, i, out, &form, told), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void refusals_and_findings_are_said_once(void **state)
{
	struct snapshot *s = sample_one_group();
	struct interval i = interval_sample(s);
	struct interval_told told = { 0 };
	struct activity *a;
	struct finding *f;
	char *text;

	(void)state;
	s->n_findings = 0;
	a = interval_activity(s);
	a->collectors[COLLECTOR_THREADS].on = false;
	a->collectors[COLLECTOR_THREADS].refused = "threads: no BTF";
	a->collectors[COLLECTOR_ONCPU] = a->collectors[COLLECTOR_THREADS];
	a->collectors[COLLECTOR_ONCPU].refused = "no BTF";
	a->collectors[COLLECTOR_FUTEX].refused = "no BTF";
	i.activity = a;
	text = lines_again(s, &i, &told);
	assert_non_null(strstr(text, "\n  futex refused in part: no BTF (`loiter doctor` says"));
	assert_non_null(strstr(text, "\n  threads, oncpu refused: no BTF (`loiter doctor` says"));
	assert_non_null(strstr(text, "PROVEN  2 threads wait for each other"));
	free(text);
	text = lines_again(s, &i, &told);
	assert_null(strstr(text, "refused"));
	assert_null(strstr(text, "PROVEN"));
	free(text);
	/* Another proof at the same site is news. */
	f = arena_alloc(s->arena, 1, sizeof(*f));
	assert_non_null(f);
	*f = a->findings[0];
	f->evidence = (const char *const[]){ "4245 holds 0x3000 and waits for 0x4000" };
	f->n_evidence = 1;
	a->findings = f;
	text = lines_again(s, &i, &told);
	assert_non_null(strstr(text, "PROVEN"));
	free(text);
	snapshot_free(s);
}

static void a_process_that_is_not_go_is_not_refused_its_goroutines(void **state)
{
	struct snapshot *s = sample_one_group();
	struct interval i = interval_sample(s);
	struct activity *a = interval_activity(s);
	struct interval_told told = { 0 };
	char *text;

	(void)state;
	s->process.go_version = NULL;
	*a = (struct activity){ 0 };
	a->collectors[COLLECTOR_GOROUTINES].asked = true;
	a->collectors[COLLECTOR_GOROUTINES].refused = "it is not a Go program";
	i.activity = a;
	text = lines_again(s, &i, &told);
	assert_null(strstr(text, "refused"));
	free(text);
	snapshot_free(s);
}

/* The lines of an interval whose parks have these bounds. */
static char *park_lines(struct snapshot *s, struct rate all)
{
	struct interval i = interval_sample(s);
	struct activity *a = interval_activity(s);
	const struct frame frame = { .function = "main.take", .file = "/x/take.go", .line = 7 };
	struct park_site site = { .stack = { &frame, 1, false }, .wait_reason = "select",
				  .parks = all };
	struct goroutine_activity g = { .parks = all, .sites = &site, .n_sites = 1 };
	struct interval_told told = { 0 };

	*a = (struct activity){ .goroutines = &g };
	i.activity = a;
	return lines_again(s, &i, &told);
}

static void a_rate_has_its_error_and_is_not_said_within_it(void **state)
{
	struct snapshot *s = sample_one_group();
	char *text;

	(void)state;
	text = park_lines(s, (struct rate){ 1200, 1120, 1280, 0.008 });
	assert_non_null(strstr(text, "PARKS     1,200/s \xc2\xb1" "80"));
	assert_non_null(strstr(text, "seen 0.8 % of the time"));
	assert_non_null(strstr(text, "select  main.take take.go:7"));
	free(text);
	/* Too few to say anything. */
	text = park_lines(s, (struct rate){ 1200, 0, 24000, 0.001 });
	assert_null(strstr(text, "PARKS"));
	free(text);
	/* Counted all the time. */
	text = park_lines(s, (struct rate){ 3.5, 3.5, 3.5, 1 });
	assert_non_null(strstr(text, "3.5/s\n"));
	assert_null(strstr(text, "of the time"));
	free(text);
	text = park_lines(s, (struct rate){ 0 });
	assert_null(strstr(text, "PARKS"));
	free(text);
	snapshot_free(s);
}

static void ends_that_are_few_have_only_their_bound(void **state)
{
	struct snapshot *s = sample_one_group();
	struct interval i = interval_sample(s);
	struct activity *a = interval_activity(s);
	const struct rate births = { 20, 18, 22, 0.5 };
	const struct go_site go = { .at = { .function = "main.run", .file = "run.go", .line = 3 },
				    .births = births, .deaths = { 0, 0, 1.5, 0.5 } };
	const struct goroutine_activity g = { .births = births, .deaths = { 0, 0, 1.5, 0.5 },
					      .gos = &go, .n_gos = 1 };
	struct interval_told told = { 0 };
	char *text;

	(void)state;
	*a = (struct activity){ .goroutines = &g };
	i.activity = a;
	text = lines_again(s, &i, &told);
	assert_non_null(strstr(text, "20/s \xc2\xb1" "2.0    start \xc2\xb7 \xe2\x89\xa4" "1.5/s end\n"));
	assert_non_null(strstr(text, "\xe2\x89\xa4" "1.5/s end  main.run run.go:3\n"));
	free(text);
	snapshot_free(s);
}

static void memory_is_summed_by_the_line_that_asks_for_it(void **state)
{
	const struct frame fault = { .function = "__memset_avx2" };
	const struct frame leak = { .function = "leak", .file = "x.c", .line = 3 };
	const struct frame small = { .function = "small", .file = "x.c", .line = 9 };
	const struct frame callers[] = { { .function = "a" }, { .function = "b" } };
	const struct frame one[] = { fault, leak, callers[0] }, two[] = { fault, leak, callers[1] };
	const struct frame three[] = { fault, small };
	const struct memory_site sites[] = {
		{ TRACED_FAULT, { 200, 800 << 10 }, { one, 3, false } },
		{ TRACED_MUNMAP, { 1, 700 << 10 }, { one, 3, false } },
		{ TRACED_MMAP_ANON, { 1, 600 << 10 }, { three, 2, false } },
		{ TRACED_FAULT, { 120, 480 << 10 }, { two, 3, false } },
		{ TRACED_FAULT, { 20, 80 << 10 }, { three, 2, false } },
	};
	struct memory_activity m = { .seen = 0.5, .sites = sites, .n_sites = ARRAY_SIZE(sites) };
	struct snapshot *s = sample_one_group();
	struct interval i = interval_sample(s);
	struct activity *a = interval_activity(s);
	struct interval_told told = { 0 };
	const char *first, *second;
	char *text;

	(void)state;
	m.totals[TRACED_FAULT].bytes = 1360 << 10;
	m.totals[TRACED_MMAP_ANON].bytes = 600 << 10;
	*a = (struct activity){ .memory = &m };
	i.activity = a;
	text = lines_again(s, &i, &told);
	assert_non_null(strstr(text, "600 KiB mapped \xc2\xb7 1.3 MiB first used \xc2\xb7 seen 50 %"));
	first = strstr(text, "+1.2 MiB  first used  leak x.c:3\n");
	second = strstr(text, "+600 KiB  mmap  small x.c:9\n");
	assert_non_null(first);
	assert_non_null(second);
	assert_true(first < second);
	assert_null(strstr(text, "+80"));
	free(text);
	snapshot_free(s);
}

static void threads_that_wait_for_work_wait_for_no_lock(void **state)
{
	struct frame idle[] = { { .function = "runtime.futex" }, { .function = "runtime.stopm" },
				{ .function = "runtime.mcall" } };
	const struct lock_contention lock = { .futex = 0x1000, .waits = 9, .longest_ns = 900000000,
					      .waiter = { 7, { idle, 3, false } } };
	const struct lock_activity locks = { .contended = &lock, .n_contended = 1 };
	struct snapshot *s = sample_one_group();
	struct interval i = interval_sample(s);
	struct activity *a = interval_activity(s);
	struct interval_told told = { 0 };
	char *text;

	(void)state;
	*a = (struct activity){ .locks = &locks };
	i.activity = a;
	text = lines_again(s, &i, &told);
	assert_null(strstr(text, "LOCK"));
	free(text);
	/* Stripped: nothing is known of it, and in a Go program that is the scheduler. */
	idle[0].function = idle[1].function = idle[2].function = "shop+0x48c723";
	text = lines_again(s, &i, &told);
	assert_null(strstr(text, "LOCK"));
	free(text);
	s->process.go_version = NULL;
	text = lines_again(s, &i, &told);
	assert_non_null(strstr(text, "LOCK"));
	free(text);
	snapshot_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_line_is_wider_than_told_and_none_steers_a_terminal),
		cmocka_unit_test(json_is_one_line_that_parses),
		cmocka_unit_test(a_look_that_was_not_had_says_why_and_nothing_else),
		cmocka_unit_test(plain_lines_explain_a_site_once),
		cmocka_unit_test(what_nobody_saw_is_null_and_never_a_zero),
		cmocka_unit_test(what_is_not_on_has_no_member),
		cmocka_unit_test(small_numbers_keep_their_digits),
		cmocka_unit_test(a_long_list_says_how_many_are_left_out),
		cmocka_unit_test(refusals_and_findings_are_said_once),
		cmocka_unit_test(a_process_that_is_not_go_is_not_refused_its_goroutines),
		cmocka_unit_test(a_rate_has_its_error_and_is_not_said_within_it),
		cmocka_unit_test(ends_that_are_few_have_only_their_bound),
		cmocka_unit_test(memory_is_summed_by_the_line_that_asks_for_it),
		cmocka_unit_test(threads_that_wait_for_work_wait_for_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
