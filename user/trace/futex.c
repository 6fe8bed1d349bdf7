// SPDX-License-Identifier: Apache-2.0
#include "trace/futex.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "bpf/events.h"
#include "futex.skel.h"
#include "model/limits.h"
#include "trace/bpf_load.h"
#include "trace/host_pid.h"
#include "trace/pace.h"
#include "trace/stack_copy.h"
#include "trace/target.h"

/* A word with long waits costs 4.4 KiB in each of two maps. */
enum { LOCKS_ONE = 512, LOCKS_ALL = 2048 };

struct futex_trace {
	struct futex_bpf *skel;
	struct trace_pair pair;
	struct bpf_link *iter;
	uint64_t counts[EV_FUTEX_COUNTS];	/* at the last collect */
	/* A thread of bursts arms and disarms, while another one collects. */
	pthread_mutex_t lock;
	struct bpf_link *on_switch, *on_waking;
	uint64_t armed_ns, armed_at;	/* in all before the present burst; its start, 0 none */
};

static int load(struct futex_trace *f, const struct trace_target *t, uint64_t threshold_ns,
		struct diag *d)
{
	uint32_t locks = t ? LOCKS_ONE : LOCKS_ALL, own = 0;
	int r;

	/* 0, which is nobody, where the kernel does not tell. */
	if (!t)
		(void)host_pid_own(&own, NULL);

	trace_bpf_quiet();
	f->skel = futex_bpf__open();
	if (!f->skel)
		return trace_bpf_fail(d, -errno, "futex");
	f->skel->rodata->target_tgid = t ? t->host_tgid : 0;
	f->skel->rodata->own_tgid = own;
	f->skel->rodata->threshold_ns = threshold_ns;
	/* The outer map takes hash maps of any size (Linux 5.10: bpf_map_meta_equal()). */
	r = bpf_map__set_max_entries(f->skel->maps.locks_a, locks);
	if (r == 0)
		r = bpf_map__set_max_entries(f->skel->maps.locks_b, locks);
	if (r == 0)
		r = futex_bpf__load(f->skel);
	return r < 0 ? trace_bpf_fail(d, r, "futex") : 0;
}

int futex_trace_open(const struct trace_target *t, uint64_t threshold_ns,
		     struct futex_trace **ret, struct diag *d)
{
	CLEANUP(futex_trace_close_p) struct futex_trace *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	r = load(f, t, threshold_ns, d);
	if (r < 0)
		return r;
	f->iter = bpf_program__attach_iter(f->skel->progs.futex_now, NULL);
	if (!f->iter)
		return trace_bpf_fail(d, -errno, "futex");
	f->pair = (struct trace_pair){
		.outer = bpf_map__fd(f->skel->maps.locks),
		.maps = { bpf_map__fd(f->skel->maps.locks_a), bpf_map__fd(f->skel->maps.locks_b) },
	};
	*ret = TAKE(f);
	return 0;
}

void futex_trace_close(struct futex_trace *f)
{
	if (!f)
		return;
	futex_trace_disarm(f);
	bpf_link__destroy(f->iter);
	futex_bpf__destroy(f->skel);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* Has the kernel note who sleeps already: from now on, at least, they have waited. */
static void note_sleepers(struct futex_trace *f)
{
	char ignored[64 * sizeof(struct ev_futex_now)];
	int fd = bpf_iter_create(bpf_link__fd(f->iter));

	/* Without it waits that began before are not seen; no more than that. */
	if (fd < 0)
		return;
	while (read(fd, ignored, sizeof(ignored)) > 0)
		;
	close(fd);
}

static int attach(struct futex_trace *f, struct diag *d)
{
	f->on_waking = bpf_program__attach(f->skel->progs.futex_waking);
	f->on_switch = f->on_waking ? bpf_program__attach(f->skel->progs.futex_switch) : NULL;
	return f->on_switch ? 0 : trace_bpf_fail(d, -errno, "futex");
}

static void detach(struct futex_trace *f)
{
	bpf_link__destroy(f->on_switch);
	bpf_link__destroy(f->on_waking);
	f->on_switch = f->on_waking = NULL;
	if (f->armed_at)
		f->armed_ns += clock_now_ns(CLOCK_MONOTONIC) - f->armed_at;
	f->armed_at = 0;
}

int futex_trace_arm(struct futex_trace *f, struct diag *d)
{
	int r = 0;

	pthread_mutex_lock(&f->lock);
	if (!f->on_switch) {
		r = attach(f, d);
		if (r < 0)
			detach(f);
		else
			f->armed_at = clock_now_ns(CLOCK_MONOTONIC);
	}
	pthread_mutex_unlock(&f->lock);
	if (r == 0)
		note_sleepers(f);
	return r;
}

void futex_trace_disarm(struct futex_trace *f)
{
	pthread_mutex_lock(&f->lock);
	detach(f);
	pthread_mutex_unlock(&f->lock);
}

struct collecting {
	struct arena *arena;
	struct traced_futex *ret;
	size_t room;
};

static int take_side(struct arena *a, const struct ev_futex_side *side,
		     struct traced_futex_side *ret)
{
	ret->tid = (pid_t)side->tid;
	return side->tid ? trace_stack_copy(a, &side->raw, &ret->stack) : 0;
}

static int take_lock(void *arg, const void *k, const void *v)
{
	struct collecting *c = arg;
	const struct ev_futex_key *key = k;
	const struct ev_futex_value *value = v;
	struct traced_futex_lock lock = {
		.tgid = (pid_t)key->tgid,
		.uaddr = key->uaddr,
		.op = key->op,
		.val = value->val,
		.waits = value->waits,
		.total_ns = value->total_ns,
		.longest_ns = value->longest_ns,
		.wakes = value->wakes,
		.timed = value->timed,
		.at_least = value->found,
	};
	int r;

	if (c->ret->n_locks == c->room)
		return -EOVERFLOW;
	r = take_side(c->arena, &value->waiter, &lock.waiter);
	if (r == 0)
		r = take_side(c->arena, &value->waker, &lock.waker);
	if (r == 0)
		c->ret->locks[c->ret->n_locks++] = lock;
	return r;
}

static int by_longest(const void *a, const void *b)
{
	const struct traced_futex_lock *x = a, *y = b;

	if (x->longest_ns != y->longest_ns)
		return x->longest_ns < y->longest_ns ? 1 : -1;
	return (x->uaddr > y->uaddr) - (x->uaddr < y->uaddr);
}

static int collect_locks(struct futex_trace *f, struct collecting *c)
{
	struct traced_futex *t = c->ret;
	int full, r;

	c->room = bpf_map__max_entries(f->skel->maps.locks_a);
	t->locks = arena_alloc(c->arena, c->room, sizeof(*t->locks));
	if (!t->locks)
		return -ENOMEM;
	r = trace_pair_swap(&f->pair, &full);
	if (r == 0)
		r = trace_map_drain(full, sizeof(struct ev_futex_key),
				    sizeof(struct ev_futex_value), take_lock, c);
	if (r == 0 && t->n_locks)
		qsort(t->locks, t->n_locks, sizeof(*t->locks), by_longest);
	return r;
}

static int take_now(struct collecting *c, const struct ev_futex_now *n)
{
	struct traced_futex_now *now;

	if (c->ret->n_now == LIMIT_LOCK_WAITS) {
		c->ret->now_truncated = true;
		return 0;
	}
	if (c->ret->n_now == c->room) {
		size_t room = c->room ? c->room * 2 : 64;

		now = arena_alloc(c->arena, room, sizeof(*now));
		if (!now)
			return -ENOMEM;
		if (c->room)
			memcpy(now, c->ret->now, c->room * sizeof(*now));
		c->ret->now = now;
		c->room = room;
	}
	now = &c->ret->now[c->ret->n_now++];
	*now = (struct traced_futex_now){
		.tgid = (pid_t)n->tgid,
		.tid = (pid_t)n->tid,
		.uaddr = n->uaddr,
		.op = n->op,
		.val = n->val,
		.timed = n->timeout != 0,
		.at_least = n->found,
		.waited_ns = n->waited_ns,
		.switches = n->switches,
	};
	memcpy(now->regs, n->regs, sizeof(now->regs));
	return 0;
}

static int by_tid(const void *a, const void *b)
{
	const struct traced_futex_now *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* The iterator gives a stream of records; a read may end inside one. */
static int read_now(int fd, struct collecting *c)
{
	char buf[64 * sizeof(struct ev_futex_now)];
	size_t have = 0;

	for (;;) {
		ssize_t got = read(fd, buf + have, sizeof(buf) - have);
		size_t at = 0;

		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return have ? -EBADMSG : 0;
		have += (size_t)got;
		for (; have - at >= sizeof(struct ev_futex_now);
		     at += sizeof(struct ev_futex_now)) {
			struct ev_futex_now n;
			int r;

			memcpy(&n, buf + at, sizeof(n));
			r = take_now(c, &n);
			if (r < 0)
				return r;
		}
		memmove(buf, buf + at, have - at);
		have -= at;
	}
}

static int collect_now(struct futex_trace *f, struct collecting *c)
{
	int fd = bpf_iter_create(bpf_link__fd(f->iter)), r;

	if (fd < 0)
		return -errno;
	c->room = 0;
	r = read_now(fd, c);
	close(fd);
	if (r == 0 && c->ret->n_now)
		qsort(c->ret->now, c->ret->n_now, sizeof(*c->ret->now), by_tid);
	return r;
}

/* The counters go on from call to call; this gives what one has grown by. */
static int read_count(struct futex_trace *f, uint32_t slot, uint64_t *ret)
{
	uint64_t sum;
	int r = trace_sum_percpu(bpf_map__fd(f->skel->maps.counts), slot, &sum);

	if (r < 0)
		return r;
	*ret = sum - f->counts[slot];
	f->counts[slot] = sum;
	return 0;
}

int futex_trace_collect(struct futex_trace *f, struct arena *a, struct traced_futex *ret)
{
	struct traced_futex t = { .n_locks = 0 };
	struct collecting c = { .arena = a, .ret = &t };
	int r = collect_locks(f, &c);

	if (r == 0)
		r = read_count(f, EV_FUTEX_LOST, &t.lost);
	if (r == 0)
		r = read_count(f, EV_FUTEX_BLIND, &t.blind);
	if (r == 0)
		r = collect_now(f, &c);
	if (r < 0)
		return r;
	/* Not by a counter of its own, which would go on while the map is emptied. */
	t.waits = t.lost;
	for (size_t i = 0; i < t.n_locks; i++)
		t.waits += t.locks[i].waits;
	*ret = t;
	return 0;
}

/* --- As a collector that is paced --- */

/* To get into the programs and out again, and what they push out of caches; by a ping-pong. */
#define AROUND_NS 80.0
/* Before any hit was measured. */
#define HIT_NS 150.0

static int arm(void *f, struct diag *d)
{
	return futex_trace_arm(f, d);
}

static void disarm(void *f)
{
	futex_trace_disarm(f);
}

static int load_of(void *arg, struct pace_load *ret)
{
	struct futex_trace *f = arg;
	struct pace_load l = { .trap_ns = AROUND_NS, .whole = true };
	uint64_t measured, ns;
	int counts = bpf_map__fd(f->skel->maps.counts);
	int r = trace_sum_percpu(counts, EV_FUTEX_HITS, &l.hits);

	if (r == 0)
		r = trace_sum_percpu(counts, EV_FUTEX_MEASURED, &measured);
	if (r == 0)
		r = trace_sum_percpu(counts, EV_FUTEX_MEASURED_NS, &ns);
	if (r < 0)
		return r;
	l.trap_ns += measured ? (double)ns / (double)measured : HIT_NS;
	pthread_mutex_lock(&f->lock);
	l.armed_ns = f->armed_ns + (f->armed_at ? clock_now_ns(CLOCK_MONOTONIC) - f->armed_at : 0);
	pthread_mutex_unlock(&f->lock);
	*ret = l;
	return 0;
}

void futex_trace_collector(struct futex_trace *f, struct pace_collector *ret)
{
	/* Long bursts: a wait counts when it ends in one that has lasted for the threshold. */
	*ret = (struct pace_collector){
		"futex", { .arm = arm, .disarm = disarm, .arg = f, .slow = true }, load_of, 1
	};
}
