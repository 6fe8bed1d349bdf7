// SPDX-License-Identifier: Apache-2.0
#include "daemon/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../unit.h"

static struct route parse_ok(const char *target)
{
	struct diag d = DIAG_INIT;
	struct route r;

	if (route_parse(target, strlen(target), &r, &d) < 0)
		fail_msg("%s: %s", target, d.why);
	return r;
}

static void assert_refused(const char *target, int err, const char *why)
{
	struct diag d = DIAG_INIT;
	struct route r;
	int got = route_parse(target, strlen(target), &r, &d);

	if (got != err || !strstr(d.why, why))
		fail_msg("%s: %d, \"%s\"", target, got, d.why);
}

static void assert_ask(const char *target, enum ask_what what, unsigned int debug)
{
	struct route r = parse_ok(target);

	assert_int_equal(r.what, ROUTE_ASK);
	assert_int_equal(r.ask.what, what);
	assert_int_equal(r.ask.pid, 42);
	assert_true(r.ask.start_time == 777);
	assert_int_equal(r.ask.debug, debug);
}

static void fixed_pages_take_any_query(void **state)
{
	(void)state;
	assert_int_equal(parse_ok("/").what, ROUTE_NODE_PAGE);
	assert_int_equal(parse_ok("/metrics").what, ROUTE_METRICS);
	assert_int_equal(parse_ok("/metrics?proc=%zz&x").what, ROUTE_METRICS);
	assert_int_equal(parse_ok("/targets").what, ROUTE_TARGETS);
	assert_int_equal(parse_ok("/api/v1/processes").what, ROUTE_PROCESSES);
	assert_int_equal(parse_ok("/healthz").what, ROUTE_HEALTHZ);
	assert_int_equal(parse_ok("/readyz").what, ROUTE_READYZ);
}

static void a_process_is_named_in_the_query_or_in_the_path(void **state)
{
	(void)state;
	assert_ask("/api/v1/snapshot?proc=42-777", ASK_SNAPSHOT, 0);
	assert_ask("/proc/42-777/api/v1/snapshot", ASK_SNAPSHOT, 0);
	assert_ask("/debug/pprof/heap?proc=42-777", ASK_HEAP, 0);
	assert_ask("/proc/42-777/debug/pprof/heap", ASK_HEAP, 0);
	assert_ask("/proc/42-777/debug/pprof/heap?proc=42-777", ASK_HEAP, 0);
	assert_ask("/proc/42-777/", ASK_PAGE, 0);
	assert_ask("/proc/42-777/flamegraph.svg", ASK_FLAMEGRAPH, 0);
	assert_ask("/debug/pprof/goroutineleak?x=1&proc=42%2D777&y", ASK_GOROUTINELEAK, 0);
	assert_refused("/proc/42-777/debug/pprof/heap?proc=42-778", -EINVAL, "different");
	assert_refused("/api/v1/snapshot", -EINVAL, "proc=PID-STARTTIME");
	assert_refused("/api/v1/snapshot?proc=42-777&proc=42-777", -EINVAL, "twice");
}

static void a_process_has_one_spelling(void **state)
{
	static const char *const wrong[] = { "", "42", "-777", "42-", "042-777", "42-0777", "0-777",
		"+42-777", "42-777-", "2147483648-1", "1-18446744073709551616", "42-77x",
		"42--777", " 42-777", "%00", "%4", "%zz",
		"42-77777777777777777777777777777777777777" };
	char target[128];
	struct route r;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(target, sizeof(target), "/api/v1/snapshot?proc=%s", wrong[i]);
		assert_refused(target, -EINVAL, "");
	}
	r = parse_ok("/api/v1/snapshot?proc=2147483647-18446744073709551615");
	assert_true(r.ask.start_time == UINT64_MAX);
	assert_refused("/proc/42/", -EINVAL, "PID-STARTTIME");
	assert_refused("/proc//", -EINVAL, "PID-STARTTIME");
}

static void debug_is_as_in_net_http_pprof(void **state)
{
	(void)state;
	assert_ask("/debug/pprof/goroutine?proc=42-777&debug=0", ASK_GOROUTINE, 0);
	assert_ask("/debug/pprof/goroutine?proc=42-777&debug=", ASK_GOROUTINE, 0);
	assert_ask("/debug/pprof/goroutine?proc=42-777&debug=1", ASK_GOROUTINE, 1);
	assert_ask("/debug/pprof/goroutine?debug=2&proc=42-777", ASK_GOROUTINE, 2);
	assert_ask("/debug/pprof/goroutine?debug=7&proc=42-777", ASK_GOROUTINE, 2);
	assert_ask("/debug/pprof/heap?debug=2&proc=42-777", ASK_HEAP, 1);
	assert_ask("/debug/pprof/threadcreate?debug=1&proc=42-777", ASK_THREADCREATE, 1);
	assert_refused("/debug/pprof/heap?debug=x&proc=42-777", -EINVAL, "debug");
}

static void what_is_not_done_is_refused(void **state)
{
	(void)state;
	assert_refused("/debug/pprof/goroutine?proc=42-777&seconds=5", -EINVAL, "-diff_base");
	assert_refused("/debug/pprof/heap?proc=42-777&gc=1", -EINVAL, "collect");
	assert_ask("/debug/pprof/heap?proc=42-777&gc=0", ASK_HEAP, 0);
	assert_refused("/debug/pprof/profile?proc=42-777", -ENOENT, "no profile profile");
	assert_refused("/debug/pprof/nosuch?proc=42-777", -ENOENT, "Unknown profile");
	assert_refused("/debug/pprof/heap/?proc=42-777", -ENOENT, "Unknown profile");
	assert_refused("/nosuch", -ENOENT, "no such page");
	assert_refused("//metrics", -ENOENT, "no such page");
	assert_refused("/metrics/", -ENOENT, "no such page");
	assert_refused("/proc/42-777/nosuch", -ENOENT, "no such page");
	assert_refused("/%6detrics", -ENOENT, "no such page");
	assert_refused("http://elsewhere/metrics", -EINVAL, "slash");
	assert_refused("*", -EINVAL, "slash");
	assert_refused("", -EINVAL, "slash");
}

static void a_stop_is_asked_for_in_milliseconds(void **state)
{
	(void)state;
	assert_int_equal(parse_ok("/api/v1/snapshot?proc=42-777").ask.prove_max_ms, 0);
	assert_int_equal(parse_ok("/api/v1/snapshot?proc=42-777&prove").ask.prove_max_ms, 200);
	assert_int_equal(parse_ok("/api/v1/snapshot?proc=42-777&prove=50").ask.prove_max_ms, 50);
	assert_int_equal(parse_ok("/api/v1/snapshot?proc=42-777&prove=50ms").ask.prove_max_ms, 50);
	assert_refused("/api/v1/snapshot?proc=42-777&prove=0", -EINVAL, "prove");
	assert_refused("/api/v1/snapshot?proc=42-777&prove=60001", -EINVAL, "prove");
	assert_refused("/api/v1/snapshot?proc=42-777&prove=1s", -EINVAL, "prove");
	assert_int_equal(parse_ok("/debug/pprof/heap?proc=42-777&prove=9").ask.prove_max_ms, 0);
}

static void a_slash_that_is_missing_is_shown(void **state)
{
	(void)state;
	assert_int_equal(parse_ok("/debug/pprof?proc=1-2").what, ROUTE_MOVED);
	assert_string_equal(parse_ok("/debug/pprof?proc=1-2").to, "pprof/?proc=1-2");
	assert_string_equal(parse_ok("/debug/pprof").to, "pprof/");
	assert_string_equal(parse_ok("/proc/42-777").to, "42-777/");
	assert_string_equal(parse_ok("/proc/42-777/debug/pprof").to, "pprof/");
	assert_refused("/debug/pprof?\r\nSet-Cookie: x", -EINVAL, "query");
	assert_refused("/proc/x", -EINVAL, "PID-STARTTIME");
}

static void the_index_is_of_one_process(void **state)
{
	struct route r = parse_ok("/debug/pprof/?proc=42-777");

	(void)state;
	assert_int_equal(r.what, ROUTE_PPROF_INDEX);
	assert_int_equal(r.ask.pid, 42);
	assert_true(r.pprof);
	assert_int_equal(parse_ok("/proc/42-777/debug/pprof/").what, ROUTE_PPROF_INDEX);
	assert_refused("/debug/pprof/", -EINVAL, "proc=PID-STARTTIME");
}

static void a_long_target_is_not_looked_at(void **state)
{
	char target[ROUTE_MAX + 2];
	struct diag d = DIAG_INIT;
	struct route r;

	(void)state;
	memset(target, 'a', sizeof(target));
	memcpy(target, "/metrics?", 9);
	assert_int_equal(route_parse(target, ROUTE_MAX, &r, &d), 0);
	assert_int_equal(route_parse(target, ROUTE_MAX + 1, &r, &d), -EINVAL);
	memcpy(target, "/debug/pprof?", 13);
	assert_int_equal(route_parse(target, ROUTE_MAX, &r, &d), 0);
	assert_int_equal(strlen(r.to), ROUTE_MAX + 1 - strlen("/debug/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_pages_take_any_query),
		cmocka_unit_test(a_process_is_named_in_the_query_or_in_the_path),
		cmocka_unit_test(a_process_has_one_spelling),
		cmocka_unit_test(debug_is_as_in_net_http_pprof),
		cmocka_unit_test(what_is_not_done_is_refused),
		cmocka_unit_test(a_stop_is_asked_for_in_milliseconds),
		cmocka_unit_test(a_slash_that_is_missing_is_shown),
		cmocka_unit_test(the_index_is_of_one_process),
		cmocka_unit_test(a_long_target_is_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
