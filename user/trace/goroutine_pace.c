// SPDX-License-Identifier: Apache-2.0
/* The goroutine collector as trace/pace.h runs it. */
#include "trace/pace.h"

#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/events.h"
#include "goroutine.skel.h"
#include "trace/calibrate.h"
#include "trace/goroutine_state.h"

static int arm(void *arg, struct diag *d)
{
	return goroutine_trace_arm(arg, d);
}

static void disarm(void *arg)
{
	goroutine_trace_disarm(arg);
}

/* The trap's mean, as the kinds were hit. */
static double trap_ns(const struct goroutine_trace *g, const struct goroutine_trace_load *l)
{
	double ns = 0, hits = 0;

	for (int k = 0; k < TRACED_KINDS; k++) {
		if (!g->probed[k])
			continue;
		/* One hit more, so that there is a mean before the first. */
		ns += (double)(l->hits[k] + 1) * g->calibration->hit_ns[g->sites[k].kind];
		hits += (double)(l->hits[k] + 1);
	}
	return hits > 0 ? ns / hits : 0;
}

static int load(void *arg, struct pace_load *ret)
{
	struct goroutine_trace *g = arg;
	struct goroutine_trace_load l;
	struct bpf_program *prog;
	int r = goroutine_trace_load(g, &l);

	if (r < 0)
		return r;
	*ret = (struct pace_load){
		.outside = l.outside,
		.armed_ns = l.armed_ns,
		.trap_ns = trap_ns(g, &l),
	};
	for (int k = 0; k < TRACED_KINDS; k++)
		ret->hits += l.hits[k];
	bpf_object__for_each_program(prog, g->bpf->obj)
		if (bpf_program__fd(prog) >= 0)
			ret->programs[ret->n_programs++] = bpf_program__fd(prog);
	return 0;
}

static int count(void *arg, uint64_t *ret)
{
	struct goroutine_trace *g = arg;
	int counts = bpf_map__fd(g->bpf->maps.counts);
	uint64_t n = 0, one;
	int r = trace_sum_percpu(counts, EV_GOROUTINE_OUTSIDE, &n);

	for (uint32_t k = 0; k < TRACED_KINDS && r == 0; k++) {
		r = trace_sum_percpu(counts, k, &one);
		if (r == 0)
			n += one;
	}
	if (r == 0)
		*ret = n;
	return r;
}

void goroutine_trace_collector(struct goroutine_trace *g, const struct calibration *c,
			       struct pace_collector *ret)
{
	g->calibration = c;
	*ret = (struct pace_collector){
		.name = "goroutine",
		.ops = { .arm = arm, .disarm = disarm, .arg = g, .slow = !g->multi },
		.load = load,
		.weight = 1,
		.count = count,
	};
}
