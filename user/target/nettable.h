/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets of a network namespace, out of /proc/net/{tcp,tcp6,udp,udp6,unix}. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum net_kind { NET_TCP, NET_TCP6, NET_UDP, NET_UDP6, NET_UNIX };

struct net_socket {
	uint64_t ino;
	uint8_t kind;		/* enum net_kind */
	uint8_t state;		/* TCP only: net/tcp_states.h */
	uint16_t local_port, peer_port;
	uint8_t local[16], peer[16];	/* network order; the first four for IPv4 */
	char *path;		/* NET_UNIX: raw bytes, owned by the table; NULL none or not sure */
};

/* Start from zeroes. */
struct net_table {
	struct net_socket *all;
	size_t n, size;
};

/*
 * Adds the sockets of whole lines of such a file. Lines that are none (the heading) and sockets
 * without an inode (nobody's any more) are left out. -ENOMEM; -E2BIG above a million sockets.
 */
int net_table_parse(struct net_table *t, enum net_kind kind, const char *text, size_t len);
/* Reads one of the files, by kind, below dir_fd ("net/tcp"). Errors of open() and read() too. */
int net_table_read(struct net_table *t, enum net_kind kind, int dir_fd);
/* To be called once, between the last parse and the first find. */
void net_table_sort(struct net_table *t);
/* NULL when the inode is not there. */
const struct net_socket *net_table_find(const struct net_table *t, uint64_t ino);
void net_table_done(struct net_table *t);
