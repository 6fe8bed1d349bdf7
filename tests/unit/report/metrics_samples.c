// SPDX-License-Identifier: Apache-2.0
#include "metrics_samples.h"

#include "base/cleanup.h"

#define UNKNOWN MEMORY_UNKNOWN
#define SITE "main.fetch.func1 fetch.go:48"

static const struct frame fetch[] = {
	{ .function = "runtime.gopark", .file = "/go/src/runtime/proc.go", .line = 424 },
	{ .function = "main.fetch.func1", .file = "/src/shop/fetch.go", .line = 48 },
};
static const struct frame serve[] = {
	{ .function = "main.serve", .file = "/src/shop/serve.go", .line = 7 },
};

static struct group groups[] = {
	{ .id = 1, .count = 12, .state = GO_WAITING, .wait_reason = "chan send",
	  .verdict = VERDICT_PROVEN, .n_proven = 2, .oldest_wait_ns = 9000000000,
	  .stack = { fetch, 2 } },
	{ .id = 2, .count = 3, .state = GO_WAITING, .wait_reason = "select",
	  .oldest_wait_ns = WAIT_UNKNOWN, .stack = { serve, 1 } },
	{ .id = 3, .count = 1, .state = GO_RUNNING, .oldest_wait_ns = WAIT_UNKNOWN,
	  .no_stack = "running on a thread" },
	{ .id = 4, .count = 5, .state = GO_WAITING, .system = true,
	  .wait_reason = "GC worker (idle)", .oldest_wait_ns = 99000000000 },
};

static struct named_count states[] = { { "waiting", 15 }, { "running", 1 } };
static struct named_count reasons[] = { { "chan send", 12 }, { "select", 3 } };

static struct snapshot snapshot = {
	.total = 16, .system = 5, .quality = { .torn = 1, .unreadable = 1 },
	.by_state = states, .n_by_state = 2, .by_wait_reason = reasons, .n_by_wait_reason = 2,
	.groups = groups, .n_groups = 4,
};

static const struct site sites[] = {
	{ .id = 11, .group = 0, .count = 12, .grows = true, .window_s = 60, .rate_per_min = 30 },
	{ .id = 12, .group = 1, .count = 3, .window_s = 60 },
	{ .id = 13, .group = 2, .count = 1 },
};

static const struct interval interval = {
	.time = { .tv_sec = 1700000000 }, .state = WATCH_RUNNING, .snapshot = &snapshot,
	.sites = sites, .n_sites = 3, .lost_events = 4,
};

static const struct process_info info = {
	.exe = "/usr/bin/shop-api", .name = "shop-api", .go_version = "go1.24.9",
	.module = "example.org/shop", .build_id = "abcdef", .uptime_s = 5000,
};

static const struct finding findings[] = {
	{ .pattern = "growing-group", .verdict = VERDICT_SUSPECT, .site = SITE },
};
static const struct finding found[] = {
	{ .pattern = "growing-group", .verdict = VERDICT_SUSPECT, .site = SITE },
	{ .pattern = "orphan-send", .verdict = VERDICT_PROVEN, .site = SITE },
};

static const struct examined examined = {
	.elapsed_s = 100, .leaks_known = true,
	.proven = { 7, 70000 }, .likely = { 3, WAIT_UNKNOWN },
	.findings = found, .n_findings = 2, .rss_bytes = 1000,
	.part = { 600, 100, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
		  200, 50, UNKNOWN, UNKNOWN, 50 },
};

static const struct lock_contention contended[] = { { .longest_ns = 2500000000 } };
static const struct lock_activity locks = { .contended = contended, .n_contended = 1,
					    .long_waits = 6 };

static const struct node_process processes[] = {
	{ .pid = 100, .start_time = 5, .name = "shop-api", .kind = NODE_GO, .state = WATCH_RUNNING,
	  .uptime_s = 5000, .rss = { .known = true, .now = 1000, .delta = 10, .window_s = 60,
		    .rate_per_min = 6000, .grows = true },
	  .threads = { .known = true, .now = 9, .window_s = 60 },
	  .goroutines = { .known = true, .now = 16, .delta = 2, .window_s = 60, .rate_per_min = 30,
			  .grows = true },
	  .growing_sites = 1, .locks = &locks, .findings = findings, .n_findings = 1,
	  .pod_uid = "8a1c", .container_id = "c0ffee", .unit = "cri-c0ffee.scope",
	  .examined = &examined, .tally = { 10, 2, 1 }, .info = &info, .interval = &interval,
	  .looked = true },
	{ .pid = 101, .start_time = 6, .name = "nginx", .kind = NODE_C, .state = WATCH_STOPPED,
	  .uptime_s = -1, .rss = { true, 2000 }, .threads = { true, 4 }, .unit = "nginx.service" },
	{ .pid = 102, .start_time = 7, .name = "cat", .kind = NODE_C, .uptime_s = 3,
	  .rss = { true, 50 }, .threads = { true, 1 } },
};

const struct node_look *metrics_sample(void)
{
	static const struct node_look look = {
		.number = 4, .time = { .tv_sec = 1700000002, .tv_nsec = 500000000 },
		.elapsed_s = 240, .span_s = 60, .all = processes, .n = 3, .n_go = 1,
		.began = 8, .ended = 5,
		.unreadable = 1, .stuck = 2, .futex = { .asked = true, .on = true }, .blind = 3,
		.overhead = { .cpu_ms = 250, .core_percent = 0.5, .target_cpu = 0.001,
			      .rss_bytes = 30000000 },
		.next_s = 60,
	};

	return &look;
}

const struct node_self metrics_sample_self = {
	.version = "9.9", .node = "node-1", .start_time_s = 1699999000.25, .interval_s = 60,
	.budget_percent = 1, .memory_max_bytes = 128 << 20, .fds = 17, .discovers = true,
	.discovery_lost = 1, .left_out = 2, .trace_lost = 3, .cells_run = 5, .cells_failed = 2,
	.cells_killed = 1, .http_requests = 100, .http_refused = 4, .http_failed = 1, .otlp = true,
	.otlp_sent = 8, .otlp_failed = 2, .otlp_dropped = 1, .state = true, .state_saved = 6,
	.state_failed = 1, .reloads = 2, .reloads_failed = 1,
};

/* --- The same with names that nobody would choose who means well --- */

#define TEN(s) s s s s s s s s s s
#define BAD "a\"b\\c\nd\x1b[2Je\xff\xc3(\xe2\x80\xae\x7f"

static const struct frame bad_frame[] = {
	{ .function = TEN(TEN(TEN("main.\xf0\x9f\x90\xbf"))), .file = "/x/" BAD, .line = 1 },
};
static struct group bad_groups[] = {
	{ .id = 1, .count = 2, .wait_reason = BAD, .oldest_wait_ns = 1, .stack = { bad_frame, 1 } },
	{ .id = 2, .count = 3, .wait_reason = "other", .oldest_wait_ns = 1, .no_stack = "other" },
	{ .id = 3, .count = 4, .oldest_wait_ns = WAIT_UNKNOWN, .no_stack = "other" },
};
static struct named_count bad_words[] = {
	{ BAD, 2 }, { "other", 3 }, { "", 1 }, { "c", 1 }, { "d", 1 }, { "e", 1 }, { "f", 1 },
	{ "g", 1 }, { "h", 1 }, { "i", 1 }, { "j", 1 }, { "k", 1 }, { "l", 1 }, { "m", 1 },
	{ "n", 1 }, { "o", 1 }, { "p", 1 }, { "q", 1 }, { "r", 1 },
};
static const struct site bad_sites[] = {
	{ .id = 1, .group = 0, .count = 2 }, { .id = 2, .group = 1, .count = 3 },
	{ .id = 3, .group = 2, .count = 4 },
};
static struct snapshot bad_snapshot = {
	.total = 9, .by_state = bad_words, .n_by_state = ARRAY_SIZE(bad_words),
	.by_wait_reason = bad_words, .n_by_wait_reason = ARRAY_SIZE(bad_words),
	.groups = bad_groups, .n_groups = 3,
};
static const struct interval bad_interval = { .snapshot = &bad_snapshot, .sites = bad_sites,
					      .n_sites = 3 };
static const struct process_info bad_info = {
	.exe = "/opt/" BAD, .go_version = BAD, .module = TEN(TEN(BAD)), .build_id = "\xff\xfe",
};
static const struct process_info bad_other = { .exe = "/opt/other", .go_version = "go1.24.9" };
static const struct finding bad_findings[] = {
	{ .pattern = BAD, .verdict = VERDICT_SUSPECT },
	{ .pattern = NULL, .verdict = VERDICT_SUSPECT },
};

static const struct node_process bad_processes[] = {
	{ .pid = 1, .name = BAD, .kind = NODE_GO, .info = &bad_info, .interval = &bad_interval,
	  .findings = bad_findings, .n_findings = 2, .pod_uid = BAD, .container_id = BAD,
	  .unit = BAD, .rss = { true, 1 }, .threads = { true, 1 } },
	/* Cut at one length the two are alike: they are one target, not a series twice. */
	{ .pid = 2, .name = TEN(TEN(TEN("a"))) "1", .kind = NODE_C, .threads = { true, 2 } },
	{ .pid = 3, .name = TEN(TEN(TEN("a"))) "2", .kind = NODE_C, .threads = { true, 2 } },
	{ .pid = 4, .name = "", .kind = NODE_C, .threads = { true, 2 } },
	{ .pid = 5, .name = NULL, .kind = NODE_CGO, .threads = { true, 2 } },
	/* It is called as those without a place are. */
	{ .pid = 6, .name = "other", .kind = NODE_GO, .info = &bad_other,
	  .interval = &bad_interval },
	{ .pid = 7, .name = "small", .kind = NODE_C, .threads = { true, 1 } },
};

const struct node_look *metrics_sample_hostile(void)
{
	static const struct node_look look = { .all = bad_processes,
					       .n = ARRAY_SIZE(bad_processes) };

	return &look;
}
