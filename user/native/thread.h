/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of one thread: its state, the system call it is in, how often it has run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/cfi.h"

struct process;

struct native_thread {
	pid_t tid;
	char comm[64];		/* raw bytes of the target's choosing */
	char state;		/* 'R', 'S', 'D', ... */
	uint64_t start_ticks;
	uint64_t switches;	/* times it has left the CPU, of its own will or not */
	bool blocked;		/* it sleeps in the kernel, and the rest below is known */
	int64_t syscall;	/* -1: it sleeps, but not in a system call (a page fault) */
	uint64_t args[6];
	uint64_t sp, pc;
};

/* The system call alone: tid, blocked, syscall, args, sp, pc. Errors as below. */
int native_thread_peek(const struct process *p, pid_t tid, struct native_thread *ret);

/*
 * All of it. The values belong together only if native_thread_unmoved() says so after the last use
 * of them. -ESRCH gone; -EPERM its system call is not for us to see; -EBADMSG.
 */
int native_thread_read(const struct process *p, pid_t tid, struct native_thread *ret);

/*
 * True when it sleeps where it did, and has not run since its count of switches was read: then what
 * was read of it meanwhile, and of its stack and of what it holds, is of this very sleep.
 */
bool native_thread_unmoved(const struct process *p, const struct native_thread *t);

/* Parses the line of /proc/PID/task/TID/syscall into the last fields: the part that is fuzzed. */
int native_thread_parse_syscall(const char *text, struct native_thread *ret);

/* The registers that a system call's arguments and its return address are. */
void native_thread_regs(const struct native_thread *t, struct cfi_regs *ret);

/* The kernel function it sleeps in into buf, "" when the kernel does not say. */
void native_thread_wchan(const struct process *p, pid_t tid, char *buf, size_t size);
