// SPDX-License-Identifier: Apache-2.0
#include "daemon/foreman_work.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/foreman.h"
#include "daemon/privilege.h"

#define NS_PER_MS 1000000ull

/* A cell that has not been reaped. */
struct place {
	uint64_t id;
	pid_t pid;		/* 0: nobody has this place */
	pid_t target;
	uint64_t deadline_ns;	/* CLOCK_MONOTONIC; 0 it was killed */
};

struct foreman_state {
	const struct foreman_options *options;
	int fd, signals;
	uint32_t n_places;
	struct place places[FOREMAN_CELLS_MAX];
};

static uint32_t hanging(const struct foreman_state *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n_places; i++)
		n += f->places[i].pid && !f->places[i].deadline_ns;
	return n;
}

/* Waits where the box is full: no word of ours is lost, for by them places are counted. */
static void tell(const struct foreman_state *f, struct foreman_news news)
{
	news.hanging = hanging(f);
	while (send(f->fd, &news, sizeof(news), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* --- A cell's beginning --- */

/* Whoever is short of memory takes it from a cell first. */
static void offer_to_oom_killer(void)
{
	ssize_t n;
	int fd;

	/* What is not dumpable does not own its files in /proc, unless it is root's. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (fd < 0)
		return;
	n = write(fd, "1000", 4);
	(void)n;
	close(fd);
}

static _Noreturn void be_cell(const struct foreman_state *f, const struct cell_request *q,
			      pid_t parent, int out)
{
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	prctl(PR_SET_NAME, "loiter-cell", 0, 0, 0);
	close(f->fd);
	close(f->signals);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpriority(PRIO_PROCESS, 0, 10);
	offer_to_oom_killer();
	_exit(f->options->run(q, out));
}

static struct place *free_place(struct foreman_state *f, const struct cell_request *q, int *err)
{
	struct place *found = NULL;

	/* Such a cell keeps a privilege: it is not the daemon's to decide that there may be one. */
	*err = -EPERM;
	if (q->prove_max_ms > f->options->max_prove_ms)
		return NULL;

	*err = -EBUSY;
	for (uint32_t i = 0; i < f->n_places; i++) {
		struct place *p = &f->places[i];

		if (!p->pid) {
			found = p;
		} else if (!p->deadline_ns && p->target == q->pid) {
			/* Where one hangs in the kernel, the next one would. */
			*err = -EDEADLK;
			return NULL;
		}
	}
	return found;
}

static void start(struct foreman_state *f, struct foreman_order *o, int out)
{
	int err = 0;
	struct place *p = free_place(f, &o->request, &err);
	pid_t self = getpid(), pid = -1;

	o->request.limits = cell_limits_within(&o->request.limits, &f->options->most);
	if (p) {
		pid = fork();
		err = pid < 0 ? -errno : 0;
	}
	if (pid == 0)
		be_cell(f, &o->request, self, out);
	if (pid < 0) {
		tell(f, (struct foreman_news){ .id = o->id, .tells = FOREMAN_REFUSED,
					       .code = err });
		return;
	}
	*p = (struct place){
		.id = o->id,
		.pid = pid,
		.target = o->request.pid,
		.deadline_ns = clock_now_ns(CLOCK_MONOTONIC) +
			       o->request.limits.deadline_ms * NS_PER_MS,
	};
	tell(f, (struct foreman_news){ .id = o->id, .tells = FOREMAN_STARTED, .pid = pid });
}

/* --- Orders --- */

static int descriptor_of(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* False: the daemon is gone. */
static bool take_order(struct foreman_state *f)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct foreman_order o;
	struct iovec iov = { &o, sizeof(o) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(f->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int out;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	out = descriptor_of(&m);
	if (n == (ssize_t)sizeof(o) && out >= 0 && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    o.request.pid > 0 && (unsigned int)o.request.what < CELL_WHATS)
		start(f, &o, out);
	if (out >= 0)
		close(out);
	return true;
}

/* --- Ends --- */

static void reap(struct foreman_state *f)
{
	struct signalfd_siginfo ignored[8];
	ssize_t n = read(f->signals, ignored, sizeof(ignored));
	int status;
	pid_t pid;

	(void)n;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (uint32_t i = 0; i < f->n_places; i++) {
			struct place p = f->places[i];

			if (p.pid != pid)
				continue;
			f->places[i].pid = 0;
			/* Told already when it was killed; now it hangs no more. */
			tell(f, (struct foreman_news){
					.id = p.deadline_ns ? p.id : 0,
					.tells = FOREMAN_ENDED,
					.pid = pid,
					.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
					.sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
				});
		}
	}
}

/* Kills who is late; milliseconds to the next deadline, -1 without one. */
static int kill_late(struct foreman_state *f)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC), next = UINT64_MAX;

	for (uint32_t i = 0; i < f->n_places; i++) {
		struct place *p = &f->places[i];

		if (!p->pid || !p->deadline_ns)
			continue;
		if (p->deadline_ns > now) {
			next = p->deadline_ns < next ? p->deadline_ns : next;
			continue;
		}
		/* Not reaped yet, so the number is still its own. */
		kill(p->pid, SIGKILL);
		p->deadline_ns = 0;
		tell(f, (struct foreman_news){ .id = p->id, .tells = FOREMAN_KILLED,
					       .pid = p->pid });
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / NS_PER_MS) + 1;
}

static int watch_children(struct foreman_state *f)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_SETMASK, &child, NULL);
	f->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? -errno : 0;
}

static void kill_all(const struct foreman_state *f)
{
	for (uint32_t i = 0; i < f->n_places; i++)
		if (f->places[i].pid)
			kill(f->places[i].pid, SIGKILL);
}

int foreman_work(const struct foreman_options *o, int fd)
{
	struct foreman_state f = { .options = o, .fd = fd, .signals = -1 };
	struct pollfd fds[2];

	f.n_places = o->max_cells ? o->max_cells : FOREMAN_CELLS;
	if (f.n_places > FOREMAN_CELLS_MAX)
		f.n_places = FOREMAN_CELLS_MAX;
	if (watch_children(&f) < 0 || privilege_keep_for(PRIVILEGE_FOREMAN, NULL) < 0)
		return EXIT_FAILURE;
	tell(&f, (struct foreman_news){ .tells = FOREMAN_HELLO, .pid = getpid() });
	fds[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = f.signals, .events = POLLIN };
	for (;;) {
		if (poll(fds, 2, kill_late(&f)) < 0 && errno != EINTR)
			return EXIT_FAILURE;
		if (fds[1].revents)
			reap(&f);
		if (fds[0].revents && !take_order(&f))
			break;
		fds[0].revents = fds[1].revents = 0;
	}
	kill_all(&f);
	return EXIT_SUCCESS;
}
