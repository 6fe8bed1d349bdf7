/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every collector includes first: libbpf's helpers, and those fields of kernel structs that
 * the collectors read. There is no vmlinux.h, so that building needs no BTF of any kernel: libbpf
 * finds each field in the running kernel's BTF by its name. Add a field where it is missing; the
 * order here means nothing.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "events.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_struct {
	unsigned long fsbase;
};

struct mm_struct {
	unsigned long start_brk, brk;
};

/* A probe on a function's return, whose caller's address stands here instead of on the stack. */
struct return_instance {
	unsigned long stack, orig_ret_vaddr;
	struct return_instance *next;
};

struct uprobe_task {
	struct return_instance *return_instances;
};

struct task_struct {
	struct uprobe_task *utask;
	int pid;
	int tgid;
	unsigned int flags;
	int exit_code;
	__u64 start_time;
	unsigned int __state;	/* Linux 5.14: `state` before */
	unsigned long nvcsw, nivcsw;
	char comm[16];
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct thread_struct thread;
};

/* Linux 5.13 and before. */
struct task_struct___old {
	long state;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* For SEC("license"): the kernel's tracing helpers are for GPL-compatible programs alone. */
#define LOITER_BPF_LICENSE char bpf_license[] SEC("license") = "Dual BSD/GPL"

static __always_inline __u32 current_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}
