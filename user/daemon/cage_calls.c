// SPDX-License-Identifier: Apache-2.0
#include "daemon/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

#include "base/cleanup.h"

/* With any argument: reading what is open, memory, threads, time, the end. */
static const int plain[] = {
	SCMP_SYS(read),		   SCMP_SYS(pread64),	   SCMP_SYS(readv),
	SCMP_SYS(write),	   SCMP_SYS(writev),	   SCMP_SYS(close),
	SCMP_SYS(lseek),	   SCMP_SYS(fstat),	   SCMP_SYS(newfstatat),
	SCMP_SYS(statx),	   SCMP_SYS(getdents64),   SCMP_SYS(readlinkat),
	SCMP_SYS(readlink),	   SCMP_SYS(dup),	   SCMP_SYS(poll),
	SCMP_SYS(ppoll),	   SCMP_SYS(munmap),	   SCMP_SYS(mremap),
	SCMP_SYS(madvise),	   SCMP_SYS(brk),	   SCMP_SYS(futex),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq),	   SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
	SCMP_SYS(getpriority),	   SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),	   SCMP_SYS(sigaltstack),  SCMP_SYS(restart_syscall),
	SCMP_SYS(gettid),	   SCMP_SYS(getpid),	   SCMP_SYS(getppid),
	SCMP_SYS(getuid),	   SCMP_SYS(geteuid),	   SCMP_SYS(getgid),
	SCMP_SYS(getegid),	   SCMP_SYS(getrusage),	   SCMP_SYS(sysinfo),
	SCMP_SYS(uname),	   SCMP_SYS(getrandom),	   SCMP_SYS(membarrier),
	SCMP_SYS(clock_gettime),   SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
	SCMP_SYS(time),		   SCMP_SYS(nanosleep),	   SCMP_SYS(clock_nanosleep),
	SCMP_SYS(exit),		   SCMP_SYS(exit_group),
	/* Nothing can be written to one here; target/mounts.c asks what it is like. */
	SCMP_SYS(memfd_create),
};

/* What is asked on the way and goes well without an answer. */
static const struct {
	int call, err;
} refused[] = {
	/* glibc takes clone() then, whose flags can be seen. */
	{ SCMP_SYS(clone3), ENOSYS },
	{ SCMP_SYS(access), EACCES },
	{ SCMP_SYS(faccessat), EACCES },
	{ SCMP_SYS(faccessat2), EACCES },
	{ SCMP_SYS(sched_setscheduler), EPERM },
	{ SCMP_SYS(setpriority), EPERM },
	{ SCMP_SYS(openat2), EACCES },
};

/* PAGEMAP_SCAN of target/pagemap.c: 96 bytes in and out. */
#define SCAN_IOCTL _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96)

#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))

static int allow_plain(scmp_filter_ctx c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(plain); i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, plain[i], 0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(refused); i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO((uint32_t)refused[i].err), refused[i].call,
				     0);
	return r;
}

/* Opening for reading; memory that is never both made and run; threads, never processes. */
static int allow_some(scmp_filter_ctx c)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const int fcntls[] = { F_DUPFD_CLOEXEC, F_DUPFD, F_GETFD, F_SETFD, F_GETFL };
	int r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, OPEN_WRITES, O_RDONLY));

	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code);
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM,
					     CLONE_THREAD | CLONE_VM));
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, SCAN_IOCTL));
	/* Is it a terminal? */
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TCGETS));
	/* Its limits may be asked for and not be changed. */
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				     SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fcntls); i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				     SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntls[i]));
	return r;
}

/* Stopping the target and reading its registers and its memory; never writing either. */
static int allow_tracing(scmp_filter_ctx c, pid_t target)
{
	static const int requests[] = { PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_GETREGSET,
					PTRACE_GETSIGMASK, PTRACE_DETACH };
	int r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(process_vm_readv), 1,
				 SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)target));

	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(wait4), 0);
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(waitid), 0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(requests); i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ptrace), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)requests[i]));
	return r;
}

int cage_filter_calls(pid_t traced, struct diag *d)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = c ? allow_plain(c) : -ENOMEM;

	if (r == 0)
		r = allow_some(c);
	if (r == 0 && traced)
		r = allow_tracing(c, traced);
	if (r == 0)
		r = seccomp_load(c);
	seccomp_release(c);
	return r < 0 ? diag_fail(d, r, "its system calls cannot be restricted: %s", strerror(-r))
		     : 0;
}
