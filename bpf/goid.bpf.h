/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which goroutine the current thread runs. In Go code R14 holds the g (Go's ABIInternal, since
 * 1.17); anywhere else, and in assembly that used R14 up, the thread-local word does. Either may
 * be garbage, so a g counts only when its m and that one's curg point to each other.
 */
#pragma once

#include "kernel.bpf.h"

static __always_inline __u64 read_user_u64(__u64 addr)
{
	__u64 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)addr);
	return value;
}

/*
 * The goid behind g: its own, or that of the goroutine whose thread's g0 or gsignal it is; then
 * *on_g0. 0: there is none, or g is no g.
 */
static __always_inline __u64 goid_of(const volatile struct ev_go *go, __u64 g, bool *on_g0)
{
	__u64 m, curg;

	if (!g || (g & 7))
		return 0;
	m = read_user_u64(g + go->g_m);
	if (!m || (m & 7))
		return 0;
	curg = read_user_u64(m + go->m_curg);
	if (!curg || (curg & 7) || read_user_u64(curg + go->g_m) != m)
		return 0;
	*on_g0 = curg != g;
	return read_user_u64(curg + go->g_goid);
}

/* Thread-local words below the fs base that are searched for the g. */
#define TLS_WORDS 32

/* Where this target's linker put the g's word; 0 while no Go code was met that shows it. */
static __s64 goid_tls_off;

/*
 * In Go code, where g is known by R14: which of the thread-local words holds it? A variable that
 * is g by chance must be so in the first Go code that is met; goid_of() refuses it later.
 */
static __always_inline void goid_learn_tls(const volatile struct ev_go *go, __u64 fsbase, __u64 g)
{
	if (read_user_u64(fsbase + go->tls_off) == g) {
		goid_tls_off = go->tls_off;
		return;
	}
	for (int i = 1; i <= TLS_WORDS; i++) {
		if (read_user_u64(fsbase - i * 8) == g) {
			goid_tls_off = -i * 8;
			return;
		}
	}
}

/* The goid of the current thread; 0: none, or not known. */
static __always_inline __u64 goid_current(const volatile struct ev_go *go, __u64 ip, __u64 r14,
					  bool *on_g0)
{
	struct task_struct *task;
	__u64 goid = 0, fsbase;

	*on_g0 = false;
	if (go->text >= go->etext)
		return 0;
	if (ip >= go->text && ip < go->etext)
		goid = goid_of(go, r14, on_g0);
	if (goid && goid_tls_off)
		return goid;
	task = (struct task_struct *)bpf_get_current_task();
	fsbase = BPF_CORE_READ(task, thread.fsbase);
	if (!fsbase)
		return goid;
	if (goid) {
		goid_learn_tls(go, fsbase, r14);
		return goid;
	}
	return goid_of(go, read_user_u64(fsbase + (goid_tls_off ?: go->tls_off)), on_g0);
}
