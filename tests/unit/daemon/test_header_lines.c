// SPDX-License-Identifier: Apache-2.0
#include "daemon/header_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit.h"

/* Reads a file of these bytes. */
static int read_bytes(const char *bytes, size_t len, struct header_lines **ret, struct diag *d)
{
	int fd = memfd_create("headers", MFD_CLOEXEC), r;
	char path[64];

	assert_int_equal(write(fd, bytes, len), len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = header_lines_read(path, ret, d);
	close(fd);
	return r;
}

static void assert_refused(const char *bytes, size_t len, const char *line, const char *why)
{
	struct header_lines *h = NULL;
	struct diag d = DIAG_INIT;

	assert_int_equal(read_bytes(bytes, len, &h, &d), -EINVAL);
	assert_string_equal(d.why, why);
	assert_string_equal(strrchr(d.what, '/') ? strchrnul(d.what, ':') : "", line);
	/* It may be a secret. */
	assert_null(strstr(d.what, "s3cret"));
	assert_null(h);
}

static void lines_are_headers_and_comments_are_not(void **state)
{
	static const char text[] = "# for the collector\n\nAuthorization: Bearer s3cret\r\n"
				   "X-Scope-OrgID:7";
	CLEANUP(header_lines_free_p) struct header_lines *h = NULL;
	struct diag d = DIAG_INIT;

	(void)state;
	assert_int_equal(read_bytes(text, strlen(text), &h, &d), 0);
	assert_int_equal(h->n, 2);
	assert_string_equal(h->all[0], "Authorization: Bearer s3cret");
	assert_string_equal(h->all[1], "X-Scope-OrgID:7");
}

static void what_is_no_header_is_named_by_its_line_alone(void **state)
{
	(void)state;
	assert_refused("A: b\ns3cret\n", 12, ":2", "this is no header");
	assert_refused(": s3cret\n", 9, ":1", "this is no header");
	assert_refused("A b: s3cret\n", 12, ":1", "this is no header");
	assert_refused("A: s3cret\x01\n", 11, ":1", "this is no header");
	assert_refused("A: s3cret\0\n", 11, "", "there is a NUL: this is no text");
}

static void there_is_an_end_to_them(void **state)
{
	char many[HEADER_LINES * 8 + 8], huge[HEADER_BYTES + 2];
	size_t n = 0;

	(void)state;
	for (int i = 0; i <= HEADER_LINES; i++)
		n += (size_t)sprintf(many + n, "A: b\n");
	assert_refused(many, n, ":33", "too many headers");
	memset(huge, 'x', sizeof(huge));
	assert_refused(huge, sizeof(huge), "", "it is larger than 16 KiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_headers_and_comments_are_not),
		cmocka_unit_test(what_is_no_header_is_named_by_its_line_alone),
		cmocka_unit_test(there_is_an_end_to_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
