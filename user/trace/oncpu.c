// SPDX-License-Identifier: Apache-2.0
#include "trace/oncpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>

#include "bpf/events.h"
#include "oncpu.skel.h"
#include "trace/bpf_load.h"
#include "trace/target.h"

/* One distinct stack costs 600 bytes of two maps; more than a second's samples fit. */
enum { SAMPLE_HZ = 49, STACKS_A_CPU = 512, STACKS_MIN = 1024, STACKS_MAX = 16384 };

struct oncpu_trace {
	struct oncpu_bpf *skel;
	struct trace_pair pair;
	struct bpf_link **links;	/* by CPU; NULL: offline, or not armed */
	int *events;			/* by CPU, owned by its link */
	int n_cpus;
	uint64_t samples, lost;		/* at the last collect */
};

static int load(struct oncpu_trace *o, const struct trace_target *t, struct diag *d)
{
	uint32_t stacks = (uint32_t)o->n_cpus * STACKS_A_CPU;
	int r;

	if (stacks < STACKS_MIN)
		stacks = STACKS_MIN;
	if (stacks > STACKS_MAX)
		stacks = STACKS_MAX;
	trace_bpf_quiet();
	o->skel = oncpu_bpf__open();
	if (!o->skel)
		return trace_bpf_fail(d, -errno, "oncpu");
	o->skel->rodata->target_tgid = t->host_tgid;
	memcpy((void *)&o->skel->rodata->go, &t->go, sizeof(t->go));
	/* The outer map takes hash maps of any size (Linux 5.10: bpf_map_meta_equal()). */
	r = bpf_map__set_max_entries(o->skel->maps.samples_a, stacks);
	if (r == 0)
		r = bpf_map__set_max_entries(o->skel->maps.samples_b, stacks);
	if (r == 0)
		r = oncpu_bpf__load(o->skel);
	return r < 0 ? trace_bpf_fail(d, r, "oncpu") : 0;
}

int oncpu_trace_open(const struct trace_target *t, struct oncpu_trace **ret, struct diag *d)
{
	CLEANUP(oncpu_trace_close_p) struct oncpu_trace *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->n_cpus = libbpf_num_possible_cpus();
	if (o->n_cpus < 0)
		return diag_fail(d, o->n_cpus, "the CPUs cannot be counted");
	o->links = calloc((size_t)o->n_cpus, sizeof(struct bpf_link *));
	o->events = calloc((size_t)o->n_cpus, sizeof(*o->events));
	if (!o->links || !o->events)
		return -ENOMEM;
	r = load(o, t, d);
	if (r < 0)
		return r;
	o->pair = (struct trace_pair){
		.outer = bpf_map__fd(o->skel->maps.samples),
		.maps = { bpf_map__fd(o->skel->maps.samples_a),
			  bpf_map__fd(o->skel->maps.samples_b) },
	};
	*ret = TAKE(o);
	return 0;
}

void oncpu_trace_close(struct oncpu_trace *o)
{
	if (!o)
		return;
	if (o->links)
		oncpu_trace_disarm(o);
	oncpu_bpf__destroy(o->skel);
	free(o->links);
	free(o->events);
	free(o);
}

/* 0, also for a CPU that is offline. */
static int arm_cpu(struct oncpu_trace *o, int cpu, struct diag *d)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = SAMPLE_HZ,
		.exclude_idle = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && errno == ENODEV)
		return 0;
	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		diag_fail(d, -EPERM, "oncpu: the kernel refuses to sample the CPUs");
		return diag_hint(d, -EPERM, "run as root, or see `loiter doctor`");
	}
	if (fd < 0)
		return diag_fail(d, -errno, "perf_event_open: %s", strerror(errno));
	o->links[cpu] = bpf_program__attach_perf_event(o->skel->progs.oncpu_sample, fd);
	if (!o->links[cpu]) {
		int r = trace_bpf_fail(d, -errno, "oncpu");

		close(fd);
		return r;
	}
	o->events[cpu] = fd;
	return 0;
}

int oncpu_trace_arm(struct oncpu_trace *o, struct diag *d)
{
	for (int cpu = 0; cpu < o->n_cpus; cpu++) {
		int r = o->links[cpu] ? 0 : arm_cpu(o, cpu, d);

		if (r < 0) {
			oncpu_trace_disarm(o);
			return r;
		}
	}
	return 0;
}

void oncpu_trace_disarm(struct oncpu_trace *o)
{
	for (int cpu = 0; cpu < o->n_cpus; cpu++) {
		bpf_link__destroy(o->links[cpu]);
		o->links[cpu] = NULL;
	}
}

struct collecting {
	struct arena *arena;
	struct traced_oncpu *ret;
	size_t room;
};

static int take_site(void *arg, const void *k, const void *v)
{
	struct collecting *c = arg;
	const struct ev_oncpu_key *key = k;
	const struct ev_oncpu_value *value = v;
	struct traced_oncpu_site *site;
	uint64_t *pcs;
	size_t n = value->stack.n;

	if (c->ret->n_sites == c->room || n > EV_FRAMES)
		return -EOVERFLOW;
	pcs = arena_alloc(c->arena, n, sizeof(*pcs));
	if (!pcs)
		return -ENOMEM;
	memcpy(pcs, value->stack.frames, n * sizeof(*pcs));
	site = &c->ret->sites[c->ret->n_sites++];
	*site = (struct traced_oncpu_site){
		.goid = key->goid,
		.tid = (pid_t)key->tid,
		.samples = value->samples,
		.in_kernel = key->flags & EV_IN_KERNEL,
		.on_g0 = key->flags & EV_ON_G0,
		.whole = value->stack.flags & EV_STACK_WHOLE,
		.pcs = pcs,
		.n_pcs = n,
		.at_sp = value->at_sp,
	};
	return 0;
}

static int by_samples(const void *a, const void *b)
{
	const struct traced_oncpu_site *x = a, *y = b;

	if (x->samples != y->samples)
		return x->samples < y->samples ? 1 : -1;
	return (x->goid > y->goid) - (x->goid < y->goid);
}

/* The counters go on from call to call; this gives what they have grown by. */
static int read_counts(struct oncpu_trace *o, struct traced_oncpu *ret)
{
	int fd = bpf_map__fd(o->skel->maps.counts);
	uint64_t samples, lost;
	int r = trace_sum_percpu(fd, EV_ONCPU_SAMPLES, &samples);

	if (r == 0)
		r = trace_sum_percpu(fd, EV_ONCPU_LOST, &lost);
	if (r < 0)
		return r;
	ret->samples = samples - o->samples;
	ret->lost = lost - o->lost;
	o->samples = samples;
	o->lost = lost;
	return 0;
}

int oncpu_trace_collect(struct oncpu_trace *o, struct arena *a, struct traced_oncpu *ret)
{
	struct traced_oncpu t = { .hz = SAMPLE_HZ };
	struct collecting c = { .arena = a, .ret = &t };
	int full, r;

	c.room = bpf_map__max_entries(o->skel->maps.samples_a);
	t.sites = arena_alloc(a, c.room, sizeof(*t.sites));
	if (!t.sites)
		return -ENOMEM;
	r = trace_pair_swap(&o->pair, &full);
	if (r == 0)
		r = read_counts(o, &t);
	if (r == 0)
		r = trace_map_drain(full, sizeof(struct ev_oncpu_key),
				    sizeof(struct ev_oncpu_value), take_site, &c);
	if (r < 0)
		return r;
	qsort(t.sites, t.n_sites, sizeof(*t.sites), by_samples);
	*ret = t;
	return 0;
}
