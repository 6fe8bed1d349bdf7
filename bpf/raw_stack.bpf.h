/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A copy of the registers and of the innermost stack, for code without frame pointers: user space
 * unwinds it later by the call frame information of the files.
 */
#pragma once

#include "kernel.bpf.h"

/* In the order of the DWARF register numbers of x86-64 (System V ABI, figure 3.36). */
#define RAW_REGS_FILL(raw, r)			\
	do {					\
		(raw)->regs[0] = (r)->rax;	\
		(raw)->regs[1] = (r)->rdx;	\
		(raw)->regs[2] = (r)->rcx;	\
		(raw)->regs[3] = (r)->rbx;	\
		(raw)->regs[4] = (r)->rsi;	\
		(raw)->regs[5] = (r)->rdi;	\
		(raw)->regs[6] = (r)->rbp;	\
		(raw)->regs[7] = (r)->rsp;	\
		(raw)->regs[8] = (r)->r8;	\
		(raw)->regs[9] = (r)->r9;	\
		(raw)->regs[10] = (r)->r10;	\
		(raw)->regs[11] = (r)->r11;	\
		(raw)->regs[12] = (r)->r12;	\
		(raw)->regs[13] = (r)->r13;	\
		(raw)->regs[14] = (r)->r14;	\
		(raw)->regs[15] = (r)->r15;	\
		(raw)->regs[16] = (r)->rip;	\
	} while (0)

/*
 * A probe on a return (another collector's, or another tool's) puts the address of its trampoline
 * in the place of the caller's, where no unwinder gets any further: the kernel knows what it was.
 */
static __always_inline void raw_stack_restore(struct ev_raw_stack *raw)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct return_instance *ri;

	if (!bpf_core_field_exists(task->utask))
		return;
	ri = BPF_CORE_READ(task, utask, return_instances);
	/* Functions with such probes hardly call each other deeper than that. */
	for (int i = 0; i < 4 && ri; i++) {
		__u64 off = BPF_CORE_READ(ri, stack) - raw->regs[7];

		if (off <= EV_STACK_COPY - 8)
			*(__u64 *)(raw->stack + (off & ~7ull & (EV_STACK_COPY - 1))) =
				BPF_CORE_READ(ri, orig_ret_vaddr);
		ri = BPF_CORE_READ(ri, next);
	}
}

/* Copies what lies above the stack pointer: less near the stack's end, nothing when unreadable. */
static __always_inline void raw_stack_read(struct ev_raw_stack *raw)
{
	void *sp = (void *)raw->regs[7];

	raw->reserved = 0;
	raw->bytes = EV_STACK_COPY;
	if (!bpf_probe_read_user(raw->stack, EV_STACK_COPY, sp))
		return;
	raw->bytes = EV_STACK_COPY / 2;
	if (!bpf_probe_read_user(raw->stack, EV_STACK_COPY / 2, sp))
		return;
	raw->bytes = EV_STACK_COPY / 8;
	if (!bpf_probe_read_user(raw->stack, EV_STACK_COPY / 8, sp))
		return;
	raw->bytes = 0;
}

static __always_inline void raw_stack_copy(struct ev_raw_stack *raw)
{
	raw_stack_read(raw);
	raw_stack_restore(raw);
}
