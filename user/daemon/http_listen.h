/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen, and who can reach them. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/diag.h"

/* Only this machine reaches it. */
bool http_is_loopback(const struct sockaddr_storage *at);

/*
 * Listens there, non-blocking; of all addresses of IPv6 at those of IPv4 as well, and at these
 * alone where there is no IPv6. Port 0: the kernel chooses. -EADDRINUSE, -EACCES, ...
 */
int http_listen(const struct sockaddr_storage *at, int *ret, struct diag *d);

/* The port that fd listens at; 0 unknown. */
unsigned int http_socket_port(int fd);
