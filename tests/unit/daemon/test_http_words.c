// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_words.h"

#include <string.h>

#include "../unit.h"

static void prometheus_gets_openmetrics_and_people_text(void **state)
{
	(void)state;
	assert_true(http_wants_openmetrics(
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
		"application/openmetrics-text;version=0.0.1;q=0.5,"
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
		"text/plain;version=0.0.4;q=0.3,"
		"*/*;q=0.2"));
	assert_true(http_wants_openmetrics("application/openmetrics-text"));
	assert_true(http_wants_openmetrics(" Application/OpenMetrics-Text , text/plain"));
	assert_false(http_wants_openmetrics(NULL));
	assert_false(http_wants_openmetrics(""));
	assert_false(http_wants_openmetrics("*/*"));
	assert_false(http_wants_openmetrics("text/plain, application/openmetrics-text;q=0.9"));
	assert_false(http_wants_openmetrics("application/openmetrics-text;q=0"));
	assert_false(http_wants_openmetrics("application/openmetrics-textual"));
	assert_false(http_wants_openmetrics("application/openmetrics-text;q=x"));
	assert_true(http_wants_openmetrics(
		"text/plain;q=0.899,application/openmetrics-text; q=0.9"));
}

static void gzip_is_for_who_takes_it(void **state)
{
	(void)state;
	assert_true(http_takes_gzip("gzip"));
	assert_true(http_takes_gzip("br;q=1.0, gzip;q=0.001"));
	assert_false(http_takes_gzip("gzip;q=0"));
	assert_false(http_takes_gzip("gzip; q=0.000, *"));
	assert_false(http_takes_gzip("*"));
	assert_false(http_takes_gzip("x-gzip, gzipped"));
	assert_false(http_takes_gzip(""));
	assert_false(http_takes_gzip(NULL));
}

static void a_name_of_somebody_elses_is_not_ours(void **state)
{
	static const char *const names[] = { "node7", "node7.example.org" };
	static const char *const ours[] = { "localhost", "LOCALHOST:9646", "127.0.0.1",
		"127.0.0.1:9646", "10.1.2.3:1", "[::1]", "[::1]:9646", "[fe80::1]:80", "node7:9646",
		"Node7.Example.Org", "node7.example.org.:9646", "localhost:" };
	static const char *const others[] = { "", ":9646", "evil.example",
		"node7.evil.example:9646",
		"localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:x", "node7:9646:1",
		"[::1", "[::1]x", "[evil]", "[]", "::1", "127.1", "2130706433", "0x7f.0.0.1", ".",
		"localhost@evil.example", "evil.example#localhost", " localhost", "localhost " };

	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!http_host_is_ours(ours[i], names, 2))
			fail_msg("%s is ours", ours[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (http_host_is_ours(others[i], names, 2))
			fail_msg("%s is not ours", others[i]);
}

static void a_long_host_is_not_ours(void **state)
{
	char host[600];

	(void)state;
	memset(host, '1', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	assert_false(http_host_is_ours(host, NULL, 0));
	host[0] = '[';
	host[500] = ']';
	assert_false(http_host_is_ours(host, NULL, 0));
}

static void a_tag_is_found_among_others(void **state)
{
	(void)state;
	assert_true(http_has_tag("\"a-1\"", "\"a-1\""));
	assert_true(http_has_tag("\"x\", W/\"a-1\"", "\"a-1\""));
	assert_true(http_has_tag("*", "\"a-1\""));
	assert_false(http_has_tag("\"a-11\"", "\"a-1\""));
	assert_false(http_has_tag("a-1", "\"a-1\""));
	assert_false(http_has_tag(" , ,", "\"a-1\""));
	assert_false(http_has_tag(NULL, "\"a-1\""));
}

static void a_bearer_token_is_cut_out(void **state)
{
	(void)state;
	assert_string_equal(http_bearer("Bearer abc"), "abc");
	assert_string_equal(http_bearer("bearer   abc"), "abc");
	assert_string_equal(http_bearer("Bearer "), "");
	assert_null(http_bearer("Bearer"));
	assert_null(http_bearer("Bearerabc"));
	assert_null(http_bearer("Basic abc"));
	assert_null(http_bearer(NULL));
}

static void a_foreign_page_may_link_but_not_fetch(void **state)
{
	(void)state;
	assert_false(http_is_cross_site(NULL, NULL, true));
	assert_false(http_is_cross_site("none", "navigate", true));
	assert_false(http_is_cross_site("same-origin", "cors", true));
	assert_false(http_is_cross_site("cross-site", "navigate", false));
	assert_true(http_is_cross_site("cross-site", "navigate", true));
	assert_true(http_is_cross_site("cross-site", "no-cors", false));
	assert_true(http_is_cross_site("same-site", "cors", false));
	assert_true(http_is_cross_site("cross-site", NULL, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prometheus_gets_openmetrics_and_people_text),
		cmocka_unit_test(gzip_is_for_who_takes_it),
		cmocka_unit_test(a_name_of_somebody_elses_is_not_ours),
		cmocka_unit_test(a_long_host_is_not_ours),
		cmocka_unit_test(a_tag_is_found_among_others),
		cmocka_unit_test(a_bearer_token_is_cut_out),
		cmocka_unit_test(a_foreign_page_may_link_but_not_fetch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
