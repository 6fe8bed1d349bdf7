// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The smallest program that can be told to have run: what is left of a hit's cost is the trap. */
#include "kernel.bpf.h"

const volatile __u32 own_tgid;
__u64 hits;

static __always_inline int count_hit(void)
{
	if (current_tgid() == own_tgid)
		__sync_fetch_and_add(&hits, 1);
	return 0;
}

SEC("uprobe.multi")
int calibrate_multi(void *ctx)
{
	return count_hit();
}

SEC("uprobe")
int calibrate_single(void *ctx)
{
	return count_hit();
}

LOITER_BPF_LICENSE;
