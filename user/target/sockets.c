// SPDX-License-Identifier: Apache-2.0
#include "target/sockets.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/nettable.h"
#include "target/process.h"
#include "target/procfile.h"
#include "target/sealed.h"

struct sockets {
	const struct process *process;
	struct net_table table;
	bool read;
};

int sockets_open(const struct process *p, struct sockets **ret)
{
	struct sockets *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->process = p;
	*ret = s;
	return 0;
}

void sockets_close(struct sockets *s)
{
	if (!s)
		return;
	net_table_done(&s->table);
	free(s);
}

/* A kernel without IPv6 has no tcp6, and a table too long is used as far as it was read. */
static int read_tables(struct sockets *s)
{
	if (s->read)
		return 0;
	s->read = true;
	for (int kind = NET_TCP; kind <= NET_UNIX; kind++) {
		int r = net_table_read(&s->table, (enum net_kind)kind, s->process->proc_fd);

		if (r == -ENOMEM)
			return r;
	}
	net_table_sort(&s->table);
	return 0;
}

/* include/net/tcp_states.h, in the words of the kernel's own tracepoints and of ss. */
static const char *tcp_state_name(unsigned int state)
{
	static const char *const names[] = {
		[1] = "ESTABLISHED", [2] = "SYN_SENT",	 [3] = "SYN_RECV",  [4] = "FIN_WAIT1",
		[5] = "FIN_WAIT2",   [6] = "TIME_WAIT",	 [7] = "CLOSE",	    [8] = "CLOSE_WAIT",
		[9] = "LAST_ACK",    [10] = "LISTEN",	 [11] = "CLOSING",  [12] = "NEW_SYN_RECV",
		[13] = "BOUND_INACTIVE",
	};

	return state < ARRAY_SIZE(names) ? names[state] : NULL;
}

static bool is_v4_mapped(const uint8_t *addr)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

static const char *show(struct arena *a, bool v6, const uint8_t *addr, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	if (v6 && is_v4_mapped(addr)) {
		v6 = false;
		addr += 12;
	}
	inet_ntop(v6 ? AF_INET6 : AF_INET, addr, text, sizeof(text));
	return arena_printf(a, v6 ? "[%s]:%u" : "%s:%u", text, port);
}

static bool nowhere(const struct net_socket *s)
{
	static const uint8_t zero[16];

	return s->peer_port == 0 && memcmp(s->peer, zero, sizeof(zero)) == 0;
}

static int describe_inet(const struct net_socket *s, struct arena *a, struct wait_fd *ret)
{
	bool tcp = s->kind == NET_TCP || s->kind == NET_TCP6;
	bool v6 = s->kind == NET_TCP6 || s->kind == NET_UDP6;
	bool as_v6 = v6 && !is_v4_mapped(s->local) && !is_v4_mapped(s->peer);

	ret->proto = tcp ? (as_v6 ? "tcp6" : "tcp") : (as_v6 ? "udp6" : "udp");
	ret->tcp_state = tcp ? tcp_state_name(s->state) : NULL;
	ret->local = show(a, v6, s->local, s->local_port);
	if (!ret->local)
		return -ENOMEM;
	if (nowhere(s))
		return 0;
	ret->peer = show(a, v6, s->peer, s->peer_port);
	return ret->peer ? 0 : -ENOMEM;
}

/*
 * What no table lists: a TCP socket that is neither bound nor connected, netlink, vsock, or one
 * that is younger than our tables. The kernel names the protocol as an attribute of the inode.
 */
static int describe_by_name(const struct sockets *s, int fd, struct arena *a, struct wait_fd *ret)
{
	static const char *const others[][2] = {
		{ "tcpv6", "tcp6" }, { "udpv6", "udp6" }, { "unix-stream", "unix" }
	};
	char name[PROCFILE_PROTOCOL];
	int r = s->process->sealed ? sealed_protocol(s->process->sealed, fd, name)
				   : procfile_protocol(s->process->proc_fd, fd, name);

	if (r < 0)
		return 0;
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(name, others[i][0]) == 0)
			strcpy(name, others[i][1]);
	ret->proto = arena_strdup(a, name);
	return ret->proto ? 0 : -ENOMEM;
}

static int describe_socket(struct sockets *s, int fd, uint64_t ino, struct arena *a,
			   struct wait_fd *ret)
{
	const struct net_socket *found;
	int r = read_tables(s);

	if (r < 0)
		return r;
	found = net_table_find(&s->table, ino);
	if (!found)
		return describe_by_name(s, fd, a, ret);
	if (found->kind != NET_UNIX)
		return describe_inet(found, a, ret);
	ret->proto = "unix";
	ret->local = found->path ? arena_strdup(a, found->path) : NULL;
	return found->path && !ret->local ? -ENOMEM : 0;
}

/* "pipe:[7]" is a pipe, "anon_inode:[eventfd]" an eventfd; "anon_inode:inotify" has no brackets. */
static int describe_link(const char *link, struct arena *a, struct wait_fd *ret)
{
	static const char anon[] = "anon_inode:";
	const char *name = link;
	size_t len;

	if (link[0] == '/') {
		ret->proto = "file";
		ret->local = arena_strdup(a, link);
		return ret->local ? 0 : -ENOMEM;
	}
	if (strncmp(link, anon, sizeof(anon) - 1) == 0) {
		name += sizeof(anon) - 1;
		name += *name == '[';
	}
	len = strcspn(name, ":]");
	if (len == 0)
		return 0;
	ret->proto = arena_strndup(a, name, len);
	return ret->proto ? 0 : -ENOMEM;
}

int sockets_describe(struct sockets *s, int fd, struct arena *a, struct wait_fd *ret)
{
	CLEANUP(procfile_free_p) char *link = NULL;
	char name[32];
	uint64_t ino;
	int r;

	if (fd < 0)
		return -ENOENT;
	snprintf(name, sizeof(name), "fd/%d", fd);
	r = s->process->sealed ? sealed_link(s->process->sealed, fd, &link)
			       : procfile_readlink(s->process->proc_fd, name, &link);
	if (r == -EACCES)
		return -EPERM;
	if (r < 0)
		return r;
	if (sscanf(link, "socket:[%lu]", &ino) == 1)
		return describe_socket(s, fd, ino, a, ret);
	return describe_link(link, a, ret);
}
