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
 * /proc/PID/net tables (the target's own network namespace) are read on the first socket asked
 * for, once. What cannot be known stays NULL. 0; -ENOENT no such descriptor.
 */
int sockets_describe(struct sockets *s, int fd, struct arena *a, struct wait_fd *ret);
