/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * User registers, and the stack by frame pointers: three to four times cheaper than the kernel's
 * own bpf_get_stackid(). A function that was interrupted before it has pushed its frame pointer
 * hides its caller from this walk.
 */
#pragma once

#include "kernel.bpf.h"

struct user_regs {
	__u64 ip, sp, bp, r14;
	bool in_kernel;		/* they are those that the thread entered the kernel with */
};

/* The user registers of the current thread, which is a user thread. */
static __always_inline int user_regs_current(struct user_regs *ret)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs((void *)task);

	/* By the register's place: the kernel's own names for them differ, the layout does not. */
	if (bpf_probe_read_kernel(&ret->ip, 8, (void *)regs + __builtin_offsetof(struct pt_regs, rip)) ||
	    bpf_probe_read_kernel(&ret->sp, 8, (void *)regs + __builtin_offsetof(struct pt_regs, rsp)) ||
	    bpf_probe_read_kernel(&ret->bp, 8, (void *)regs + __builtin_offsetof(struct pt_regs, rbp)) ||
	    bpf_probe_read_kernel(&ret->r14, 8, (void *)regs + __builtin_offsetof(struct pt_regs, r14)))
		return -1;
	ret->in_kernel = true;
	return 0;
}

/*
 * Fills n, flags and frames of ret by frame pointers, from the pc and the two registers on.
 * A chain that does not ascend ends the walk, so that it never loops.
 */
static __always_inline void stack_walk(struct ev_stack *ret, __u64 ip, __u64 sp, __u64 bp)
{
	__u32 n = 1;

	ret->flags = 0;
	ret->frames[0] = ip;
	for (int i = 1; i < EV_FRAMES; i++) {
		__u64 pair[2];	/* the caller's frame pointer, the return address */

		if (bp == 0) {
			ret->flags = EV_STACK_WHOLE;
			break;
		}
		if (bp < sp || (bp & 7) || bpf_probe_read_user(pair, sizeof(pair), (void *)bp))
			break;
		if (pair[1] == 0) {
			ret->flags = EV_STACK_WHOLE;
			break;
		}
		ret->frames[i] = pair[1];
		n = i + 1;
		sp = bp + sizeof(pair);
		bp = pair[0];
	}
	ret->n = n;
}

/* Mixes the frames by multiply and rotate; the constant is 2^64 divided by the golden ratio. */
static __always_inline __u64 stack_hash(const struct ev_stack *s)
{
	__u64 h = s->n;

	for (int i = 0; i < EV_FRAMES; i++) {
		if (i >= s->n)
			break;
		h = (h ^ s->frames[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}
