// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Births and exits of the target's threads: exact counts and lifetimes, each event for as long as
 * the rings have room, and the stacks that threads were made from.
 */
#include <linux/sched.h>

#include "maps.bpf.h"
#include "raw_stack.bpf.h"
#include "stack.bpf.h"

const volatile __u32 target_tgid;

/*
 * A program that makes a thread for each request makes thousands a second: then some are followed,
 * with a stack and to their end, and the others counted. User space sets births_left anew.
 */
__u32 limited;
__s32 births_left;

/* By hash of the stack. */
INTERVAL_MAPS(sites, EV_THREAD_SITES, __u64, struct ev_thread_site);

/* By tid: of threads that were born while we looked. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct ev_thread_born);
} born SEC(".maps");

COUNTS_MAP(EV_THREAD_COUNTS);

SCRATCH_MAP(scratch, struct ev_thread_site);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 19);
} samples SEC(".maps");

static __always_inline int add_site(__u64 hash, const struct ev_thread_site *value)
{
	struct ev_thread_site *site;
	bool added;

	site = interval_value(&sites, &hash, value, &added);
	if (site && !added)
		__sync_fetch_and_add(&site->births, 1);
	return site || added ? 0 : -1;
}

static __always_inline void send_event(const struct ev_thread_event *ev)
{
	if (bpf_ringbuf_output(&events, (void *)ev, sizeof(*ev), BPF_RB_NO_WAKEUP))
		count_add(&counts, EV_THREAD_EVENTS_LOST, 1);
}

static __always_inline void send_sample(__u32 tid, __u64 now, const struct pt_regs *regs)
{
	struct ev_thread_sample *s = bpf_ringbuf_reserve(&samples, sizeof(*s), 0);

	if (!s) {
		count_add(&counts, EV_THREAD_SAMPLES_LOST, 1);
		return;
	}
	s->tid = tid;
	s->creator = (__u32)bpf_get_current_pid_tgid();
	s->at_ns = now;
	RAW_REGS_FILL(&s->raw, regs);
	raw_stack_copy(&s->raw);
	bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
}

static __always_inline bool may_follow(void)
{
	if (!limited)
		return true;
	return births_left > 0 && __sync_fetch_and_add(&births_left, -1) > 0;
}

/* The stack of the creating thread, which is the current one. Its hash; 0 when it has none. */
static __always_inline __u64 site_of_creator(__u32 tid, __u64 now)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ev_thread_site *value = map_first(&scratch);
	struct pt_regs regs;
	__u64 hash;

	if (!value || bpf_probe_read_kernel(&regs, sizeof(regs), (void *)bpf_task_pt_regs((void *)task)))
		return 0;
	value->births = 1;
	stack_walk(&value->stack, regs.rip, regs.rsp, regs.rbp);
	hash = stack_hash(&value->stack);
	if (add_site(hash, value) < 0)
		count_add(&counts, EV_THREAD_SITES_LOST, 1);
	send_sample(tid, now, &regs);
	return hash;
}

SEC("raw_tp/task_newtask")
int thread_born(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *child = (struct task_struct *)ctx->args[0];
	struct ev_thread_event ev = { .kind = EV_THREAD_BORN };
	struct ev_thread_born b = { 0 }, *known;

	if (current_tgid() != target_tgid)
		return 0;
	if (!(ctx->args[1] & CLONE_THREAD)) {
		count_add(&counts, EV_THREAD_FORKS, 1);
		return 0;
	}
	count_add(&counts, EV_THREAD_BIRTHS, 1);
	if (!may_follow())
		return 0;
	ev.tid = BPF_CORE_READ(child, pid);
	ev.creator = (__u32)bpf_get_current_pid_tgid();
	ev.at_ns = b.at_ns = bpf_ktime_get_ns();
	/* There may be no room, nor memory. The thread itself does not run yet. */
	if (bpf_map_update_elem(&born, &ev.tid, &b, BPF_ANY))
		count_add(&counts, EV_THREAD_BORN_LOST, 1);
	known = bpf_map_lookup_elem(&born, &ev.tid);
	ev.stack_hash = site_of_creator(known ? ev.tid : 0, ev.at_ns);
	if (known)
		known->stack_hash = ev.stack_hash;
	send_event(&ev);
	return 0;
}

/* Position of the highest bit of v, 0 for 0. */
static __always_inline __u32 log2_of(__u64 v)
{
	__u32 n = 0;

	for (int shift = 32; shift; shift >>= 1) {
		if (v >> shift) {
			v >>= shift;
			n += shift;
		}
	}
	return n;
}

SEC("raw_tp/sched_process_exit")
int thread_exits(struct bpf_raw_tracepoint_args *ctx)
{
	struct ev_thread_event ev = { .kind = EV_THREAD_EXITED };
	struct ev_thread_born *b;

	if (current_tgid() != target_tgid)
		return 0;
	count_add(&counts, EV_THREAD_EXITS, 1);
	ev.tid = (__u32)bpf_get_current_pid_tgid();
	ev.at_ns = bpf_ktime_get_ns();
	b = bpf_map_lookup_elem(&born, &ev.tid);
	if (!b && limited)
		return 0;
	if (b) {
		__u32 slot = log2_of(ev.at_ns - b->at_ns);

		ev.born_ns = b->at_ns;
		ev.stack_hash = b->stack_hash;
		if (slot < EV_THREAD_LIFETIMES)
			count_add(&counts, EV_THREAD_LIFETIME + slot, 1);
		bpf_map_delete_elem(&born, &ev.tid);
	}
	send_event(&ev);
	return 0;
}

LOITER_BPF_LICENSE;
