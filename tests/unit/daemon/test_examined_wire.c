// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "daemon/examined_wire.h"

static const char *const lines[] = { "3 of 3 passes", "" };

static const struct finding findings[] = {
	{ .pattern = "orphan-send", .verdict = VERDICT_LIKELY, .count = 12031, .bytes = 47 << 20,
	  .site = "main.fetch fetch.go:48", .summary = "12,031 goroutines can never run again",
	  .evidence = lines, .n_evidence = 2, .advice = "give the channel a buffer of 1",
	  .group = FINDING_NO_GROUP },
	{ .pattern = "rss-gap", .verdict = VERDICT_SUSPECT, .bytes = WAIT_UNKNOWN,
	  .summary = "a gap \xff\xfe", .group = FINDING_NO_GROUP },
};

static struct examined *sample(void)
{
	struct examined *e = examined_new();

	assert_non_null(e);
	e->time = (struct timespec){ .tv_sec = 1700000000, .tv_nsec = 999999999 };
	e->elapsed_s = 61.5;
	e->cpu_ms = 12.25;
	e->reason = "growth";
	e->leaks_known = true;
	e->proven = (struct examined_leaks){ .goroutines = 3, .bytes = WAIT_UNKNOWN };
	e->likely = (struct examined_leaks){ .goroutines = 12031, .bytes = 47 << 20 };
	e->rss_bytes = 1ull << 31;
	e->part[0] = 77;
	e->findings = findings;
	e->n_findings = 2;
	return e;
}

static void write_sample(char **bytes, size_t *len)
{
	struct examined *e = sample();
	FILE *out = open_memstream(bytes, len);

	assert_non_null(out);
	assert_int_equal(examined_write(e, out), 0);
	fclose(out);
	examined_free(e);
}

static void assert_text(const char *a, const char *b)
{
	if (!a || !b)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void assert_finding(const struct finding *a, const struct finding *b)
{
	assert_text(a->pattern, b->pattern);
	assert_text(a->site, b->site);
	assert_text(a->summary, b->summary);
	assert_text(a->advice, b->advice);
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->group, b->group);
	assert_int_equal(a->n_evidence, b->n_evidence);
	for (uint32_t i = 0; i < a->n_evidence; i++)
		assert_text(a->evidence[i], b->evidence[i]);
}

static void what_is_written_is_read(void **state)
{
	struct examined *e = sample(), *back;
	char *bytes;
	size_t len;

	(void)state;
	write_sample(&bytes, &len);
	assert_int_equal(examined_read(bytes, len, &back), 0);
	free(bytes);
	assert_memory_equal(&e->time, &back->time, sizeof(e->time));
	assert_true(e->elapsed_s == back->elapsed_s && e->cpu_ms == back->cpu_ms);
	assert_string_equal(back->reason, "growth");
	assert_true(back->leaks_known);
	assert_memory_equal(&e->proven, &back->proven, 3 * sizeof(e->proven));
	assert_int_equal(back->rss_bytes, e->rss_bytes);
	assert_memory_equal(e->part, back->part, sizeof(e->part));
	assert_int_equal(back->n_findings, 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_finding(&e->findings[i], &back->findings[i]);
	examined_free(e);
	examined_free(back);
}

static void every_cut_is_malformed(void **state)
{
	struct examined *back;
	char *bytes;
	size_t len;

	(void)state;
	write_sample(&bytes, &len);
	for (size_t n = 0; n < len; n++) {
		char *cut = malloc(n ? n : 1);

		assert_non_null(cut);
		memcpy(cut, bytes, n);
		assert_int_equal(examined_read(cut, n, &back), -EBADMSG);
		free(cut);
	}
	free(bytes);
}

static void what_follows_the_end_is_malformed(void **state)
{
	struct examined *back;
	char *bytes, *longer;
	size_t len;

	(void)state;
	write_sample(&bytes, &len);
	longer = realloc(bytes, len + 1);
	assert_non_null(longer);
	longer[len] = 0;
	assert_int_equal(examined_read(longer, len + 1, &back), -EBADMSG);
	free(longer);
}

/* Whatever byte is changed to whatever: read or refused, and what was read hangs together. */
static void no_changed_byte_does_harm(void **state)
{
	char *bytes;
	size_t len;

	(void)state;
	write_sample(&bytes, &len);
	for (size_t i = 0; i < len; i++) {
		for (int v = 0; v < 256; v += 17) {
			struct examined *back;
			char was = bytes[i];
			int r;

			bytes[i] = (char)v;
			r = examined_read(bytes, len, &back);
			bytes[i] = was;
			assert_true(r == 0 || r == -EBADMSG);
			if (r < 0)
				continue;
			assert_true(back->n_findings <= EXAMINED_FINDINGS);
			for (uint32_t k = 0; k < back->n_findings; k++)
				assert_non_null(back->findings[k].summary);
			examined_free(back);
		}
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(every_cut_is_malformed),
		cmocka_unit_test(what_follows_the_end_is_malformed),
		cmocka_unit_test(no_changed_byte_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
