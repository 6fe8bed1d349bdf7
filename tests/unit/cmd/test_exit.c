// SPDX-License-Identifier: Apache-2.0
#include "cmd/exit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

static void each_errno_of_a_reader_has_its_code(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(0), 0);
	assert_int_equal(exit_code_of(-EINVAL), 2);
	assert_int_equal(exit_code_of(-ESRCH), 3);
	assert_int_equal(exit_code_of(-ESTALE), 3);
	assert_int_equal(exit_code_of(-EFAULT), 3);
	assert_int_equal(exit_code_of(-EAGAIN), 3);
	assert_int_equal(exit_code_of(-EBADMSG), 3);
	assert_int_equal(exit_code_of(-ENOENT), 3);
	assert_int_equal(exit_code_of(-EPERM), 4);
	assert_int_equal(exit_code_of(-EACCES), 4);
	assert_int_equal(exit_code_of(-EOPNOTSUPP), 5);
	assert_int_equal(exit_code_of(-ENODATA), 5);
	assert_int_equal(exit_code_of(-ENOMEM), 6);
	assert_int_equal(exit_code_of(-ENOSPC), 6);
}

static void an_errno_without_a_meaning_is_internal(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(-EDOM), EXIT_INTERNAL);
}

/* The sentence for err, in memory that the caller frees. */
static char *sentence(int err, const char *what, const char *why, const char *hint)
{
	struct diag d = DIAG_INIT;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	diag_fail(&d, err, "%s", why);
	diag_what(&d, err, "%s", what);
	diag_hint(&d, err, "%s", hint);
	exit_sentence(out, err, &d);
	fclose(out);
	return text;
}

static void assert_sentence(char *text, const char *expected)
{
	assert_string_equal(text, expected);
	free(text);
}

static void the_sentence_has_what_why_and_try(void **state)
{
	(void)state;
	assert_sentence(sentence(-EPERM, "pid 42", "it is not yours", "run as root"),
			"loiter: pid 42: it is not yours; run as root\n");
}

static void empty_parts_leave_no_punctuation(void **state)
{
	(void)state;
	assert_sentence(sentence(-EINVAL, "", "no target", ""), "loiter: no target\n");
	assert_sentence(sentence(-EINVAL, "", "no target", "give one"),
			"loiter: no target; give one\n");
	assert_sentence(sentence(-ESRCH, "pid 42", "", ""), "loiter: pid 42: no such process\n");
}

static void an_errno_without_a_reason_says_what_libc_says(void **state)
{
	(void)state;
	assert_sentence(sentence(-EDOM, "", "", ""),
			"loiter: Numerical argument out of domain\n");
}

static void what_steers_a_terminal_is_escaped_and_stays_one_line(void **state)
{
	char *text = sentence(-EFAULT, "pid 42 (\033[2J)", "line\nfeed \xc2\x9b \xff", "\a");

	(void)state;
	for (const char *c = text; c[1]; c++)
		assert_true((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
	assert_non_null(strstr(text, "\\x1b[2J"));
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
}

static void a_reason_of_control_characters_alone_fits(void **state)
{
	char why[sizeof(((struct diag *)0)->why)];
	char *text;

	(void)state;
	memset(why, '\001', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	text = sentence(-EFAULT, "", why, "");
	assert_int_equal(strlen(text), strlen("loiter: \n") + 4 * (sizeof(why) - 1));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_errno_of_a_reader_has_its_code),
		cmocka_unit_test(an_errno_without_a_meaning_is_internal),
		cmocka_unit_test(the_sentence_has_what_why_and_try),
		cmocka_unit_test(empty_parts_leave_no_punctuation),
		cmocka_unit_test(an_errno_without_a_reason_says_what_libc_says),
		cmocka_unit_test(what_steers_a_terminal_is_escaped_and_stays_one_line),
		cmocka_unit_test(a_reason_of_control_characters_alone_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
