/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps that most collectors have, by the names under which user space finds them. */
#pragma once

#include "kernel.bpf.h"

/* `counts`: a number for each slot and CPU, which user space sums. */
#define COUNTS_MAP(slots)					\
	struct {						\
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);	\
		__uint(max_entries, slots);			\
		__type(key, __u32);				\
		__type(value, __u64);				\
	} counts SEC(".maps")

/* Not where programs of one CPU may preempt each other: there counts are added atomically. */
static __always_inline void count_add(void *map, __u32 slot, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(map, &slot);

	if (value)
		*value += n;
}

/* One value for each CPU, map_first() of it: a stack is too large for a program's own 512 bytes. */
#define SCRATCH_MAP(name, value_type)				\
	struct {						\
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);	\
		__uint(max_entries, 1);				\
		__type(key, __u32);				\
		__type(value, value_type);			\
	} name SEC(".maps")

/*
 * What is counted in one interval: NAME_a or NAME_b, whichever is in the one slot of NAME. User
 * space swaps it for the other one, which is empty (trace_pair_swap()).
 */
#define INTERVAL_MAPS(name, entries, key_type, value_type)	\
	struct name##_map {					\
		__uint(type, BPF_MAP_TYPE_HASH);		\
		__uint(max_entries, entries);			\
		__type(key, key_type);				\
		__type(value, value_type);			\
	} name##_a SEC(".maps"), name##_b SEC(".maps");		\
	struct {						\
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);	\
		__uint(max_entries, 1);				\
		__type(key, __u32);				\
		__array(values, struct name##_map);		\
	} name SEC(".maps") = { .values = { &name##_a } }

static __always_inline void *map_first(void *map)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(map, &zero);
}

/*
 * What the interval has for key: what was there, or a copy of `value`, and then it is *added, which
 * may be NULL. NULL: there is no room.
 */
static __always_inline void *interval_value(void *interval, const void *key, const void *value,
					    bool *added)
{
	void *map = map_first(interval), *old;
	bool is_new;

	if (added)
		*added = false;
	if (!map)
		return NULL;
	old = bpf_map_lookup_elem(map, key);
	if (old)
		return old;
	/* Another CPU may put the same there in between. */
	is_new = bpf_map_update_elem(map, key, value, BPF_NOEXIST) == 0;
	if (added)
		*added = is_new;
	return bpf_map_lookup_elem(map, key);
}
