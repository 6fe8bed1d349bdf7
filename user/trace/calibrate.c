// SPDX-License-Identifier: Apache-2.0
#include "trace/calibrate.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "calibrate.skel.h"
#include "trace/bpf_load.h"
#include "trace/uprobes.h"

/* Rounds of calls, of which the fastest counts: others were interrupted. */
#define ROUNDS 5
#define CALLS 500
/*
 * A loop of nothing but hits has the kernel's entry in its caches; a program that does other work
 * in between has not. With 1 MiB touched between hits (EPYC, L2 of that size) a trap was 1.7 to 2.3
 * times as dear, with 128 KiB 1.1 times. Taken is what is within a factor of 1.5 of both.
 */
#define COLDER 1.6

/*
 * One function for each kind of site, probed at its entry: the 5-byte nop, push, and something that
 * the kernel steps over (the comparison that Go functions begin with).
 */
void calibrate_trampoline(void);
void calibrate_emulated(void);
void calibrate_stepped(void);
__asm__(".pushsection .text\n"
	".balign 16\n"
	".globl calibrate_trampoline\n"
	".type calibrate_trampoline, @function\n"
	"calibrate_trampoline: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n ret\n"
	".size calibrate_trampoline, . - calibrate_trampoline\n"
	".balign 16\n"
	".globl calibrate_emulated\n"
	".type calibrate_emulated, @function\n"
	"calibrate_emulated: push %rbp\n pop %rbp\n ret\n"
	".size calibrate_emulated, . - calibrate_emulated\n"
	".balign 16\n"
	".globl calibrate_stepped\n"
	".type calibrate_stepped, @function\n"
	"calibrate_stepped: cmp 16(%rsp), %rsp\n ret\n"
	".size calibrate_stepped, . - calibrate_stepped\n"
	".popsection\n");

static void (*const functions[SITE_KINDS])(void) = {
	[SITE_TRAMPOLINE] = calibrate_trampoline,
	[SITE_EMULATED] = calibrate_emulated,
	[SITE_STEPPED] = calibrate_stepped,
};

struct place {
	uintptr_t addr;
	uint64_t offset;	/* in the file; found */
	bool found;
};

static int find_place(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct place *p = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + h->p_vaddr;

		if (h->p_type != PT_LOAD || p->addr < start || p->addr - start >= h->p_filesz)
			continue;
		p->offset = p->addr - start + h->p_offset;
		p->found = true;
		return 1;
	}
	return 0;
}

/* Of one call, by the fastest round. */
static double call_ns(void (*function)(void))
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = clock_now_ns(CLOCK_THREAD_CPUTIME_ID), ns;

		for (int i = 0; i < CALLS; i++)
			function();
		ns = clock_now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
		if (ns < best)
			best = ns;
	}
	return (double)best / CALLS;
}

struct run {
	struct calibrate_bpf *bpf;
	bool kinds[SITE_KINDS];
	double ns[SITE_KINDS];
};

/* On a thread that is not the process's first: see pid_covers_threads. */
static void *run_calls(void *arg)
{
	struct run *r = arg;

	for (int k = 0; k < SITE_KINDS; k++) {
		if (!r->kinds[k])
			continue;
		/* The trampoline takes the place of the trap after the first hits. */
		functions[k]();
		r->ns[k] = call_ns(functions[k]);
	}
	return NULL;
}

static int run_on_thread(struct run *run)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run_calls, run);

	if (r == 0)
		pthread_join(thread, NULL);
	return -r;
}

static int attach(struct run *run, bool multi, pid_t pid, struct uprobes **ret, struct diag *d)
{
	struct uprobe_point points[SITE_KINDS];
	size_t n = 0;

	for (int k = 0; k < SITE_KINDS; k++) {
		struct place p = { .addr = (uintptr_t)functions[k] };

		if (!run->kinds[k])
			continue;
		dl_iterate_phdr(find_place, &p);
		if (!p.found)
			return diag_fail(d, -EOPNOTSUPP, "loiter's own code is in no file");
		points[n++] = (struct uprobe_point){ p.offset, 0,
						     run->bpf->progs.calibrate_single };
	}
	return uprobes_attach(multi ? run->bpf->progs.calibrate_multi : NULL, pid,
			      "/proc/self/exe", points, n, ret, d);
}

static int measure(struct run *run, bool multi, struct calibration *c, struct diag *d)
{
	CLEANUP(uprobes_detach_p) struct uprobes *probes = NULL;
	double plain[SITE_KINDS];
	int r = run_on_thread(run);

	if (r < 0)
		return r;
	for (int k = 0; k < SITE_KINDS; k++)
		plain[k] = run->ns[k];
	r = attach(run, multi, getpid(), &probes, d);
	if (r == 0)
		r = run_on_thread(run);
	if (r < 0)
		return r;
	c->pid_covers_threads = run->bpf->bss->hits > 0;
	if (!c->pid_covers_threads) {
		uprobes_detach(TAKE(probes));
		r = attach(run, multi, -1, &probes, d);
		if (r == 0)
			r = run_on_thread(run);
		if (r < 0)
			return r;
	}
	for (int k = 0; k < SITE_KINDS; k++)
		if (run->kinds[k] && run->ns[k] > plain[k])
			c->hit_ns[k] = COLDER * (run->ns[k] - plain[k]);
	return 0;
}

int calibrate(uint32_t own_tgid, struct calibration *ret, struct diag *d)
{
	bool multi = uprobes_have_multi();
	struct run run = {
		.kinds = {
			[SITE_TRAMPOLINE] = site_nops(),
			[SITE_EMULATED] = true,
			/* Each probe of its own takes 100 ms to end: only what is needed. */
			[SITE_STEPPED] = multi,
		},
	};
	struct calibration c = { .multi = multi };
	int r;

	trace_bpf_quiet();
	run.bpf = calibrate_bpf__open();
	if (!run.bpf)
		return trace_bpf_fail(d, -errno, "calibration");
	run.bpf->rodata->own_tgid = own_tgid;
	bpf_program__set_autoload(run.bpf->progs.calibrate_multi, multi);
	bpf_program__set_autoload(run.bpf->progs.calibrate_single, !multi);
	r = calibrate_bpf__load(run.bpf);
	r = r < 0 ? trace_bpf_fail(d, r, "calibration") : measure(&run, multi, &c, d);
	calibrate_bpf__destroy(run.bpf);
	if (r < 0)
		return r;
	*ret = c;
	return 0;
}

int calibrate_programs_start(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

int calibrate_programs_read(const int *fds, size_t n, uint64_t *ns, uint64_t *runs)
{
	uint64_t all_ns = 0, all_runs = 0;

	for (size_t i = 0; i < n; i++) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);
		int r = bpf_prog_get_info_by_fd(fds[i], &info, &len);

		if (r < 0)
			return r;
		all_ns += info.run_time_ns;
		all_runs += info.run_cnt;
	}
	*ns = all_ns;
	*runs = all_runs;
	return 0;
}
