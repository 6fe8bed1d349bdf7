// SPDX-License-Identifier: Apache-2.0
#include "samples.h"

#include <assert.h>
#include <string.h>

#include "analysis/leak_judge.h"
#include "analysis/verdict.h"
#include "base/cleanup.h"
#include "ledger_samples.h"
#include "model/heap_profile.h"
#include "model/leak_clues.h"
#include "model/leaks.h"
#include "model/timers.h"

#define SECOND 1000000000ll

#define FRAME(address, in, name, path, at) \
	{ .pc = (address), .entry = (in), .function = (name), .file = (path), .line = (at) }
#define STACK(f) { .frames = (f), .n = ARRAY_SIZE(f) }

static const struct frame send_stack[] = {
	FRAME(0x43c0ce, 0x43c000, "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 424),
	FRAME(0x40a5b1, 0x40a4c0, "runtime.chansend", "/usr/local/go/src/runtime/chan.go", 259),
	FRAME(0x40a3f2, 0x40a3e0, "runtime.chansend1", "/usr/local/go/src/runtime/chan.go", 145),
	FRAME(0x6a1c45, 0x6a1c00, "main.fetch.func1", "/src/shop/fetch.go", 48),
};
static const struct frame nil_stack[] = {
	FRAME(0x43c0ce, 0x43c000, "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 424),
	FRAME(0x40a5c1, 0x40a4c0, "runtime.chansend", "/usr/local/go/src/runtime/chan.go", 164),
	FRAME(0x40a3f2, 0x40a3e0, "runtime.chansend1", "/usr/local/go/src/runtime/chan.go", 145),
	FRAME(0x6a2d10, 0x6a2d00, "example.com/shop/internal/audit.(*Log[...]).flush",
	      "/src/shop/internal/audit/log.go", 101),
};
static const struct frame io_stack[] = {
	FRAME(0x43c0ce, 0x43c000, "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 424),
	FRAME(0x435577, 0x435480, "runtime.netpollblock", "/usr/local/go/src/runtime/netpoll.go", 575),
	FRAME(0x46a8c5, 0x46a860, "internal/poll.runtime_pollWait",
	      "/usr/local/go/src/runtime/netpoll.go", 351),
	FRAME(0x4f0a47, 0x4f0a20, "internal/poll.(*pollDesc).wait",
	      "/usr/local/go/src/internal/poll/fd_poll_runtime.go", 84),
	{ .pc = 0x4f1a3a, .entry = 0x4f1900, .function = "internal/poll.(*pollDesc).waitRead",
	  .file = "/usr/local/go/src/internal/poll/fd_poll_runtime.go", .line = 89,
	  .inlined = true },
	FRAME(0x4f1a3a, 0x4f1900, "internal/poll.(*FD).Read",
	      "/usr/local/go/src/internal/poll/fd_unix.go", 165),
	FRAME(0x55c0a5, 0x55c080, "net.(*netFD).Read", "/usr/local/go/src/net/fd_posix.go", 55),
	FRAME(0x56b365, 0x56b320, "net.(*conn).Read", "/usr/local/go/src/net/net.go", 194),
	FRAME(0x6804f2, 0x680480, "net/http.(*persistConn).Read",
	      "/usr/local/go/src/net/http/transport.go", 2122),
	FRAME(0x52a0c3, 0x52a000, "bufio.(*Reader).fill", "/usr/local/go/src/bufio/bufio.go", 113),
	FRAME(0x6811a5, 0x6810e0, "net/http.(*persistConn).readLoop",
	      "/usr/local/go/src/net/http/transport.go", 2275),
};
static const struct frame select_stack[] = {
	FRAME(0x43c0ce, 0x43c000, "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 424),
	FRAME(0x44d2e5, 0x44ca00, "runtime.selectgo", "/usr/local/go/src/runtime/select.go", 335),
	{ .pc = 0x6a3b05, .entry = 0x6a3a80, .function = "example.com/shop/queue.(*Worker).next",
	  .file = "/src/shop/queue/worker.go", .line = 77, .inlined = true },
	FRAME(0x6a3b05, 0x6a3a80, "example.com/shop/queue.(*Worker).run",
	      "/src/shop/queue/worker.go", 60),
};
static const struct frame mutex_stack[] = {
	FRAME(0x43c0ce, 0x43c000, "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 424),
	FRAME(0x44e8c5, 0x44e800, "runtime.semacquire1", "/usr/local/go/src/runtime/sema.go", 188),
	FRAME(0x46b305, 0x46b2c0, "sync.runtime_SemacquireMutex",
	      "/usr/local/go/src/runtime/sema.go", 95),
	FRAME(0x47c2fd, 0x47c1a0, "sync.(*Mutex).lockSlow", "/usr/local/go/src/sync/mutex.go", 173),
	FRAME(0x6a4125, 0x6a4100, "main.(*cache).get", "/src/shop/cache.go", 31),
};
static const struct frame sleep_stack[] = {
	FRAME(0x43c0ce, 0x43c000, "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 424),
	FRAME(0x46ce45, 0x46cd80, "time.Sleep", "/usr/local/go/src/runtime/time.go", 300),
	FRAME(0x6a5025, 0x6a5000, "main.refresh", "/src/shop/refresh.go", 12),
};
static const struct frame main_stack[] = {
	FRAME(0x43c0ce, 0x43c000, "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 424),
	FRAME(0x44c9a5, 0x44c980, "runtime.block", "/usr/local/go/src/runtime/select.go", 103),
	FRAME(0x6a0105, 0x6a0000, "main.main", "/src/shop/main.go", 40),
	FRAME(0x43bb8b, 0x43b980, "runtime.main", "/usr/local/go/src/runtime/proc.go", 283),
};
static const struct frame system_stack[] = {
	FRAME(0x43c0ce, 0x43c000, "runtime.gopark", "/usr/local/go/src/runtime/proc.go", 424),
	FRAME(0x41f105, 0x41f0c0, "runtime.gcBgMarkWorker", "/usr/local/go/src/runtime/mgc.go", 1363),
};
/* Initializers and not constants, which clang does not take in the table below. */
#define BY_FETCH FRAME(0x6a1be5, 0x6a1b00, "main.fetch", "/src/shop/fetch.go", 41)
#define BY_DIAL FRAME(0x67d8e5, 0x67c000, "net/http.(*Transport).dialConn", \
		      "/usr/local/go/src/net/http/transport.go", 1944)
#define BY_MAIN FRAME(0x6a00c5, 0x6a0000, "main.main", "/src/shop/main.go", 33)
#define BY_POOL FRAME(0x6a3905, 0x6a3800, "example.com/shop/queue.NewPool", \
		      "/src/shop/queue/pool.go", 22)
static const struct label labels[] = { { "route", "/cart \"x\"" }, { "tenant", "a" } };
static const struct wait_chan cases[] = {
	{ .addr = 0xc000100000, .type = "struct {}", .dir = CHAN_RECV, .receivers = 2 },
	{ .addr = 0xc000100060, .type = "queue.Job", .dir = CHAN_RECV, .cap = 64, .receivers = 64 },
	{ .addr = 0xc0001000c0, .type = "time.Time", .dir = CHAN_RECV, .cap = 1, .receivers = 1,
	  .has_timer = true, .timer_left_ns = 250 * SECOND },
};
static const struct group typical_groups[] = {
	{ .id = 0x1111111111111111, .count = 12031, .state = GO_WAITING,
	  .wait_reason = "chan send", .oldest_wait_ns = 11000 * SECOND,
	  .stack = STACK(send_stack), .created_by = BY_FETCH, .stack_bytes = 12031ull * 4096,
	  .blocked_on = { .kind = WAIT_CHAN, .known = true,
			  .chan = { .addr = 0xc000200000, .type = "error", .dir = CHAN_SEND,
				    .senders = 1 } },
	  .n_samples = 2, .sample_ids = { 18, 19 } },
	{ .id = 0xa222222222222222, .count = 4102, .state = GO_WAITING, .wait_reason = "IO wait",
	  .oldest_wait_ns = 1250 * SECOND, .stack = STACK(io_stack), .created_by = BY_DIAL,
	  .blocked_on = { .kind = WAIT_FD, .known = true,
			  .fd = { .fd = 7, .proto = "tcp", .local = "10.0.0.9:40112",
				  .peer = "10.0.3.7:443", .tcp_state = "ESTABLISHED", .mode = 'r',
				  .deadline_known = true } },
	  .n_samples = 1, .sample_ids = { 31 } },
	{ .id = 0x3333333333333333, .count = 900, .state = GO_WAITING, .wait_reason = "select",
	  .oldest_wait_ns = 42 * SECOND, .stack = STACK(select_stack), .created_by = BY_POOL,
	  .labels = labels, .n_labels = 2,
	  .blocked_on = { .kind = WAIT_SELECT, .known = true,
			  .select = { .n = 3, .n_all = 3, .cases = cases } },
	  .n_samples = 1, .sample_ids = { 40 } },
	{ .id = 0x4444444444444444, .count = 3, .state = GO_WAITING,
	  .wait_reason = "chan send (nil chan)", .oldest_wait_ns = 300 * SECOND,
	  .stack = STACK(nil_stack), .created_by = BY_MAIN, .stack_bytes = 3 * 8192,
	  .blocked_on = { .kind = WAIT_CHAN, .known = true, .chan = { .dir = CHAN_SEND } },
	  .n_samples = 1, .sample_ids = { 50 } },
	{ .id = 0x5555555555555555, .count = 4, .state = GO_WAITING,
	  .wait_reason = "sync.Mutex.Lock", .oldest_wait_ns = WAIT_UNKNOWN,
	  .stack = STACK(mutex_stack), .created_by = BY_MAIN,
	  .blocked_on = { .kind = WAIT_MUTEX, .known = true,
			  .sync = { .addr = 0xc000300000, .state_known = true, .state = 0x21,
				    .locked = true, .waiters = 4, .counter = WAIT_UNKNOWN } },
	  .n_samples = 1, .sample_ids = { 60 } },
	{ .id = 0x6666666666666666, .count = 1, .state = GO_WAITING, .wait_reason = "sleep",
	  .oldest_wait_ns = WAIT_UNKNOWN, .stack = STACK(sleep_stack), .created_by = BY_MAIN,
	  .blocked_on = { .kind = WAIT_TIMER, .known = true, .timer = { 250 * SECOND } },
	  .n_samples = 1, .sample_ids = { 70 } },
	{ .id = 0x7777777777777777, .count = 1, .state = GO_WAITING,
	  .wait_reason = "select (no cases)", .oldest_wait_ns = 90000 * SECOND,
	  .stack = STACK(main_stack), .n_samples = 1, .sample_ids = { 1 } },
	{ .id = 0x8888888888888888, .count = 1, .state = GO_RUNNING,
	  .oldest_wait_ns = WAIT_UNKNOWN, .no_stack = "running on a thread",
	  .created_by = BY_MAIN, .n_samples = 1, .sample_ids = { 80 } },
	{ .id = 0x9999999999999999, .count = 4, .state = GO_WAITING,
	  .wait_reason = "GC worker (idle)", .system = true, .oldest_wait_ns = WAIT_UNKNOWN,
	  .stack = STACK(system_stack), .n_samples = 1, .sample_ids = { 5 } },
};

static struct named_count typical_states[] = { { "waiting", 17042 }, { "running", 1 } };
static struct named_count typical_reasons[] = {
	{ "chan send", 12031 }, { "IO wait", 4102 },	 { "select", 900 },
	{ "sync.Mutex.Lock", 4 }, { "chan send (nil chan)", 3 }, { "sleep", 1 },
	{ "select (no cases)", 1 },
};

/* A goroutine for each sample id of each group, by id as the collector leaves them. */
static void add_goroutines(struct snapshot *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->n_groups; i++)
		n += s->groups[i].n_samples;
	s->goroutines = arena_alloc(s->arena, n + 1, sizeof(*s->goroutines));
	assert(s->goroutines);
	for (uint32_t i = 0; i < s->n_groups; i++) {
		const struct group *g = &s->groups[i];

		for (uint32_t k = 0; k < g->n_samples; k++) {
			struct goroutine one = {
				.id = g->sample_ids[k], .g_addr = 0xc000002000 + g->sample_ids[k] * 512,
				.parent_id = g->sample_ids[k] == 1 ? 0 : 1, .state = g->state,
				.wait_reason = g->wait_reason, .wait_ns = g->oldest_wait_ns,
				.group = i, .tid = g->state == GO_RUNNING ? 4243 : 0,
				.system = g->system, .labels = g->labels,
				.n_labels = g->n_labels, .blocked_on = g->blocked_on,
				.locked_to_thread = g->sample_ids[k] == 70,
			};
			uint64_t at = s->n_goroutines++;

			for (; at && s->goroutines[at - 1].id > one.id; at--)
				s->goroutines[at] = s->goroutines[at - 1];
			s->goroutines[at] = one;
		}
	}
}

static void set_groups(struct snapshot *s, const struct group *groups, uint32_t n)
{
	s->groups = arena_alloc(s->arena, n, sizeof(*groups));
	assert(s->groups);
	memcpy(s->groups, groups, n * sizeof(*groups));
	s->n_groups = n;
	for (uint32_t i = 0; i < n; i++)
		*(groups[i].system ? &s->system : &s->total) += groups[i].count;
	s->quality.goroutines_read = s->total + s->system;
	add_goroutines(s);
	assert(verdict_judge(s) == 0);
}

static struct snapshot *new_sample(void)
{
	struct snapshot *s = snapshot_new();

	assert(s);
	s->time = (struct timespec){ .tv_sec = 1790000000, .tv_nsec = 123456789 };
	s->duration_ms = 38.25;
	s->process = (struct process_info){
		.pid = 4242, .start_time = 987654, .exe = "/usr/bin/shop-api", .name = "shop-api",
		.build_id = "0123456789abcdef", .go_version = "go1.24.9",
		.module = "example.com/shop", .cgo_known = true, .stripped = true,
		.uptime_s = 274500, .rss_bytes = 2040109465, .threads = 41,
		.cgroup = "/system.slice/shop-api.service", .unit = "shop-api.service",
	};
	s->quality.layout = "table";
	s->quality.passes = 1;
	s->quality.span_s = 0.0312;
	return s;
}

struct snapshot *sample_typical(void)
{
	struct snapshot *s = new_sample();

	set_groups(s, typical_groups, ARRAY_SIZE(typical_groups));
	s->by_state = typical_states;
	s->n_by_state = ARRAY_SIZE(typical_states);
	s->by_wait_reason = typical_reasons;
	s->n_by_wait_reason = ARRAY_SIZE(typical_reasons);
	s->memory = sample_ledger_typical(s->arena);
	s->quality.torn_retried = 5;
	s->quality.torn = 2;
	snapshot_note(s, "the sockets of the target's network namespace could not be listed, so "
			 "peers are unknown: run as root");
	return s;
}

static const struct timer_site timer_site = {
	.place = "main.poll poll.go:31", .call = "time.After", .goroutines = 12, .waits = true,
	.loop = true,
};

static const struct timer_look many_timers = {
	.total = 90400, .read = 8210, .torn = 8, .stopped = 11,
	.kind = { [TIMER_CHANNEL] = 90100, [TIMER_TICKER] = 22, [TIMER_FUNC] = 210,
		  [TIMER_SLEEP] = 11, [TIMER_DEADLINE] = 44, [TIMER_OTHER] = 2 },
	.waited = 11, .unwaited = 90089, .unwaited_bytes = 18738512,
	.first_ns = -1200000, .last_ns = 599000000000, .span_ns = 599001200000,
	.sites = &timer_site, .n_sites = 1,
};

/* What a search of the heap adds to it: a timeout leak, a lock, and workers of which some leak. */
struct snapshot *sample_leaky(void)
{
	static const struct leak_clues fetch = { .creator_selects = true, .creator_timer = true,
						 .made_at = "fetch.go:40" };
	static const struct leak_clues lock = { .holder_sought = true, .holder_goid = 12,
						.holder_site = "main.(*cache).fill cache.go:58" };
	static const struct leak_clues worker = { .in_loop = true, .serves = true };
	struct group groups[ARRAY_SIZE(typical_groups)];
	struct snapshot *s = new_sample();

	memcpy(groups, typical_groups, sizeof(groups));
	groups[0].n_likely = groups[0].count;
	groups[0].leaked_stack_bytes = groups[0].stack_bytes;
	groups[0].leaked_heap_bytes = 612ull << 20;
	groups[0].leaked_heap_known = groups[4].leaked_heap_known = true;
	groups[0].leaked_wait_ns = groups[0].oldest_wait_ns;
	groups[0].clues = &fetch;
	groups[2].n_likely = 2;
	groups[2].n_leak_suspect = 1;
	groups[2].leaked_stack_bytes = 3 * 8192;
	groups[2].leaked_wait_ns = WAIT_UNKNOWN;
	groups[2].clues = &worker;
	groups[4].n_likely = 4;
	groups[4].leaked_stack_bytes = 4 * 2048;
	groups[4].leaked_wait_ns = WAIT_UNKNOWN;
	groups[4].clues = &lock;
	s->leaks = arena_alloc(s->arena, 1, sizeof(*s->leaks));
	assert(s->leaks);
	*s->leaks = (struct leak_set){ .judged = 16938, .heap_bytes = 613ull << 20,
				       .scanned_bytes = 880ull << 20, .passes = 3, .span_s = 1.1,
				       .stopped_ms = -1, .estimated_stop_ms = 90 };
	s->timers = &many_timers;
	s->quality.passes = 3;
	s->quality.span_s = 1.1;
	set_groups(s, groups, ARRAY_SIZE(groups));
	s->by_state = typical_states;
	s->n_by_state = ARRAY_SIZE(typical_states);
	s->by_wait_reason = typical_reasons;
	s->n_by_wait_reason = ARRAY_SIZE(typical_reasons);
	/* Of the listed workers one: the other goroutines of its group are healthy. */
	for (uint64_t i = 0; i < s->n_goroutines; i++)
		if (s->goroutines[i].id == 18 || s->goroutines[i].id == 19 ||
		    s->goroutines[i].id == 60)
			s->goroutines[i].verdict = VERDICT_LIKELY;
	assert(leak_judge(s) == 0);
	return s;
}

/* The same, proven by a stop. */
struct snapshot *sample_proven(void)
{
	struct group group = typical_groups[0];
	struct snapshot *s = new_sample();

	group.n_proven = group.count;
	group.leaked_stack_bytes = group.stack_bytes;
	group.leaked_wait_ns = group.oldest_wait_ns;
	s->leaks = arena_alloc(s->arena, 1, sizeof(*s->leaks));
	assert(s->leaks);
	*s->leaks = (struct leak_set){ .judged = 12031, .passes = 1, .span_s = 0.2,
				       .stopped_ms = 84.3, .estimated_stop_ms = -1 };
	s->quality.stopped_ms = 84.3;
	set_groups(s, &group, 1);
	for (uint64_t i = 0; i < s->n_goroutines; i++)
		s->goroutines[i].verdict = VERDICT_PROVEN;
	assert(leak_judge(s) == 0);
	return s;
}

struct snapshot *sample_empty(void)
{
	struct snapshot *s = snapshot_new();

	assert(s);
	s->process.uptime_s = -1;
	assert(verdict_judge(s) == 0);
	return s;
}

struct snapshot *sample_one_group(void)
{
	struct snapshot *s = new_sample();

	set_groups(s, &typical_groups[6], 1);
	return s;
}

static const char *long_name(struct snapshot *s, const char *unit)
{
	char name[LIMIT_NAME];
	size_t n = strlen(unit);

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = unit[i % n];
	return arena_strndup(s->arena, name, sizeof(name));
}

/* A site for each of the frames, the i-th with i + 1 objects in use of as many again that were. */
static struct heap_profile *heap_of(struct snapshot *s, const struct frame *frames, size_t n)
{
	struct heap_profile *p = arena_alloc(s->arena, 1, sizeof(*p));
	struct heap_site *sites = arena_alloc(s->arena, n, sizeof(*sites));
	uint32_t *index = arena_alloc(s->arena, n, sizeof(*index));

	assert(p && sites && index);
	for (size_t i = 0; i < n; i++) {
		index[i] = (uint32_t)i;
		sites[i] = (struct heap_site){ .frames = &index[i], .n_frames = 1,
					       .object_bytes = 1024, .allocs = 2 * i + 2,
					       .frees = i + 1, .truncated = i % 2 };
	}
	*p = (struct heap_profile){ .state = HEAP_PROFILE_READ, .rate = 1, .frames = frames,
				    .n_frames = n, .sites = sites, .n_sites = n };
	return p;
}

struct snapshot *sample_hostile(void)
{
	static const char *const names[] = {
		"main.\"quoted\\\"", "main.two\nlines\r\n", "main.\033[2J\033]0;owned\007",
		"main.\xff\xfe\xc0\x80\xed\xa0\x80", "main.cut\xe2\x82", "main.\xe2\x80\xae.og",
		"main.\xc3\xa9t\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac", "<script>&'\"]]>", "\t;\t 12", "",
		"goroutine 1 [running]:\n", "no-dot-at-all", "a/b/c/", "[", "(", "].x[", "%s%n%q",
		("main.\xc2\x9b" "31m"), "\xef\xbf\xbf\xef\xbb\xbf",
	};
	struct snapshot *s = new_sample();
	enum { N = ARRAY_SIZE(names) + 2 };
	struct group *groups = arena_alloc(s->arena, N, sizeof(*groups));
	struct frame *frames = arena_alloc(s->arena, (size_t)N * 3, sizeof(*frames));
	struct label *l = arena_alloc(s->arena, N, sizeof(*l));
	struct wait_chan *c = arena_alloc(s->arena, N, sizeof(*c));

	assert(groups && frames && l && c);
	for (uint32_t i = 0; i < N; i++) {
		const char *name = i < ARRAY_SIZE(names) ? names[i] :
				   long_name(s, i == N - 1 ? "\033\xff" : "long/");
		struct frame f = { .pc = 0x400000 + i, .entry = 0x400000, .function = name,
				   .file = name, .line = i };

		frames[3 * i] = f;
		frames[3 * i + 1] = (struct frame){ .pc = ~0ull - i };
		frames[3 * i + 2] = (struct frame){ .pc = 1, .entry = 5, .function = "main.main" };
		l[i] = (struct label){ name, name };
		c[i] = (struct wait_chan){ .addr = 1, .type = name, .senders = WAIT_UNKNOWN,
					   .receivers = INT64_MAX, .receivers_more = true,
					   .cap = ~0ull, .len = ~0ull, .has_timer = true,
					   .timer_left_ns = INT64_MIN };
		groups[i] = (struct group){
			.id = i, .count = i + 1, .state = i % 2 ? GO_WAITING : (enum go_state)(100 + i),
			.wait_reason = i % 2 ? name : NULL, .oldest_wait_ns = INT64_MAX,
			.stack = { &frames[3 * i], i % 5 ? 3 : 0, i % 3 == 0 },
			.created_by = f, .labels = &l[i], .n_labels = 1,
			.blocked_on = { .kind = WAIT_CHAN, .known = true, .chan = c[i] },
			.n_samples = 1, .sample_ids = { i }, .n_likely = i % 3,
		};
		if (i % 4 == 1)
			groups[i].blocked_on = (struct wait_object){
				.kind = WAIT_SELECT, .known = true,
				.select = { .n = i, .n_all = ~0u, .cases = c } };
		if (i % 4 == 2)
			groups[i].blocked_on = (struct wait_object){
				.kind = WAIT_FD, .known = true,
				.fd = { .fd = -1, .proto = name, .local = name, .peer = name,
					.tcp_state = name, .mode = '\033', .deadline_known = true,
					.has_deadline = true, .deadline_left_ns = INT64_MIN } };
		snapshot_note(s, "%s", name);
	}
	set_groups(s, groups, N);
	s->by_wait_reason = arena_alloc(s->arena, N, sizeof(*s->by_wait_reason));
	assert(s->by_wait_reason);
	for (uint32_t i = 0; i < N; i++)
		s->by_wait_reason[i] = (struct named_count){ l[i].key, 1 };
	s->n_by_wait_reason = N;
	s->memory = sample_ledger_hostile(s->arena, s->quality.notes, s->quality.n_notes);
	s->process.name = s->process.exe = names[2];
	s->process.go_version = names[3];
	s->process.unit = long_name(s, "\"\n");
	s->process.module_file = long_name(s, "x\xe2\x82");
	s->findings = arena_alloc(s->arena, N, sizeof(*s->findings));
	assert(s->findings);
	s->n_findings = N;
	for (uint32_t i = 0; i < N; i++)
		s->findings[i] = (struct finding){
			.pattern = l[i].key, .verdict = (enum verdict)(i % 7), .count = i,
			.bytes = WAIT_UNKNOWN, .site = l[i].key, .group = i % 2 ? i : ~0u,
			.summary = l[i].key, .evidence = &l[i].value, .n_evidence = 1,
			.advice = l[i].key };
	s->heap_profile = heap_of(s, frames, (size_t)N * 3);
	return s;
}

/* A program without a profile: one type, all of it in one size class. */
static struct heap_profile *shares_of(struct snapshot *s)
{
	struct heap_profile *p = arena_alloc(s->arena, 1, sizeof(*p));
	struct heap_share *shares = arena_alloc(s->arena, 2, sizeof(*shares));

	assert(p && shares);
	shares[0] = (struct heap_share){ .type = "main.record", .objects = ~0ull, .bytes = ~0ull };
	shares[1] = (struct heap_share){ .object_bytes = 1024, .objects = ~0ull, .bytes = ~0ull,
					 .typed_objects = ~0ull, .typed_bytes = ~0ull };
	*p = (struct heap_profile){ .state = HEAP_PROFILE_LINKED_OUT, .why = "it is linked out",
				    .types = shares, .n_types = 1, .classes = shares + 1,
				    .n_classes = 1 };
	return p;
}

struct snapshot *sample_huge(void)
{
	struct snapshot *s = new_sample();
	enum { N = 200 };
	struct group *groups = arena_alloc(s->arena, N, sizeof(*groups));

	assert(groups);
	for (uint32_t i = 0; i < N; i++) {
		groups[i] = typical_groups[i % ARRAY_SIZE(typical_groups)];
		groups[i].id = ~0ull - i;
		groups[i].count = 9000000000000000ull + i;
		groups[i].stack_bytes = groups[i].count;
		groups[i].oldest_wait_ns = INT64_MAX;
		groups[i].sample_ids[0] = ~0ull - i;
	}
	set_groups(s, groups, N);
	s->heap_profile = shares_of(s);
	s->memory = sample_ledger_huge(s->arena);
	s->process.rss_bytes = ~0ull;
	s->process.threads = ~0u;
	s->process.uptime_s = 1e18;
	s->process.pid = INT32_MAX;
	s->duration_ms = 1e300;
	s->quality.torn = s->quality.unreadable = s->quality.torn_retried = ~0ull;
	return s;
}

static const struct {
	const char *name;
	struct snapshot *(*make)(void);
} samples[] = {
	{ "typical", sample_typical }, { "hostile", sample_hostile }, { "empty", sample_empty },
	{ "one_group", sample_one_group }, { "huge", sample_huge }, { "leaky", sample_leaky },
	{ "proven", sample_proven },
};

const char *const sample_names[] = { "typical", "hostile", "empty", "one_group", "huge", "leaky",
				     "proven", NULL };

struct snapshot *sample_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		if (strcmp(samples[i].name, name) == 0)
			return samples[i].make();
	return NULL;
}
