// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the target's threads do while they are on a CPU: samples of the CPU clock, counted by
 * goroutine and stack. User space swaps the map of an interval for an empty one.
 */
#include "goid.bpf.h"
#include "maps.bpf.h"
#include "stack.bpf.h"

const volatile __u32 target_tgid;
const volatile struct ev_go go;

INTERVAL_MAPS(samples, 1024, struct ev_oncpu_key, struct ev_oncpu_value);

COUNTS_MAP(EV_ONCPU_COUNTS);

SCRATCH_MAP(scratch, struct ev_oncpu_value);

static __always_inline int add_sample(const struct ev_oncpu_key *key,
				      const struct ev_oncpu_value *value)
{
	struct ev_oncpu_value *site;
	bool added;

	site = interval_value(&samples, key, value, &added);
	if (site && !added)
		__sync_fetch_and_add(&site->samples, 1);
	return site || added ? 0 : -1;
}

SEC("perf_event")
int oncpu_sample(struct bpf_perf_event_data *ctx)
{
	struct ev_oncpu_key key = { 0 };
	struct ev_oncpu_value *value;
	struct user_regs regs = { 0 };
	bool on_g0;

	if (current_tgid() != target_tgid)
		return 0;
	count_add(&counts, EV_ONCPU_SAMPLES, 1);
	value = map_first(&scratch);
	if (!value)
		return 0;
	if (ctx->regs.cs & 3) {
		regs.ip = ctx->regs.rip;
		regs.sp = ctx->regs.rsp;
		regs.bp = ctx->regs.rbp;
		regs.r14 = ctx->regs.r14;
	} else {
		user_regs_current(&regs);
	}
	value->samples = 1;
	value->at_sp = read_user_u64(regs.sp);
	if (value->at_sp < go.text || value->at_sp >= go.etext)
		value->at_sp = 0;
	stack_walk(&value->stack, regs.ip, regs.sp, regs.bp);
	key.goid = goid_current(&go, regs.ip, regs.r14, &on_g0);
	if (!key.goid)
		key.tid = (__u32)bpf_get_current_pid_tgid();
	key.flags = (regs.in_kernel ? EV_IN_KERNEL : 0) | (key.goid && on_g0 ? EV_ON_G0 : 0);
	key.stack_hash = stack_hash(&value->stack) ^ value->at_sp * 3;
	if (add_sample(&key, value) < 0)
		count_add(&counts, EV_ONCPU_LOST, 1);
	return 0;
}

LOITER_BPF_LICENSE;
