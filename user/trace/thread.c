// SPDX-License-Identifier: Apache-2.0
#include "trace/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "bpf/events.h"
#include "thread.skel.h"
#include "trace/bpf_load.h"
#include "trace/pace.h"
#include "trace/stack_copy.h"
#include "trace/target.h"

enum { EVENTS_MAX = 8192, SAMPLES_MAX = 512 };

_Static_assert((int)TRACED_LIFETIMES == EV_THREAD_LIFETIMES, "lifetimes of bpf/events.h");

struct thread_trace {
	struct thread_bpf *skel;
	struct ring_buffer *events, *samples;
	struct trace_pair pair;
	struct collecting *collecting;		/* while a ring is drained */
	uint64_t counts[EV_THREAD_COUNTS];	/* at the last collect */
	uint64_t armed_ns;			/* since when it is; 0 */
};

struct collecting {
	struct arena *arena;
	struct traced_thread *ret;
};

/*
 * Whoever fills a ring faster than we empty it must not hold us here: -ENOSPC ends the drain, and
 * what is left in the ring waits for the next.
 */
static int take_event(void *arg, void *data, size_t len)
{
	struct thread_trace *t = arg;
	struct traced_thread *ret = t->collecting->ret;
	const struct ev_thread_event *ev = data;

	if (len < sizeof(*ev))
		return -EBADMSG;
	if (ret->n_events == EVENTS_MAX) {
		ret->lost_events++;
		return -ENOSPC;
	}
	ret->events[ret->n_events++] = (struct traced_thread_event){
		.born = ev->kind == EV_THREAD_BORN,
		.tid = (pid_t)ev->tid,
		.creator = (pid_t)ev->creator,
		.at_ns = ev->at_ns,
		.born_ns = ev->born_ns,
		.site = ev->stack_hash,
	};
	return 0;
}

static int take_sample(void *arg, void *data, size_t len)
{
	struct thread_trace *t = arg;
	struct traced_thread *ret = t->collecting->ret;
	const struct ev_thread_sample *ev = data;
	struct traced_thread_sample *s;
	int r;

	if (len < sizeof(*ev))
		return -EBADMSG;
	if (ret->n_samples == SAMPLES_MAX) {
		ret->lost_samples++;
		return -ENOSPC;
	}
	s = &ret->samples[ret->n_samples];
	s->tid = (pid_t)ev->tid;
	s->creator = (pid_t)ev->creator;
	s->at_ns = ev->at_ns;
	r = trace_stack_copy(t->collecting->arena, &ev->raw, &s->stack);
	if (r < 0)
		return r;
	ret->n_samples++;
	return 0;
}

static int load(struct thread_trace *t, const struct trace_target *target, struct diag *d)
{
	int r;

	trace_bpf_quiet();
	t->skel = thread_bpf__open();
	if (!t->skel)
		return trace_bpf_fail(d, -errno, "thread");
	t->skel->rodata->target_tgid = target->host_tgid;
	r = thread_bpf__load(t->skel);
	if (r < 0)
		return trace_bpf_fail(d, r, "thread");
	t->events = ring_buffer__new(bpf_map__fd(t->skel->maps.events), take_event, t, NULL);
	if (t->events)
		t->samples = ring_buffer__new(bpf_map__fd(t->skel->maps.samples), take_sample, t,
					      NULL);
	return t->samples ? 0 : trace_bpf_fail(d, -errno, "thread");
}

int thread_trace_open(const struct trace_target *target, struct thread_trace **ret, struct diag *d)
{
	CLEANUP(thread_trace_close_p) struct thread_trace *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	r = load(t, target, d);
	if (r < 0)
		return r;
	t->pair = (struct trace_pair){
		.outer = bpf_map__fd(t->skel->maps.sites),
		.maps = { bpf_map__fd(t->skel->maps.sites_a), bpf_map__fd(t->skel->maps.sites_b) },
	};
	*ret = TAKE(t);
	return 0;
}

void thread_trace_close(struct thread_trace *t)
{
	if (!t)
		return;
	ring_buffer__free(t->events);
	ring_buffer__free(t->samples);
	thread_bpf__destroy(t->skel);
	free(t);
}

int thread_trace_arm(struct thread_trace *t, struct diag *d)
{
	int r;

	trace_bpf_quiet();
	r = thread_bpf__attach(t->skel);
	if (r < 0) {
		thread_trace_disarm(t);
		return trace_bpf_fail(d, r, "thread");
	}
	t->armed_ns = clock_now_ns(CLOCK_MONOTONIC);
	return 0;
}

void thread_trace_disarm(struct thread_trace *t)
{
	thread_bpf__detach(t->skel);
	t->armed_ns = 0;
}

void thread_trace_follow(struct thread_trace *t, unsigned int n)
{
	t->skel->bss->births_left = (int)n;
	t->skel->bss->limited = 1;
}

/* No trap: a program runs where the kernel passes anyway. */
static int load_of(void *arg, struct pace_load *ret)
{
	struct thread_trace *t = arg;
	int fd = bpf_map__fd(t->skel->maps.counts);
	uint64_t births, exits;
	int r = trace_sum_percpu(fd, EV_THREAD_BIRTHS, &births);

	if (r == 0)
		r = trace_sum_percpu(fd, EV_THREAD_EXITS, &exits);
	if (r < 0)
		return r;
	*ret = (struct pace_load){
		.hits = births + exits,
		.armed_ns = t->armed_ns ? clock_now_ns(CLOCK_MONOTONIC) - t->armed_ns : 0,
		.programs = { bpf_program__fd(t->skel->progs.thread_born),
			      bpf_program__fd(t->skel->progs.thread_exits) },
		.n_programs = 2,
	};
	return 0;
}

void thread_trace_pace(struct thread_trace *t, struct pace_collector *ret)
{
	*ret = (struct pace_collector){ "threads", { .arg = t }, load_of, 1 };
}

static int take_site(void *arg, const void *k, const void *v)
{
	struct collecting *c = arg;
	const struct ev_thread_site *value = v;
	size_t n = value->stack.n;
	uint64_t *pcs;

	if (c->ret->n_sites == EV_THREAD_SITES || n > EV_FRAMES)
		return -EBADMSG;
	pcs = arena_alloc(c->arena, n, sizeof(*pcs));
	if (!pcs)
		return -ENOMEM;
	memcpy(pcs, value->stack.frames, n * sizeof(*pcs));
	c->ret->sites[c->ret->n_sites++] = (struct traced_thread_site){
		.id = *(const uint64_t *)k,
		.births = value->births,
		.whole = value->stack.flags & EV_STACK_WHOLE,
		.pcs = pcs,
		.n_pcs = n,
	};
	return 0;
}

static int by_births(const void *a, const void *b)
{
	const struct traced_thread_site *x = a, *y = b;

	if (x->births != y->births)
		return x->births < y->births ? 1 : -1;
	return (x->id > y->id) - (x->id < y->id);
}

/* The counters go on from call to call; this gives what they have grown by. */
static int read_counts(struct thread_trace *t, struct traced_thread *ret)
{
	uint64_t grown[EV_THREAD_COUNTS];
	int fd = bpf_map__fd(t->skel->maps.counts);

	for (uint32_t i = 0; i < EV_THREAD_COUNTS; i++) {
		uint64_t now;
		int r = trace_sum_percpu(fd, i, &now);

		if (r < 0)
			return r;
		grown[i] = now - t->counts[i];
		t->counts[i] = now;
	}
	ret->births = grown[EV_THREAD_BIRTHS];
	ret->exits = grown[EV_THREAD_EXITS];
	ret->forks = grown[EV_THREAD_FORKS];
	ret->lost_events += grown[EV_THREAD_EVENTS_LOST];
	ret->lost_samples += grown[EV_THREAD_SAMPLES_LOST];
	ret->lost_sites = grown[EV_THREAD_SITES_LOST];
	ret->lost_births = grown[EV_THREAD_BORN_LOST];
	memcpy(ret->lifetimes, &grown[EV_THREAD_LIFETIME], sizeof(ret->lifetimes));
	return 0;
}

static int drain(struct thread_trace *t, struct collecting *c)
{
	int full, r = trace_pair_swap(&t->pair, &full);

	if (r == 0)
		r = trace_map_drain(full, sizeof(uint64_t), sizeof(struct ev_thread_site),
				    take_site, c);
	if (r < 0)
		return r;
	t->collecting = c;
	r = ring_buffer__consume(t->events);
	if (r >= 0 || r == -ENOSPC)
		r = ring_buffer__consume(t->samples);
	t->collecting = NULL;
	return r < 0 && r != -ENOSPC ? r : 0;
}

int thread_trace_collect(struct thread_trace *t, struct arena *a, struct traced_thread *ret)
{
	struct traced_thread v = { 0 };
	struct collecting c = { .arena = a, .ret = &v };
	int r;

	v.sites = arena_alloc(a, EV_THREAD_SITES, sizeof(*v.sites));
	v.events = arena_alloc(a, EVENTS_MAX, sizeof(*v.events));
	v.samples = arena_alloc(a, SAMPLES_MAX, sizeof(*v.samples));
	if (!v.sites || !v.events || !v.samples)
		return -ENOMEM;
	r = drain(t, &c);
	if (r == 0)
		r = read_counts(t, &v);
	if (r < 0)
		return r;
	qsort(v.sites, v.n_sites, sizeof(*v.sites), by_births);
	*ret = v;
	return 0;
}
