// SPDX-License-Identifier: Apache-2.0
#include "daemon/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/quantity.h"

/* What stands between two brackets, or before the colon; false: it does not fit. */
static bool split(const char *text, char *host, size_t size, const char **ret_port)
{
	bool bracketed = text[0] == '[';
	const char *from = text + bracketed;
	const char *end = bracketed ? strchr(from, ']') : strrchr(from, ':');

	if (!end || (size_t)(end - from) >= size)
		return false;
	memcpy(host, from, (size_t)(end - from));
	host[end - from] = '\0';
	end += bracketed;
	if (*end != ':')
		return false;
	*ret_port = end + 1;
	return true;
}

static bool read_ipv4(const char *host, in_port_t port, struct address *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&ret->to;

	if (inet_pton(AF_INET, *host ? host : "127.0.0.1", &in->sin_addr) != 1)
		return false;
	in->sin_family = AF_INET;
	in->sin_port = port;
	ret->len = sizeof(*in);
	ret->loopback = (ntohl(in->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
	return true;
}

static bool read_ipv6(const char *host, in_port_t port, struct address *ret)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&ret->to;

	if (inet_pton(AF_INET6, host, &in->sin6_addr) != 1)
		return false;
	in->sin6_family = AF_INET6;
	in->sin6_port = port;
	ret->len = sizeof(*in);
	ret->loopback = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
	return true;
}

int address_parse(const char *text, struct address *ret, struct diag *d)
{
	struct address a = { .len = 0 };
	char host[INET6_ADDRSTRLEN];
	const char *digits;
	uint64_t port;
	bool ok;
	int r;

	if (!split(text, host, sizeof(host), &digits)) {
		diag_fail(d, -EINVAL, "\"%s\" is not an address with a port", text);
		return diag_hint(d, -EINVAL, "give one like 127.0.0.1:9646 or [::1]:9646");
	}
	r = quantity_count(digits, 0, 65535, &port, d);
	if (r < 0)
		return r;
	if (text[0] == '[')
		ok = read_ipv6(host, htons((uint16_t)port), &a);
	else if (strcmp(host, "*") == 0)
		ok = read_ipv6("::", htons((uint16_t)port), &a);
	else
		ok = read_ipv4(host, htons((uint16_t)port), &a);
	if (!ok) {
		diag_fail(d, -EINVAL, "\"%s\" is not an address", host);
		return diag_hint(d, -EINVAL, "give digits, not a name: 127.0.0.1:9646, [::1]:9646, "
				 "*:9646");
	}
	*ret = a;
	return 0;
}
