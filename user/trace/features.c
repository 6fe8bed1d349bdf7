// SPDX-License-Identifier: Apache-2.0
#include "trace/features.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <linux/perf_event.h>

#include "base/cleanup.h"
#include "target/procfile.h"
#include "trace/bpf_load.h"
#include "trace/capabilities.h"
#include "trace/host_pid.h"
#include "trace/uprobe_link.h"
#include "trace/watchpoints.h"

#define AS_ROOT "run as root"
#define SETCAP  "run as root, or once: setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep loiter"

/* BPF_TRACE_UPROBE_MULTI of Linux 6.6: the headers that we are built with may be older. */
#define TRACE_UPROBE_MULTI ((enum bpf_attach_type)48)

struct probe {
	struct arena *arena;
	struct features *ret;
	struct capabilities caps;
	bool may_load;		/* BPF programs may be loaded, so features can be tried */
};

#define ADD(p, ...) features_add((p)->ret, (p)->arena, __VA_ARGS__)

/* The file's text without its last newline; NULL when it cannot be read. The caller frees. */
static char *read_line(const char *path)
{
	char *text;
	size_t len;

	if (procfile_read(AT_FDCWD, path, 64 * 1024, &text, &len) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* True when the number that the file holds could be read. */
static bool read_number(const char *path, long *ret)
{
	CLEANUP(procfile_free_p) char *text = read_line(path);
	char *end;

	if (!text)
		return false;
	*ret = strtol(text, &end, 10);
	return end != text;
}

static void probe_kernel(struct probe *p)
{
	struct utsname u;

	if (uname(&u) == 0)
		ADD(p, "kernel", FEATURE_OK, 0, NULL, "%s %s %s", u.sysname, u.release, u.machine);
	ADD(p, "libbpf", FEATURE_OK, 0, NULL, "%s", libbpf_version_string());
}

static void probe_capabilities(struct probe *p)
{
	char missing[80];

	capabilities_missing(&p->caps, true, missing, sizeof(missing));
	if (!*missing)
		ADD(p, "capabilities", FEATURE_OK, 0, NULL, "CAP_SYS_PTRACE CAP_BPF CAP_PERFMON");
	else if (p->caps.own_user_ns)
		ADD(p, "capabilities", FEATURE_NO, -EPERM, "run in the first user namespace",
		    "of a user namespace, so missing:%s", missing);
	else
		ADD(p, "capabilities", FEATURE_NO, -EPERM, SETCAP, "missing:%s", missing);
}

static void probe_lockdown(struct probe *p)
{
	CLEANUP(procfile_free_p) char *text = read_line("/sys/kernel/security/lockdown");

	if (!text)
		ADD(p, "lockdown", FEATURE_OK, 0, NULL, "none to be seen");
	else if (strstr(text, "[confidentiality]"))
		ADD(p, "lockdown", FEATURE_NO, -EPERM,
		    "boot with lockdown=integrity, or without Secure Boot",
		    "confidentiality: BPF programs may read no memory");
	else
		ADD(p, "lockdown", FEATURE_OK, 0, NULL, "%s", text);
}

/* The smallest thing that bpf(2) does for those who may: seccomp filters refuse it too. */
static void probe_bpf(struct probe *p)
{
	int fd;

	if (!p->may_load) {
		ADD(p, "bpf", FEATURE_UNKNOWN, 0, NULL,
		    "not tried without CAP_BPF and CAP_PERFMON");
		return;
	}
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "loiter_probe", 4, 4, 1, NULL);
	if (fd >= 0) {
		close(fd);
		ADD(p, "bpf", FEATURE_OK, 0, NULL, "maps can be made");
		return;
	}
	p->may_load = false;
	if (fd == -ENOSYS)
		ADD(p, "bpf", FEATURE_NO, -EPERM, "use a kernel with CONFIG_BPF_SYSCALL",
		    "no bpf(2): not in this kernel, or hidden by seccomp");
	else
		ADD(p, "bpf", FEATURE_NO, -EPERM,
		    "run outside the container, or let its seccomp profile allow bpf(2)",
		    "refused in spite of CAP_BPF: %s", strerror(-fd));
}

static void probe_unprivileged(struct probe *p)
{
	long value;

	if (!read_number("/proc/sys/kernel/unprivileged_bpf_disabled", &value))
		ADD(p, "unprivileged_bpf", FEATURE_OK, 0, NULL, "no such setting; not needed");
	else
		ADD(p, "unprivileged_bpf", FEATURE_OK, 0, NULL, "%s (%ld); not needed",
		    value ? "disabled" : "enabled", value);
}

static void probe_perf(struct probe *p)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = 49,
		.disabled = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	long paranoid = 2;
	bool known = read_number("/proc/sys/kernel/perf_event_paranoid", &paranoid);

	if (fd >= 0) {
		close(fd);
		ADD(p, "perf_event", FEATURE_OK, 0, NULL,
		    "CPUs can be sampled (perf_event_paranoid is %ld)", paranoid);
		return;
	}
	if (errno == EACCES || errno == EPERM)
		ADD(p, "perf_event", FEATURE_NO, -EPERM, SETCAP,
		    "sampling CPUs is refused without CAP_PERFMON (perf_event_paranoid is %ld)",
		    paranoid);
	else
		ADD(p, "perf_event", FEATURE_LESS, 0, NULL, "no oncpu samples: %s%s",
		    strerror(errno), known ? "" : "; the kernel has no perf events");
}

static void probe_watchpoints(struct probe *p)
{
	struct diag why = DIAG_INIT;

	if (watchpoints_try(&why) == 0)
		ADD(p, "watchpoints", FEATURE_OK, 0, NULL, "debug registers report accesses");
	else
		ADD(p, "watchpoints", FEATURE_LESS, 0, NULL, "C leaks stay candidates: %s",
		    *why.why ? why.why : "not enough memory");
}

static void probe_btf(struct probe *p)
{
	struct stat st;

	if (stat("/sys/kernel/btf/vmlinux", &st) < 0)
		ADD(p, "BTF", FEATURE_NO, 0, "use a kernel with CONFIG_DEBUG_INFO_BTF",
		    "no /sys/kernel/btf/vmlinux: kernel structs cannot be found");
	else
		ADD(p, "BTF", FEATURE_OK, 0, NULL, "/sys/kernel/btf/vmlinux, %ld KiB",
		    (long)st.st_size / 1024);
}

static void probe_tracefs(struct probe *p)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	struct statfs fs;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (statfs(places[i], &fs) == 0 && fs.f_type == TRACEFS_MAGIC) {
			ADD(p, "tracefs", FEATURE_OK, 0, NULL, "%s", places[i]);
			return;
		}
	}
	/* Typed tracepoints and the uprobe event source go without it. */
	ADD(p, "tracefs", FEATURE_OK, 0, NULL, "not mounted; not needed");
}

static void probe_types(struct probe *p)
{
	static const struct {
		const char *name;
		enum bpf_map_type type;
		const char *for_what, *since;
	} rows[] = {
		{ "ringbuf", BPF_MAP_TYPE_RINGBUF, "single events", "5.8" },
		{ "task_storage", BPF_MAP_TYPE_TASK_STORAGE, "state of threads", "5.11" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!p->may_load)
			ADD(p, rows[i].name, FEATURE_UNKNOWN, 0, NULL, "not tried without CAP_BPF");
		else if (libbpf_probe_bpf_map_type(rows[i].type, NULL) == 1)
			ADD(p, rows[i].name, FEATURE_OK, 0, NULL, "for %s", rows[i].for_what);
		else
			ADD(p, rows[i].name, FEATURE_NO, 0, "use a newer kernel",
			    "none: no %s (Linux %s has it)", rows[i].for_what, rows[i].since);
	}
}

static void probe_helpers(struct probe *p)
{
	static const struct {
		const char *name;
		enum bpf_func_id id;
		enum bpf_prog_type type;
		const char *for_what, *since;
	} rows[] = {
		{ "bpf_loop", BPF_FUNC_loop, BPF_PROG_TYPE_KPROBE, "long walks", "5.17" },
		{ "task_pt_regs", BPF_FUNC_task_pt_regs, BPF_PROG_TYPE_PERF_EVENT,
		  "user stacks inside system calls", "5.15" },
		/* Timers are for programs that no interrupt runs. */
		{ "timer", BPF_FUNC_timer_init, BPF_PROG_TYPE_SOCKET_FILTER, "bursts", "5.15" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!p->may_load)
			ADD(p, rows[i].name, FEATURE_UNKNOWN, 0, NULL, "not tried without CAP_BPF");
		else if (libbpf_probe_bpf_helper(rows[i].type, rows[i].id, NULL) == 1)
			ADD(p, rows[i].name, FEATURE_OK, 0, NULL, "for %s", rows[i].for_what);
		else
			ADD(p, rows[i].name, FEATURE_LESS, 0, "use a newer kernel",
			    "none: no %s (Linux %s has it)", rows[i].for_what, rows[i].since);
	}
}

/* A program that returns 0. fd or -errno. */
static int load_empty(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id)
{
	/* r0 = 0; exit */
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = attach,
		    .attach_btf_id = btf_id > 0 ? (uint32_t)btf_id : 0);

	return bpf_prog_load(type, "loiter_probe", "GPL", insns, ARRAY_SIZE(insns), &o);
}

static void probe_tp_btf(struct probe *p)
{
	int id, fd;

	if (!p->may_load) {
		ADD(p, "tp_btf", FEATURE_UNKNOWN, 0, NULL, "not tried without CAP_BPF");
		return;
	}
	id = libbpf_find_vmlinux_btf_id("sched_switch", BPF_TRACE_RAW_TP);
	fd = id < 0 ? id : load_empty(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, id);
	if (fd < 0) {
		ADD(p, "tp_btf", FEATURE_NO, 0, "use a newer kernel, with BTF",
		    "no typed tracepoints (%s): no futex and thread events", strerror(-fd));
		return;
	}
	close(fd);
	ADD(p, "tp_btf", FEATURE_OK, 0, NULL, "for futex, thread and memory events");
}

/* What linking an empty program to a place that no program can have says. -errno. */
static int link_multi(int prog, int pid)
{
	const unsigned long offset = 0;
	LIBBPF_OPTS(bpf_link_create_opts, o, .uprobe_multi.path = "/",
		    .uprobe_multi.offsets = &offset, .uprobe_multi.cnt = 1,
		    .uprobe_multi.pid = (uint32_t)pid);
	int fd = bpf_link_create(prog, -1, TRACE_UPROBE_MULTI, &o);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/*
 * "/" is no file that could be probed (-EBADF), which only a kernel with the feature finds out
 * (Linux 6.6). Kernels that filter by process refuse a negative pid (Linux 6.11: commit
 * 46ba0e49b642); those before filter by thread.
 */
static void probe_uprobe_multi(struct probe *p)
{
	int prog, r;

	if (!p->may_load) {
		ADD(p, "uprobe_multi", FEATURE_UNKNOWN, 0, NULL, "not tried without CAP_BPF");
		return;
	}
	prog = load_empty(BPF_PROG_TYPE_KPROBE, TRACE_UPROBE_MULTI, 0);
	r = prog < 0 ? prog : link_multi(prog, 0);
	if (r != -EBADF)
		ADD(p, "uprobe_multi", FEATURE_LESS, 0, "use Linux 6.6 or later",
		    "none: probes are slow to go away, so bursts are fewer and longer");
	else if (link_multi(prog, -1) != -EINVAL)
		ADD(p, "uprobe_multi", FEATURE_LESS, 0, "use Linux 6.11, or an update of 6.6",
		    "filters by thread: other processes of the same file are trapped too");
	else
		ADD(p, "uprobe_multi", FEATURE_OK, 0, NULL, "many probes at once, of one process");
	if (prog >= 0)
		close(prog);
}

/* One probe for a call and its return (Linux 6.13). */
static void probe_uprobe_session(struct probe *p)
{
	int prog;

	if (!p->may_load) {
		ADD(p, "uprobe_session", FEATURE_UNKNOWN, 0, NULL, "not tried without CAP_BPF");
		return;
	}
	prog = load_empty(BPF_PROG_TYPE_KPROBE, (enum bpf_attach_type)UPROBE_SESSION_ATTACH_TYPE, 0);
	if (prog < 0) {
		ADD(p, "uprobe_session", FEATURE_LESS, 0, "use Linux 6.13 or later",
		    "none: a call and its return take two probes");
		return;
	}
	close(prog);
	ADD(p, "uprobe_session", FEATURE_OK, 0, NULL, "one probe for a call and its return");
}

static void probe_uprobe(struct probe *p)
{
	long type;

	if (read_number("/sys/bus/event_source/devices/uprobe/type", &type))
		ADD(p, "uprobe", FEATURE_OK, 0, NULL, "probes in programs");
	else
		ADD(p, "uprobe", FEATURE_NO, 0, "use a kernel with CONFIG_UPROBE_EVENTS, and /sys",
		    "no probes in programs: no goroutine and malloc events");
}

static void probe_pid_namespace(struct probe *p)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct diag d = DIAG_INIT;
	uint32_t id;
	int r = host_pid_find(getpid(), pidfd, &id, &d);

	if (pidfd >= 0)
		close(pidfd);
	if (host_pid_is_ours())
		ADD(p, "pid_namespace", FEATURE_OK, 0, NULL, "the first one");
	else if (r == 0)
		ADD(p, "pid_namespace", FEATURE_OK, 0, NULL,
		    "not the first one; the kernel tells ids of that");
	else if (r == -EPERM)
		ADD(p, "pid_namespace", FEATURE_UNKNOWN, 0, NULL,
		    "not the first one; not tried without CAP_BPF");
	else
		ADD(p, "pid_namespace", FEATURE_NO, 0,
		    "run on the host, or in a container with its pid namespace",
		    "not the first one, and the kernel tells no ids of that: no events");
}

static void probe_yama(struct probe *p)
{
	long scope;

	if (!read_number("/proc/sys/kernel/yama/ptrace_scope", &scope))
		ADD(p, "ptrace_scope", FEATURE_OK, 0, NULL, "no Yama");
	else if (scope >= 3)
		ADD(p, "ptrace_scope", FEATURE_NO, -EPERM, "it stays so until the next boot",
		    "3: nobody may read another process's memory");
	else if (scope > 0 && !p->caps.ptrace)
		ADD(p, "ptrace_scope", FEATURE_LESS, 0, AS_ROOT ", or with CAP_SYS_PTRACE",
		    "%ld: own processes cannot be read either", scope);
	else
		ADD(p, "ptrace_scope", FEATURE_OK, 0, NULL, "%ld", scope);
}

int features_probe(struct arena *a, struct features *ret)
{
	struct probe p = { .arena = a, .ret = ret };

	trace_bpf_quiet();
	capabilities_read(&p.caps);
	p.may_load = p.caps.bpf && p.caps.perfmon;
	probe_kernel(&p);
	probe_capabilities(&p);
	probe_lockdown(&p);
	probe_yama(&p);
	probe_pid_namespace(&p);
	probe_bpf(&p);
	probe_unprivileged(&p);
	probe_perf(&p);
	probe_watchpoints(&p);
	probe_btf(&p);
	probe_tracefs(&p);
	probe_types(&p);
	probe_tp_btf(&p);
	probe_helpers(&p);
	probe_uprobe(&p);
	probe_uprobe_multi(&p);
	probe_uprobe_session(&p);
	return ret->err;
}
