// SPDX-License-Identifier: Apache-2.0
#include "interval_samples.h"

#include <assert.h>

/* One for each group, all from the snapshot's arena. */
#define NEW(s, type) ((type *)alloc((s), sizeof(type)))
#define NEW_EACH(s, type) ((type *)alloc((s), ((size_t)(s)->n_groups + 1) * sizeof(type)))

static void *alloc(struct snapshot *s, size_t size)
{
	void *p = arena_alloc(s->arena, 1, size);

	assert(p);
	return p;
}

static struct rate rate_of(uint64_t n)
{
	return (struct rate){ .per_s = (double)n, .low = (double)n * 0.75,
			      .high = (double)n * 1.25, .seen = 0.008 };
}

static const struct goroutine_activity *goroutines(struct snapshot *s)
{
	struct goroutine_activity *g = NEW(s, struct goroutine_activity);
	struct park_site *sites = NEW_EACH(s, struct park_site);
	struct go_site *gos = NEW_EACH(s, struct go_site);

	for (uint32_t k = 0; k < s->n_groups; k++) {
		const struct group *of = &s->groups[k];

		sites[k] = (struct park_site){
			.stack = of->stack, .wait_reason = of->wait_reason,
			.parks = rate_of(of->count), .blocked_on = k % 2 ? 0xc000123400 + k : 0,
			.several = k % 4 == 1, .wakes = k % 3 ? of->count : 0,
			.mean_wait_s = k % 3 ? 0.0000125 : 0, .p99_wait_s = k % 3 ? 0.000131072 : 0,
			.waker = s->groups[s->n_groups - 1 - k].stack, .waker_known = k % 5 != 0,
		};
		gos[k] = (struct go_site){ .at = of->created_by, .started = of->started,
					   .births = rate_of(of->count), .parent = of->stack };
		if (k % 2)
			gos[k].deaths = rate_of(of->count / 2);
	}
	*g = (struct goroutine_activity){
		.parks = rate_of(1234), .readies = rate_of(1200), .births = rate_of(20),
		.sites = sites, .n_sites = s->n_groups, .gos = gos, .n_gos = s->n_groups,
		.unmatched = 17,
	};
	return g;
}

static const struct lock_activity *locks(struct snapshot *s)
{
	struct lock_activity *l = NEW(s, struct lock_activity);
	struct lock_contention *all = NEW_EACH(s, struct lock_contention);

	for (uint32_t k = 0; k < s->n_groups; k++)
		all[k] = (struct lock_contention){
			.futex = 0x7f0000001000 + k * 64, .waits = s->groups[k].count,
			.total_ns = 3000000000ull * (k + 1), .longest_ns = 2000000000ull - k,
			.wakes = k, .timed = k % 2, .waiter = { 4243, s->groups[k].stack },
			.waker = { k % 2 ? 4244 : 0, s->groups[k].stack },
		};
	*l = (struct lock_activity){ .contended = all, .n_contended = s->n_groups,
				     .long_waits = 99, .blind = 3, .sleepers = 2 };
	return l;
}

static const struct memory_activity *memory(struct snapshot *s)
{
	struct memory_activity *m = NEW(s, struct memory_activity);
	struct memory_site *sites = NEW_EACH(s, struct memory_site);
	struct memory_growth *growing = NEW_EACH(s, struct memory_growth);

	*m = (struct memory_activity){ .seen = 1, .peak_rss_bytes = 3ull << 30, .sites = sites,
				       .n_sites = s->n_groups };
	m->growing = growing;
	m->n_growing = s->n_groups;
	m->climbs = "the C heap +12.0 MiB a minute";
	m->parts = (struct memory_parts){ .rss_anon = 1 << 20, .c_heap = 3 << 20 };
	for (int k = 0; k < TRACED_MEMORY_KINDS; k++)
		m->totals[k] = (struct traced_bytes){ k % 5 ? 7u : 0, (unsigned int)k << 20 };
	for (uint32_t k = 0; k < s->n_groups; k++) {
		sites[k] = (struct memory_site){
			.kind = (enum traced_memory_kind)(k % TRACED_MEMORY_KINDS),
			.sum = { s->groups[k].count, s->groups[k].count * 4096 },
			.stack = s->groups[k].stack,
		};
		growing[k] = (struct memory_growth){
			.kind = TRACED_MMAP_ANON, .origin = MEMORY_ORIGIN_PROGRAM,
			.stack = s->groups[k].stack, .bytes = 4 << 20, .calls = 4,
			.grown = 2 << 20, .window_s = 35, .bytes_per_min = 3595118,
			.then = 2 << 20, .stayed = 2 << 20, .age_s = 20,
		};
	}
	return m;
}

static const struct c_heap *c_heap(struct snapshot *s)
{
	struct c_heap *h = NEW(s, struct c_heap);
	struct c_heap_site *sites = NEW_EACH(s, struct c_heap_site);

	for (uint32_t k = 0; k < s->n_groups; k++)
		sites[k] = (struct c_heap_site){
			.id = s->groups[k].id, .c = s->groups[k].stack,
			.go = s->groups[s->n_groups - 1 - k].stack, .survivors = 40, .gone = k,
			.here = 40 - k % 40, .here_bytes = 4096, .aged = k % 2 ? 12 : 0,
			.aged_bytes = k % 2 ? 2048 : 0, .oldest_ns = k % 2 ? 30000000000u : 0,
			.untouched = k == 1 ? 4 : 0, .watched_s = k == 1 ? 35.004 : 0,
			.share = 0.5, .candidate = k == 1 || s->n_groups == 1, .suspect = k == 1,
			.in_use = k > 1,
		};
	*h = (struct c_heap){ .sites = sites, .n_sites = s->n_groups, .bursts = 5,
			      .armed_ns = 50000000, .hits = 4321, .allocs = 2000,
			      .bytes = 1 << 20, .lost = 1 };
	return h;
}

static const struct thread_activity *threads(struct snapshot *s)
{
	struct thread_activity *t = NEW(s, struct thread_activity);
	struct thread_site *sites = NEW_EACH(s, struct thread_site);

	for (uint32_t k = 0; k < s->n_groups; k++)
		sites[k] = (struct thread_site){ .births = s->groups[k].count,
						 .stack = s->groups[k].stack,
						 .born = s->groups[k].count, .alive = k };
	*t = (struct thread_activity){ .births = 12, .exits = 4, .median_life_s = 0.25,
				       .sites = sites, .n_sites = s->n_groups };
	return t;
}

static const struct oncpu_look *oncpu(struct snapshot *s)
{
	struct oncpu_look *o = NEW(s, struct oncpu_look);
	struct oncpu_site *sites = NEW_EACH(s, struct oncpu_site);
	struct busy_goroutine *busy = NEW_EACH(s, struct busy_goroutine);

	*o = (struct oncpu_look){ .samples = 245, .hz = 49, .sites = sites,
				  .n_sites = s->n_groups, .busy = busy, .n_busy = s->n_groups };
	for (uint32_t k = 0; k < s->n_groups; k++) {
		const struct group *of = &s->groups[k];

		sites[k] = (struct oncpu_site){ .samples = 245 / (s->n_groups + k), .in_kernel = 1,
						.goroutines = k % 3, .stack = of->stack };
		busy[k] = (struct busy_goroutine){ .goid = of->sample_ids[0], .seconds = 31,
						   .samples = 1500, .expected = 1519.5,
						   .at = of->created_by };
	}
	return o;
}

static const struct finding deadlock = {
	.pattern = "lock-cycle", .verdict = VERDICT_PROVEN, .count = 2, .bytes = WAIT_UNKNOWN,
	.site = "take_second deadlock.c:41", .group = FINDING_NO_GROUP,
	.summary = "2 threads wait for each other and never run again",
	.evidence = (const char *const[]){ "4243 holds 0x1000 and waits for 0x2000",
					   "4244 holds 0x2000 and waits for 0x1000" },
	.n_evidence = 2, .advice = "take both locks in the same order everywhere",
};

struct activity *interval_activity(struct snapshot *s)
{
	struct activity *a = NEW(s, struct activity);
	const struct collector_report on = { .asked = true, .on = true, .seen = 1 };

	*a = (struct activity){
		.goroutines = goroutines(s), .locks = locks(s), .memory = memory(s),
		.c_heap = c_heap(s), .threads = threads(s), .oncpu = oncpu(s),
		.findings = s->n_findings ? s->findings : &deadlock,
		.n_findings = s->n_findings ? s->n_findings : 1, .lost = 6,
	};
	for (int c = 0; c < COLLECTORS; c++)
		a->collectors[c] = on;
	a->collectors[COLLECTOR_GOROUTINES].seen = 0.008;
	a->collectors[COLLECTOR_GOROUTINES].hits = 4711;
	a->collectors[COLLECTOR_GOROUTINES].cores = 0.0041;
	a->collectors[COLLECTOR_GOROUTINES].lost = 5;
	a->collectors[COLLECTOR_MEMORY].lost = 1;
	a->collectors[COLLECTOR_MEMORY].seen = 0.01;
	a->collectors[COLLECTOR_MEMORY].hits = 4321;
	a->collectors[COLLECTOR_THREADS].refused = s->process.name;
	return a;
}

struct interval interval_sample(struct snapshot *s)
{
	struct site *sites = NEW_EACH(s, struct site);

	for (uint32_t k = 0; k < s->n_groups; k++) {
		sites[k] = (struct site){
			.id = s->groups[k].id, .group = k, .count = s->groups[k].count,
			.delta = k % 3 ? -3 : 25, .arrived = 25, .grows = k % 2 == 0,
			.grew = k % 4 == 0, .verdict = VERDICT_SUSPECT, .pattern = "growing-group",
			.window_s = 35, .rate_per_min = 300, .rate_error = 45,
			.cohort = { .then = 315, .now = 315, .same_park = 300, .age_s = 20 },
			.bytes_each = 2048,
		};
	}
	return (struct interval){
		.number = 7, .time = s->time, .elapsed_s = 35, .span_s = 5, .state = WATCH_RUNNING,
		.snapshot = s, .sites = sites, .n_sites = s->n_groups, .goroutines_delta = 65,
		.rss_bytes = 15 << 20, .rss_delta = -4096, .threads = 9, .threads_delta = 1,
		.rss_rate_per_min = 1 << 20, .rss_climbs_alone = true,
		.rss_climbs_by = "the C heap +12.0 MiB a minute",
		.activity = interval_activity(s), .lost_events = 6,
		.overhead = { .cpu_ms = 1.5, .core_percent = 0.25, .target_percent = -1,
			      .target_cpu = 0.0042, .budget_percent = 1, .rss_bytes = 8 << 20 },
	};
}
