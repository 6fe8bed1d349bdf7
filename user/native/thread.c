// SPDX-License-Identifier: Apache-2.0
#include "native/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/process.h"
#include "target/procfile.h"
#include "target/sealed.h"

/* /proc/PID/status is a few lines, one of which lists CPUs and nodes. */
#define STATUS_MAX (64u << 10)

static int read_file(const struct process *p, pid_t tid, const char *name, char **ret)
{
	char path[48];
	size_t len;
	int r;

	snprintf(path, sizeof(path), "task/%d/%s", tid, name);
	r = procfile_read(p->proc_fd, path, STATUS_MAX, ret, &len);
	return r == -ENOENT ? -ESRCH : r == -EACCES ? -EPERM : r;
}

static uint64_t field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static int read_switches(const struct process *p, pid_t tid, uint64_t *ret)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	int r = read_file(p, tid, "status", &text);

	if (r < 0)
		return r;
	*ret = field(text, "\nvoluntary_ctxt_switches:\t") +
	       field(text, "\nnonvoluntary_ctxt_switches:\t");
	return 0;
}

static bool next_number(const char **at, int base, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(*at, &end, base);
	if (end == *at || errno || (*end != ' ' && *end != '\n' && *end))
		return false;
	*at = end;
	return true;
}

int native_thread_parse_syscall(const char *text, struct native_thread *ret)
{
	uint64_t nr, v[8];
	/* fs/proc/base.c, proc_pid_syscall(): "running", "-1 sp pc", or "nr six-args sp pc". */
	int n = strncmp(text, "-1 ", 3) == 0 ? 2 : 8;

	ret->blocked = false;
	if (strncmp(text, "running", 7) == 0)
		return 0;
	if (!next_number(&text, 10, &nr) || (n == 8 && nr > 1u << 20))
		return -EBADMSG;
	for (int i = 8 - n; i < 8; i++)
		if (!next_number(&text, 16, &v[i]))
			return -EBADMSG;
	ret->syscall = n == 8 ? (int64_t)nr : -1;
	memset(ret->args, 0, sizeof(ret->args));
	if (n == 8)
		memcpy(ret->args, v, sizeof(ret->args));
	ret->sp = v[6];
	ret->pc = v[7];
	ret->blocked = true;
	return 0;
}

static int read_syscall(const struct process *p, struct native_thread *t)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	int r = p->sealed ? sealed_syscall(p->sealed, t->tid, &text)
			  : read_file(p, t->tid, "syscall", &text);

	return r < 0 ? r : native_thread_parse_syscall(text, t);
}

int native_thread_peek(const struct process *p, pid_t tid, struct native_thread *ret)
{
	struct native_thread t = { .tid = tid };
	int r = read_syscall(p, &t);

	if (r == 0)
		*ret = t;
	return r;
}

int native_thread_read(const struct process *p, pid_t tid, struct native_thread *ret)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	struct native_thread t;
	struct procstat stat;
	int r = native_thread_peek(p, tid, &t);

	if (r == 0)
		r = read_file(p, tid, "stat", &text);
	if (r == 0)
		r = procstat_parse(text, &stat);
	if (r == 0)
		r = read_switches(p, tid, &t.switches);
	if (r < 0)
		return r;
	t.state = stat.state;
	t.start_ticks = stat.start_ticks;
	memcpy(t.comm, stat.comm, sizeof(t.comm));
	*ret = t;
	return 0;
}

bool native_thread_unmoved(const struct process *p, const struct native_thread *t)
{
	struct native_thread now;

	return native_thread_peek(p, t->tid, &now) == 0 && now.blocked && t->blocked &&
	       now.syscall == t->syscall && now.sp == t->sp && now.pc == t->pc &&
	       memcmp(now.args, t->args, sizeof(now.args)) == 0 &&
	       /* Last: had it run in between, it has left the CPU once more to be blocked. */
	       read_switches(p, t->tid, &now.switches) == 0 && now.switches == t->switches;
}

void native_thread_regs(const struct native_thread *t, struct cfi_regs *ret)
{
	static const unsigned int arg_regs[6] = { CFI_RDI, CFI_RSI, CFI_RDX, CFI_R10, CFI_R8,
						  CFI_R9 };

	ret->known = 0;
	cfi_set(ret, CFI_RSP, t->sp);
	cfi_set(ret, CFI_PC, t->pc);
	for (int i = 0; t->syscall >= 0 && i < 6; i++)
		cfi_set(ret, arg_regs[i], t->args[i]);
}

void native_thread_wchan(const struct process *p, pid_t tid, char *buf, size_t size)
{
	CLEANUP(procfile_free_p) char *text = NULL;

	buf[0] = '\0';
	/* "0": the kernel has no name for it, or does not tell us. */
	if (read_file(p, tid, "wchan", &text) == 0 && strcmp(text, "0") != 0)
		snprintf(buf, size, "%.63s", text);
}
