/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a probe's hit costs on this machine: small functions of loiter itself are called with probes
 * on them and without. And what programs in the kernel have cost, by the kernel's own clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "trace/site.h"

struct calibration {
	/*
	 * CPU time of one hit by kind of site, with a program that does nothing, in a program that
	 * has other work as well; 0 not measured.
	 */
	double hit_ns[SITE_KINDS];
	bool multi;		/* uprobe_multi was used, and can be */
	/*
	 * Before Linux 6.11 a uprobe_multi link for one pid calls its program for that process's
	 * first thread alone: false there. Then a link must be for all, and filter by itself.
	 */
	bool pid_covers_threads;
};

/*
 * Takes about 50 ms, most of them asleep. `own_tgid`: this process's id in the first pid namespace.
 * -EPERM, -EOPNOTSUPP with the sentence, -ENOMEM.
 */
int calibrate(uint32_t own_tgid, struct calibration *ret, struct diag *d);

/*
 * Has the kernel measure the programs' time, while the descriptor that it returns is open. Costs
 * each run of any program on the machine some 30 ns. Or -errno.
 */
int calibrate_programs_start(void);
/* The sums of these programs, of all time in which the kernel has measured. 0 or -errno. */
int calibrate_programs_read(const int *fds, size_t n, uint64_t *ns, uint64_t *runs);
