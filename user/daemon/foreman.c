// SPDX-License-Identifier: Apache-2.0
#include "daemon/foreman.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/foreman_work.h"

/* Between two foremen that die at once. */
static const struct timespec pause_between = { .tv_nsec = 100000000 };

/* False: the parent was gone before its death could be told. */
static bool die_with_parent(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

/* The signals that end or reload the daemon are not for us: it ends us itself. */
static void be_deaf(void)
{
	static const int deaf[] = { SIGINT, SIGHUP, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGQUIT };

	for (size_t i = 0; i < sizeof(deaf) / sizeof(deaf[0]); i++)
		signal(deaf[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

/* True: it is done, and did not fail. Cells that a dead one leaves come to us, dead as well. */
static bool await(pid_t foreman)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		if (pid == foreman)
			return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
		if (pid < 0 && errno != EINTR)
			return false;
	}
}

/*
 * Nothing that the daemon has open is for cells to have, and what it prints to is not for them to
 * print to. What stays open is `keep`, whatever its number.
 */
static void close_others(int keep)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (keep > 3)
		close_range(3, (unsigned int)keep - 1, 0);
	close_range((unsigned int)keep + 1, ~0u, 0);
}

/*
 * Holds the same end of the socket, so that orders wait there while there is no foreman. Ends with
 * the foreman's own end: that is when the daemon has closed the other side.
 */
static void keep(const struct foreman_options *o, int fd)
{
	for (;;) {
		pid_t self = getpid(), pid = fork();
		bool done;

		if (pid == 0) {
			if (!die_with_parent(self))
				_exit(EXIT_FAILURE);
			prctl(PR_SET_NAME, "loiter-foreman", 0, 0, 0);
			_exit(foreman_work(o, fd));
		}
		done = pid > 0 && await(pid);
		if (done)
			_exit(EXIT_SUCCESS);
		nanosleep(&pause_between, NULL);
	}
}

static int above_streams(int *fd)
{
	int old = *fd;

	if (old > 2)
		return 0;
	*fd = fcntl(old, F_DUPFD_CLOEXEC, 3);
	close(old);
	return *fd < 0 ? -errno : 0;
}

int foreman_start(const struct foreman_options *o, struct foreman *ret, struct diag *d)
{
	pid_t self = getpid(), pid;
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return diag_fail(d, -errno, "socketpair: %m");
	/* The first three are streams, even of a daemon that was started without them. */
	r = above_streams(&ends[1]);
	if (r < 0) {
		close(ends[0]);
		return diag_fail(d, r, "fcntl: %s", strerror(-r));
	}
	pid = fork();
	if (pid < 0) {
		r = diag_fail(d, -errno, "fork: %m");
		close(ends[0]);
		close(ends[1]);
		return r;
	}
	if (pid == 0) {
		be_deaf();
		close_others(ends[1]);
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		if (!die_with_parent(self))
			_exit(EXIT_FAILURE);
		prctl(PR_SET_NAME, "loiter-keeper", 0, 0, 0);
		keep(o, ends[1]);
	}
	close(ends[1]);
	*ret = (struct foreman){ .keeper = pid, .fd = ends[0] };
	return 0;
}

void foreman_stop(struct foreman *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	/* The foreman dies with its keeper, and its cells with it. */
	if (f->keeper > 0) {
		kill(f->keeper, SIGKILL);
		while (waitpid(f->keeper, NULL, 0) < 0 && errno == EINTR)
			;
	}
	f->keeper = 0;
}

int foreman_order(const struct foreman *f, const struct foreman_order *o, int out_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)o, sizeof(*o) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &out_fd, sizeof(int));
	while (sendmsg(f->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EAGAIN || errno == ENOBUFS)
			return -EAGAIN;
		if (errno != EINTR)
			return -EPIPE;
	}
	return 0;
}

int foreman_news(const struct foreman *f, struct foreman_news *ret)
{
	ssize_t n;

	do
		n = recv(f->fd, ret, sizeof(*ret), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*ret))
		return 1;
	return n < 0 && errno == EAGAIN ? 0 : -EPIPE;
}
