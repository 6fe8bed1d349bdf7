// SPDX-License-Identifier: Apache-2.0
#include "target/stopper.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/process.h"
#include "target/procfile.h"
#include "target/tracer_refusal.h"

enum {
	/* Vector registers: 2.7 KiB with AVX-512, 11 KiB with AMX. */
	XSTATE_WORDS = 4096,
	WORDS_MAX = 1 << 24,
	/* Looks for threads that are new: each finds only those that began since the last. */
	ROUNDS = 1000,
	/* How long to spin before a look at those that have not stopped costs us sleep. */
	SPIN_NS = 300000,
	NAP_US = 50,
};

struct traced {
	pid_t tid;
	int sig;		/* on its way to it; 0 none */
	bool stopped, gone;
};

struct stopper {
	const struct process *p;
	pthread_t thread;
	bool started;		/* there is a thread to be joined */

	/* The tracer's alone while it runs. */
	struct traced *all;	/* ascending by tid */
	size_t n, room;
	struct stopped_thread *threads;
	size_t n_threads;
	uint64_t *words;
	size_t n_words, room_words;
	uint64_t max_ns, began_ns;
	double ms;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock. */
	bool answered;		/* err and diag are there; with 0 it is stopped */
	bool released;		/* by the tracer, or about to be */
	bool wanted;		/* the release, by the caller */
	int err;
	struct diag diag;
};

/* --- Threads --- */

static struct traced *find(struct stopper *s, pid_t tid)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->all[mid].tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n && s->all[low].tid == tid ? &s->all[low] : NULL;
}

static int add(struct stopper *s, pid_t tid)
{
	size_t at;

	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct traced *more = reallocarray(s->all, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->all = more;
		s->room = room;
	}
	for (at = s->n; at && s->all[at - 1].tid > tid; at--)
		s->all[at] = s->all[at - 1];
	s->all[at] = (struct traced){ .tid = tid };
	s->n++;
	return 0;
}

/* 1: it is ours now; 0: there is nothing to be stopped. */
static int seize(struct stopper *s, pid_t tid)
{
	int r;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) == 0) {
		r = add(s, tid);
		/* Without a record of it: the end of this thread lets go of it. */
		return r < 0 ? r : 1;
	}
	if (errno == ESRCH)
		return 0;
	return tracer_refusal(s->p, tid, errno, &s->diag);
}

/* Seizes and interrupts whom we do not have yet: their number. */
static int take_new(struct stopper *s)
{
	pid_t *tids = NULL;
	size_t n = 0;
	int r = procfile_numbers(s->p->proc_fd, "task", &tids, &n), found = 0;

	if (r < 0 || n == 0) {
		free(tids);
		return diag_fail(&s->diag, -ESRCH, "the process has exited");
	}
	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct traced *known = find(s, tids[i]);

		/* An id is given out again only when its thread was reaped, by us. */
		if (known && !known->gone)
			continue;
		if (known) {
			memmove(known, known + 1,
				(size_t)(s->all + s->n - (known + 1)) * sizeof(*known));
			s->n--;
		}
		r = seize(s, tids[i]);
		if (r > 0) {
			ptrace(PTRACE_INTERRUPT, tids[i], NULL, NULL);
			found++;
		}
	}
	free(tids);
	return r < 0 ? r : found;
}

static uint64_t elapsed_ns(const struct stopper *s)
{
	return clock_now_ns(CLOCK_MONOTONIC) - s->began_ns;
}

/*
 * What a wait said. A stop that is neither our interrupt nor a group's stop is one for a signal
 * that was taken from its queue, and which it gets from us or never.
 */
static void note(struct traced *t, int status)
{
	if (!WIFSTOPPED(status)) {
		t->gone = true;
		return;
	}
	t->stopped = true;
	t->sig = status >> 16 ? 0 : WSTOPSIG(status);
}

/* Waits for all that we have. -ETIMEDOUT: half of the time is over, and somebody did not stop. */
static int await_all(struct stopper *s)
{
	size_t first = 0;

	for (;;) {
		int status;

		for (; first < s->n; first++) {
			struct traced *t = &s->all[first];
			pid_t got;

			if (t->stopped || t->gone)
				continue;
			got = waitpid(t->tid, &status, __WALL | WNOHANG);
			if (got == 0)
				break;
			if (got < 0)
				t->gone = true;
			else
				note(t, status);
		}
		if (first == s->n)
			return 0;
		if (elapsed_ns(s) >= s->max_ns / 2)
			return -ETIMEDOUT;
		if (elapsed_ns(s) < SPIN_NS)
			sched_yield();
		else
			usleep(NAP_US);
	}
}

static char state_of(const struct stopper *s, pid_t tid)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	struct procstat st;
	char name[40];
	size_t len;

	snprintf(name, sizeof(name), "task/%d/stat", tid);
	if (procfile_read(s->p->proc_fd, name, 4096, &text, &len) < 0 ||
	    procstat_parse(text, &st) < 0)
		return '?';
	return st.state;
}

static int say_late(struct stopper *s)
{
	unsigned int ms = (unsigned int)(s->max_ns / 2000000);

	for (size_t i = 0; i < s->n; i++)
		if (!s->all[i].stopped && !s->all[i].gone)
			return diag_fail(&s->diag, -ETIMEDOUT,
					 "thread %d did not stop within %u ms (state %c), so all "
					 "were let go again",
					 s->all[i].tid, ms, state_of(s, s->all[i].tid));
	return diag_fail(&s->diag, -ETIMEDOUT, "it could not be stopped within %u ms", ms);
}

static int stop_all(struct stopper *s)
{
	int r = 1;

	for (int round = 0; r > 0; round++) {
		r = take_new(s);
		if (r < 0)
			break;
		/* Only who runs makes threads: none is new after all that we had stood still. */
		if (r == 0 && round > 0)
			break;
		if (round == ROUNDS)
			return diag_fail(&s->diag, -EAGAIN,
					 "its threads come faster than they can be stopped");
		r = await_all(s);
		if (r == -ETIMEDOUT)
			return say_late(s);
		r = 1;
	}
	return r;
}

/* --- Registers --- */

static int add_words(struct stopper *s, const uint64_t *words, size_t n)
{
	if (s->room_words - s->n_words < n) {
		size_t room = 2 * s->room_words + n;
		uint64_t *more = room <= WORDS_MAX ? reallocarray(s->words, room, sizeof(*more))
						   : NULL;

		if (!more)
			return -ENOMEM;
		s->words = more;
		s->room_words = room;
	}
	for (size_t i = 0; i < n; i++)
		if (words[i] >= STOPPED_WORD_LEAST && words[i] < STOPPED_WORD_END)
			s->words[s->n_words++] = words[i];
	return 0;
}

/* -ESRCH: killed meanwhile. */
static int read_set(pid_t tid, int what, void *buf, size_t *len)
{
	struct iovec v = { buf, *len };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)what, &v) < 0)
		return -errno;
	*len = v.iov_len;
	return 0;
}

static int read_registers(struct stopper *s, const struct traced *t)
{
	struct stopped_thread *ret = &s->threads[s->n_threads];
	uint64_t vectors[XSTATE_WORDS];
	struct user_regs_struct regs;
	size_t len = sizeof(regs);
	int r = read_set(t->tid, NT_PRSTATUS, &regs, &len);

	if (r == 0 && len != sizeof(regs))
		return diag_fail(&s->diag, -EOPNOTSUPP, "thread %d runs 32-bit code", t->tid);
	*ret = (struct stopped_thread){
		.tid = t->tid,
		.first = (uint32_t)s->n_words,
	};
	if (r == 0) {
		ret->sp = regs.rsp;
		ret->pc = regs.rip;
		if (ptrace(PTRACE_GETSIGMASK, t->tid, (void *)sizeof(ret->blocked),
			   &ret->blocked) < 0)
			r = -errno;
	}
	if (r == 0)
		r = add_words(s, (const uint64_t *)&regs, sizeof(regs) / 8);
	len = sizeof(vectors);
	if (r == 0)
		r = read_set(t->tid, NT_X86_XSTATE, vectors, &len);
	if (r == 0)
		r = add_words(s, vectors, len / 8);
	if (r < 0)
		return diag_fail(&s->diag, r, r == -ESRCH ? "the process has exited"
							   : "its registers cannot be read");
	ret->n = (uint32_t)s->n_words - ret->first;
	s->n_threads++;
	return 0;
}

static int read_all_registers(struct stopper *s)
{
	int r = 0;

	s->threads = calloc(s->n ? s->n : 1, sizeof(*s->threads));
	if (!s->threads)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < s->n; i++)
		if (s->all[i].stopped)
			r = read_registers(s, &s->all[i]);
	if (r == 0 && s->n_threads == 0)
		return diag_fail(&s->diag, -ESRCH, "the process has exited");
	return r;
}

/* --- The tracer --- */

/*
 * Whoever has not stopped yet cannot be detached: the end of this thread does that, in the kernel,
 * and a signal for which it stops in between goes on its way then.
 */
static void detach_all(struct stopper *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct traced *t = &s->all[i];

		if (t->stopped)
			ptrace(PTRACE_DETACH, t->tid, NULL, (void *)(intptr_t)t->sig);
	}
	s->ms = (double)elapsed_ns(s) / 1e6;
}

static int take(struct stopper *s)
{
	int r;

	s->began_ns = clock_now_ns(CLOCK_MONOTONIC);
	r = stop_all(s);
	return r < 0 ? r : read_all_registers(s);
}

/* Until the caller wants it or the time is over. */
static void await_release(struct stopper *s)
{
	uint64_t end_ns = s->began_ns + s->max_ns;
	struct timespec end = { (time_t)(end_ns / 1000000000), (long)(end_ns % 1000000000) };
	int r = 0;

	while (!s->wanted && r == 0)
		r = pthread_cond_timedwait(&s->changed, &s->lock, &end);
	s->released = true;
}

static void *trace(void *arg)
{
	struct stopper *s = arg;
	int r = take(s);

	/* The others need not wait for what an error has to say. */
	if (r < 0)
		detach_all(s);
	pthread_mutex_lock(&s->lock);
	s->answered = true;
	s->err = r;
	pthread_cond_broadcast(&s->changed);
	if (r == 0)
		await_release(s);
	pthread_mutex_unlock(&s->lock);
	if (r == 0)
		detach_all(s);
	return NULL;
}

/* A signal of ours shall not wake the tracer: the thread that called us is there for them. */
static int start(struct stopper *s)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&s->thread, NULL, trace, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->started = r == 0;
	return -r;
}

static struct stopper *stopper_new(const struct process *p, uint64_t max_us)
{
	struct stopper *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->p = p;
	s->max_ns = max_us * 1000;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

int stopper_stop(const struct process *p, uint64_t max_us, struct stopper **ret, struct diag *d)
{
	CLEANUP(stopper_close_p) struct stopper *s = stopper_new(p, max_us);
	int r = s ? start(s) : -ENOMEM;

	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	while (!s->answered)
		pthread_cond_wait(&s->changed, &s->lock);
	r = s->err;
	pthread_mutex_unlock(&s->lock);
	if (r < 0) {
		if (d && *s->diag.why)
			*d = s->diag;
		return diag_what(d, r, "pid %d", p->pid);
	}
	*ret = TAKE(s);
	return 0;
}

void stopper_registers(const struct stopper *s, struct stopped_registers *ret)
{
	*ret = (struct stopped_registers){ s->threads, s->n_threads, s->words, s->n_words };
}

uint64_t stopper_time_left(const struct stopper *s)
{
	uint64_t spent = elapsed_ns(s);

	return spent < s->max_ns ? (s->max_ns - spent) / 1000 : 0;
}

int stopper_release(struct stopper *s, double *ret_ms)
{
	bool late;

	pthread_mutex_lock(&s->lock);
	late = s->released && !s->wanted;
	s->wanted = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (s->started)
		pthread_join(s->thread, NULL);
	s->started = false;
	if (ret_ms)
		*ret_ms = s->ms;
	return late ? -ETIMEDOUT : 0;
}

void stopper_close(struct stopper *s)
{
	if (!s)
		return;
	stopper_release(s, NULL);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s->all);
	free(s->threads);
	free(s->words);
	free(s);
}
