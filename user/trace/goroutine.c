// SPDX-License-Identifier: Apache-2.0
#include "trace/goroutine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bpf/events.h"
#include "goroutine.skel.h"
#include "trace/goroutine_state.h"
#include "trace/target.h"

_Static_assert((int)TRACED_PARK == EV_GOROUTINE_PARK && (int)TRACED_READY == EV_GOROUTINE_READY &&
	       (int)TRACED_BIRTH == EV_GOROUTINE_BIRTH && (int)TRACED_DEATH == EV_GOROUTINE_DEATH &&
	       (int)TRACED_KINDS == EV_GOROUTINE_KINDS, "model and wire count alike");
_Static_assert(EV_GOROUTINE_COUNTS <= 16, "goroutine_trace.counts holds them");

/* A function of the runtime is 40 to 2,000 bytes long; what is longer is none of them. */
#define FUNCTION_MAX (64u << 10)

/*
 * The registers that a program reads, so what must still be in them at the site:
 * gopark(unlockf, lock RBX, reason RCX), ready(gp RAX), newproc1(fn RAX, callergp RBX,
 * callerpc RCX), gdestroy(gp RAX) and goexit0(gp RAX); Go's ABIInternal, in each of 1.18 to 1.27.
 */
static const uint32_t needed[TRACED_KINDS] = {
	[TRACED_PARK] = SITE_RBX | SITE_RCX | SITE_R14,
	[TRACED_READY] = SITE_RAX | SITE_R14,
	[TRACED_BIRTH] = SITE_RAX | SITE_RBX | SITE_RCX,
	[TRACED_DEATH] = SITE_RAX,
};

static int choose_site(struct goroutine_trace *g, int fd, enum traced_goroutine_kind kind,
		       bool nops, struct diag *d)
{
	const struct goroutine_function *f = &g->config.functions[kind];
	uint8_t *code;
	ssize_t n;

	if (!f->len)
		return 0;
	if (f->len > FUNCTION_MAX)
		return diag_fail(d, -EBADMSG, "a function of the runtime has %u bytes", f->len);
	code = malloc(f->len);
	if (!code)
		return -ENOMEM;
	n = pread(fd, code, f->len, (off_t)f->offset);
	if (n == (ssize_t)f->len)
		g->sites[kind] = site_choose(code, f->len, f->offset, needed[kind], nops);
	free(code);
	if (n != (ssize_t)f->len)
		return diag_fail(d, n < 0 ? -errno : -EBADMSG,
				 "a function of the runtime is not in its file");
	g->probed[kind] = true;
	return 0;
}

static int choose_sites(struct goroutine_trace *g, struct diag *d)
{
	int fd = open(g->path, O_RDONLY | O_CLOEXEC);
	bool nops = site_nops();
	int r = 0;

	if (fd < 0)
		return diag_fail(d, -errno, "%s cannot be opened: %s", g->path, strerror(errno));
	for (int k = 0; k < TRACED_KINDS && r == 0; k++)
		r = choose_site(g, fd, k, nops, d);
	close(fd);
	return r;
}

/* One program for all sites, or a program for each; what is not wanted is not loaded. */
static void choose_programs(struct goroutine_trace *g)
{
	struct bpf_program *const each[TRACED_KINDS] = {
		g->bpf->progs.goroutine_park, g->bpf->progs.goroutine_ready,
		g->bpf->progs.goroutine_birth, g->bpf->progs.goroutine_death,
	};

	bpf_program__set_autoload(g->bpf->progs.goroutine_hit, g->multi);
	for (int k = 0; k < TRACED_KINDS; k++) {
		const struct probe_site *s = &g->sites[k];
		uint64_t cookie = EV_COOKIE(k, s->own_frame, s->ret_offset);

		bpf_program__set_autoload(each[k], !g->multi && g->probed[k]);
		g->bpf->rodata->config.cookies[k] = cookie;
		if (g->probed[k])
			g->points[g->n_points++] = (struct uprobe_point){
				g->config.functions[k].offset + s->offset, cookie, each[k]
			};
	}
}

static int load(struct goroutine_trace *g, const struct trace_target *t, struct diag *d)
{
	int r;

	g->bpf->rodata->go = t->go;
	g->bpf->rodata->config.tgid = t->host_tgid;
	g->bpf->rodata->config.sample_every = g->config.sample_every;
	g->bpf->rodata->config.g_waiting = g->config.g_waiting;
	g->bpf->rodata->config.sudog_c = g->config.sudog_c;
	if (g->config.ring_bytes)
		bpf_map__set_max_entries(g->bpf->maps.events, g->config.ring_bytes);
	if (g->config.max_sites) {
		bpf_map__set_max_entries(g->bpf->maps.records_a, g->config.max_sites);
		bpf_map__set_max_entries(g->bpf->maps.records_b, g->config.max_sites);
		bpf_map__set_max_entries(g->bpf->maps.stacks, g->config.max_sites);
	}
	r = goroutine_bpf__load(g->bpf);
	if (r < 0)
		return trace_bpf_fail(d, r, "goroutine");
	g->records = (struct trace_pair){
		.outer = bpf_map__fd(g->bpf->maps.records),
		.maps = { bpf_map__fd(g->bpf->maps.records_a), bpf_map__fd(g->bpf->maps.records_b) },
	};
	g->ring = ring_buffer__new(bpf_map__fd(g->bpf->maps.events), goroutine_take_event, g, NULL);
	if (!g->ring)
		return trace_bpf_fail(d, -errno, "goroutine");
	return 0;
}

int goroutine_trace_open(const struct trace_target *t, const struct goroutine_trace_config *c,
			 struct goroutine_trace **ret, struct diag *d)
{
	CLEANUP(goroutine_trace_close_p) struct goroutine_trace *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	pthread_mutex_init(&g->lock, NULL);
	g->config = *c;
	g->pid = t->pid;
	if (clock_getcpuclockid(t->pid, &g->target_clock) != 0)
		return diag_fail(d, -ESRCH, "it has ended");
	g->path = strdup(c->path);
	if (!g->path)
		return -ENOMEM;
	if (t->go.g_goid <= 0 || t->go.g_m <= 0 || t->go.m_curg <= 0 || t->go.g_gopc <= 0)
		return diag_fail(d, -EOPNOTSUPP, "the layout of its Go runtime is not known");
	r = choose_sites(g, d);
	if (r < 0)
		return r;
	trace_bpf_quiet();
	g->multi = !c->no_multi && uprobes_have_multi();
	g->bpf = goroutine_bpf__open();
	if (!g->bpf)
		return trace_bpf_fail(d, -errno, "goroutine");
	choose_programs(g);
	if (!g->n_points)
		return diag_fail(d, -EOPNOTSUPP, "none of the runtime's functions was found");
	r = load(g, t, d);
	if (r < 0)
		return r;
	*ret = TAKE(g);
	return 0;
}

void goroutine_trace_close(struct goroutine_trace *g)
{
	if (!g)
		return;
	goroutine_trace_disarm(g);
	ring_buffer__free(g->ring);
	goroutine_bpf__destroy(g->bpf);
	pthread_mutex_destroy(&g->lock);
	free(g->path);
	free(g);
}

int goroutine_trace_arm(struct goroutine_trace *g, struct diag *d)
{
	struct uprobes *probes = NULL;
	int r;

	if (g->probes)
		return 0;
	r = uprobes_attach(g->multi ? g->bpf->progs.goroutine_hit : NULL,
			   g->config.all_pids ? -1 : g->pid, g->path, g->points, g->n_points,
			   &probes, d);
	if (r < 0)
		return r;
	pthread_mutex_lock(&g->lock);
	g->probes = probes;
	g->burst = g->burst == UINT16_MAX ? 1 : g->burst + 1;
	g->armed_cpu_ns = clock_now_ns(g->target_clock);
	g->armed_since_ns = clock_now_ns(CLOCK_MONOTONIC);
	g->bpf->bss->recording = g->burst;
	pthread_mutex_unlock(&g->lock);
	return 0;
}

/* What the burst that has just ended has seen: nothing is counted until the next. */
static void note_burst(struct goroutine_trace *g, uint64_t armed_ns)
{
	int counts = bpf_map__fd(g->bpf->maps.counts);
	struct traced_burst b = {
		.armed_ns = armed_ns,
		.cpu_ns = clock_now_ns(g->target_clock) - g->armed_cpu_ns,
	};

	for (uint32_t k = 0; k < TRACED_KINDS; k++) {
		uint64_t hits;

		if (trace_sum_percpu(counts, k, &hits) < 0)
			return;
		b.hits[k] = hits - g->armed_hits[k];
		g->armed_hits[k] = hits;
	}
	g->bursts[g->n_bursts++ % GOROUTINE_BURSTS] = b;
}

void goroutine_trace_disarm(struct goroutine_trace *g)
{
	struct uprobes *probes;
	uint64_t armed_ns;

	pthread_mutex_lock(&g->lock);
	probes = g->probes;
	g->probes = NULL;
	if (probes) {
		g->bpf->bss->recording = 0;
		armed_ns = clock_now_ns(CLOCK_MONOTONIC) - g->armed_since_ns;
		g->armed_ns += armed_ns;
		note_burst(g, armed_ns);
	}
	pthread_mutex_unlock(&g->lock);
	uprobes_detach(probes);
}

uint64_t goroutine_trace_armed_ns(struct goroutine_trace *g)
{
	uint64_t ns;

	pthread_mutex_lock(&g->lock);
	ns = g->armed_ns + (g->probes ? clock_now_ns(CLOCK_MONOTONIC) - g->armed_since_ns : 0);
	pthread_mutex_unlock(&g->lock);
	return ns;
}

int goroutine_trace_load(struct goroutine_trace *g, struct goroutine_trace_load *ret)
{
	struct goroutine_trace_load l = { .armed_ns = goroutine_trace_armed_ns(g) };
	int counts = bpf_map__fd(g->bpf->maps.counts);
	int r = trace_sum_percpu(counts, EV_GOROUTINE_OUTSIDE, &l.outside);

	for (uint32_t k = 0; k < TRACED_KINDS && r == 0; k++)
		r = trace_sum_percpu(counts, k, &l.hits[k]);
	if (r == 0)
		*ret = l;
	return r;
}

const struct probe_site *goroutine_trace_site(const struct goroutine_trace *g,
					enum traced_goroutine_kind kind)
{
	return g->probed[kind] ? &g->sites[kind] : NULL;
}

bool goroutine_trace_is_multi(const struct goroutine_trace *g)
{
	return g->multi;
}
