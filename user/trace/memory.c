// SPDX-License-Identifier: Apache-2.0
#include "trace/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/events.h"
#include "target/maps.h"
#include "trace/bpf_load.h"
#include "trace/memory_state.h"
#include "trace/stack_copy.h"
#include "trace/target.h"

enum { RING_BYTES = 1 << 20, PAGE = 4096, SAMPLES_MAX = 8192, RANGES_MAX = 65536 };

/* One enumerator each side, so that neither can move alone. */
_Static_assert((int)TRACED_MMAP_ANON == (int)EV_MEMORY_MMAP_ANON &&
	       (int)TRACED_MUNMAP == (int)EV_MEMORY_MUNMAP &&
	       (int)TRACED_BRK_SHRINK == (int)EV_MEMORY_BRK_SHRINK &&
	       (int)TRACED_FAULT_WRITE == (int)EV_MEMORY_FAULT_WRITE &&
	       (int)TRACED_MEMORY_KINDS == (int)EV_MEMORY_KINDS, "kinds of bpf/events.h");

struct collecting {
	struct arena *arena;
	struct traced_memory *ret;
	size_t room_sites, room_samples, room_ranges;
};

static int take_range(struct collecting *c, const struct traced_memory_range *range)
{
	/* Whoever gives back faster than we take it must not hold us here; the rest waits. */
	if (c->ret->n_ranges == c->room_ranges) {
		c->ret->lost_ranges++;
		return -ENOSPC;
	}
	c->ret->ranges[c->ret->n_ranges++] = *range;
	return 0;
}

static int take_given_back(struct collecting *c, const struct ev_memory_event *ev)
{
	struct traced_memory_range range = {
		.kind = (enum traced_memory_kind)ev->kind,
		.addr = ev->addr,
		.bytes = ev->bytes,
		.at_ns = ev->at_ns,
	};

	return take_range(c, &range);
}

static int copy_pcs(struct arena *a, const struct ev_stack *stack, const uint64_t **ret, size_t *n)
{
	uint64_t *pcs;

	if (stack->n > EV_FRAMES)
		return -EBADMSG;
	pcs = arena_alloc(a, stack->n ? stack->n : 1, sizeof(*pcs));
	if (!pcs)
		return -ENOMEM;
	memcpy(pcs, stack->frames, stack->n * sizeof(*pcs));
	*ret = pcs;
	*n = stack->n;
	return 0;
}

static int take_sample(void *arg, void *data, size_t len)
{
	struct memory_trace *m = arg;
	struct collecting *c = m->collecting;
	const struct ev_memory_sample *sample = data;
	const struct ev_memory_event *ev = data;
	struct traced_memory *ret = c->ret;
	struct traced_memory_sample *s;
	int r;

	if (len < sizeof(*ev) || ev->kind >= EV_MEMORY_KINDS)
		return -EBADMSG;
	if (len < sizeof(*sample))
		return take_given_back(c, ev);
	/* Whoever fills it faster than we empty it must not hold us here; the rest waits. */
	if (ret->n_samples == c->room_samples) {
		ret->lost_samples++;
		return -ENOSPC;
	}
	s = &ret->samples[ret->n_samples];
	*s = (struct traced_memory_sample){
		.kind = (enum traced_memory_kind)ev->kind,
		.tid = (pid_t)ev->tid,
		.addr = ev->addr,
		.bytes = ev->bytes,
		.at_ns = ev->at_ns,
		.site = ev->stack_hash,
	};
	r = trace_stack_copy(c->arena, &sample->raw, &s->stack);
	if (r == 0)
		r = copy_pcs(c->arena, &sample->go, &s->go_pcs, &s->n_go_pcs);
	if (r < 0)
		return r;
	ret->n_samples++;
	return 0;
}

static int take_kept(void *arg, const void *key, const void *value)
{
	const struct ev_memory_kept *k = value;
	struct traced_memory_range range = {
		.kind = (enum traced_memory_kind)k->kind,
		.had = true,
		.addr = *(const uint64_t *)key,
		.bytes = k->bytes,
		.moved_from = k->moved_from,
		.moved_bytes = k->moved_bytes,
		.at_ns = k->at_ns,
		.site = k->stack_hash,
	};

	if (k->kind >= EV_MEMORY_KINDS)
		return -EBADMSG;
	take_range(arg, &range);
	return 0;
}

static int take_kept_stack(void *arg, const void *key, const void *value)
{
	const struct ev_memory_kept_stack *k = value;
	struct collecting *c = arg;
	struct traced_memory_sample *s = &c->ret->samples[c->ret->n_samples];
	int r = take_kept(arg, key, &k->kept);

	if (r < 0 || c->ret->n_samples == c->room_samples)
		return r;
	*s = (struct traced_memory_sample){
		.kind = (enum traced_memory_kind)k->kept.kind,
		.tid = (pid_t)k->tid,
		.addr = *(const uint64_t *)key,
		.bytes = k->kept.bytes,
		.at_ns = k->kept.at_ns,
		.site = k->kept.stack_hash,
		.kept = true,
	};
	r = trace_stack_copy(c->arena, &k->raw, &s->stack);
	if (r == 0)
		r = copy_pcs(c->arena, &k->go, &s->go_pcs, &s->n_go_pcs);
	if (r == 0)
		c->ret->n_samples++;
	return r;
}

uint64_t memory_trace_brk(const struct process *p)
{
	CLEANUP(maps_free_p) struct maps *maps = NULL;

	if (maps_read(p, &maps, NULL) < 0)
		return 0;
	for (size_t i = 0; i < maps->n; i++)
		if (strcmp(maps->all[i].path, "[heap]") == 0)
			return maps->all[i].end;
	return 0;
}

static int load(struct memory_trace *m, const struct trace_target *t,
		const struct memory_trace_args *args, struct diag *d)
{
	struct memory_bpf *skel;
	int r;

	trace_bpf_quiet();
	skel = m->skel = memory_bpf__open();
	if (!skel)
		return trace_bpf_fail(d, -errno, "memory");
	skel->rodata->target_tgid = t->host_tgid;
	skel->rodata->go = t->go;
	skel->rodata->fault_site_every = args->fault_site_every;
	skel->rodata->fault_sample_every = args->fault_sample_every;
	skel->rodata->samples_per_site = args->samples_per_site;
	skel->bss->last_brk = args->brk;
	r = bpf_map__set_max_entries(skel->maps.samples,
				     args->ring_bytes ? args->ring_bytes : RING_BYTES);
	if (r == 0)
		r = memory_bpf__load(skel);
	if (r < 0)
		return trace_bpf_fail(d, r, "memory");
	m->ring = ring_buffer__new(bpf_map__fd(skel->maps.samples), take_sample, m, NULL);
	return m->ring ? 0 : trace_bpf_fail(d, -errno, "memory");
}

int memory_trace_open(const struct trace_target *t, const struct memory_trace_args *args,
		      struct memory_trace **ret, struct diag *d)
{
	CLEANUP(memory_trace_close_p) struct memory_trace *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	r = load(m, t, args, d);
	if (r < 0)
		return r;
	m->pair = (struct trace_pair){
		.outer = bpf_map__fd(m->skel->maps.sites),
		.maps = { bpf_map__fd(m->skel->maps.sites_a), bpf_map__fd(m->skel->maps.sites_b) },
	};
	memory_price(m);
	*ret = TAKE(m);
	return 0;
}

void memory_trace_close(struct memory_trace *m)
{
	if (!m)
		return;
	ring_buffer__free(m->ring);
	memory_bpf__destroy(m->skel);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* One row a part. */
struct part {
	struct bpf_link **link;
	struct bpf_program *prog;
	unsigned int bit;
	bool needed;		/* every kernel has its tracepoint */
};
enum { PARTS = 3 };

static void list_parts(struct memory_trace *m, struct part *ret)
{
	struct memory_bpf *s = m->skel;

	ret[0] = (struct part){ &s->links.memory_sys_exit, s->progs.memory_sys_exit,
				MEMORY_TRACE_SYSCALLS, true };
	ret[1] = (struct part){ &s->links.memory_page_fault, s->progs.memory_page_fault,
				MEMORY_TRACE_FAULTS, false };
	ret[2] = (struct part){ &s->links.memory_rss_stat, s->progs.memory_rss_stat,
				MEMORY_TRACE_RSS, false };
}

int memory_trace_arm(struct memory_trace *m, unsigned int parts, struct diag *d)
{
	struct part all[PARTS];

	trace_bpf_quiet();
	list_parts(m, all);
	for (int i = 0; i < PARTS; i++) {
		if (!(parts & all[i].bit) || *all[i].link)
			continue;
		*all[i].link = bpf_program__attach(all[i].prog);
		if (!*all[i].link && (errno != ENOENT || all[i].needed)) {
			int err = -errno;

			memory_trace_disarm(m, parts);
			return trace_bpf_fail(d, err, "memory");
		}
	}
	return 0;
}

void memory_trace_disarm(struct memory_trace *m, unsigned int parts)
{
	struct part all[PARTS];

	list_parts(m, all);
	for (int i = 0; i < PARTS; i++) {
		if (!(parts & all[i].bit))
			continue;
		bpf_link__destroy(*all[i].link);
		*all[i].link = NULL;
	}
}

static int take_site(void *arg, const void *k, const void *v)
{
	struct collecting *c = arg;
	const struct ev_memory_key *key = k;
	const struct ev_memory_value *value = v;
	struct traced_memory_site *site;
	int r;

	if (c->ret->n_sites == c->room_sites || key->kind >= EV_MEMORY_KINDS)
		return -EBADMSG;
	site = &c->ret->sites[c->ret->n_sites];
	*site = (struct traced_memory_site){
		.kind = (enum traced_memory_kind)key->kind,
		.sum = { .calls = value->calls, .bytes = value->bytes },
		.hash = key->stack_hash,
		.whole = value->stack.flags & EV_STACK_WHOLE,
	};
	r = copy_pcs(c->arena, &value->stack, &site->pcs, &site->n_pcs);
	if (r == 0)
		c->ret->n_sites++;
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	const struct traced_memory_site *x = a, *y = b;

	if (x->sum.bytes != y->sum.bytes)
		return x->sum.bytes < y->sum.bytes ? 1 : -1;
	return (x->sum.calls < y->sum.calls) - (x->sum.calls > y->sum.calls);
}

static int by_time(const void *a, const void *b)
{
	const struct traced_memory_range *x = a, *y = b;

	return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/* The counters go on from call to call; this gives what they have grown by. */
static int read_counts(struct memory_trace *m, struct traced_memory *ret)
{
	uint64_t grown[EV_MEMORY_COUNTS];
	int fd = bpf_map__fd(m->skel->maps.counts);

	for (uint32_t i = 0; i < EV_MEMORY_COUNTS; i++) {
		uint64_t now;
		int r = trace_sum_percpu(fd, i, &now);

		if (r < 0)
			return r;
		grown[i] = now - m->counts[i];
		m->counts[i] = now;
	}
	for (int k = 0; k < EV_MEMORY_KINDS; k++)
		ret->totals[k] = (struct traced_bytes){
			.calls = grown[EV_MEMORY_CALLS + k],
			.bytes = grown[EV_MEMORY_BYTES + k],
		};
	ret->failed = grown[EV_MEMORY_FAILED];
	ret->lost_sites = grown[EV_MEMORY_SITES_LOST];
	ret->lost_samples += grown[EV_MEMORY_SAMPLES_LOST];
	ret->lost_ranges += grown[EV_MEMORY_KEPT_LOST];
	return 0;
}

static int drain(struct memory_trace *m, struct collecting *c)
{
	int full, r = trace_pair_swap(&m->pair, &full);

	if (r == 0)
		r = trace_map_drain(full, sizeof(struct ev_memory_key),
				    sizeof(struct ev_memory_value), take_site, c);
	if (r < 0)
		return r;
	/* First these: what is given back meanwhile is in the ring, whose turn it is next. */
	r = trace_map_drain(bpf_map__fd(m->skel->maps.kept_stacks), sizeof(uint64_t),
			    sizeof(struct ev_memory_kept_stack), take_kept_stack, c);
	if (r == 0)
		r = trace_map_drain(bpf_map__fd(m->skel->maps.kept), sizeof(uint64_t),
				    sizeof(struct ev_memory_kept), take_kept, c);
	if (r < 0)
		return r;
	m->collecting = c;
	r = ring_buffer__consume(m->ring);
	m->collecting = NULL;
	return r < 0 && r != -ENOSPC ? r : 0;
}

int memory_trace_collect(struct memory_trace *m, struct arena *a, struct traced_memory *ret)
{
	struct traced_memory t = { 0 };
	struct collecting c = { .arena = a, .ret = &t, .room_sites = EV_MEMORY_SITES };
	const __u64 *peak = m->skel->bss->rss_peak_pages;
	uint64_t ring = ring__avail_data_size(ring_buffer__ring(m->ring, 0));
	int r;

	/* While we drain it, the ring is filled again: twice what is in it now, and some. */
	c.room_samples = EV_MEMORY_KEPT_STACKS + 2 * ring / sizeof(struct ev_memory_sample) + 64;
	if (c.room_samples > SAMPLES_MAX)
		c.room_samples = SAMPLES_MAX;
	c.room_ranges = EV_MEMORY_KEPT + 2 * ring / sizeof(struct ev_memory_event) + 64;
	if (c.room_ranges > RANGES_MAX)
		c.room_ranges = RANGES_MAX;
	t.ranges = arena_alloc(a, c.room_ranges, sizeof(*t.ranges));
	t.sites = arena_alloc(a, EV_MEMORY_SITES, sizeof(*t.sites));
	t.samples = arena_alloc(a, c.room_samples, sizeof(*t.samples));
	if (!t.sites || !t.samples || !t.ranges)
		return -ENOMEM;
	r = drain(m, &c);
	if (r == 0)
		r = read_counts(m, &t);
	if (r < 0)
		return r;
	qsort(t.sites, t.n_sites, sizeof(*t.sites), by_bytes);
	qsort(t.ranges, t.n_ranges, sizeof(*t.ranges), by_time);
	t.peak_file_bytes = peak[0] * PAGE;
	t.peak_anon_bytes = peak[1] * PAGE;
	t.peak_shared_bytes = peak[3] * PAGE;
	*ret = t;
	return 0;
}
