/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The goroutine behind a thread that has left its stack: for C code, or for the runtime's own work.
 * Both run on the system stack of the thread; its g is g0 then, the m of that says which goroutine
 * it was, and that one's sched says where it left its own stack (runtime.asmcgocall, systemstack).
 */
#pragma once

#include "goid.bpf.h"
#include "stack.bpf.h"

/* When g is the g0 of its thread; 0: it is not. */
static __always_inline __u64 go_caller_of(const volatile struct ev_go *go, __u64 g)
{
	__u64 m, curg;

	if (!g || (g & 7))
		return 0;
	m = read_user_u64(g + go->g_m);
	if (!m || (m & 7) || read_user_u64(m + go->m_g0) != g)
		return 0;
	curg = read_user_u64(m + go->m_curg);
	if (!curg || (curg & 7) || read_user_u64(curg + go->g_m) != m)
		return 0;
	return curg;
}

/* Where this target's linker put the word that holds g, from the fs base; 0 not found yet. */
static __s64 go_caller_tls_off;

/*
 * By the word that is usual, or was right before; else by all that may be it. A false one would
 * have to be a g0 whose m and goroutine point to each other.
 */
static __always_inline __u64 go_caller_find(const volatile struct ev_go *go, __u64 fsbase)
{
	__u64 curg = go_caller_of(go, read_user_u64(fsbase + (go_caller_tls_off ?: go->tls_off)));

	if (curg || go_caller_tls_off)
		return curg;
	for (int i = 1; i <= TLS_WORDS; i++) {
		curg = go_caller_of(go, read_user_u64(fsbase - i * 8));
		if (curg) {
			go_caller_tls_off = -i * 8;
			return curg;
		}
	}
	return 0;
}

/* Its stack, and its goid; n 0 and 0: there is none, or it is on its own stack. */
static __always_inline __u64 go_caller_stack(const volatile struct ev_go *go, struct ev_stack *ret)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 fsbase, curg;

	ret->n = 0;
	ret->flags = 0;
	if (go->text >= go->etext)
		return 0;
	fsbase = BPF_CORE_READ(task, thread.fsbase);
	curg = fsbase ? go_caller_find(go, fsbase) : 0;
	if (!curg)
		return 0;
	stack_walk(ret, read_user_u64(curg + go->g_sched_pc), read_user_u64(curg + go->g_sched_sp),
		   read_user_u64(curg + go->g_sched_bp));
	return read_user_u64(curg + go->g_goid);
}
