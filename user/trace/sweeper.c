// SPDX-License-Identifier: Apache-2.0
#include "trace/sweeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/perf_event.h>

#include "base/addrmap.h"
#include "base/cleanup.h"
#include "trace/uprobe_link.h"

/* Places a message; sets of them in all: a file of each Go build on a machine, and its C library. */
enum { PLACES = 64, SETS_MAX = 4096 };

struct set {
	uint32_t n;		/* 0: the end, and all is well */
	uint64_t offsets[PLACES];
};

static struct {
	pthread_mutex_t lock;
	int sock;		/* -1: none */
	pid_t pid;
	struct addrmap *told;	/* by file and places */
} us = { .lock = PTHREAD_MUTEX_INITIALIZER, .sock = -1 };

/* --- In the sweeper --- */

struct known {
	struct set set;
	int fd;
};

/* BPF_TRACE_UPROBE_MULTI; Debian 12's headers are those of Linux 6.1. */
#define ATTACH_UPROBE_MULTI ((enum bpf_attach_type)48)

static int load_nothing(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = ATTACH_UPROBE_MULTI);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", insns, ARRAY_SIZE(insns), &opts);
}

/* Without uprobe_multi: an event of perf at each place. */
static void sweep_one(int fd, uint64_t offset)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	unsigned int type = 0;
	char path[32];
	int event;

	if (!f)
		return;
	if (fscanf(f, "%u", &type) != 1)
		type = 0;
	fclose(f);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!type)
		return;
	event = (int)syscall(SYS_perf_event_open,
			     &(struct perf_event_attr){ .type = type,
							.size = sizeof(struct perf_event_attr),
							.config1 = (uintptr_t)path,
							.config2 = offset },
			     getpid(), -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (event >= 0)
		close(event);
}

/*
 * Probes of our own process alone, so that nobody is trapped by them; but when they end, the kernel
 * clears these places in all processes where nobody wants them.
 */
static void sweep(const struct known *all, size_t n)
{
	int prog = load_nothing();

	for (size_t i = 0; i < n; i++) {
		const struct set *s = &all[i].set;
		int link = prog < 0 ? -1 : uprobe_link(prog, UPROBE_LINK_ENTRY, all[i].fd, getpid(),
						      s->offsets, NULL, s->n);

		for (uint32_t k = 0; link < 0 && k < s->n; k++)
			sweep_one(all[i].fd, s->offsets[k]);
		if (link >= 0)
			close(link);
	}
}

/* 1 a set; 0 the end, and *ret_well whether it was said. */
static int receive(int sock, struct known *ret, bool *ret_well)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &ret->set, sizeof(ret->set) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n;

	do {
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	*ret_well = n == sizeof(ret->set) && ret->set.n == 0;
	if (n != sizeof(ret->set) || ret->set.n == 0 || ret->set.n > PLACES || !CMSG_FIRSTHDR(&m))
		return 0;
	memcpy(&ret->fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(ret->fd));
	return 1;
}

/* It outlives a Ctrl-C and the terminal, and keeps nobody's pipe open. */
static int leave_all(int sock)
{
	sigset_t all;
	int null = open("/dev/null", O_RDWR);

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "loiter-sweeper");
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	if (sock != STDERR_FILENO + 1) {
		sock = dup2(sock, STDERR_FILENO + 1);
		if (sock < 0)
			_exit(1);
	}
	syscall(SYS_close_range, (unsigned int)sock + 1, ~0u, 0);
	return chdir("/") < 0 ? -errno : sock;
}

static _Noreturn void sweeper_main(int sock)
{
	struct known *known = calloc(SETS_MAX, sizeof(*known));
	struct known next;
	bool well = false;
	size_t n = 0;

	sock = leave_all(sock);
	while (known && sock >= 0 && receive(sock, &next, &well)) {
		if (n < SETS_MAX)
			known[n++] = next;
		else
			close(next.fd);
	}
	if (!well)
		sweep(known, n);
	_exit(0);
}

/* --- In loiter --- */

void sweeper_start(void)
{
	int socks[2];

	if (us.sock >= 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return;
	us.told = addrmap_new();
	us.pid = us.told ? fork() : -1;
	if (us.pid == 0) {
		close(socks[0]);
		sweeper_main(socks[1]);
	}
	close(socks[1]);
	us.sock = socks[0];
	if (us.pid < 0)
		sweeper_end();
}

static void tell(int fd, const struct set *set)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)set, sizeof(*set) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (set->n) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
						       .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	/* When it was killed there is nobody to tell. */
	while (sendmsg(us.sock, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	for (int i = 0; i < 64; i += 8)
		hash = (hash ^ (word >> i & 0xff)) * 1099511628211u;
	return hash;
}

static bool is_new(int fd, const uint64_t *offsets, size_t n)
{
	uint64_t key = 14695981039346656037u;
	struct stat st;
	uint32_t seen;

	if (fstat(fd, &st) < 0)
		return false;
	key = mix(mix(key, st.st_dev), st.st_ino);
	for (size_t i = 0; i < n; i++)
		key = mix(key, offsets[i]);
	if (addrmap_get(us.told, key, &seen) == 0)
		return false;
	addrmap_put(us.told, key, 0);
	return true;
}

void sweeper_note(int fd, const uint64_t *offsets, size_t n)
{
	pthread_mutex_lock(&us.lock);
	if (us.sock >= 0 && is_new(fd, offsets, n))
		for (size_t at = 0; at < n; at += PLACES) {
			struct set set = { .n = (uint32_t)(n - at < PLACES ? n - at : PLACES) };

			memcpy(set.offsets, offsets + at, set.n * sizeof(*offsets));
			tell(fd, &set);
		}
	pthread_mutex_unlock(&us.lock);
}

void sweeper_note_path(const char *path, const uint64_t *offsets, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	sweeper_note(fd, offsets, n);
	close(fd);
}

void sweeper_end(void)
{
	pthread_mutex_lock(&us.lock);
	if (us.sock >= 0) {
		tell(-1, &(struct set){ .n = 0 });
		close(us.sock);
		us.sock = -1;
		if (us.pid > 0)
			waitpid(us.pid, NULL, 0);
		addrmap_free(us.told);
		us.told = NULL;
	}
	pthread_mutex_unlock(&us.lock);
}
