// SPDX-License-Identifier: Apache-2.0
/*
 * The server itself, over a socket: bytes of anybody's, then the end of them; and, when that has
 * been borne, a request that must be served.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that it is worth packing. */
enum { LARGE = 4000 };

static struct http *server;

/* At once, or not at all; what was not understood is not asked for. */
static int start(void *arg, const struct ask *ask, cell_done *done, void *done_arg,
		 struct diag *d)
{
	(void)arg;
	if (ask->pid <= 0)
		abort();
	if (ask->pid % 2)
		return diag_fail(d, -ESRCH, "gone");
	done(done_arg, 0, NULL, strdup("bytes"), 5);
	return 0;
}

static void open_server(void)
{
	static const char *const names[] = {
		HTTP_BODY_PAGE, HTTP_BODY_METRICS, HTTP_BODY_METRICS_TEXT, HTTP_BODY_TARGETS,
		HTTP_BODY_PROCESSES,
	};
	struct sockaddr_storage at = { .ss_family = AF_INET };
	struct http_args args = { .listen = &at, .n_listen = 1, .board = board_new(),
				  .cells = { .start = start }, .request_s = 2 };
	struct diag d = DIAG_INIT;

	((struct sockaddr_in *)&at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		board_publish(args.board, names[i], "text/plain", calloc(1, LARGE + 1), LARGE);
	if (http_open(&args, &server, &d) < 0)
		abort();
}

static int dial(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(http_port(server, 0)) };
	/* Without it, ports in TIME_WAIT run out in some seconds. */
	struct linger none = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		abort();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	return fd;
}

/* An answer is one of HTTP, and a header that a client brought in is none of ours. */
static void check(const char *answer, size_t n)
{
	if (n && (n < 12 || memcmp(answer, "HTTP/1.", 7) != 0))
		abort();
	if (n && memmem(answer, n, "\r\nX-Evil:", 9))
		abort();
}

static void exchange(const void *bytes, size_t size)
{
	static char answer[1 << 16];
	size_t n = 0;
	ssize_t r;
	int fd = dial();

	if (size)
		r = send(fd, bytes, size, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	/* What is not answered at once is not waited for: the server has time limits of its own. */
	do {
		struct timeval moment = { .tv_usec = 20000 };

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment));
		r = recv(fd, answer + n, sizeof(answer) - n, 0);
		n += r > 0 ? (size_t)r : 0;
	} while (r > 0 && n < sizeof(answer) && !memmem(answer, n, "\r\n\r\n", 4));
	close(fd);
	check(answer, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct http_counts counts;

	if (!server)
		open_server();
	exchange(data, size);
	exchange(head, sizeof(head) - 1);
	http_count(server, &counts);
	/* Nothing of what is served here can fail. */
	if (counts.failed)
		abort();
	return 0;
}
