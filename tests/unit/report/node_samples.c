// SPDX-License-Identifier: Apache-2.0
#include "node_samples.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/examined.h"

enum { POINTS = 96, CALM = 100, LONG = 10000 };

static void *alloc(struct arena *a, size_t n, size_t size)
{
	void *p = arena_alloc(a, n, size);

	assert(p);
	return p;
}

static const struct node_history *history(struct arena *a, uint32_t n, uint64_t low, uint64_t high)
{
	struct node_history *h = alloc(a, 1, sizeof(*h));
	struct node_point *points = alloc(a, (size_t)n + 1, sizeof(*points));

	for (uint32_t i = 0; i < n; i++) {
		/* Waves on the way, and a gap of two looks that failed. */
		uint64_t step = high - low > n ? (high - low) / n : 0;
		uint64_t v = low + step * i + (i * 7 % 5) * step / 2;

		points[i] = (struct node_point){ .elapsed_s = 120.0 * i,
						 .rss_bytes = (v + low) * 100 * 1024,
						 .goroutines = i / 2 == n / 6 ? 0 : v };
	}
	*h = (struct node_history){ .points = points, .n = n };
	return h;
}

static const struct finding orphan = {
	.pattern = "orphan-send", .verdict = VERDICT_LIKELY, .count = 12031,
	.bytes = 49278976, .site = "main.fetch.func1 fetch.go:48", .group = FINDING_NO_GROUP,
	.summary = "12,031 goroutines can never run again",
	.evidence = (const char *const[]){ "sends on a chan error that nothing alive can reach" },
	.n_evidence = 1, .advice = "give the channel at fetch.go:40 a buffer of 1",
};
static const struct finding growing = {
	.pattern = "growing-group", .verdict = VERDICT_SUSPECT, .count = 12031,
	.bytes = WAIT_UNKNOWN, .site = "main.fetch.func1 fetch.go:48", .group = FINDING_NO_GROUP,
	.summary = "a site grows by 240 goroutines a minute, and who came stays",
};
static const struct finding cycle = {
	.pattern = "lock-cycle", .verdict = VERDICT_PROVEN, .count = 2, .bytes = WAIT_UNKNOWN,
	.site = "take_second ledger.c:41", .group = FINDING_NO_GROUP,
	.summary = "2 threads wait for each other and never run again",
	.advice = "take both locks in the same order everywhere",
};
static const struct finding climb = {
	.pattern = "c-heap-growth", .verdict = VERDICT_SUSPECT, .count = 1, .bytes = 310 << 20,
	.group = FINDING_NO_GROUP,
	.summary = "the C heap grows by 3.1 MiB a minute, and nothing comes back",
};
static const struct finding nil_chan = {
	.pattern = "nil-chan-send", .verdict = VERDICT_PROVEN, .count = 3, .bytes = 24576,
	.site = "example.com/shop/internal/audit.(*Log[...]).flush log.go:101",
	.group = FINDING_NO_GROUP, .summary = "3 goroutines wait on a nil channel for ever",
};

static struct trend figure(uint64_t now, double rate, bool grows)
{
	return (struct trend){ .known = true, .now = now, .delta = (int64_t)rate, .window_s = 1200,
			       .rate_per_min = rate, .grows = grows };
}

static struct node_process process(int pid, const char *name, enum node_kind kind)
{
	return (struct node_process){
		.pid = pid, .start_time = 100000 + (uint64_t)pid, .name = name, .kind = kind,
		.state = WATCH_RUNNING, .uptime_s = 274500, .cores = 0.02,
		.rss = figure(40 << 20, 0, false), .threads = figure(9, 0, false),
		.interval_s = 60, .tally = { .looks = 12 },
	};
}

static struct node_process shop(struct arena *a)
{
	static const struct process_info info = { .pid = 4242, .go_version = "go1.24.9",
						  .exe = "/usr/bin/shop-api",
						  .module = "example.com/shop" };
	struct node_process p = process(4242, "shop-api", NODE_GO);
	struct finding *found = alloc(a, 1, sizeof(*found));
	struct finding *searched = alloc(a, 2, sizeof(*searched));
	struct examined *e = alloc(a, 1, sizeof(*e));

	found[0] = growing;
	*e = (struct examined){
		.time = { .tv_sec = 1790000000 }, .reason = "growth", .cpu_ms = 212,
		.leaks_known = true, .proven = { 3, 24576 }, .likely = { 12031, 690ll << 20 },
		.findings = searched, .n_findings = 2, .rss_bytes = 2040109465,
	};
	searched[0] = nil_chan;
	searched[1] = orphan;
	for (int i = 0; i < MEMORY_PARTS; i++)
		e->part[i] = i == MEMORY_GO_HEAP_LAZYFREE ? MEMORY_UNKNOWN : 1 << 20;
	p.findings = found;
	p.n_findings = 1;
	p.examined = e;
	p.info = &info;
	p.start_time = 987654;
	p.unit = "shop-api.service";
	p.goroutines = figure(18231, 240, true);
	p.rss = figure(2040109465, 3250585, true);
	p.threads = figure(41, 0, false);
	p.cores = 0.31;
	p.growing_sites = 1;
	p.history = history(a, POINTS, 1020, 18231);
	return p;
}

static struct node_process ledger(struct arena *a)
{
	struct node_process p = process(811, "ledgerd", NODE_C);

	p.findings = &cycle;
	p.n_findings = 1;
	p.container_id = "3f2a9c41d7e8aabbccddeeff00112233445566778899aabbccddeeff00112233";
	p.pod_uid = "6d0e8f2a-54c1-4a35-9a3e-1b1f0c7a2f11";
	p.cores = 0;
	p.history = history(a, POINTS, 400, 410);
	return p;
}

static struct node_process resizer(struct arena *a)
{
	struct node_process p = process(1700, "image-resizer", NODE_CGO);

	p.findings = &climb;
	p.n_findings = 1;
	p.unit = "resizer@2.service";
	p.goroutines = figure(88, 0.4, false);
	p.rss = figure(900ull << 20, 3250585, true);
	p.history = history(a, POINTS, 2000, 9000);
	p.tally.failed = 2;
	p.not_read = "its Go is newer than this loiter knows (go1.29)";
	return p;
}

static void add_calm(struct node_sample *s, struct node_process *all, uint32_t n)
{
	static const char *const names[] = { "nginx", "postgres", "prometheus", "etcd", "sshd",
					     "caddy", "node_exporter", "systemd-journald" };
	static const char *const units[] = { "nginx.service", NULL, "prometheus.service" };
	struct arena *a = s->owner->arena;

	for (uint32_t i = 0; i < n; i++) {
		bool go = i % 8 == 2 || i % 8 == 3 || i % 8 == 5 || i % 8 == 6;
		struct node_process p = process(3000 + (int)i, names[i % 8], go ? NODE_GO : NODE_C);

		p.unit = units[i % 3];
		p.rss = figure((uint64_t)(20 + i * 37 % 400) << 20, i % 4 ? 0 : 40000, i < 2);
		p.threads = figure(1 + i % 23, 0, false);
		p.cores = i % 7 * 0.011;
		p.history = history(a, 40, 100 + i, 130 + i * (i % 3));
		if (go)
			p.goroutines = figure(20 + i * 13 % 900, i == 2 ? 3 : 0, i == 2);
		if (i == 9)
			p.not_read = "another user's, and loiter lacks CAP_SYS_PTRACE";
		if (i == 11)
			p.state = WATCH_STOPPED;
		p.began = i == 13;
		s->look.n_go += go;
		all[s->look.n++] = p;
	}
	s->look.all = all;
}

static struct node_sample new_sample(void)
{
	struct snapshot *owner = snapshot_new();

	assert(owner);
	return (struct node_sample){
		.owner = owner,
		.look = { .number = 191, .time = { .tv_sec = 1790000000, .tv_nsec = 123456789 },
			  .elapsed_s = 11460, .span_s = 60, .next_s = 60,
			  .futex = { .asked = true, .on = true, .seen = 0.998, .lost = 0 },
			  .overhead = { .cpu_ms = 300, .core_percent = 0.42, .target_percent = -1,
					.rss_bytes = 61 << 20, .target_cpu = 0.0011,
					.budget_percent = 1 } },
		.self = { .version = "0.7.0", .node = "node-17", .start_time_s = 1789988540,
			  .interval_s = 60, .budget_percent = 1, .memory_max_bytes = 128 << 20,
			  .fds = 40, .discovers = true, .cells_run = 17, .http_requests = 912,
			  .http_refused = 2 },
	};
}

static struct node_sample typical(void)
{
	struct node_sample s = new_sample();
	struct node_process *all = alloc(s.owner->arena, CALM + 3, sizeof(*all));
	struct node_process *gone = alloc(s.owner->arena, 1, sizeof(*gone));

	all[0] = ledger(s.owner->arena);
	all[1] = shop(s.owner->arena);
	all[2] = resizer(s.owner->arena);
	s.look.n = 3;
	s.look.n_go = 2;
	add_calm(&s, all, CALM);
	s.look.n_worse = 6;
	s.look.n_unknown = 2;
	s.look.unreadable = 1;
	s.look.began = 4;
	s.look.ended = 1;
	*gone = process(77, "migrate", NODE_GO);
	gone->state = WATCH_EXITED;
	s.look.gone = gone;
	s.look.n_gone = 1;
	s.self.discovery_lost = 12;
	s.self.cells_failed = 1;
	return s;
}

static struct node_sample calm(void)
{
	struct node_sample s = new_sample();

	add_calm(&s, alloc(s.owner->arena, 8, sizeof(struct node_process)), 8);
	return s;
}

static char *long_name(struct arena *a)
{
	static const char piece[] = "<a href=\"x\">\033\xff&'";
	char *name = alloc(a, LONG + 1, 1);

	for (size_t i = 0; i < LONG; i++)
		name[i] = piece[i % (sizeof(piece) - 1)];
	return name;
}

static struct node_sample hostile(void)
{
	static const char *const names[] = {
		"\"onmouseover=alert(1) x=\"", "'><script>alert(1)</script>", "two\nlines\r\n",
		"\033[2J\033]0;owned\007", "\xff\xfe\xc0\x80\xed\xa0\x80", "cut\xe2\x82",
		"\xe2\x80\xae.og", "</style></title><svg onload=alert(1)>",
		"--><!--loiter:past-->",
		"&lt;&amp;&#39;", "", "%s%n%q", "javascript:alert(1)", "\\\"}],\"x\":[{", NULL,
		"\xc3\xa9t\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac",
	};
	struct node_sample s = new_sample();
	struct arena *a = s.owner->arena;
	enum { N = ARRAY_SIZE(names) + 1 };
	struct node_process *all = alloc(a, (size_t)2 * N, sizeof(*all));

	for (uint32_t i = 0; i < 2 * N; i++) {
		const char *name = i / 2 < ARRAY_SIZE(names) ? names[i / 2] : long_name(a);
		struct node_process p = process(100 + (int)i, name, i % 4 ? NODE_GO : NODE_CGO);
		struct finding *f = alloc(a, 1, sizeof(*f));
		struct process_info *info = alloc(a, 1, sizeof(*info));

		*f = (struct finding){ .pattern = name ? name : "x", .site = name,
				       .verdict = (enum verdict)(i % 7), .summary = name,
				       .evidence = &names[1], .n_evidence = 1, .advice = name,
				       .bytes = WAIT_UNKNOWN };
		*info = (struct process_info){ .go_version = name, .module = name, .exe = name };
		p.findings = f;
		p.n_findings = i % 2;
		p.cgroup = p.unit = name;
		p.container_id = i % 3 ? name : NULL;
		p.pod_uid = i % 5 ? NULL : name;
		p.not_read = name;
		p.info = info;
		p.state = (enum watch_state)(i % 3 ? 0 : i % 5);
		all[i] = p;
	}
	s.look.all = s.look.gone = all;
	s.look.n = s.look.n_gone = 2 * N;
	s.look.futex.on = false;
	s.look.futex.refused = names[1];
	s.self.version = s.self.node = names[0];
	return s;
}

static struct node_sample huge(void)
{
	struct node_sample s = new_sample();
	struct node_process *p = alloc(s.owner->arena, 1, sizeof(*p));
	const struct trend most = { .known = true, .now = ~0ull, .delta = INT64_MIN,
				    .window_s = 1e300, .rate_per_min = -1e300, .grows = true };
	struct node_point *points = alloc(s.owner->arena, 3, sizeof(*points));
	struct node_history *h = alloc(s.owner->arena, 1, sizeof(*h));

	for (int i = 0; i < 3; i++)
		points[i] = (struct node_point){ 1e300 * i, i % 2 ? ~0ull : 1, i % 2 ? 1 : ~0ull };
	*h = (struct node_history){ points, 3 };
	*p = process(INT32_MAX, "huge", NODE_GO);
	p->start_time = ~0ull;
	p->rss = p->threads = p->goroutines = most;
	p->uptime_s = p->cores = p->interval_s = 1e300;
	p->tally = (struct node_tally){ ~0ull, ~0ull, ~0ull };
	p->history = h;
	s.look = (struct node_look){ .number = ~0u, .time = s.look.time, .elapsed_s = 1e300,
				     .span_s = 1e300, .all = p, .n = 1, .n_go = ~0u,
				     .n_unknown = ~0u, .n_worse = ~0u, .began = ~0ull,
				     .ended = ~0ull, .unreadable = ~0u, .stuck = ~0u,
				     .blind = ~0ull, .next_s = 1e300 };
	s.look.overhead = (struct overhead){ .core_percent = 1e300, .target_cpu = 1e300,
					     .rss_bytes = ~0ull };
	return s;
}

static struct node_sample empty(void)
{
	struct node_sample s = new_sample();

	s.self = (struct node_self){ .interval_s = -1 };
	s.look = (struct node_look){ .overhead = { .core_percent = -1, .target_cpu = -1 } };
	return s;
}

struct node_sample node_sample_named(const char *name)
{
	static const struct {
		const char *name;
		struct node_sample (*make)(void);
	} all[] = { { "typical", typical }, { "calm", calm }, { "hostile", hostile },
		    { "huge", huge }, { "empty", empty } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].make();
	return (struct node_sample){ 0 };
}
