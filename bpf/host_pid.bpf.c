// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tells the ids of one process in the first pid namespace, which is how all other programs know
 * it, to a loiter that lives in another: a task iterator that is opened for a pidfd.
 */
#include "kernel.bpf.h"

SEC("iter/task")
int host_pid(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 tgid;

	if (!task)
		return 0;
	tgid = task->tgid;
	bpf_seq_write(ctx->meta->seq, &tgid, sizeof(tgid));
	return 0;
}

LOITER_BPF_LICENSE;
