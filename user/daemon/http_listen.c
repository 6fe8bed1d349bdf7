// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Longer than a burst of scrapers; the kernel cuts it to what it allows. */
enum { BACKLOG = 1024 };

static const struct sockaddr_in6 *ipv6(const struct sockaddr_storage *at)
{
	return at->ss_family == AF_INET6 ? (const struct sockaddr_in6 *)at : NULL;
}

static const struct sockaddr_in *ipv4(const struct sockaddr_storage *at)
{
	return at->ss_family == AF_INET ? (const struct sockaddr_in *)at : NULL;
}

static bool is_everywhere(const struct sockaddr_storage *at)
{
	return ipv6(at) && IN6_IS_ADDR_UNSPECIFIED(&ipv6(at)->sin6_addr);
}

bool http_is_loopback(const struct sockaddr_storage *at)
{
	if (ipv4(at))
		return ntohl(ipv4(at)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return ipv6(at) && IN6_IS_ADDR_LOOPBACK(&ipv6(at)->sin6_addr);
}

static int fail(int err, const struct sockaddr_storage *at, struct diag *d)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (ipv6(at))
		inet_ntop(AF_INET6, &ipv6(at)->sin6_addr, host, sizeof(host));
	else if (ipv4(at))
		inet_ntop(AF_INET, &ipv4(at)->sin_addr, host, sizeof(host));
	diag_fail(d, err, err == -EADDRINUSE ? "something else listens there" :
		  "cannot listen there: %s", strerror(-err));
	/* Both have the port at the same place. */
	return diag_what(d, err, "%s port %u", host,
			 ntohs(((const struct sockaddr_in *)at)->sin_port));
}

static int bind_and_listen(int fd, const struct sockaddr_storage *at)
{
	socklen_t len = ipv6(at) ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int on = 1, v6_only = !is_everywhere(at);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ipv6(at))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
	if (bind(fd, (const struct sockaddr *)at, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

static int listen_at(const struct sockaddr_storage *at, int *ret)
{
	int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = bind_and_listen(fd, at);
	if (r < 0)
		close(fd);
	else
		*ret = fd;
	return r;
}

int http_listen(const struct sockaddr_storage *at, int *ret, struct diag *d)
{
	struct sockaddr_storage older = { 0 };
	int r = listen_at(at, ret);

	/* Switched off, there are no such sockets, or such sockets and no address for them. */
	if ((r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) && is_everywhere(at)) {
		((struct sockaddr_in *)&older)->sin_family = AF_INET;
		((struct sockaddr_in *)&older)->sin_port = ipv6(at)->sin6_port;
		r = listen_at(&older, ret);
	}
	return r < 0 ? fail(r, at, d) : 0;
}

unsigned int http_socket_port(int fd)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return 0;
	return ntohs(((struct sockaddr_in *)&at)->sin_port);
}
