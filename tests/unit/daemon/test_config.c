// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

static struct config *accepted(const char *text)
{
	struct config *c = NULL;
	struct diag d = DIAG_INIT;

	if (config_parse(text, strlen(text), "f", NULL, 0, &c, &d) < 0)
		fail_msg("%s: %s", d.what, d.why);
	return c;
}

static void assert_refused_bytes(const char *text, size_t len, const char *what, const char *why)
{
	struct config *c = NULL;
	struct diag d = DIAG_INIT;

	assert_int_equal(config_parse(text, len, "f", NULL, 0, &c, &d), -EINVAL);
	assert_string_equal(d.what, what);
	assert_string_equal(d.why, why);
	assert_null(c);
}

static void assert_refused(const char *text, const char *what, const char *why)
{
	assert_refused_bytes(text, strlen(text), what, why);
}

static void an_empty_file_is_all_defaults(void **state)
{
	CLEANUP(config_free_p) struct config *c = accepted("");

	(void)state;
	assert_true(c->interval_s == 60);
	assert_true(c->budget_percent == 1);
	assert_int_equal(c->memory_max_bytes, 128u << 20);
	assert_true(c->listen.loopback);
	assert_string_equal(c->state_dir, "/var/lib/loiter");
	assert_null(c->token_file);
	assert_null(c->otlp_url);
	assert_true(c->prove_max_s == 0);
	assert_int_equal(c->log_level, SAY_INFO);
}

static void every_default_is_a_value_that_the_file_may_have(void **state)
{
	(void)state;
	for (const struct config_key *k = config_keys; k->name; k++) {
		char text[256];

		if (!k->fallback)
			continue;
		snprintf(text, sizeof(text), "[%s]\n%s = %s\n", k->section, k->name, k->fallback);
		config_free(accepted(text));
	}
}

static void values_of_each_kind_are_read(void **state)
{
	CLEANUP(config_free_p) struct config *c = accepted(
		"; a comment\n# another\n\n"
		"[daemon]\r\ninterval=500ms\n  budget = 2.5% ; half of it is for others\n"
		"memory-max = 1.5G\ntrace-locks = no\nstate-directory = none\nlog-level: debug\n"
		"cgroup = system.slice\n"
		"[http]\nlisten = *:80\ntoken-file = /etc/token\nprove = 200ms\n"
		"hosts = node-7 node-7.example\n[otlp]\nurl = https://collector.example:4318/x\n"
		"[cells]\nat-once = 7\n[daemon]\nnode = n7");

	(void)state;
	assert_true(c->interval_s == 0.5);
	assert_true(c->budget_percent == 2.5);
	assert_int_equal(c->memory_max_bytes, 3u << 29);
	assert_false(c->trace_locks);
	assert_null(c->state_dir);
	assert_int_equal(c->log_level, SAY_DEBUG);
	assert_string_equal(c->cgroup, "system.slice");
	assert_false(c->listen.loopback);
	assert_string_equal(c->token_file, "/etc/token");
	assert_true(c->prove_max_s == 0.2);
	assert_int_equal(c->hosts.n, 2);
	assert_string_equal(c->hosts.all[0], "node-7");
	assert_string_equal(c->hosts.all[1], "node-7.example");
	assert_string_equal(c->otlp_url, "https://collector.example:4318/x");
	assert_int_equal(c->cells_max, 7);
	assert_string_equal(c->node, "n7");
}

static void what_is_no_key_is_named_with_its_line(void **state)
{
	(void)state;
	assert_refused("[daemon]\n\nintervall = 3\n", "f:3",
		       "there is no key \"intervall\" in [daemon]");
	assert_refused("[deamon]\ninterval = 3\n", "f:2", "there is no section [deamon]");
	assert_refused("interval = 3\n", "f:1",
		       "\"interval\" stands before the first section");
	assert_refused("[http]\ninterval = 3\n", "f:2",
		       "there is no key \"interval\" in [http]");
	assert_refused("[daemon]\nInterval = 3\n", "f:2",
		       "there is no key \"Interval\" in [daemon]");
}

static void what_is_no_line_is_named(void **state)
{
	(void)state;
	assert_refused("[daemon]\ninterval\n", "f:2", "neither a [section] nor a key = value");
	assert_refused("\n[daemon\ninterval = 3\n", "f:2", "neither a [section] nor a key = value");
	assert_refused("[daemon]\ninterval = 3\n interval = 4\n", "f:3: interval",
		       "it is there already, in f:2: interval");
	assert_refused("[daemon]\ninterval =\n", "f:2: interval", "the value is missing");
	assert_refused_bytes("[daemon]\ninter\0val = 3\n", 23, "f:2",
			     "there is a NUL: this is no text");
}

static void a_line_has_a_longest_length(void **state)
{
	char text[CONFIG_LINE + 64] = "[http]\nhosts = ";
	size_t at = strlen(text);

	(void)state;
	memset(text + at, 'x', sizeof(text) - at);
	assert_refused_bytes(text, sizeof(text), "f:2", "a line is longer than 4096 bytes");
	text[7 + CONFIG_LINE - 1] = '\n';
	text[7 + CONFIG_LINE] = '\0';
	config_free(accepted(text));
}

static void values_have_bounds_and_kinds(void **state)
{
	(void)state;
	assert_refused("[daemon]\ninterval = 10ms\n", "f:2: interval",
		       "10ms is too little: 0.1s at least");
	assert_refused("[daemon]\ninterval = 2d\n", "f:2: interval",
		       "2d is too much: 86400s at most");
	assert_refused("[daemon]\nmemory-max = 1M\n", "f:2: memory-max",
		       "1M is too little: 32M at least");
	assert_refused("[daemon]\nmemory-max = lots\n", "f:2: memory-max",
		       "\"lots\" is not an amount of memory");
	assert_refused("[cells]\nat-once = 0\n", "f:2: at-once",
		       "\"0\" is not a number from 1 to 64");
	assert_refused("[daemon]\ntrace-locks = true\n", "f:2: trace-locks", "\"true\" is neither");
	assert_refused("[daemon]\nstate-directory = here\n", "f:2: state-directory",
		       "\"here\" is not an absolute path");
	assert_refused("[daemon]\nlog-level = loud\n", "f:2: log-level",
		       "there is no level \"loud\"");
	assert_refused("[http]\nlisten = localhost:1\n", "f:2: listen",
		       "\"localhost\" is not an address");
	assert_refused("[http]\nhosts = a\tb\n", "f:2: hosts",
		       "not all of it is printable ASCII");
	assert_refused("[otlp]\nurl = ftp://x\n", "f:2: url",
		       "\"ftp://x\" is not an address of HTTP");
	assert_refused("[otlp]\nurl = http:///x\n", "f:2: url",
		       "\"http:///x\" is not an address of HTTP");
}

static void others_than_this_machine_need_a_key_to_come_in(void **state)
{
	(void)state;
	assert_refused("[http]\nlisten = *:9646\n", "f:2: listen",
		       "others than this machine need a token-file or a tls-client-ca to come in");
	assert_refused("[http]\ntls-certificate = /c\n", "f:2: tls-certificate",
		       "it needs its tls-key too");
	assert_refused("[http]\ntls-key = /c\n", "f:2: tls-key",
		       "it needs its tls-certificate too");
	assert_refused("[http]\ntls-client-ca = /c\n", "f:2: tls-client-ca",
		       "it needs a tls-certificate of our own too");
	config_free(accepted("[http]\nlisten = *:9646\ntls-certificate = /c\ntls-key = /k\n"
			     "tls-client-ca = /a\n"));
}

static void settings_go_over_the_file_and_are_named_as_they_are(void **state)
{
	static const char text[] = "[daemon]\ninterval = 5s\n";
	static const struct config_setting good = { "daemon", "interval", "7s", "--interval" },
		bad = { "daemon", "interval", "7x", "--interval" },
		far = { "http", "listen", "*:1", "--listen" };
	struct config *c = NULL;
	struct diag d = DIAG_INIT;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), "f", &good, 1, &c, &d), 0);
	assert_true(c->interval_s == 7);
	config_free(c);
	assert_int_equal(config_parse(text, strlen(text), "f", &bad, 1, &c, &d), -EINVAL);
	assert_string_equal(d.what, "--interval");
	d = (struct diag)DIAG_INIT;
	assert_int_equal(config_parse(text, strlen(text), "f", &far, 1, &c, &d), -EINVAL);
	assert_string_equal(d.what, "--listen");
}

static void a_file_that_is_not_there_is_empty_unless_it_must_be(void **state)
{
	struct config *c = NULL;
	struct diag d = DIAG_INIT;

	(void)state;
	assert_int_equal(config_read("/nowhere/f", false, NULL, 0, &c, &d), 0);
	config_free(c);
	assert_int_equal(config_read("/nowhere/f", true, NULL, 0, &c, &d), -EINVAL);
	assert_string_equal(d.what, "/nowhere/f");
	assert_string_equal(d.why, "it cannot be read: No such file or directory");
}

static void what_is_no_file_of_ours_is_not_read_forever(void **state)
{
	struct config *c = NULL;
	struct diag d = DIAG_INIT;

	(void)state;
	assert_int_equal(config_read("/dev/zero", true, NULL, 0, &c, &d), -EINVAL);
	assert_string_equal(d.why, "it is larger than 64 KiB");
	d = (struct diag)DIAG_INIT;
	assert_int_equal(config_read("/tmp", true, NULL, 0, &c, &d), -EINVAL);
	assert_string_equal(d.why, "it cannot be read: Is a directory");
}

static void it_lives_as_long_as_anybody_holds_it(void **state)
{
	struct config *c = accepted("[daemon]\ncgroup = here\n");

	(void)state;
	config_hold(c);
	config_free(c);
	assert_string_equal(c->cgroup, "here");
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(every_default_is_a_value_that_the_file_may_have),
		cmocka_unit_test(values_of_each_kind_are_read),
		cmocka_unit_test(what_is_no_key_is_named_with_its_line),
		cmocka_unit_test(what_is_no_line_is_named),
		cmocka_unit_test(a_line_has_a_longest_length),
		cmocka_unit_test(values_have_bounds_and_kinds),
		cmocka_unit_test(others_than_this_machine_need_a_key_to_come_in),
		cmocka_unit_test(settings_go_over_the_file_and_are_named_as_they_are),
		cmocka_unit_test(a_file_that_is_not_there_is_empty_unless_it_must_be),
		cmocka_unit_test(what_is_no_file_of_ours_is_not_read_forever),
		cmocka_unit_test(it_lives_as_long_as_anybody_holds_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
