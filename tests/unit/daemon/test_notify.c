// SPDX-License-Identifier: Apache-2.0
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../unit.h"

static int manager = -1;
static char name[64];

/* A name that no file has: nothing of it is left behind. */
static int listen_as_manager(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len;

	(void)state;
	snprintf(name, sizeof(name), "@loiter-test-%d", getpid());
	memcpy(at.sun_path, name, strlen(name));
	at.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&at, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static int close_manager(void **state)
{
	(void)state;
	close(manager);
	return 0;
}

static const char *heard(void)
{
	static char words[512];
	ssize_t n = recv(manager, words, sizeof(words) - 1, 0);

	words[n > 0 ? n : 0] = '\0';
	return words;
}

static void each_word_is_a_datagram(void **state)
{
	struct diag d = DIAG_INIT;
	unsigned long usec;
	struct notify n;

	(void)state;
	assert_int_equal(notify_open(&n, &d), 0);
	assert_true(n.watchdog_s == 0);
	assert_int_equal(notify_ready(&n), 0);
	assert_string_equal(heard(), "READY=1");
	assert_int_equal(notify_reloading(&n), 0);
	assert_int_equal(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%lu", &usec), 1);
	assert_true(usec > 0);
	assert_int_equal(notify_watchdog(&n), 0);
	assert_string_equal(heard(), "WATCHDOG=1");
	assert_int_equal(notify_stopping(&n), 0);
	assert_string_equal(heard(), "STOPPING=1");
	notify_close(&n);
}

static void a_status_is_one_line(void **state)
{
	struct diag d = DIAG_INIT;
	struct notify n;

	(void)state;
	assert_int_equal(notify_open(&n, &d), 0);
	assert_int_equal(notify_status(&n, "%d\nREADY=1", 3), 0);
	assert_string_equal(heard(), "STATUS=3 READY=1");
	assert_int_equal(notify_status(&n, "%0400d", 3), 0);
	assert_int_equal(strlen(heard()), 255);
	notify_close(&n);
}

static void no_child_speaks_for_us(void **state)
{
	struct diag d = DIAG_INIT;
	struct notify n;

	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_open(&n, &d), 0);
	assert_true(n.watchdog_s == 30);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	notify_close(&n);
}

static void a_watchdog_of_a_parents_is_not_ours(void **state)
{
	struct diag d = DIAG_INIT;
	struct notify n;
	char pid[16];

	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_open(&n, &d), 0);
	assert_true(n.watchdog_s == 0);
	notify_close(&n);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_open(&n, &d), 0);
	assert_true(n.watchdog_s == 30);
	notify_close(&n);
}

static void where_nobody_listens_nothing_fails(void **state)
{
	struct diag d = DIAG_INIT;
	struct notify n;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(&n, &d), 0);
	assert_int_equal(notify_ready(&n), 0);
	assert_int_equal(notify_status(&n, "x"), 0);
	notify_close(&n);
}

static void a_manager_that_does_not_read_holds_up_nobody(void **state)
{
	struct diag d = DIAG_INIT;
	struct notify n;
	int r = 0;

	(void)state;
	assert_int_equal(notify_open(&n, &d), 0);
	for (int i = 0; r == 0 && i < 100000; i++)
		r = notify_watchdog(&n);
	assert_int_equal(r, -EAGAIN);
	notify_close(&n);
}

static void assert_refused(const char *socket_name, const char *usec, const char *what)
{
	struct diag d = DIAG_INIT;
	struct notify n;

	setenv("NOTIFY_SOCKET", socket_name, 1);
	if (usec)
		setenv("WATCHDOG_USEC", usec, 1);
	assert_true(notify_open(&n, &d) < 0);
	assert_string_equal(d.what, what);
	notify_close(&n);
}

static void what_makes_no_sense_is_named(void **state)
{
	char huge[200];

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	huge[0] = '/';
	huge[sizeof(huge) - 1] = '\0';
	assert_refused("", NULL, "NOTIFY_SOCKET");
	assert_refused("relative", NULL, "NOTIFY_SOCKET");
	assert_refused(huge, NULL, "NOTIFY_SOCKET");
	assert_refused("/nowhere/at/all", NULL, "NOTIFY_SOCKET");
	assert_refused(name, "soon", "WATCHDOG_USEC");
}

#define AS_SERVICE(name) cmocka_unit_test_setup_teardown(name, listen_as_manager, close_manager)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AS_SERVICE(each_word_is_a_datagram),
		AS_SERVICE(a_status_is_one_line),
		AS_SERVICE(no_child_speaks_for_us),
		AS_SERVICE(a_watchdog_of_a_parents_is_not_ours),
		AS_SERVICE(where_nobody_listens_nothing_fails),
		AS_SERVICE(a_manager_that_does_not_read_holds_up_nobody),
		AS_SERVICE(what_makes_no_sense_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
