// SPDX-License-Identifier: Apache-2.0
#include "trace/mallocs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "target/mem_live.h"
#include "trace/bpf_load.h"
#include "trace/chunk.h"
#include "trace/follow.h"
#include "trace/mallocs_state.h"
#include "trace/stack_copy.h"
#include "trace/target.h"
#include "trace/uprobe_link.h"

/* A survivor waits for the next collect in 2.7 KiB. */
enum { SLOTS = 2048, PENDING_MAX = 4096 };

/*
 * What was allocated in the last quarter of a burst, or its last 2 ms, says nothing by not having
 * been freed within it.
 */
enum { YOUNG_SHARE = 4, YOUNG_NS = 2000000 };

/*
 * Contents are looked at so long after a burst: who asked for memory has filled it in by then, as a
 * rule, and few of those who do not keep it have given it back.
 */
enum { FILLED_NS = 8000000 };

static size_t whole_pages(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

/* Array elements stand at multiples of 8 bytes, as all of ours are. */
static int map_array(struct bpf_map *map, size_t len, void **ret)
{
	void *at = mmap(NULL, whole_pages(len), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

static int give_back(struct mallocs_trace *m, uint32_t slot)
{
	return bpf_map_update_elem(bpf_map__fd(m->skel->maps.free_slots), NULL, &slot, BPF_ANY);
}

static int prepare_maps(struct mallocs_trace *m, struct diag *d)
{
	int r;

	m->slots_len = m->n_slots * sizeof(*m->slots);
	r = map_array(m->skel->maps.slots, m->slots_len, (void **)&m->slots);
	if (r == 0)
		r = map_array(m->skel->maps.fates, FOLLOW_MAX * sizeof(*m->fates),
			      (void **)&m->fates);
	for (uint32_t i = 0; r == 0 && i < m->n_slots; i++)
		r = give_back(m, i);
	if (r == 0)
		r = follow_new(bpf_map__fd(m->skel->maps.aged), m->fates, m->heap, &m->follow);
	return r < 0 ? trace_bpf_fail(d, r, "mallocs") : 0;
}

static int load(struct mallocs_trace *m, const struct trace_target *t,
		const struct mallocs_trace_args *args, struct diag *d)
{
	struct mallocs_bpf *skel;
	uint32_t n = (uint32_t)m->n_slots;
	int r;

	trace_bpf_quiet();
	mallocs_bpf__destroy(m->skel);
	skel = m->skel = mallocs_bpf__open();
	if (!skel)
		return trace_bpf_fail(d, -errno, "mallocs");
	bpf_program__set_autoload(skel->progs.mallocs_session, m->session);
	bpf_program__set_autoload(skel->progs.mallocs_entry, !m->session);
	bpf_program__set_autoload(skel->progs.mallocs_return, !m->session);
	bpf_program__set_expected_attach_type(skel->progs.mallocs_session,
					      (enum bpf_attach_type)UPROBE_SESSION_ATTACH_TYPE);
	skel->rodata->target_tgid = t->host_tgid;
	skel->rodata->sample_every = args->sample_every;
	memcpy((void *)&skel->rodata->go, &t->go, sizeof(t->go));
	r = bpf_map__set_max_entries(skel->maps.slots, n);
	if (r == 0)
		r = bpf_map__set_max_entries(skel->maps.free_slots, n);
	if (r == 0)
		r = bpf_map__set_max_entries(skel->maps.live, n);
	if (r == 0)
		r = mallocs_bpf__load(skel);
	return r < 0 ? trace_bpf_fail(d, r, "mallocs") : 0;
}

int mallocs_trace_open(const struct process *p, const struct trace_target *t,
		       const struct mallocs_trace_args *args, struct mallocs_trace **ret,
		       struct diag *d)
{
	CLEANUP(mallocs_trace_close_p) struct mallocs_trace *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	m->libc.fd = -1;
	m->pid = args->for_all ? 0 : t->pid;
	m->n_slots = args->slots ? args->slots : SLOTS;
	m->pending = calloc(PENDING_MAX, sizeof(*m->pending));
	m->pending_ids = calloc(PENDING_MAX, sizeof(*m->pending_ids));
	m->pending_prints = calloc(PENDING_MAX, sizeof(*m->pending_prints));
	m->prints = calloc(m->n_slots, sizeof(*m->prints));
	if (!m->pending || !m->pending_ids || !m->pending_prints || !m->prints)
		return -ENOMEM;
	r = libc_sites_find(p, &m->libc, d);
	if (r == 0)
		r = mem_live_open(p, &m->heap);
	m->session = !args->no_session;
	if (r == 0 && (!m->session || load(m, t, args, NULL) < 0)) {
		m->session = false;
		r = load(m, t, args, d);
	}
	if (r == 0)
		r = prepare_maps(m, d);
	if (r < 0)
		return r;
	*ret = TAKE(m);
	return 0;
}

static void *take_off(void *arg)
{
	struct mallocs_closer *c = arg;

	close(c->fd);
	return NULL;
}

static void end_burst(struct mallocs_trace *m)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC), young;

	__atomic_store_n(&m->skel->bss->armed, 0, __ATOMIC_SEQ_CST);
	/* Both at once: taken off one after the other, the second stays on for another 30 ms. */
	for (int i = 0; i < MALLOCS_LINKS; i++) {
		struct mallocs_closer *c = &m->closers[i];

		if (!m->links[i])
			continue;
		c->fd = m->links[i];
		m->links[i] = 0;
		c->running = pthread_create(&c->thread, NULL, take_off, c) == 0;
		if (!c->running)
			take_off(c);
	}
	if (!m->arm_ns)
		return;
	m->unsettled = true;
	young = (now - m->arm_ns) / YOUNG_SHARE;
	m->young_from_ns = now - (young < YOUNG_NS ? young : YOUNG_NS);
	m->bursts++;
	m->armed_ns += now - m->arm_ns;
	m->all_armed_ns += now - m->arm_ns;
	m->attached_ns += now - m->attach_ns;
	m->arm_ns = 0;
}

static void join_closers(struct mallocs_trace *m)
{
	for (int i = 0; i < MALLOCS_LINKS; i++) {
		if (m->closers[i].running)
			pthread_join(m->closers[i].thread, NULL);
		m->closers[i].running = false;
	}
}

void mallocs_trace_close(struct mallocs_trace *m)
{
	if (!m)
		return;
	if (m->skel)
		end_burst(m);
	join_closers(m);
	if (m->slots)
		munmap(m->slots, whole_pages(m->slots_len));
	if (m->fates)
		munmap(m->fates, whole_pages(FOLLOW_MAX * sizeof(*m->fates)));
	follow_free(m->follow);
	mallocs_bpf__destroy(m->skel);
	mem_close(m->heap);
	libc_sites_done(&m->libc);
	free(m->pending);
	free(m->pending_ids);
	free(m->pending_prints);
	free(m->prints);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static bool belongs(const struct libc_site *s, enum uprobe_link_kind kind)
{
	switch (kind) {
	case UPROBE_LINK_ENTRY:
		return !s->at_return;
	case UPROBE_LINK_RETURN:
		return s->at_return;
	default:
		/* The session of a return sees the entry as well. */
		return s->at_return || s->kind == EV_FREE;
	}
}

static int attach(struct mallocs_trace *m, enum uprobe_link_kind kind, struct bpf_program *prog,
		  int *link, struct diag *d)
{
	uint64_t offsets[LIBC_SITES], cookies[LIBC_SITES];
	size_t n = 0;
	int r;

	for (size_t i = 0; i < m->libc.n; i++) {
		const struct libc_site *s = &m->libc.sites[i];

		if (!belongs(s, kind))
			continue;
		offsets[n] = s->offset;
		cookies[n++] = s->kind;
	}
	r = uprobe_link(bpf_program__fd(prog), kind, m->libc.fd, m->pid, offsets, cookies, n);
	if (r >= 0) {
		*link = r;
		return 0;
	}
	if (r == -EINVAL)
		return diag_fail(d, -EOPNOTSUPP,
				 "C allocations need a kernel with uprobe_multi (Linux 6.6)");
	if (r == -ESRCH)
		return diag_fail(d, -ESRCH, "it ended while it was being probed");
	return trace_bpf_fail(d, r, "mallocs");
}

static int take_live(void *arg, const void *k, const void *v)
{
	struct mallocs_trace *m = arg;
	uint64_t addr = *(const uint64_t *)k;
	uint32_t slot = *(const uint32_t *)v;
	const struct ev_malloc_slot *s;

	if (slot >= m->n_slots || m->slots[slot].addr != addr)
		return -EBADMSG;
	s = &m->slots[slot];
	if (s->at_ns >= m->young_from_ns) {
		m->young++;
	} else if (m->n_pending == PENDING_MAX) {
		m->lost++;
	} else {
		const struct follow_survivor f = { addr, s->header, s->at_ns, m->prints[slot] };
		int r = follow_add(m->follow, &f, &m->pending_ids[m->n_pending]);

		if (r < 0)
			return r;
		m->pending_prints[m->n_pending] = m->prints[slot];
		m->pending[m->n_pending++] = *s;
	}
	return give_back(m, slot);
}

/* Waits for the last burst's end and takes its survivors out of the map. */
static int settle(struct mallocs_trace *m)
{
	int r;

	/* A program that saw the burst as armed may run until its link is gone. */
	join_closers(m);
	if (!m->unsettled)
		return 0;
	r = trace_map_drain(bpf_map__fd(m->skel->maps.live), sizeof(uint64_t), sizeof(uint32_t),
			    take_live, m);
	if (r == 0)
		m->unsettled = false;
	return r;
}

static int start_burst(struct mallocs_trace *m, struct diag *d)
{
	int r;

	if (m->arm_ns)
		return 0;
	r = settle(m);
	if (r < 0)
		return diag_fail(d, r, "the survivors of the last burst cannot be read");
	trace_bpf_quiet();
	m->attach_ns = clock_now_ns(CLOCK_MONOTONIC);
	if (m->session)
		r = attach(m, UPROBE_LINK_SESSION, m->skel->progs.mallocs_session, &m->links[0], d);
	else
		r = attach(m, UPROBE_LINK_ENTRY, m->skel->progs.mallocs_entry, &m->links[0], d);
	if (r == 0 && !m->session)
		r = attach(m, UPROBE_LINK_RETURN, m->skel->progs.mallocs_return, &m->links[1], d);
	if (r < 0) {
		end_burst(m);
		return r;
	}
	memset(m->prints, 0, m->n_slots * sizeof(*m->prints));
	m->skel->bss->burst++;
	m->arm_ns = clock_now_ns(CLOCK_MONOTONIC);
	/* Not before free() is probed everywhere: else what is freed meanwhile looks alive. */
	__atomic_store_n(&m->skel->bss->armed, 1, __ATOMIC_SEQ_CST);
	return 0;
}

int mallocs_trace_arm(struct mallocs_trace *m, struct diag *d)
{
	int r;

	pthread_mutex_lock(&m->lock);
	r = start_burst(m, d);
	pthread_mutex_unlock(&m->lock);
	return r;
}

void mallocs_trace_disarm(struct mallocs_trace *m)
{
	const struct timespec filled = { .tv_nsec = FILLED_NS };
	bool was_on;

	pthread_mutex_lock(&m->lock);
	was_on = m->arm_ns;
	end_burst(m);
	if (was_on) {
		nanosleep(&filled, NULL);
		mallocs_print_survivors(m);
	}
	pthread_mutex_unlock(&m->lock);
}

static int add_survivor(struct mallocs_trace *m, size_t i, struct arena *a,
			struct traced_malloc_survivor *ret)
{
	const struct ev_malloc_slot *s = &m->pending[i];
	size_t n = s->go.n;
	uint64_t *pcs;

	if (n > EV_FRAMES)
		return -EBADMSG;
	pcs = arena_alloc(a, n ? n : 1, sizeof(*pcs));
	if (!pcs)
		return -ENOMEM;
	memcpy(pcs, s->go.frames, n * sizeof(*pcs));
	*ret = (struct traced_malloc_survivor){
		.id = m->pending_ids[i],
		.print = m->pending_prints[i],
		.addr = s->addr,
		.header = s->header,
		.bytes = s->header & ~(uint64_t)CHUNK_FLAGS,
		.at_ns = s->at_ns,
		.tid = (pid_t)s->tid,
		.goid = s->goid,
		.go_pcs = pcs,
		.n_go_pcs = n,
	};
	return trace_stack_copy(a, &s->raw, &ret->stack);
}

/* The counters go on from call to call; this gives what they have grown by. */
static int read_counts(struct mallocs_trace *m, struct traced_mallocs *ret)
{
	uint64_t grown[EV_MALLOC_COUNTS];

	for (uint32_t i = 0; i < EV_MALLOC_COUNTS; i++) {
		uint64_t now;
		int r = trace_sum_percpu(bpf_map__fd(m->skel->maps.counts), i, &now);

		if (r < 0)
			return r;
		grown[i] = now - m->counts[i];
		m->counts[i] = now;
	}
	ret->entry_hits = grown[EV_MALLOC_ENTRY_HITS];
	ret->return_hits = grown[EV_MALLOC_RETURN_HITS];
	ret->outside = grown[EV_MALLOC_OUTSIDE];
	ret->allocs = grown[EV_MALLOC_ALLOCS];
	ret->bytes = grown[EV_MALLOC_BYTES];
	ret->frees = grown[EV_MALLOC_FREES];
	ret->sampled = grown[EV_MALLOC_SAMPLED];
	ret->short_lived = grown[EV_MALLOC_MATCHED];
	ret->young = m->young;
	ret->lost = grown[EV_MALLOC_LOST] + m->lost;
	ret->unreadable = grown[EV_MALLOC_UNREADABLE];
	m->lost = m->young = 0;
	return 0;
}

static int take_pending(struct mallocs_trace *m, struct arena *a, struct traced_mallocs *ret)
{
	ret->survivors = arena_alloc(a, m->n_pending + 1, sizeof(*ret->survivors));
	if (!ret->survivors)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_pending; i++) {
		int r = add_survivor(m, i, a, &ret->survivors[i]);

		if (r < 0)
			return r;
	}
	ret->n_survivors = m->n_pending;
	m->n_pending = 0;
	return 0;
}

static int collect(struct mallocs_trace *m, struct arena *a, struct traced_mallocs *ret)
{
	struct traced_mallocs t = { 0 };
	int r = 0;

	t.ends = arena_alloc(a, 2 * FOLLOW_MAX, sizeof(*t.ends));
	if (!t.ends)
		return -ENOMEM;
	/* A burst that is on keeps its allocations; they come with the next call. */
	if (!m->arm_ns)
		r = settle(m);
	if (r == 0)
		r = take_pending(m, a, &t);
	if (r == 0)
		r = follow_ends(m->follow, clock_now_ns(CLOCK_MONOTONIC), t.ends, &t.n_ends);
	if (r == 0)
		r = read_counts(m, &t);
	if (r < 0)
		return r;
	t.followed = follow_count(m->follow);
	t.bursts = m->bursts;
	t.armed_ns = m->armed_ns;
	t.attached_ns = m->attached_ns;
	m->bursts = 0;
	m->armed_ns = m->attached_ns = 0;
	*ret = t;
	return 0;
}

int mallocs_trace_collect(struct mallocs_trace *m, struct arena *a, struct traced_mallocs *ret)
{
	int r;

	pthread_mutex_lock(&m->lock);
	r = collect(m, a, ret);
	pthread_mutex_unlock(&m->lock);
	return r;
}
