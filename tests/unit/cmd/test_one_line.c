// SPDX-License-Identifier: Apache-2.0
#include "cmd/one_line.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"

static void documents_become_lines(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *under = open_memstream(&text, &len), *line;

	(void)state;
	for (int i = 0; i < 2; i++) {
		line = one_line_open(under);
		assert_non_null(line);
		fprintf(line, "{\"n\": %d,\n\"s\": \"a\\nb\"}\n", i);
		assert_int_equal(fclose(line), 0);
	}
	fclose(under);
	assert_string_equal(text, "{\"n\": 0, \"s\": \"a\\nb\"} \n{\"n\": 1, \"s\": \"a\\nb\"} \n");
	free(text);
}

static void a_failure_below_is_a_failure(void **state)
{
	FILE *under = fopen("/dev/full", "w"), *line;

	(void)state;
	assert_non_null(under);
	setvbuf(under, NULL, _IONBF, 0);
	line = one_line_open(under);
	assert_non_null(line);
	fputs("{}\n", line);
	assert_int_equal(fclose(line), EOF);
	fclose(under);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_become_lines),
		cmocka_unit_test(a_failure_below_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
