// SPDX-License-Identifier: Apache-2.0
#include "trace/watchpoints.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/process.h"
#include "target/threads.h"
#include "trace/watchpoint_cost.h"

/* Listings of the threads until one brings nobody new. */
enum { LISTINGS_MAX = 8 };
/* How long the access that we make ourselves may take to be reported. */
#define TRIAL_NS 500000000u

struct watchpoint {
	bool used;
	uint64_t addr;
	pid_t tids[WATCHPOINTS_THREADS];
	int fds[WATCHPOINTS_THREADS];
	size_t n;
	struct watchpoint_state state;
};

struct watchpoints {
	const struct process *process;
	pthread_t thread;
	bool running, stop;
	pid_t tid;		/* of that thread; 0: not begun */
	pthread_mutex_t lock;	/* of all below and the two above */
	pthread_cond_t begun;
	struct watchpoint all[WATCHPOINTS_MAX];
};

/* --- One access is enough --- */

/* A real-time signal: they are queued, and carry the descriptor. */
static int signal_number(void)
{
	return SIGRTMIN + 6;
}

static uint64_t count_hits(const struct watchpoint *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->n; i++) {
		uint64_t n;

		if (read(p->fds[i], &n, sizeof(n)) == sizeof(n))
			sum += n;
	}
	return sum;
}

/* Those that threads born later have inherited are part of the descriptor that they came from. */
static void look(struct watchpoint *p)
{
	uint64_t hits = count_hits(p);

	if (!hits)
		return;
	if (!p->state.touched_ns)
		p->state.touched_ns = clock_now_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < p->n; i++)
		ioctl(p->fds[i], PERF_EVENT_IOC_DISABLE, 0);
	p->state.hits = count_hits(p);
}

static void *await_accesses(void *arg)
{
	const struct sched_param first = { .sched_priority = sched_get_priority_min(SCHED_RR) };
	struct watchpoints *w = arg;
	sigset_t set;

	/* Until this thread has run, each access traps. Without CAP_SYS_NICE it takes its turn. */
	sched_setscheduler(0, SCHED_RR, &first);
	sigemptyset(&set);
	sigaddset(&set, signal_number());
	/* What the kernel sends when the queue of the other is full. */
	sigaddset(&set, SIGIO);
	pthread_mutex_lock(&w->lock);
	w->tid = (pid_t)syscall(SYS_gettid);
	pthread_cond_broadcast(&w->begun);
	while (!w->stop) {
		pthread_mutex_unlock(&w->lock);
		sigwaitinfo(&set, NULL);
		pthread_mutex_lock(&w->lock);
		for (int i = 0; i < WATCHPOINTS_MAX; i++)
			if (w->all[i].used && !w->all[i].state.touched_ns)
				look(&w->all[i]);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int start_thread(struct watchpoints *w)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, await_accesses, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		return -r;
	w->running = true;
	pthread_mutex_lock(&w->lock);
	while (!w->tid)
		pthread_cond_wait(&w->begun, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

/* --- One thread of the target --- */

static int report_to(int fd, pid_t tid)
{
	const struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = tid };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETSIG, signal_number()) < 0 ||
	    fcntl(fd, F_SETOWN_EX, &owner) < 0 || fcntl(fd, F_SETFL, flags | O_ASYNC) < 0)
		return -errno;
	return 0;
}

int watchpoint_fd(pid_t tid, uint64_t addr)
{
	/* A child process has memory of its own, and so has the next program. */
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_RW,
		.bp_addr = addr,
		.bp_len = HW_BREAKPOINT_LEN_8,
		.sample_period = 1,
		.inherit = 1,
		.inherit_thread = 1,
		.remove_on_exec = 1,
		.exclude_hv = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* tid 0: the caller's own thread. */
static int watch_thread(struct watchpoints *w, struct watchpoint *p, pid_t tid)
{
	int fd = watchpoint_fd(tid, p->addr), r;

	if (fd < 0)
		return fd;
	r = report_to(fd, w->tid);
	if (r < 0) {
		close(fd);
		return r;
	}
	p->tids[p->n] = tid;
	p->fds[p->n++] = fd;
	return 0;
}

static int explain(int err, struct diag *d)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return diag_fail(d, -EPERM, "hardware watchpoints want CAP_PERFMON, and the right "
				 "to trace the process");
	case -ENOSPC:
		return diag_fail(d, -EBUSY, "the debug registers are in use, perhaps by a debugger");
	case -EMFILE:
	case -ENFILE:
		return diag_fail(d, -EMFILE, "there are not enough descriptors to watch every "
				 "thread");
	case -ENOMEM:
		return err;
	case -E2BIG:
		return diag_fail(d, err, "it has more than %d threads, too many to watch them all",
				 WATCHPOINTS_THREADS);
	default:
		return diag_fail(d, -EOPNOTSUPP, "there are no hardware watchpoints here: %s",
				 strerror(-err));
	}
}

/* --- All of them --- */

static void release(struct watchpoint *p)
{
	for (size_t i = 0; i < p->n; i++)
		close(p->fds[i]);
	*p = (struct watchpoint){ 0 };
}

static bool is_watched(const struct watchpoint *p, pid_t tid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->tids[i] == tid)
			return true;
	return false;
}

/* 1 when there was somebody new. */
static int watch_listed(struct watchpoints *w, struct watchpoint *p, const pid_t *tids, size_t n)
{
	int news = 0;

	for (size_t i = 0; i < n; i++) {
		int r;

		if (is_watched(p, tids[i]))
			continue;
		if (p->n == WATCHPOINTS_THREADS)
			return -E2BIG;
		r = watch_thread(w, p, tids[i]);
		/* Threads come and go. */
		if (r == -ESRCH)
			continue;
		if (r < 0)
			return r;
		news = 1;
	}
	return news;
}

/*
 * A thread that is new in a later listing may have been made by one that was not watched yet. If it
 * was not, it has this watchpoint twice, which does no harm.
 */
static int watch_all(struct watchpoints *w, struct watchpoint *p, struct diag *d)
{
	for (int i = 0; i < LISTINGS_MAX; i++) {
		pid_t *tids;
		size_t n;
		int r = threads_list(w->process, &tids, &n, d);

		if (r < 0)
			return r;
		r = n > WATCHPOINTS_THREADS ? -E2BIG : watch_listed(w, p, tids, n);
		free(tids);
		if (r < 0)
			return explain(r, d);
		if (r == 0)
			return p->n ? 0 : diag_fail(d, -ESRCH, "it has ended");
	}
	return diag_fail(d, -E2BIG, "it makes threads faster than they can be watched");
}

int watchpoints_set(struct watchpoints *w, uint64_t addr, struct diag *d)
{
	struct watchpoint *p = NULL;
	int which = 0, r;

	if (addr % 8)
		return diag_fail(d, -EINVAL, "an address that is not a multiple of 8");
	pthread_mutex_lock(&w->lock);
	while (which < WATCHPOINTS_MAX && w->all[which].used)
		which++;
	r = which < WATCHPOINTS_MAX ? 0 : diag_fail(d, -EBUSY, "all watchpoints are in use");
	if (r == 0) {
		p = &w->all[which];
		*p = (struct watchpoint){ .used = true, .addr = addr };
		r = watch_all(w, p, d);
		p->state.set_ns = clock_now_ns(CLOCK_MONOTONIC);
	}
	if (r < 0 && p)
		release(p);
	pthread_mutex_unlock(&w->lock);
	return r < 0 ? r : which;
}

void watchpoints_clear(struct watchpoints *w, int which)
{
	pthread_mutex_lock(&w->lock);
	release(&w->all[which]);
	pthread_mutex_unlock(&w->lock);
}

void watchpoints_state(struct watchpoints *w, int which, struct watchpoint_state *ret)
{
	pthread_mutex_lock(&w->lock);
	if (!w->all[which].state.touched_ns)
		look(&w->all[which]);
	*ret = w->all[which].state;
	pthread_mutex_unlock(&w->lock);
}

/* --- Opening --- */

/* Waits for the other thread to have heard of it. */
static bool is_reported(struct watchpoints *w, const struct watchpoint *p)
{
	uint64_t until = clock_now_ns(CLOCK_MONOTONIC) + TRIAL_NS;
	bool touched;

	do {
		usleep(100);
		pthread_mutex_lock(&w->lock);
		touched = p->state.touched_ns;
		pthread_mutex_unlock(&w->lock);
	} while (!touched && clock_now_ns(CLOCK_MONOTONIC) < until);
	return touched;
}

static int try_on_ourselves(struct watchpoints *w, struct diag *d)
{
	volatile uint64_t word __attribute__((aligned(8))) = 0;
	struct watchpoint *p = &w->all[0];
	bool early, reported = false;
	int r;

	pthread_mutex_lock(&w->lock);
	*p = (struct watchpoint){ .used = true, .addr = (uintptr_t)&word };
	r = watch_thread(w, p, 0);
	early = r == 0 && count_hits(p) > 0;
	pthread_mutex_unlock(&w->lock);
	if (r == 0 && !early) {
		word = 1;
		reported = is_reported(w, p);
	}
	watchpoints_clear(w, 0);
	if (r < 0)
		return explain(r, d);
	if (!reported)
		return diag_fail(d, -EOPNOTSUPP, "hardware watchpoints do not work on this machine");
	return 0;
}

int watchpoints_open(const struct process *p, struct watchpoints **ret, struct diag *d)
{
	CLEANUP(watchpoints_close_p) struct watchpoints *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->begun, NULL);
	w->process = p;
	r = start_thread(w);
	if (r == 0)
		r = try_on_ourselves(w, d);
	if (r < 0)
		return r;
	*ret = TAKE(w);
	return 0;
}

void watchpoints_close(struct watchpoints *w)
{
	if (!w)
		return;
	if (w->running) {
		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_mutex_unlock(&w->lock);
		pthread_kill(w->thread, signal_number());
		pthread_join(w->thread, NULL);
	}
	for (int i = 0; i < WATCHPOINTS_MAX; i++)
		release(&w->all[i]);
	pthread_cond_destroy(&w->begun);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int watchpoints_try(struct diag *d)
{
	struct watchpoints *w = NULL;
	int r = watchpoints_open(NULL, &w, d);

	watchpoints_close(w);
	return r;
}
