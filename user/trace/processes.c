// SPDX-License-Identifier: Apache-2.0
#include "trace/processes.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/events.h"
#include "processes.skel.h"
#include "trace/bpf_load.h"
#include "trace/host_pid.h"

/* Of one collect: the ring holds half of that, and may be filled while it is emptied. */
enum { EVENTS_MAX = 16384 };

struct processes_trace {
	struct processes_bpf *skel;
	struct ring_buffer *events;
	pid_t *pids;		/* EVENTS_MAX, of the collect that goes on */
	size_t n;
	uint64_t lost;		/* at the last collect */
};

/*
 * Whoever fills the ring faster than we empty it must not hold us here: -ENOSPC ends the drain, and
 * what is left in the ring waits for the next.
 */
static int take_event(void *arg, void *data, size_t len)
{
	struct processes_trace *t = arg;
	const struct ev_process *ev = data;

	if (len < sizeof(*ev))
		return -EBADMSG;
	if (t->n == EVENTS_MAX)
		return -ENOSPC;
	t->pids[t->n++] = (pid_t)ev->tgid;
	return t->n == EVENTS_MAX ? -ENOSPC : 0;
}

static int load(struct processes_trace *t, struct diag *d)
{
	int r;

	trace_bpf_quiet();
	t->skel = processes_bpf__open_and_load();
	if (!t->skel)
		return trace_bpf_fail(d, -errno, "processes");
	t->events = ring_buffer__new(bpf_map__fd(t->skel->maps.events), take_event, t, NULL);
	if (!t->events)
		return trace_bpf_fail(d, -errno, "processes");
	r = processes_bpf__attach(t->skel);
	return r < 0 ? trace_bpf_fail(d, r, "processes") : 0;
}

int processes_trace_open(struct processes_trace **ret, struct diag *d)
{
	CLEANUP(processes_trace_close_p) struct processes_trace *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	if (!host_pid_is_ours())
		return diag_fail(d, -EOPNOTSUPP, "in a pid namespace of our own, processes cannot "
				 "be told by what the kernel calls them");
	t->pids = calloc(EVENTS_MAX, sizeof(*t->pids));
	if (!t->pids)
		return -ENOMEM;
	r = load(t, d);
	if (r < 0)
		return r;
	*ret = TAKE(t);
	return 0;
}

void processes_trace_close(struct processes_trace *t)
{
	if (!t)
		return;
	ring_buffer__free(t->events);
	processes_bpf__destroy(t->skel);
	free(t->pids);
	free(t);
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* Into the arena, sorted, each once. */
static int keep(const struct processes_trace *t, struct arena *a, struct traced_processes *ret)
{
	pid_t *pids = arena_alloc(a, t->n + 1, sizeof(*pids));
	size_t n = 0;

	if (!pids)
		return -ENOMEM;
	if (t->n)
		qsort(t->pids, t->n, sizeof(*t->pids), by_pid);
	for (size_t i = 0; i < t->n; i++)
		if (!n || pids[n - 1] != t->pids[i])
			pids[n++] = t->pids[i];
	ret->pids = pids;
	ret->n = n;
	return 0;
}

int processes_trace_collect(struct processes_trace *t, struct arena *a,
			    struct traced_processes *ret)
{
	struct traced_processes v = { 0 };
	uint64_t lost;
	int r;

	t->n = 0;
	r = ring_buffer__consume(t->events);
	if (r < 0 && r != -ENOSPC)
		return r;
	r = trace_sum_percpu(bpf_map__fd(t->skel->maps.counts), EV_PROCESS_LOST, &lost);
	if (r == 0)
		r = keep(t, a, &v);
	if (r < 0)
		return r;
	v.events = t->n;
	v.lost = lost - t->lost;
	t->lost = lost;
	*ret = v;
	return 0;
}
