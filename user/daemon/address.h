/* SPDX-License-Identifier: Apache-2.0 */
/* Where the daemon listens: an address as people write it. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "base/diag.h"

struct address {
	struct sockaddr_storage to;	/* IPv4 or IPv6, with its port */
	socklen_t len;
	bool loopback;		/* nobody from elsewhere comes in there */
};

/*
 * "127.0.0.1:9646", "[::1]:9646", ":9646" for 127.0.0.1, "*:9646" for every address of both kinds;
 * no names, which somebody else could give another address. Port 0: the kernel chooses one. -EINVAL
 * with the reason.
 */
int address_parse(const char *text, struct address *ret, struct diag *d);
