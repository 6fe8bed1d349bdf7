// SPDX-License-Identifier: Apache-2.0
#include "daemon/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "../unit.h"

static struct address parsed(const char *text)
{
	struct address a;
	struct diag d = DIAG_INIT;

	assert_int_equal(address_parse(text, &a, &d), 0);
	return a;
}

static void assert_refused(const char *text, const char *why)
{
	struct address a = { .len = 77 };
	struct diag d = DIAG_INIT;

	assert_int_equal(address_parse(text, &a, &d), -EINVAL);
	assert_string_equal(d.why, why);
	assert_int_equal(a.len, 77);
}

static void ipv4_and_ipv6_are_read_with_their_port(void **state)
{
	struct address a = parsed("10.0.0.7:80"), b = parsed("[2001:db8::1]:65535");
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a.to;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&b.to;

	(void)state;
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohl(in->sin_addr.s_addr), 0x0a000007);
	assert_int_equal(ntohs(in->sin_port), 80);
	assert_int_equal(a.len, sizeof(*in));
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(in6->sin6_port), 65535);
	assert_int_equal(in6->sin6_addr.s6_addr[15], 1);
	assert_int_equal(b.len, sizeof(*in6));
}

static void loopback_is_told_from_all_others(void **state)
{
	(void)state;
	assert_true(parsed("127.0.0.1:9646").loopback);
	assert_true(parsed("127.9.9.9:9646").loopback);
	assert_true(parsed("[::1]:9646").loopback);
	assert_true(parsed(":9646").loopback);
	assert_false(parsed("0.0.0.0:9646").loopback);
	assert_false(parsed("128.0.0.1:9646").loopback);
	assert_false(parsed("*:9646").loopback);
	assert_false(parsed("[::]:9646").loopback);
	/* Another way to write an IPv4 address is not one of this machine's alone to judge. */
	assert_false(parsed("[::ffff:127.0.0.1]:9646").loopback);
}

static void a_port_of_0_leaves_it_to_the_kernel(void **state)
{
	struct address a = parsed("127.0.0.1:0");

	(void)state;
	assert_int_equal(((const struct sockaddr_in *)&a.to)->sin_port, 0);
}

static void what_is_no_address_is_refused_with_the_reason(void **state)
{
	(void)state;
	assert_refused("", "\"\" is not an address with a port");
	assert_refused("127.0.0.1", "\"127.0.0.1\" is not an address with a port");
	assert_refused("[::1]", "\"[::1]\" is not an address with a port");
	assert_refused("[::1:9646", "\"[::1:9646\" is not an address with a port");
	assert_refused("localhost:9646", "\"localhost\" is not an address");
	assert_refused("::1:9646", "\"::1\" is not an address");
	assert_refused("127.0.0.1:", "\"\" is not a number from 0 to 65535");
	assert_refused("127.0.0.1:65536", "\"65536\" is not a number from 0 to 65535");
	assert_refused("127.0.0.1:-1", "\"-1\" is not a number from 0 to 65535");
	assert_refused("[127.0.0.1]:1", "\"127.0.0.1\" is not an address");
	assert_refused("[]:1", "\"\" is not an address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_and_ipv6_are_read_with_their_port),
		cmocka_unit_test(loopback_is_told_from_all_others),
		cmocka_unit_test(a_port_of_0_leaves_it_to_the_kernel),
		cmocka_unit_test(what_is_no_address_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
