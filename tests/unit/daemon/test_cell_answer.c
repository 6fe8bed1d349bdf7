// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/cell_answer.h"

struct channel {
	int ends[2];
	struct cell_answer answer;
};

static void channel_open(struct channel *c, uint64_t max)
{
	assert_int_equal(pipe2(c->ends, O_CLOEXEC | O_NONBLOCK), 0);
	cell_answer_init(&c->answer, max);
}

static void channel_close(struct channel *c)
{
	close(c->ends[0]);
	cell_answer_done(&c->answer);
}

static int finish(struct channel *c)
{
	close(c->ends[1]);
	return cell_answer_read(&c->answer, c->ends[0]);
}

static void put(struct channel *c, const void *bytes, size_t len)
{
	assert_int_equal(write(c->ends[1], bytes, len), len);
}

static void an_answer_comes_whole(void **state)
{
	struct diag d = DIAG_INIT;
	struct channel c;
	char *bytes = NULL;
	size_t len;

	(void)state;
	channel_open(&c, 5);
	assert_int_equal(cell_answer_write(c.ends[1], "hello", 5), 0);
	assert_int_equal(cell_answer_read(&c.answer, c.ends[0]), 1);
	assert_int_equal(finish(&c), 0);
	assert_int_equal(cell_answer_take(&c.answer, &bytes, &len, &d), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(bytes, "hello", 5);
	free(bytes);
	channel_close(&c);
}

static void a_part_is_no_answer(void **state)
{
	static const struct cell_answer_head head = { .magic = 0x3143534cu, .len = 10 };
	struct diag d = DIAG_INIT;
	struct channel c;
	char *bytes;
	size_t len;

	(void)state;
	channel_open(&c, 100);
	put(&c, &head, sizeof(head));
	put(&c, "nine byte", 9);
	assert_int_equal(finish(&c), 0);
	assert_int_equal(cell_answer_take(&c.answer, &bytes, &len, &d), -ENODATA);
	channel_close(&c);
}

static void an_error_has_its_sentence_without_control_bytes(void **state)
{
	struct diag said = DIAG_INIT, heard = DIAG_INIT;
	struct channel c;
	char *bytes;
	size_t len;

	(void)state;
	memset(said.hint, 'x', sizeof(said.hint));
	strcpy(said.why, "a\033[31m\nb");
	channel_open(&c, 0);
	assert_int_equal(cell_answer_fail(c.ends[1], -ESRCH, &said), 0);
	assert_int_equal(finish(&c), 0);
	assert_int_equal(cell_answer_take(&c.answer, &bytes, &len, &heard), -ESRCH);
	assert_string_equal(heard.why, "a?[31m?b");
	assert_int_equal(strlen(heard.hint), sizeof(heard.hint) - 1);
	channel_close(&c);
}

static void refused(const struct cell_answer_head *head, size_t more, int err)
{
	static const char rest[64];
	struct channel c;

	channel_open(&c, 32);
	put(&c, head, sizeof(*head));
	put(&c, rest, more);
	assert_int_equal(finish(&c), err);
	channel_close(&c);
}

static void nonsense_is_refused(void **state)
{
	const uint32_t magic = 0x3143534cu;

	(void)state;
	refused(&(struct cell_answer_head){ .magic = 1, .len = 4 }, 4, -EBADMSG);
	refused(&(struct cell_answer_head){ .magic = magic, .err = 5 }, 0, -EBADMSG);
	refused(&(struct cell_answer_head){ .magic = magic, .err = -99999,
					    .len = sizeof(struct diag) }, 0, -EBADMSG);
	refused(&(struct cell_answer_head){ .magic = magic, .err = -3, .len = 4 }, 4, -EBADMSG);
	refused(&(struct cell_answer_head){ .magic = magic, .len = 33 }, 33, -E2BIG);
	refused(&(struct cell_answer_head){ .magic = magic, .len = UINT64_MAX }, 0, -E2BIG);
	refused(&(struct cell_answer_head){ .magic = magic, .len = 4 }, 5, -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_whole),
		cmocka_unit_test(a_part_is_no_answer),
		cmocka_unit_test(an_error_has_its_sentence_without_control_bytes),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
