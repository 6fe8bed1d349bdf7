/* SPDX-License-Identifier: Apache-2.0 */
/* What a file descriptor of the target is, sockets with their peer and TCP state. */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "model/goroutine.h"

struct process;
struct sockets;

/* Reads nothing yet. `p` must outlive it. -ENOMEM. */
int sockets_open(const struct process *p, struct sockets **ret);
void sockets_close(struct sockets *s);
DEFINE_CLEANUP(struct sockets, sockets_close)

/*
 * Fills proto, local, peer and tcp_state of `ret`, strings in the arena, for the descriptor `fd`.
 *
 * proto is "tcp", "tcp6", "udp", "udp6" or "unix", else what the kernel calls the protocol or the
 * descriptor ("netlink", "pipe", "eventpoll", "eventfd", ...), "file" for what has a path. An IPv4
 * address that a "tcp6" socket carries is shown as IPv4, with proto "tcp". local is the address
 * "10.0.3.7:443" or "[::1]:80", of a unix socket or a file the path ("@name" an abstract one); raw
 * bytes. peer is the other side's address, tcp_state the kernel's word ("ESTABLISHED", ...).
 *
 * /proc/PID/net tables (the target's own network namespace) are read on the first socket asked
 * for, once: a socket that is younger has its proto alone. What cannot be known stays NULL.
 * 0; -ENOENT no such descriptor; -ESRCH, -EPERM, -ENOMEM.
 */
int sockets_describe(struct sockets *s, int fd, struct arena *a, struct wait_fd *ret);
