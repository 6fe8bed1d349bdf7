// SPDX-License-Identifier: Apache-2.0
#include "daemon/privilege.h"

#include <cap-ng.h>
#include <ctype.h>
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/cleanup.h"

/* What each is for; where one is not had, what it is for is not to be had either. */
static const struct {
	int cap;
	bool foreman;
} used[] = {
	{ CAP_SYS_PTRACE, true },	/* memory, maps, links and descriptors of others */
	{ CAP_DAC_READ_SEARCH, true },	/* executables and files in others' directories */
	{ CAP_CHECKPOINT_RESTORE, true },	/* map_files; Linux 5.9 */
	{ CAP_SETPCAP, true },		/* to empty the bounding set of cells */
	{ CAP_BPF, false },		/* collectors; Linux 5.8 */
	{ CAP_PERFMON, false },		/* the same: programs that trace, perf events */
	{ CAP_SYS_RESOURCE, false },	/* locked memory of maps; before Linux 5.11 */
	{ CAP_SYSLOG, false },		/* addresses of kernel functions */
};

static bool role_uses(enum privilege_role role, size_t i)
{
	return role == PRIVILEGE_DAEMON || used[i].foreman;
}

/* The kernels that know the newer ones do not ask for the one that stood for all of them. */
static bool needs_sys_admin(void)
{
	return capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN) &&
	       !capng_have_capability(CAPNG_PERMITTED, CAP_CHECKPOINT_RESTORE);
}

static int no_cores(struct diag *d)
{
	static const struct rlimit none;

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return diag_fail(d, -errno, "RLIMIT_CORE: %m");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return diag_fail(d, -errno, "PR_SET_DUMPABLE: %m");
	return 0;
}

static int keep(enum privilege_role role)
{
	bool has[ARRAY_SIZE(used)], admin;

	capng_get_caps_process();
	admin = needs_sys_admin();
	for (size_t i = 0; i < ARRAY_SIZE(used); i++)
		has[i] = role_uses(role, i) &&
			 capng_have_capability(CAPNG_PERMITTED, (unsigned int)used[i].cap);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(used); i++)
		if (has[i])
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				     (unsigned int)used[i].cap);
	if (admin)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_ADMIN);
	/* Where that is refused, nothing is ever executed that could profit. */
	capng_apply(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_CAPS);
}

int privilege_keep_for(enum privilege_role role, struct diag *d)
{
	int r;

	if (keep(role) != 0)
		return diag_fail(d, -EPERM, "capabilities cannot be given up");
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	r = no_cores(d);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = diag_fail(d, -errno, "PR_SET_NO_NEW_PRIVS: %m");
	return r;
}

void privilege_missing(enum privilege_role role, char *buf, size_t size)
{
	size_t at = 0;

	if (size)
		buf[0] = '\0';
	capng_get_caps_process();
	for (size_t i = 0; i < ARRAY_SIZE(used); i++) {
		const char *name = capng_capability_to_name((unsigned int)used[i].cap);
		char upper[32];
		size_t n = 0;

		if (!role_uses(role, i) || !name || used[i].cap == CAP_SETPCAP ||
		    used[i].cap == CAP_SYS_RESOURCE ||
		    capng_have_capability(CAPNG_EFFECTIVE, (unsigned int)used[i].cap))
			continue;
		for (; name[n] && n + 1 < sizeof(upper); n++)
			upper[n] = (char)toupper((unsigned char)name[n]);
		upper[n] = '\0';
		at += (size_t)snprintf(buf + at, size - at, " CAP_%s", upper);
		if (at >= size)
			return;
	}
}

/*
 * A list of what is denied and not of what is allowed: which calls the libraries of HTTP, TLS and
 * BPF make is theirs to change. Cells, which parse, have it the other way round (cage_calls.c).
 */
static const int denied[] = {
	/* programs and namespaces */
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(unshare), SCMP_SYS(setns),
	SCMP_SYS(chroot), SCMP_SYS(pivot_root),
	/* other processes */
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd),
	SCMP_SYS(process_madvise), SCMP_SYS(kcmp), SCMP_SYS(userfaultfd), SCMP_SYS(prlimit64),
	/* the machine */
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(open_tree),
	SCMP_SYS(fsopen), SCMP_SYS(fsmount), SCMP_SYS(mount_setattr), SCMP_SYS(swapon),
	SCMP_SYS(swapoff), SCMP_SYS(reboot), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
	SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname), SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(nfsservctl),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
	/* keys, users, devices, and what nothing of ours asks for */
	SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(setuid),
	SCMP_SYS(setgid), SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setreuid),
	SCMP_SYS(setregid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid), SCMP_SYS(setgroups),
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(personality), SCMP_SYS(modify_ldt),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(vmsplice), SCMP_SYS(lookup_dcookie), SCMP_SYS(uselib),
};

int privilege_filter_daemon(struct diag *d)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	int r = c ? seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(denied); i++) {
		/* Its own limits are its own; those of others are not. */
		r = denied[i] == SCMP_SYS(prlimit64)
			    ? seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), denied[i], 1,
					       SCMP_A0(SCMP_CMP_NE, 0))
			    : seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	}
	if (r == 0)
		r = seccomp_load(c);
	seccomp_release(c);
	return r < 0 ? diag_fail(d, r, "system calls cannot be restricted: %s", strerror(-r)) : 0;
}
