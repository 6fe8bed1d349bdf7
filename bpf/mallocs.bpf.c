// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the target's C library hands out and takes back while a burst is armed. An allocation takes
 * a slot and keeps it until it is freed: what is left at the end are the survivors. User space puts
 * those into `aged`, so that later bursts see what becomes of them.
 *
 * Programs of uprobe_multi may be preempted by one another on one CPU: there is no scratch memory
 * by CPU here, and counters are added to atomically.
 */
#include "go_caller.bpf.h"
#include "maps.bpf.h"
#include "raw_stack.bpf.h"
#include "stack.bpf.h"

const volatile __u32 target_tgid;
const volatile __u32 sample_every;	/* one allocation in so many, at random */
const volatile struct ev_go go;

__u32 armed;		/* set once every site is attached */
__u32 burst;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct ev_malloc_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 2048);
	__uint(value_size, sizeof(__u32));
} free_slots SEC(".maps");

/* By address: the slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, __u32);
} live SEC(".maps");

/* By address: the index of its fate. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} aged SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} fates SEC(".maps");

/* By tid: where posix_memalign() is to leave its result. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

COUNTS_MAP(EV_MALLOC_COUNTS);

static __always_inline void count(__u32 slot, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &slot);

	if (value)
		__sync_fetch_and_add(value, n);
}

static __always_inline void set_fate(__u64 addr, __u64 fate)
{
	__u32 *index = bpf_map_lookup_elem(&aged, &addr);
	__u64 *value;

	if (!index)
		return;
	value = bpf_map_lookup_elem(&fates, index);
	if (value)
		*value = fate;
	bpf_map_delete_elem(&aged, &addr);
}

static __always_inline void on_release(__u64 addr)
{
	__u32 *slot = bpf_map_lookup_elem(&live, &addr);
	__u32 index;

	if (!slot) {
		set_fate(addr, EV_FATE_FREED);
		return;
	}
	index = *slot;
	/* Who takes it out of the map owns the slot. */
	if (bpf_map_delete_elem(&live, &addr))
		return;
	bpf_map_push_elem(&free_slots, &index, 0);
	count(EV_MALLOC_MATCHED, 1);
}

static __always_inline void fill(struct ev_malloc_slot *s, __u64 addr, __u64 header, __u32 kind,
				 const struct pt_regs *ctx)
{
	s->addr = addr;
	s->header = header;
	s->at_ns = bpf_ktime_get_ns();
	s->tid = (__u32)bpf_get_current_pid_tgid();
	s->kind = kind;
	s->burst = burst;
	s->reserved = 0;
	RAW_REGS_FILL(&s->raw, ctx);
	raw_stack_copy(&s->raw);
	s->goid = go_caller_stack(&go, &s->go);
}

static __always_inline void on_alloc(const struct pt_regs *ctx, __u64 addr, __u32 kind)
{
	struct ev_malloc_slot *s;
	__u64 header = 0;
	__u32 *old, index;

	/* glibc's malloc_chunk: the size stands in the word before what the caller gets. */
	if (bpf_probe_read_user(&header, sizeof(header), (void *)(addr - 8))) {
		count(EV_MALLOC_UNREADABLE, 1);
		return;
	}
	count(EV_MALLOC_ALLOCS, 1);
	count(EV_MALLOC_BYTES, header & ~7ull);
	set_fate(addr, EV_FATE_REUSED);
	/* realloc(NULL, n) is seen twice: as the malloc() inside, then as what the caller called. */
	old = bpf_map_lookup_elem(&live, &addr);
	if (old) {
		index = *old;
	} else {
		if (sample_every > 1 && bpf_get_prandom_u32() % sample_every)
			return;
		if (bpf_map_pop_elem(&free_slots, &index)) {
			count(EV_MALLOC_LOST, 1);
			return;
		}
	}
	s = bpf_map_lookup_elem(&slots, &index);
	if (!s)
		return;
	fill(s, addr, header, kind, ctx);
	if (old)
		return;
	if (bpf_map_update_elem(&live, &addr, &index, BPF_ANY)) {
		bpf_map_push_elem(&free_slots, &index, 0);
		count(EV_MALLOC_LOST, 1);
		return;
	}
	count(EV_MALLOC_SAMPLED, 1);
}

/* A child between vfork() and exec shares the memory, and so the probes. */
static __always_inline bool is_recording(void)
{
	return armed && current_tgid() == target_tgid;
}

static __always_inline void on_entry(__u32 kind, __u64 arg)
{
	__u32 tid;

	if (!arg)
		return;
	if (kind == EV_POSIX_MEMALIGN) {
		tid = (__u32)bpf_get_current_pid_tgid();
		bpf_map_update_elem(&results, &tid, &arg, BPF_ANY);
		return;
	}
	/*
	 * What realloc() is given counts as gone even when it fails or stays in place: an
	 * allocation that was resized is a new one, and one forgotten too many does no harm.
	 */
	count(EV_MALLOC_FREES, 1);
	on_release(arg);
}

static __always_inline void on_return(const struct pt_regs *ctx, __u32 kind)
{
	__u64 addr = ctx->rax, *result;
	__u32 tid;

	if (kind == EV_POSIX_MEMALIGN) {
		tid = (__u32)bpf_get_current_pid_tgid();
		result = bpf_map_lookup_elem(&results, &tid);
		/* It returns 0 or an error number. */
		addr = result && !(__u32)ctx->rax ? read_user_u64(*result) : 0;
		bpf_map_delete_elem(&results, &tid);
	}
	if (addr)
		on_alloc(ctx, addr, kind);
}

extern bool bpf_session_is_return(void) __ksym __weak;

/*
 * Linux 6.13: one program at entry and return. What it answers at the entry says whether the
 * return is to trap: not for free(), and for nothing while the burst is not armed.
 */
SEC("uprobe.multi")
int mallocs_session(struct pt_regs *ctx)
{
	__u32 kind = (__u32)bpf_get_attach_cookie(ctx);

	if (!is_recording()) {
		count(EV_MALLOC_OUTSIDE, 1);
		return 1;
	}
	if (bpf_session_is_return()) {
		count(EV_MALLOC_RETURN_HITS, 1);
		on_return(ctx, kind);
		return 0;
	}
	count(EV_MALLOC_ENTRY_HITS, 1);
	if (kind == EV_FREE || kind == EV_REALLOC || kind == EV_POSIX_MEMALIGN)
		on_entry(kind, ctx->rdi);
	return kind == EV_FREE;
}

/* Before: a link of entries, free() and the two that need theirs, and a link of returns. */
SEC("uprobe.multi")
int mallocs_entry(struct pt_regs *ctx)
{
	if (!is_recording()) {
		count(EV_MALLOC_OUTSIDE, 1);
		return 0;
	}
	count(EV_MALLOC_ENTRY_HITS, 1);
	on_entry((__u32)bpf_get_attach_cookie(ctx), ctx->rdi);
	return 0;
}

/* Its entry has trapped as well, without a program. */
SEC("uretprobe.multi")
int mallocs_return(struct pt_regs *ctx)
{
	if (!is_recording()) {
		count(EV_MALLOC_OUTSIDE, 2);
		return 0;
	}
	count(EV_MALLOC_ENTRY_HITS, 1);
	count(EV_MALLOC_RETURN_HITS, 1);
	on_return(ctx, (__u32)bpf_get_attach_cookie(ctx));
	return 0;
}

LOITER_BPF_LICENSE;
