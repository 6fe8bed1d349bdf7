// SPDX-License-Identifier: Apache-2.0
#include "target/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/nettable.h"
#include "target/process.h"

/* Our own descriptors serve as well as a child's: everything is read through /proc. */
struct fixture {
	struct process *process;
	struct sockets *sockets;
	struct arena *arena;
};

static struct fixture start(pid_t pid)
{
	struct fixture f = { .arena = arena_new() };

	assert_int_equal(process_open(pid, &f.process, NULL), 0);
	assert_int_equal(sockets_open(f.process, &f.sockets), 0);
	return f;
}

static void stop(struct fixture *f)
{
	sockets_close(f->sockets);
	process_close(f->process);
	arena_free(f->arena);
}

static struct wait_fd describe(struct fixture *f, int fd)
{
	struct wait_fd w = { .fd = fd };

	assert_int_equal(sockets_describe(f->sockets, fd, f->arena, &w), 0);
	return w;
}

static void assert_text(const char *got, const char *want)
{
	if (want && got)
		assert_string_equal(got, want);
	else
		assert_ptr_equal(got, want);
}

static void assert_is(struct wait_fd w, const char *proto, const char *local, const char *peer,
		      const char *state)
{
	assert_text(w.proto, proto);
	assert_text(w.local, local);
	assert_text(w.peer, peer);
	assert_text(w.tcp_state, state);
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

/* Bound to a free port of the loopback; the port is told. -1 where the family is missing. */
static int bound(int family, int type, uint16_t *port)
{
	union address a = { 0 };
	socklen_t len = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
	int fd = socket(family, type, 0);

	a.any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.v6.sin6_addr = in6addr_loopback;
	if (fd < 0 || bind(fd, &a.any, len) < 0 || getsockname(fd, &a.any, &len) < 0)
		return -1;
	*port = ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	return fd;
}

static int connected(int family, uint16_t port, uint16_t *own)
{
	union address a = { 0 };
	socklen_t len = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
	int fd = socket(family, SOCK_STREAM, 0);

	a.any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		a.v4.sin_port = htons(port);
	} else {
		/* ::ffff:127.0.0.1, as Go's dual-stack listeners see IPv4 clients. */
		inet_pton(AF_INET6, port ? "::1" : "::", &a.v6.sin6_addr);
		a.v6.sin6_port = htons(port);
	}
	assert_int_equal(connect(fd, &a.any, len), 0);
	assert_int_equal(getsockname(fd, &a.any, &len), 0);
	*own = ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	return fd;
}

static void tcp_has_its_ends_and_its_state(void **state)
{
	char listening[32], client_end[32];
	uint16_t port, own;
	int l = bound(AF_INET, SOCK_STREAM, &port), c, s;
	struct fixture f;

	(void)state;
	assert_true(l >= 0 && listen(l, 1) == 0);
	c = connected(AF_INET, port, &own);
	s = accept(l, NULL, NULL);
	snprintf(listening, sizeof(listening), "127.0.0.1:%u", port);
	snprintf(client_end, sizeof(client_end), "127.0.0.1:%u", own);
	f = start(getpid());
	assert_is(describe(&f, l), "tcp", listening, NULL, "LISTEN");
	assert_is(describe(&f, c), "tcp", client_end, listening, "ESTABLISHED");
	assert_is(describe(&f, s), "tcp", listening, client_end, "ESTABLISHED");
	stop(&f);

	/* The peer is gone and we have not noticed: what a leaked connection looks like. */
	close(s);
	f = start(getpid());
	assert_is(describe(&f, c), "tcp", client_end, listening, "CLOSE_WAIT");
	stop(&f);
	close(c);
	close(l);
}

static void ipv6_is_bracketed(void **state)
{
	char listening[64], client_end[64];
	uint16_t port, own;
	int l = bound(AF_INET6, SOCK_STREAM, &port), c;
	struct fixture f;

	(void)state;
	if (l < 0)
		skip();
	assert_int_equal(listen(l, 1), 0);
	c = connected(AF_INET6, port, &own);
	snprintf(listening, sizeof(listening), "[::1]:%u", port);
	snprintf(client_end, sizeof(client_end), "[::1]:%u", own);
	f = start(getpid());
	assert_is(describe(&f, l), "tcp6", listening, NULL, "LISTEN");
	assert_is(describe(&f, c), "tcp6", client_end, listening, "ESTABLISHED");
	stop(&f);
	close(c);
	close(l);
}

static void ipv4_through_an_ipv6_socket_is_shown_as_ipv4(void **state)
{
	union address any = { .v6 = { .sin6_family = AF_INET6 } };
	socklen_t len = sizeof(any.v6);
	char server_end[32], client_end[32], listening[32];
	int l = socket(AF_INET6, SOCK_STREAM, 0), c, s;
	uint16_t own, port;
	struct fixture f;

	(void)state;
	if (l < 0 || bind(l, &any.any, len) < 0)
		skip();
	assert_true(listen(l, 1) == 0 && getsockname(l, &any.any, &len) == 0);
	port = ntohs(any.v6.sin6_port);
	c = connected(AF_INET, port, &own);
	s = accept(l, NULL, NULL);
	snprintf(listening, sizeof(listening), "[::]:%u", port);
	snprintf(server_end, sizeof(server_end), "127.0.0.1:%u", port);
	snprintf(client_end, sizeof(client_end), "127.0.0.1:%u", own);
	f = start(getpid());
	assert_is(describe(&f, l), "tcp6", listening, NULL, "LISTEN");
	assert_is(describe(&f, s), "tcp", server_end, client_end, "ESTABLISHED");
	stop(&f);
	close(s);
	close(c);
	close(l);
}

static void udp_and_unbound_sockets_are_told(void **state)
{
	char local[32];
	uint16_t port;
	int u = bound(AF_INET, SOCK_DGRAM, &port), t = socket(AF_INET, SOCK_STREAM, 0);
	int n = socket(AF_NETLINK, SOCK_RAW, 0);
	struct fixture f = start(getpid());

	(void)state;
	snprintf(local, sizeof(local), "127.0.0.1:%u", port);
	assert_is(describe(&f, u), "udp", local, NULL, NULL);
	assert_is(describe(&f, t), "tcp", NULL, NULL, NULL);
	assert_is(describe(&f, n), "netlink", NULL, NULL, NULL);
	stop(&f);
	close(n);
	close(t);
	close(u);
}

static int unix_listener(const char *path, size_t n)
{
	union address a = { .un = { .sun_family = AF_UNIX } };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.un.sun_path, path, n);
	assert_int_equal(bind(fd, &a.any, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void unix_sockets_have_their_path(void **state)
{
	char dir[] = "/tmp/loiter-sock-XXXXXX", path[64], abstract[64];
	int named, unnamed[2], nowhere_fd;
	struct fixture f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a b", dir);
	snprintf(abstract, sizeof(abstract), "@loiter-%d", getpid());
	named = unix_listener(path, strlen(path));
	abstract[0] = '\0';
	nowhere_fd = unix_listener(abstract, 1 + strlen(abstract + 1));
	abstract[0] = '@';
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, unnamed), 0);
	f = start(getpid());
	assert_is(describe(&f, named), "unix", path, NULL, NULL);
	assert_is(describe(&f, nowhere_fd), "unix", abstract, NULL, NULL);
	assert_is(describe(&f, unnamed[0]), "unix", NULL, NULL, NULL);
	stop(&f);
	close(named);
	close(nowhere_fd);
	close(unnamed[0]);
	close(unnamed[1]);
	unlink(path);
	rmdir(dir);
}

static void a_path_with_a_newline_cannot_forge_another_sockets(void **state)
{
	char path[108], dir[] = "/tmp/loiter-sock-XXXXXX";
	int victim, forger;
	struct stat st;
	struct fixture f;

	(void)state;
	assert_int_equal(chdir(mkdtemp(dir)), 0);
	victim = unix_listener("true", 4);
	assert_int_equal(fstat(victim, &st), 0);
	snprintf(path, sizeof(path), "x\n0: 00000002 00000000 00010000 0001 01 %lu forged",
		 (unsigned long)st.st_ino);
	forger = unix_listener(path, strlen(path));
	f = start(getpid());
	assert_is(describe(&f, victim), "unix", NULL, NULL, NULL);
	stop(&f);
	close(victim);
	close(forger);
	unlink("true");
	unlink(path);
	assert_int_equal(chdir("/"), 0);
	rmdir(dir);
}

static void what_is_no_socket_is_named_by_its_kind(void **state)
{
	int p[2], e = eventfd(0, 0), ep = epoll_create1(0), in = inotify_init(), zero;
	struct wait_fd w = { .fd = -1 };
	struct fixture f;

	(void)state;
	assert_int_equal(pipe(p), 0);
	zero = open("/dev/zero", O_RDONLY);
	f = start(getpid());
	assert_is(describe(&f, p[0]), "pipe", NULL, NULL, NULL);
	assert_is(describe(&f, e), "eventfd", NULL, NULL, NULL);
	assert_is(describe(&f, ep), "eventpoll", NULL, NULL, NULL);
	assert_is(describe(&f, in), "inotify", NULL, NULL, NULL);
	assert_is(describe(&f, zero), "file", "/dev/zero", NULL, NULL);
	assert_int_equal(sockets_describe(f.sockets, 99999, f.arena, &w), -ENOENT);
	assert_int_equal(sockets_describe(f.sockets, -1, f.arena, &w), -ENOENT);
	assert_is(w, NULL, NULL, NULL, NULL);
	stop(&f);
	close(p[0]);
	close(p[1]);
	close(e);
	close(ep);
	close(in);
	close(zero);
}

static int told[2];

static void listen_in_a_namespace_of_its_own(void *arg)
{
	uint16_t port = 0;
	int fd, answer[2] = { -1, -1 };

	(void)arg;
	if (unshare(CLONE_NEWNET) == 0) {
		/* Its loopback is down, so any address must do. */
		union address a = { .v4 = { .sin_family = AF_INET } };
		socklen_t len = sizeof(a.v4);

		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(fd, &a.any, len) == 0 && listen(fd, 1) == 0 &&
		    getsockname(fd, &a.any, &len) == 0) {
			port = ntohs(a.v4.sin_port);
			answer[0] = fd;
			answer[1] = port;
		}
	}
	if (write(told[1], answer, sizeof(answer)) < 0)
		_exit(1);
}

static void a_target_in_another_network_is_seen_in_its_own(void **state)
{
	int answer[2];
	char local[32];
	struct fixture f;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(told), 0);
	pid = child_start(listen_in_a_namespace_of_its_own, NULL);
	assert_int_equal(read(told[0], answer, sizeof(answer)), sizeof(answer));
	close(told[0]);
	close(told[1]);
	if (answer[0] < 0) {
		child_stop(pid);
		skip();
	}
	snprintf(local, sizeof(local), "0.0.0.0:%d", answer[1]);
	f = start(pid);
	assert_is(describe(&f, answer[0]), "tcp", local, NULL, "LISTEN");
	stop(&f);
	child_stop(pid);
}

static void odd_lines_are_left_out(void **state)
{
	static const char tcp[] =
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
		"        0 111 1 0\n"
		"   1: 0100007F:1F90 0300000A:01BB 06 00000000:00000000 03:00000000 00000000     0"
		"        0 0 3 0\n"
		"   2: 0100007F\n"
		"   3: 0100007@:1F90 00000000:0000 0A 0:0 0:0 0 0 0 222\n"
		"   4: 0100007F:1F90 00000000:0000 FF 0:0 0:0 0 0 0 333\n"
		"\n \n:\n5: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0";
	struct net_table t = { 0 };

	(void)state;
	assert_int_equal(net_table_parse(&t, NET_TCP, tcp, sizeof(tcp) - 1), 0);
	net_table_sort(&t);
	assert_int_equal(t.n, 2);
	assert_int_equal(net_table_find(&t, 111)->local_port, 8080);
	assert_int_equal(net_table_find(&t, 111)->state, 10);
	assert_null(net_table_find(&t, 222));
	assert_int_equal(net_table_find(&t, 333)->state, 255);
	net_table_done(&t);
}

static void an_empty_table_finds_nothing(void **state)
{
	struct net_table t = { 0 };

	(void)state;
	assert_int_equal(net_table_parse(&t, NET_UNIX, "", 0), 0);
	net_table_sort(&t);
	assert_null(net_table_find(&t, 0));
	net_table_done(&t);
}

static void a_table_longer_than_our_buffer_is_read_whole(void **state)
{
	enum { N = 800 };	/* with 100 characters of path each, 120 KiB of text */
	static int fds[N];
	char name[101];
	struct fixture f;
	size_t length;

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "@loiter-%d-%0*d", getpid(), 70, i);
		length = strlen(name);
		name[0] = '\0';
		fds[i] = unix_listener(name, length);
	}
	f = start(getpid());
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "@loiter-%d-%0*d", getpid(), 70, i);
		assert_is(describe(&f, fds[i]), "unix", name, NULL, NULL);
	}
	stop(&f);
	for (int i = 0; i < N; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_has_its_ends_and_its_state),
		cmocka_unit_test(ipv6_is_bracketed),
		cmocka_unit_test(ipv4_through_an_ipv6_socket_is_shown_as_ipv4),
		cmocka_unit_test(udp_and_unbound_sockets_are_told),
		cmocka_unit_test(unix_sockets_have_their_path),
		cmocka_unit_test(a_path_with_a_newline_cannot_forge_another_sockets),
		cmocka_unit_test(what_is_no_socket_is_named_by_its_kind),
		cmocka_unit_test(a_target_in_another_network_is_seen_in_its_own),
		cmocka_unit_test(odd_lines_are_left_out),
		cmocka_unit_test(an_empty_table_finds_nothing),
		cmocka_unit_test(a_table_longer_than_our_buffer_is_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
