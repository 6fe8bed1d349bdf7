// SPDX-License-Identifier: Apache-2.0
/* What needs no collector; the rest is in tests/live/daemon/test_otlp.py. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

#include "daemon/otlp_sender.h"

static void waits_double_up_to_a_limit_with_jitter(void **state)
{
	(void)state;
	assert_true(otlp_backoff(1, 60, 1, -1, 1) == 1);
	assert_true(otlp_backoff(1, 60, 1, -1, 0) == 0.5);
	assert_true(otlp_backoff(1, 60, 2, -1, 1) == 2);
	assert_true(otlp_backoff(1, 60, 4, -1, 1) == 8);
	assert_true(otlp_backoff(1, 60, 7, -1, 1) == 60);
	assert_true(otlp_backoff(1, 60, UINT32_MAX, -1, 1) == 60);
	assert_true(otlp_backoff(1, 60, UINT32_MAX, -1, 0) == 30);
}

static void what_the_collector_asks_for_is_the_least(void **state)
{
	(void)state;
	assert_true(otlp_backoff(1, 60, 1, 30, 0) >= 30);
	assert_true(otlp_backoff(1, 60, 1, 30, 1) > otlp_backoff(1, 60, 1, 30, 0));
	assert_true(otlp_backoff(1, 60, 1, 30, 1) < 31);
}

static int opened(const char *url, const char *header)
{
	const struct otlp_config c = { .url = url, .headers = &header,
				       .n_headers = header != NULL };
	struct diag d = DIAG_INIT;
	struct otlp *o = NULL;
	int r = otlp_open(&c, &o, &d);

	assert_true(r == 0 || d.why[0]);
	/* A value may be a secret. */
	assert_null(strstr(d.why, "secret"));
	otlp_close(o);
	return r;
}

static void a_configuration_that_cannot_be_is_refused(void **state)
{
	static const char *const urls[] = {
		"", "collector", "ftp://collector", "file:///etc/passwd", "http://",
		"http://me:secret@host", "http://me@host", "http://host/?a=b",
		"http://host/#x", "http://ho st",
		"gopher://host",
	};
	static const char *const headers[] = {
		"", "x", ": secret", "a b: secret", "X-Key:", "X-Key:  ",
		"X-Key: secret\r\nHost: other",
		"Host: secret", "content-type: secret", "X-Key; secret",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		assert_int_equal(opened(urls[i], NULL), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		assert_int_equal(opened("http://127.0.0.1:1", headers[i]), -EINVAL);
	assert_int_equal(opened("http://127.0.0.1:1", "Authorization: Bearer secret"), 0);
	assert_int_equal(opened("https://collector.example:4318/otlp/", NULL), 0);
}

/* Nothing listens at port 1, and what is put waits for a next try that never comes. */
static struct otlp_sender *to_nobody(void)
{
	const struct otlp_config c = { .url = "http://127.0.0.1:1", .retry_min_s = 1000,
				       .retry_max_s = 1000, .give_up_s = 100000 };
	struct otlp_sender *s = NULL;

	assert_int_equal(otlp_sender_start(&c, &s, NULL), 0);
	return s;
}

static void put(struct otlp_sender *s, uint64_t ticket, size_t len)
{
	struct otlp_request r = { .kind = OTLP_LOGS, .ticket = ticket, .items = 1,
				  .bytes = calloc(1, len), .len = len };

	assert_non_null(r.bytes);
	assert_int_equal(otlp_sender_put(s, &r), 0);
	assert_null(r.bytes);
}

struct settled {
	uint64_t n, first, arrived;
};

static void count_settled(void *ctx, uint64_t ticket, bool arrived)
{
	struct settled *all = ctx;

	if (!all->n++)
		all->first = ticket;
	all->arrived += arrived;
}

static void a_full_queue_lets_the_oldest_go_and_says_so(void **state)
{
	struct otlp_sender *s = to_nobody();
	struct otlp_counts counts;
	struct settled all = { 0 };

	(void)state;
	for (uint64_t i = 1; i <= OTLP_QUEUE + 11; i++)
		put(s, i, 100);
	otlp_sender_counts(s, &counts);
	/* One may be in the thread's hands. */
	assert_true(counts.dropped >= 10 && counts.dropped <= 11);
	assert_true(counts.waiting <= OTLP_QUEUE + 1);
	assert_int_equal(counts.sent, 0);
	otlp_sender_settle(s, count_settled, &all);
	assert_int_equal(all.n, counts.dropped);
	assert_true(all.first <= 2);
	assert_int_equal(all.arrived, 0);
	otlp_sender_stop(s, 0);
}

static void bytes_in_the_queue_are_bounded_too(void **state)
{
	struct otlp_sender *s = to_nobody();
	struct otlp_counts counts;

	(void)state;
	for (uint64_t i = 1; i <= 8; i++)
		put(s, i, OTLP_QUEUE_BYTES / 4);
	otlp_sender_counts(s, &counts);
	assert_true(counts.waiting <= 5);
	assert_true(counts.dropped >= 3);
	otlp_sender_stop(s, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_a_limit_with_jitter),
		cmocka_unit_test(what_the_collector_asks_for_is_the_least),
		cmocka_unit_test(a_configuration_that_cannot_be_is_refused),
		cmocka_unit_test(a_full_queue_lets_the_oldest_go_and_says_so),
		cmocka_unit_test(bytes_in_the_queue_are_bounded_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
