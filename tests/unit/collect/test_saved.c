// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit.h"

#include "base/cleanup.h"
#include "collect/saved.h"
#include "collect/saved_parts.h"

#define HEAD "{\"schema\": \"loiter.snapshot/1\""

static int read_bytes(const char *text, size_t n, struct saved **ret, struct diag *d)
{
	int fd = memfd_create("saved", MFD_CLOEXEC), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	*d = (struct diag)DIAG_INIT;
	r = saved_read_fd(fd, "a.json", ret, d);
	close(fd);
	return r;
}

static int read_text(const char *text, struct saved **ret, struct diag *d)
{
	return read_bytes(text, strlen(text), ret, d);
}

static void refuse(const char *text, const char *why)
{
	struct saved *s = NULL;
	struct diag d;

	assert_int_equal(read_text(text, &s, &d), -EBADMSG);
	assert_null(s);
	assert_string_equal(d.what, "a.json");
	if (!strstr(d.why, why))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, d.why, why);
}

static struct saved *accept(const char *text)
{
	struct saved *s = NULL;
	struct diag d;

	if (read_text(text, &s, &d) < 0)
		fail_msg("%s: %s", text, d.why);
	return s;
}

#define ACCEPT(text) CLEANUP(saved_free_p) struct saved *s = accept(text)

static void what_is_told_is_read(void **state)
{
	ACCEPT(HEAD ", \"time\": \"2026-11-21T20:00:00.123Z\", \"new_field\": [[{}], \"]\\\"\"],"
	       "\"process\": {\"pid\": 42, \"start_time\": 7, \"name\": \"shop\", \"uptime_s\": 3.5},"
	       "\"goroutines\": {\"total\": 12, \"system\": 3},"
	       "\"groups\": [{\"id\": \"00000000000000ff\", \"count\": 9, \"state\": \"waiting\","
	       "\"wait_reason\": \"sleep\", \"verdict\": \"proven\", \"pattern\": \"p\","
	       "\"stack\": [{\"function\": \"time.Sleep\"}, {\"function\": \"main.f\", \"file\": \"/x/a.go\","
	       "\"line\": 5}], \"held\": {\"stack_bytes\": 4096}, \"sample_ids\": [5, 6, -1, \"x\"],"
	       "\"blocked_on\": {\"kind\": \"fd\", \"has_deadline\": false,"
	       "\"tcp_state\": \"LISTEN\"}}],"
	       "\"goroutine_list\": [{\"id\": 9, \"group\": \"00000000000000ff\"}, {\"id\": 5}],"
	       "\"memory\": {\"rss_bytes\": 1000, \"parts\": [{\"name\": \"file.text\", \"bytes\": 5,"
	       "\"file\": \"a\"}, {\"name\": \"file.text\", \"bytes\": 6, \"file\": \"b\"}],"
	       "\"go\": {\"num_gc\": 4, \"gogc\": -1, \"x\": null}, \"c\": {\"in_use_bytes\": 8},"
	       "\"retained_by\": [{\"variable\": \"main.m\", \"bytes\": 77}],"
	       "\"retained\": {\"live_bytes\": 90, \"other_bytes\": 13},"
	       "\"heap_by_type\": [{\"type\": \"[]uint8\", \"bytes\": 9, \"objects\": 1}],"
	       "\"heap_sites\": [{\"bytes\": 10, \"objects\": 2, \"stack\": [{\"function\": \"main.g\"}]},"
	       "{\"bytes\": 5, \"objects\": 1, \"stack\": [{\"function\": \"main.g\"}]}]},"
	       "\"threads\": {\"total\": 6, \"by_kind\": {\"cgo\": 2}, \"sites\": [{\"count\": 2,"
	       "\"kind\": \"cgo\", \"go_stack\": [{\"function\": \"main.h\"}]}]}}\n");

	(void)state;
	assert_int_equal(s->time_ms, 1795291200123ll);
	assert_int_equal(s->pid, 42);
	assert_int_equal(s->start_time, 7);
	assert_int_equal(s->uptime_ms, 3500);
	assert_int_equal(s->total, 12);
	assert_int_equal(s->n_groups, 1);
	assert_int_equal(s->groups[0].id, 0xff);
	assert_int_equal(s->groups[0].count, 9);
	assert_int_equal(s->groups[0].verdict, VERDICT_PROVEN);
	assert_string_equal(s->groups[0].place, "main.f a.go:5");
	assert_int_equal(s->groups[0].stack_bytes, 4096);
	assert_int_equal(s->groups[0].n_samples, 2);
	assert_int_equal(s->groups[0].go_state, GO_WAITING);
	assert_int_equal(s->groups[0].stack.n, 2);
	assert_string_equal(s->groups[0].stack.frames[1].function, "main.f");
	assert_int_equal(s->groups[0].wait.kind, WAIT_FD);
	assert_true(s->groups[0].wait.known && s->groups[0].wait.fd.deadline_known);
	assert_false(s->groups[0].wait.fd.has_deadline);
	assert_string_equal(s->groups[0].wait.fd.tcp_state, "LISTEN");
	assert_true(s->listed);
	assert_int_equal(s->n_goroutines, 2);
	assert_int_equal(s->goroutines[0].id, 5);
	assert_int_equal(s->goroutines[0].group, 0);
	assert_int_equal(s->goroutines[1].group, 0xff);
	assert_int_equal(s->rss_bytes, 1000);
	assert_true(s->has_memory);
	assert_int_equal(s->parts.n, 1);
	assert_int_equal(saved_number(&s->parts, "file.text"), 11);
	assert_int_equal(saved_number(&s->go, "num_gc"), 4);
	assert_int_equal(saved_number(&s->go, "gogc"), WAIT_UNKNOWN);
	assert_int_equal(saved_number(&s->c, "in_use_bytes"), 8);
	assert_int_equal(saved_number(&s->retained_by, "main.m"), 77);
	assert_int_equal(s->retained_other, 13);
	assert_int_equal(saved_number(&s->heap_by_type, "[]uint8"), 9);
	assert_int_equal(s->heap_sites.n, 1);
	assert_int_equal(s->heap_sites.all[0].value, 15);
	assert_int_equal(s->heap_sites.all[0].objects, 3);
	assert_int_equal(s->threads, 6);
	assert_string_equal(s->thread_sites.all[0].site, "main.h");
	assert_string_equal(s->thread_sites.all[0].kind, "cgo");
}

static void what_is_missing_is_unknown(void **state)
{
	ACCEPT("{\"schema\":\"loiter.snapshot/1\"}");

	(void)state;
	assert_int_equal(s->time_ms, WAIT_UNKNOWN);
	assert_int_equal(s->pid, WAIT_UNKNOWN);
	assert_int_equal(s->total, WAIT_UNKNOWN);
	assert_int_equal(s->rss_bytes, WAIT_UNKNOWN);
	assert_false(s->listed);
	assert_false(s->has_memory);
}

static void other_types_than_ours_are_unknown(void **state)
{
	ACCEPT(HEAD ", \"time\": 5, \"process\": [1], \"goroutines\": \"many\", \"groups\": {\"id\": 1},"
	       "\"goroutine_list\": null, \"memory\": [[]], \"threads\": {\"total\": \"x\", \"sites\": 3,"
	       "\"by_kind\": [5]}, \"quality\": 1.5e300}");

	(void)state;
	assert_int_equal(s->pid, WAIT_UNKNOWN);
	assert_int_equal(s->n_groups, 0);
	assert_int_equal(s->threads, WAIT_UNKNOWN);
}

static void numbers_that_cannot_be_are_unknown(void **state)
{
	ACCEPT(HEAD ", \"memory\": {\"rss_bytes\": -5, \"go\": {\"a\": 1e30, \"b\": 99999999999999999999,"
	       "\"c\": 1e17, \"f\": 0.25, \"d\": 9223372036854775807, \"e\": NaN}}}");

	(void)state;
	assert_int_equal(s->rss_bytes, WAIT_UNKNOWN);
	assert_int_equal(saved_number(&s->go, "a"), WAIT_UNKNOWN);
	assert_int_equal(saved_number(&s->go, "b"), WAIT_UNKNOWN);
	assert_int_equal(saved_number(&s->go, "c"), 100000000000000000ll);
	assert_int_equal(saved_number(&s->go, "f"), WAIT_UNKNOWN);
	assert_int_equal(saved_number(&s->go, "d"), WAIT_UNKNOWN);
	assert_int_equal(saved_number(&s->go, "e"), WAIT_UNKNOWN);
}

static void elements_of_no_use_are_passed_over(void **state)
{
	ACCEPT(HEAD ", \"groups\": [null, 5, {}, {\"id\": \"XYZ\"}, {\"id\": \"00000000000000aa\"}],"
	       "\"goroutine_list\": [[], {\"id\": \"1\"}, {\"id\": 3, \"system\": true}],"
	       "\"memory\": {\"parts\": [5, {\"bytes\": 3}, {\"name\": \"\", \"bytes\": 3}]}}");

	(void)state;
	assert_int_equal(s->n_groups, 1);
	assert_int_equal(s->groups[0].count, 0);
	assert_null(s->groups[0].place);
	assert_int_equal(s->n_goroutines, 0);
	assert_int_equal(s->parts.n, 0);
}

static void members_may_stand_in_any_order(void **state)
{
	ACCEPT("{\"threads\": {\"total\": 3}, \"memory\": {}, \"schema\": \"loiter.snapshot/1\"}");

	(void)state;
	assert_int_equal(s->threads, 3);
}

static void what_is_no_snapshot_is_refused_in_words(void **state)
{
	(void)state;
	refuse("", "is empty");
	refuse("  \n", "is empty");
	refuse("shop-api  pid 4242", "is not JSON of ours");
	refuse("[1]", "is not JSON of ours");
	refuse("{}", "it names no schema");
	refuse("{\"schema\": \"loiter.interval/1\"}", "is loiter.interval/1, not loiter.snapshot/1");
	refuse("{\"schema\": \"loiter.snapshot/2\"}", "is loiter.snapshot/2");
	refuse("{\"schema\": 1}", "is of no schema");
	refuse(HEAD "}\n" HEAD "}\n", "holds more than one document");
	refuse(HEAD ", \"time\": null, \"time\": null}", "\"time\" stands there twice");
}

static void malformed_text_is_refused(void **state)
{
	(void)state;
	refuse(HEAD ",}", "malformed");
	refuse(HEAD " \"time\": 1}", "malformed");
	refuse(HEAD ", \"time\" 1}", "malformed");
	refuse(HEAD ", \"time\": }", "malformed");
	refuse(HEAD ", \"time\": tru}", "malformed");
	refuse(HEAD ", \"time\": 1 2}", "malformed");
	refuse(HEAD ", \"process\": {]}", "malformed");
	refuse(HEAD ", \"process\": {\"a\": [1}}}", "malformed");
	refuse(HEAD ", \"groups\": [1 2]}", "malformed");
	refuse(HEAD ", \"groups\": [1,]}", "malformed");
	refuse(HEAD ", time: 1}", "malformed");
	refuse("{\"schema\": \"loiter.snapshot/1\"\x01}", "malformed");
}

static void every_cut_is_noticed(void **state)
{
	static const char whole[] = HEAD ", \"time\": \"x\\\"y\", \"skip\": [1, {\"a\": \"b\"}], \"groups\": "
		"[{\"id\": \"00000000000000aa\", \"count\": 5}], \"memory\": {\"go\": {\"a\": 1}}}";
	struct saved *s = NULL;
	struct diag d;

	(void)state;
	for (size_t n = 1; n < sizeof(whole) - 1; n++) {
		assert_int_equal(read_bytes(whole, n, &s, &d), -EBADMSG);
		assert_non_null(strstr(d.why, "ends in the middle"));
	}
	assert_int_equal(read_bytes(whole, sizeof(whole) - 1, &s, &d), 0);
	saved_free(s);
}

/* head, then unit n times, then tail. */
static char *repeat(const char *head, const char *unit, size_t n, const char *tail)
{
	size_t a = strlen(head), b = strlen(unit);
	char *s = malloc(a + n * b + strlen(tail) + 1);

	assert_non_null(s);
	memcpy(s, head, a);
	for (size_t i = 0; i < n; i++)
		memcpy(s + a + i * b, unit, b);
	strcpy(s + a + n * b, tail);
	return s;
}

static void free_text(char **s)
{
	free(*s);
}

static void bombs_are_refused(void **state)
{
	CLEANUP(free_text) char *deep = repeat(HEAD ", \"process\": ", "[", 100000, "");
	CLEANUP(free_text) char *wide = repeat(HEAD ", \"process\": [", "{},", LIMIT_JSON_VALUES, "{}]}");
	CLEANUP(free_text) char *large = repeat(HEAD ", \"process\": \"", "x", LIMIT_JSON_VALUE, "\"}");
	CLEANUP(free_text) char *skipped = repeat(HEAD ", \"other\": ", "[", 100000, "");

	(void)state;
	refuse(deep, "nested deeper");
	refuse(wide, "more values in one");
	refuse(large, "larger than any of ours");
	refuse(skipped, "nested deeper");
}

static void what_nobody_looks_at_may_be_long(void **state)
{
	CLEANUP(free_text) char *text = repeat(HEAD ", \"other\": [", "{},", LIMIT_JSON_VALUES, "{}]}");
	ACCEPT(text);

	(void)state;
	assert_non_null(s);
}

static void equal_ids_are_one(void **state)
{
	ACCEPT(HEAD ", \"groups\": [{\"id\": \"00000000000000aa\", \"count\": 5},"
	       "{\"id\": \"00000000000000aa\", \"count\": 1152921504606846976}],"
	       "\"goroutine_list\": [{\"id\": 4}, {\"id\": 4}, {\"id\": 3}]}");

	(void)state;
	assert_int_equal(s->n_groups, 1);
	assert_int_equal(s->groups[0].count, 1ull << 60);
	assert_int_equal(s->n_goroutines, 2);
}

static void likeness_is_of_functions_and_not_of_lines(void **state)
{
	ACCEPT(HEAD ", \"groups\": ["
	       "{\"id\": \"0000000000000001\", \"stack\": [{\"function\": \"a\", \"line\": 5}]},"
	       "{\"id\": \"0000000000000002\", \"stack\": [{\"function\": \"a\", \"line\": 6}]},"
	       "{\"id\": \"0000000000000003\", \"stack\": [{\"function\": \"b\", \"line\": 5}]},"
	       "{\"id\": \"0000000000000004\", \"stack\": [{\"function\": \"a\", \"line\": 5}],"
	       "\"labels\": {\"k\": \"v\"}}]}");

	(void)state;
	assert_true(s->groups[0].like == s->groups[1].like);
	assert_true(s->groups[0].site != s->groups[1].site);
	assert_true(s->groups[0].like != s->groups[2].like);
	/* Labels tell groups apart, and nothing else. */
	assert_true(s->groups[0].like == s->groups[3].like);
	assert_true(s->groups[0].site == s->groups[3].site);
}

static void times_are_utc_or_unknown(void **state)
{
	(void)state;
	assert_int_equal(saved_time_ms("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(saved_time_ms("1970-01-02T00:00:01.5Z"), 86401500);
	assert_int_equal(saved_time_ms("2026-11-21T20:00:00.123456Z"), 1795291200123ll);
	assert_int_equal(saved_time_ms("2026-11-21T20:00:00+01:00"), WAIT_UNKNOWN);
	assert_int_equal(saved_time_ms("2026-11-21"), WAIT_UNKNOWN);
	assert_int_equal(saved_time_ms("2026-13-21T20:00:00Z"), WAIT_UNKNOWN);
	assert_int_equal(saved_time_ms("-999-01-01T20:00:00Z"), WAIT_UNKNOWN);
	assert_int_equal(saved_time_ms("9999-12-31T23:59:59Zx"), WAIT_UNKNOWN);
	assert_int_equal(saved_time_ms(""), WAIT_UNKNOWN);
}

#define LEAKY(id, leaked) "{\"id\": \"00000000000000" id "\", \"count\": 9, \"state\": \"waiting\"," \
	"\"verdict\": \"likely\", \"pattern\": \"orphan-send\"" leaked "}"

static void a_verdict_on_some_is_not_said_of_all(void **state)
{
	ACCEPT(HEAD ", \"groups\": [" LEAKY("01", ", \"leaked\": {\"likely\": 8, \"proven\": null}") ","
	       LEAKY("02", ", \"leaked\": {\"likely\": 8, \"proven\": 1}") "," LEAKY("03", "") ","
	       LEAKY("04", ", \"leaked\": [3]") "]}\n");

	(void)state;
	assert_int_equal(s->n_groups, 4);
	assert_int_equal(s->groups[0].verdict, VERDICT_UNKNOWN);
	assert_null(s->groups[0].pattern);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(s->groups[i].verdict, VERDICT_LIKELY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told_is_read),
		cmocka_unit_test(what_is_missing_is_unknown),
		cmocka_unit_test(other_types_than_ours_are_unknown),
		cmocka_unit_test(numbers_that_cannot_be_are_unknown),
		cmocka_unit_test(elements_of_no_use_are_passed_over),
		cmocka_unit_test(members_may_stand_in_any_order),
		cmocka_unit_test(what_is_no_snapshot_is_refused_in_words),
		cmocka_unit_test(malformed_text_is_refused),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(what_nobody_looks_at_may_be_long),
		cmocka_unit_test(a_verdict_on_some_is_not_said_of_all),
		cmocka_unit_test(equal_ids_are_one),
		cmocka_unit_test(likeness_is_of_functions_and_not_of_lines),
		cmocka_unit_test(times_are_utc_or_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
