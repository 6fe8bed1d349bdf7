// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes that come, become another program and go, on the whole machine: 8 bytes each, where the
 * kernel passes anyway. Nobody is woken up; whoever wants to know looks from time to time.
 */
#include <linux/sched.h>

#include "maps.bpf.h"

/* Some 8,000 events: a machine that has more between two looks loses some, which is told. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 17);
} events SEC(".maps");

COUNTS_MAP(EV_PROCESS_COUNTS);

static __always_inline int tell(__u32 tgid, __u32 kind)
{
	struct ev_process ev = { .tgid = tgid, .kind = kind };

	if (bpf_ringbuf_output(&events, &ev, sizeof(ev), BPF_RB_NO_WAKEUP))
		count_add(&counts, EV_PROCESS_LOST, 1);
	return 0;
}

SEC("raw_tp/task_newtask")
int process_forked(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *child = (struct task_struct *)ctx->args[0];

	if (ctx->args[1] & CLONE_THREAD)
		return 0;
	return tell(BPF_CORE_READ(child, tgid), EV_PROCESS_FORKED);
}

/* Whichever thread does it has the id of the process by now. */
SEC("raw_tp/sched_process_exec")
int process_execed(struct bpf_raw_tracepoint_args *ctx)
{
	return tell(current_tgid(), EV_PROCESS_EXECED);
}

SEC("raw_tp/sched_process_exit")
int process_exited(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();

	if ((__u32)id != id >> 32)
		return 0;
	return tell(id >> 32, EV_PROCESS_EXITED);
}

LOITER_BPF_LICENSE;
