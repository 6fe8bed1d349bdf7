// SPDX-License-Identifier: Apache-2.0
#include "target/nettable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SOCKETS = 1 << 20,	/* fs.nr_open allows a process as many descriptors */
	BUFFER = 64 * 1024,	/* holds many lines; one line has 200 characters or a path */
};

struct scan {
	const char *at, *end;
};

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && *s->at == ' ')
		s->at++;
}

/* Past the next word, whatever it is. */
static bool skip_word(struct scan *s)
{
	const char *start;

	skip_blanks(s);
	start = s->at;
	while (s->at < s->end && *s->at != ' ')
		s->at++;
	return s->at > start;
}

static unsigned int digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a' + 10);
	return c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A' + 10) : 99;
}

/* Up to `digits` digits of the base; false when there is none. */
static bool number(struct scan *s, unsigned int base, unsigned int digits, uint64_t *ret)
{
	const char *start = s->at;
	uint64_t v = 0;

	for (; s->at < s->end && digits && digit(*s->at) < base; s->at++, digits--)
		v = v * base + digit(*s->at);
	*ret = v;
	return s->at > start;
}

/*
 * "0100007F:1F90": 32-bit words of the address as numbers of the machine's byte order, so that
 * storing them gives network order; the port as a number (net/ipv4/tcp_ipv4.c, get_tcp4_sock()).
 */
static bool address(struct scan *s, int words, uint8_t *ret, uint16_t *port)
{
	uint64_t v;

	skip_blanks(s);
	for (int i = 0; i < words; i++) {
		const char *start = s->at;

		if (!number(s, 16, 8, &v) || s->at - start != 8)
			return false;
		memcpy(ret + 4 * i, &(uint32_t){ (uint32_t)v }, 4);
	}
	if (s->at == s->end || *s->at++ != ':' || !number(s, 16, 4, &v))
		return false;
	*port = (uint16_t)v;
	return true;
}

/* sl local remote state queues timer retransmits uid timeout inode ... */
static bool parse_inet(struct scan s, enum net_kind kind, struct net_socket *ret)
{
	int words = kind == NET_TCP6 || kind == NET_UDP6 ? 4 : 1;
	uint64_t state;

	if (!skip_word(&s) || !address(&s, words, ret->local, &ret->local_port) ||
	    !address(&s, words, ret->peer, &ret->peer_port))
		return false;
	skip_blanks(&s);
	if (!number(&s, 16, 2, &state))
		return false;
	ret->state = (uint8_t)state;
	for (int i = 0; i < 5; i++)
		if (!skip_word(&s))
			return false;
	skip_blanks(&s);
	return number(&s, 10, 19, &ret->ino);
}

/* Num: RefCount Protocol Flags Type St Inode Path */
static bool parse_unix(struct scan s, struct net_socket *ret, struct scan *path)
{
	for (int i = 0; i < 6; i++)
		if (!skip_word(&s))
			return false;
	skip_blanks(&s);
	if (!number(&s, 10, 19, &ret->ino))
		return false;
	if (s.at < s.end && *s.at == ' ')
		s.at++;
	*path = s;
	return true;
}

static int add(struct net_table *t, const struct net_socket *s)
{
	if (t->n == t->size) {
		size_t more = t->size ? t->size * 2 : 64;
		struct net_socket *bigger;

		if (t->size >= SOCKETS)
			return -E2BIG;
		bigger = reallocarray(t->all, more, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		t->all = bigger;
		t->size = more;
	}
	t->all[t->n++] = *s;
	return 0;
}

static int parse_line(struct net_table *t, enum net_kind kind, struct scan line)
{
	struct net_socket s = { .kind = (uint8_t)kind };
	struct scan path = { NULL, NULL };
	int r;

	if (!(kind == NET_UNIX ? parse_unix(line, &s, &path) : parse_inet(line, kind, &s)) ||
	    s.ino == 0)
		return 0;
	if (path.at < path.end) {
		s.path = strndup(path.at, (size_t)(path.end - path.at));
		if (!s.path)
			return -ENOMEM;
	}
	r = add(t, &s);
	if (r < 0)
		free(s.path);
	return r;
}

int net_table_parse(struct net_table *t, enum net_kind kind, const char *text, size_t len)
{
	const char *end = text + len, *next;

	for (const char *at = text; at < end; at = next) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		int r;

		next = stop ? stop + 1 : end;
		r = parse_line(t, kind, (struct scan){ at, stop ? stop : end });
		if (r < 0)
			return r;
	}
	return 0;
}

/* Feeds whole lines to the parser and keeps the broken one for the next turn. */
static int read_lines(struct net_table *t, enum net_kind kind, int fd, char *buf)
{
	size_t have = 0;

	for (;;) {
		ssize_t got = read(fd, buf + have, BUFFER - have);
		const char *last;
		size_t whole;
		int r;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		have += (size_t)got;
		last = memrchr(buf, '\n', have);
		/* At the end, and where a line fills the buffer, what there is must do. */
		whole = last && got ? (size_t)(last + 1 - buf) : got && have < BUFFER ? 0 : have;
		r = net_table_parse(t, kind, buf, whole);
		if (r < 0 || got == 0)
			return r;
		memmove(buf, buf + whole, have - whole);
		have -= whole;
	}
}

int net_table_read(struct net_table *t, enum net_kind kind, int dir_fd)
{
	static const char *const names[] = { [NET_TCP] = "net/tcp",
					     [NET_TCP6] = "net/tcp6",
					     [NET_UDP] = "net/udp",
					     [NET_UDP6] = "net/udp6",
					     [NET_UNIX] = "net/unix" };
	int fd = openat(dir_fd, names[kind], O_RDONLY | O_CLOEXEC);
	char *buf;
	int r;

	if (fd < 0)
		return -errno;
	buf = malloc(BUFFER);
	r = buf ? read_lines(t, kind, fd, buf) : -ENOMEM;
	free(buf);
	close(fd);
	return r;
}

static int by_inode(const void *a, const void *b)
{
	const struct net_socket *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	/* MPTCP: each subflow is listed, under the inode of the one socket. */
	return (x->state > y->state) - (x->state < y->state);
}

void net_table_sort(struct net_table *t)
{
	if (t->n)
		qsort(t->all, t->n, sizeof(*t->all), by_inode);
	/*
	 * A unix socket's path is printed raw, newlines and all, so whoever binds one can write
	 * lines of his own into the file. An inode that is claimed twice has no path we believe.
	 */
	for (size_t i = 1; i < t->n; i++) {
		if (t->all[i].ino != t->all[i - 1].ino || t->all[i].kind != NET_UNIX)
			continue;
		for (size_t k = i - 1; k <= i; k++) {
			free(t->all[k].path);
			t->all[k].path = NULL;
		}
	}
}

const struct net_socket *net_table_find(const struct net_table *t, uint64_t ino)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->all[mid].ino < ino)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->n && t->all[lo].ino == ino ? &t->all[lo] : NULL;
}

void net_table_done(struct net_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->all[i].path);
	free(t->all);
}
