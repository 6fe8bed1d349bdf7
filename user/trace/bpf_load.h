/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every collector does with libbpf alike: its messages become reasons of ours, and maps that
 * are filled in the kernel are emptied here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/*
 * From now on libbpf prints nothing; what it would have printed is kept for trace_bpf_fail(), by
 * thread. To be called before a skeleton is opened; as often as one likes.
 */
void trace_bpf_quiet(void);

/*
 * Makes a reason of a libbpf call that failed with err while `what` ("oncpu") was loaded or
 * attached: a missing capability is named, a verifier's refusal is quoted. Returns -EPERM,
 * -EOPNOTSUPP, -ENOMEM or err.
 */
int trace_bpf_fail(struct diag *d, int err, const char *what);

/* The sum over all CPUs of slot `slot` of a BPF_MAP_TYPE_PERCPU_ARRAY of u64. 0 or -errno. */
int trace_sum_percpu(int map_fd, uint32_t slot, uint64_t *ret);

/*
 * Two hash maps, in turn filled by programs and emptied by us: `outer` is the ARRAY_OF_MAPS with
 * one slot through which programs find the one to fill. Descriptors are borrowed.
 */
struct trace_pair {
	int outer, maps[2];
	int filling;		/* index of the one that programs fill */
};

/*
 * Has programs fill the other map, and gives the one they filled until now in *ret_full: no
 * program uses it any more when this returns (Linux 4.19: maybe_wait_bpf_programs()). 0 or -errno.
 */
int trace_pair_swap(struct trace_pair *p, int *ret_full);

/* Empties a hash map: `take` is called for each entry until it fails. 0, what take said, -errno. */
int trace_map_drain(int map_fd, size_t key_size, size_t value_size,
		    int (*take)(void *arg, const void *key, const void *value), void *arg);
