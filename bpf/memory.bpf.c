// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where the target's memory comes from the kernel and goes back: mappings, the break, advice, page
 * faults, and how high its resident pages rose. Totals by kind are exact; sites are stacks by frame
 * pointers, and a sample of the growing ones carries registers and stack for a better unwinding.
 */
#include <asm/unistd_64.h>
#include <linux/mman.h>

#include "go_caller.bpf.h"
#include "maps.bpf.h"
#include "raw_stack.bpf.h"
#include "stack.bpf.h"

const volatile __u32 target_tgid;
const volatile struct ev_go go;
/* Stack copies of one site in one interval; 0: of each call. */
const volatile __u32 samples_per_site;
/* One page fault in so many is given to its site, and stands for all of them there; 0: each. */
const volatile __u32 fault_site_every;
/* Of those, one in so many is sampled with its stack; 0: none. */
const volatile __u32 fault_sample_every;

/* The break after the last brk(); user space knows the first from the maps. 0: not known. */
__u64 last_brk;
__u64 rss_peak_pages[EV_RSS_MEMBERS];

INTERVAL_MAPS(sites, EV_MEMORY_SITES, struct ev_memory_key, struct ev_memory_value);

COUNTS_MAP(EV_MEMORY_COUNTS);

SCRATCH_MAP(scratch, struct ev_memory_value);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EV_MEMORY_KEPT);
	__type(key, __u64);
	__type(value, struct ev_memory_kept);
} kept SEC(".maps");

/* An address is in one of the two. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EV_MEMORY_KEPT_STACKS);
	__type(key, __u64);
	__type(value, struct ev_memory_kept_stack);
} kept_stacks SEC(".maps");

SCRATCH_MAP(kept_scratch, struct ev_memory_kept_stack);

/* NULL: no room. */
static __always_inline struct ev_memory_value *add_site(const struct ev_memory_key *key,
							const struct ev_memory_value *value)
{
	struct ev_memory_value *site;
	bool added;

	site = interval_value(&sites, key, value, &added);
	if (site && !added) {
		__sync_fetch_and_add(&site->calls, value->calls);
		__sync_fetch_and_add(&site->bytes, value->bytes);
	}
	return site;
}

static __always_inline void fill_event(struct ev_memory_event *e, __u32 kind, __u64 addr,
				       __u64 bytes, __u64 hash)
{
	e->kind = kind;
	e->tid = (__u32)bpf_get_current_pid_tgid();
	e->addr = addr;
	e->bytes = bytes;
	e->at_ns = bpf_ktime_get_ns();
	e->stack_hash = hash;
}

static __always_inline void send_sample(__u32 kind, __u64 addr, __u64 bytes, __u64 hash,
					const struct pt_regs *regs)
{
	struct ev_memory_sample *s = bpf_ringbuf_reserve(&samples, sizeof(*s), 0);

	if (!s) {
		count_add(&counts, EV_MEMORY_SAMPLES_LOST, 1);
		return;
	}
	fill_event(&s->event, kind, addr, bytes, hash);
	RAW_REGS_FILL(&s->raw, regs);
	raw_stack_copy(&s->raw);
	go_caller_stack(&go, &s->go);
	bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
}

/* One of many; first ones of a site, so that each has some. */
static __always_inline bool is_sampled(struct ev_memory_value *site)
{
	if (!samples_per_site)
		return true;
	if (!site)
		return false;
	return __sync_fetch_and_add(&site->samples, 1) < samples_per_site;
}

/* Does a call end just before addr? E8 rel32, or FF /2 in one of its lengths (Intel SDM, CALL). */
static __always_inline bool follows_call(__u64 addr)
{
	__u8 b[8];

	if (bpf_probe_read_user(b, sizeof(b), (void *)(addr - 8)))
		return false;
	if (b[3] == 0xe8)
		return true;
	for (int i = 1; i <= 6; i++)
		if (b[i] == 0xff && (b[i + 1] >> 3 & 7) == 2)
			return true;
	return false;
}

/*
 * A function that makes a system call mostly has no frame: its caller's address is what the stack
 * pointer points at, and the frame pointer leads past it.
 */
static __always_inline void add_caller(struct ev_stack *s, __u64 sp)
{
	__u64 caller = 0;

	if (bpf_probe_read_user(&caller, sizeof(caller), (void *)sp) || !caller ||
	    (s->n > 1 && s->frames[1] == caller) || !follows_call(caller))
		return;
	if (s->n >= EV_FRAMES)
		s->n = EV_FRAMES - 1;
	for (int i = EV_FRAMES - 1; i > 1; i--)
		if (i <= s->n)
			s->frames[i] = s->frames[i - 1];
	s->frames[1] = caller;
	s->n++;
}

/* Counts it at its site, and samples it where `sampled`. Its site, by the hash of its stack. */
static __always_inline __u64 add_site_event(__u32 kind, __u64 addr, __u64 calls, __u64 bytes,
					    bool sampled, const struct pt_regs *regs)
{
	struct ev_memory_key key = { .kind = kind };
	struct ev_memory_value *value = map_first(&scratch), *site;

	if (!value)
		return 0;
	value->calls = calls;
	value->bytes = bytes;
	value->samples = 0;
	value->reserved = 0;
	stack_walk(&value->stack, regs->rip, regs->rsp, regs->rbp);
	if (kind < EV_MEMORY_FAULT)
		add_caller(&value->stack, regs->rsp);
	key.stack_hash = stack_hash(&value->stack);
	site = add_site(&key, value);
	if (!site)
		count_add(&counts, EV_MEMORY_SITES_LOST, 1);
	if (sampled && is_sampled(site))
		send_sample(kind, addr, bytes, key.stack_hash, regs);
	return key.stack_hash;
}

static __always_inline __u64 add_event(__u32 kind, __u64 addr, __u64 bytes, bool sampled,
				       const struct pt_regs *regs)
{
	count_add(&counts, EV_MEMORY_CALLS + kind, 1);
	count_add(&counts, EV_MEMORY_BYTES + kind, bytes);
	return add_site_event(kind, addr, 1, bytes, sampled, regs);
}

static __always_inline void keep(__u64 addr, struct ev_memory_kept *value,
				 const struct pt_regs *regs)
{
	struct ev_memory_kept_stack *full = map_first(&kept_scratch);

	value->at_ns = bpf_ktime_get_ns();
	if (!full)
		return;
	full->kept = *value;
	full->tid = (__u32)bpf_get_current_pid_tgid();
	full->reserved = 0;
	RAW_REGS_FILL(&full->raw, regs);
	raw_stack_copy(&full->raw);
	go_caller_stack(&go, &full->go);
	bpf_map_delete_elem(&kept, &addr);
	if (bpf_map_update_elem(&kept_stacks, &addr, full, BPF_ANY) &&
	    bpf_map_update_elem(&kept, &addr, value, BPF_ANY))
		count_add(&counts, EV_MEMORY_KEPT_LOST, 1);
}

/* What is known to be kept at addr, in either map. */
static __always_inline struct ev_memory_kept *find_kept(__u64 addr)
{
	struct ev_memory_kept_stack *full = bpf_map_lookup_elem(&kept_stacks, &addr);

	return full ? &full->kept : bpf_map_lookup_elem(&kept, &addr);
}

static __always_inline bool forget_kept(__u64 addr)
{
	return bpf_map_delete_elem(&kept_stacks, &addr) == 0 ||
	       bpf_map_delete_elem(&kept, &addr) == 0;
}

/* What came and went between two looks is not told at all. */
static __always_inline void release(__u32 kind, __u64 addr, __u64 bytes)
{
	struct ev_memory_kept *k = find_kept(addr);
	struct ev_memory_event *e;

	if (k && k->bytes == bytes && forget_kept(addr))
		return;
	e = bpf_ringbuf_reserve(&samples, sizeof(*e), 0);
	if (!e) {
		count_add(&counts, EV_MEMORY_KEPT_LOST, 1);
		return;
	}
	fill_event(e, kind, addr, bytes, 0);
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

static __always_inline __u64 page_up(__u64 bytes)
{
	return (bytes + 4095) & ~4095ull;
}

/*
 * What a call has changed. All kinds end in one walk of the stack and one copy: the verifier goes
 * through each of them once, which is most of the time that loading takes.
 */
struct change {
	__u32 kind;
	bool sampled, keeps, releases;
	__u64 addr, bytes;	/* of the event */
	__u64 at, length;	/* that is kept, or released */
	__u64 moved_from, moved_bytes;
};

static __always_inline void on_mmap(const struct pt_regs *regs, __u64 ret, struct change *c)
{
	c->kind = EV_MEMORY_MMAP_FILE;
	if (regs->rdx == PROT_NONE)
		c->kind = EV_MEMORY_MMAP_RESERVE;
	else if (regs->r10 & MAP_ANONYMOUS)
		c->kind = EV_MEMORY_MMAP_ANON;
	c->keeps = c->sampled = c->kind == EV_MEMORY_MMAP_ANON;
	c->releases = !c->keeps && (regs->r10 & MAP_FIXED);
	c->addr = c->at = ret;
	c->bytes = c->length = page_up(regs->rsi);
}

/* What it was and where, so that its age is known wherever it goes. */
static __always_inline void move_kept(__u64 from, __u64 from_bytes, struct change *c)
{
	struct ev_memory_kept *k = find_kept(from);

	c->moved_from = from;
	c->moved_bytes = from_bytes;
	if (k) {
		c->moved_from = k->moved_from;
		c->moved_bytes = k->moved_bytes;
		forget_kept(from);
	}
}

static __always_inline void on_mremap(const struct pt_regs *regs, __u64 ret, struct change *c)
{
	__u64 from = page_up(regs->rsi), to = page_up(regs->rdx);

	c->addr = ret;
	if (to > from) {
		c->kind = EV_MEMORY_MREMAP_GROW;
		c->sampled = c->keeps = true;
		c->bytes = to - from;
		c->at = ret;
		c->length = to;
		move_kept(regs->rdi, from, c);
	} else if (to < from) {
		c->kind = EV_MEMORY_MREMAP_SHRINK;
		c->releases = true;
		c->bytes = c->length = from - to;
		c->at = regs->rdi + to;
	}
}

static __always_inline void on_brk(__u64 ret, struct change *c)
{
	__u64 last = last_brk;

	last_brk = ret;
	if (!last)
		return;
	if (ret > last) {
		c->kind = EV_MEMORY_BRK_GROW;
		c->sampled = c->keeps = true;
		c->addr = c->at = last;
		c->bytes = c->length = ret - last;
	} else if (ret < last) {
		c->kind = EV_MEMORY_BRK_SHRINK;
		c->releases = true;
		c->addr = c->at = ret;
		c->bytes = c->length = last - ret;
	}
}

static __always_inline void on_madvise(const struct pt_regs *regs, struct change *c)
{
	if (regs->rdx == MADV_DONTNEED)
		c->kind = EV_MEMORY_MADV_DONTNEED;
	else if (regs->rdx == MADV_FREE)
		c->kind = EV_MEMORY_MADV_FREE;
	c->addr = regs->rdi;
	c->bytes = page_up(regs->rsi);
}

static __always_inline void on_munmap(const struct pt_regs *regs, struct change *c)
{
	c->kind = EV_MEMORY_MUNMAP;
	c->releases = true;
	c->addr = c->at = regs->rdi;
	c->bytes = c->length = page_up(regs->rsi);
}

/* Most system calls are not: they pay for reading one register. */
static __always_inline bool is_about_memory(const struct pt_regs *regs)
{
	__u64 nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr), (void *)regs + __builtin_offsetof(struct pt_regs, orig_rax));
	return nr == __NR_mmap || nr == __NR_munmap || nr == __NR_mremap || nr == __NR_brk ||
	       nr == __NR_madvise;
}

static __always_inline void apply(const struct change *c, const struct pt_regs *regs)
{
	__u64 hash = add_event(c->kind, c->addr, c->bytes, c->sampled, regs);

	if (c->keeps) {
		struct ev_memory_kept value = {
			.bytes = c->length, .stack_hash = hash, .kind = c->kind,
			.moved_from = c->moved_from, .moved_bytes = c->moved_bytes,
		};

		keep(c->at, &value, regs);
	} else if (c->releases) {
		release(c->kind, c->at, c->length);
	}
}

static __always_inline void on_syscall(const struct pt_regs *regs, __s64 ret)
{
	struct change c = { .kind = EV_MEMORY_KINDS };

	if (ret < 0 && ret >= -4095) {
		count_add(&counts, EV_MEMORY_FAILED, 1);
		return;
	}
	switch (regs->orig_rax) {
	case __NR_mmap:
		on_mmap(regs, (__u64)ret, &c);
		break;
	case __NR_munmap:
		on_munmap(regs, &c);
		break;
	case __NR_mremap:
		on_mremap(regs, (__u64)ret, &c);
		break;
	case __NR_brk:
		on_brk((__u64)ret, &c);
		break;
	case __NR_madvise:
		on_madvise(regs, &c);
		break;
	}
	barrier();
	if (c.kind < EV_MEMORY_KINDS)
		apply(&c, regs);
}

/*
 * On the way out the registers still hold the number and the arguments, so that one program on one
 * tracepoint sees both the question and the answer.
 */
SEC("raw_tp/sys_exit")
int memory_sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs regs;
	__u64 began;

	if (current_tgid() != target_tgid)
		return 0;
	count_add(&counts, EV_MEMORY_SYSCALLS, 1);
	if (!is_about_memory((void *)ctx->args[0]))
		return 0;
	began = bpf_ktime_get_ns();
	if (bpf_probe_read_kernel(&regs, sizeof(regs), (void *)ctx->args[0]))
		return 0;
	on_syscall(&regs, (__s64)ctx->args[1]);
	count_add(&counts, EV_MEMORY_NS, bpf_ktime_get_ns() - began);
	return 0;
}

/* Bit 0 of the processor's error code: the page was there, only not writable. */
enum { FAULT_PRESENT = 1 };

/* The stack of each would make a fault twice as dear as it is. */
static __always_inline void sample_fault(struct bpf_raw_tracepoint_args *ctx, __u32 kind,
					 __u32 random)
{
	__u32 stands_for = fault_site_every > 1 ? fault_site_every : 1;
	__u64 began = bpf_ktime_get_ns();
	struct pt_regs regs;
	bool sampled;

	if (bpf_probe_read_kernel(&regs, sizeof(regs), (void *)ctx->args[1]))
		return;
	sampled = fault_sample_every && random / stands_for % fault_sample_every == 0;
	add_site_event(kind, ctx->args[0], stands_for, 4096ull * stands_for, sampled, &regs);
	count_add(&counts, EV_MEMORY_NS, bpf_ktime_get_ns() - began);
}

SEC("raw_tp/page_fault_user")
int memory_page_fault(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 kind, random;

	if (current_tgid() != target_tgid)
		return 0;
	kind = ctx->args[2] & FAULT_PRESENT ? EV_MEMORY_FAULT_WRITE : EV_MEMORY_FAULT;
	count_add(&counts, EV_MEMORY_CALLS + kind, 1);
	count_add(&counts, EV_MEMORY_BYTES + kind, 4096);
	random = bpf_get_prandom_u32();
	if (fault_site_every <= 1 || random % fault_site_every == 0)
		sample_fault(ctx, kind, random);
	return 0;
}

/* Linux 6.2 made a percpu_counter of each; before, the tracepoint passes the number. */
struct percpu_counter {
	__s64 count;
} __attribute__((preserve_access_index));

struct mm_struct___rss {
	struct percpu_counter rss_stat[EV_RSS_MEMBERS];
} __attribute__((preserve_access_index));

static __always_inline void raise(__u32 member, __s64 pages)
{
	if (pages > 0 && (__u64)pages > rss_peak_pages[member])
		rss_peak_pages[member] = (__u64)pages;
}

SEC("raw_tp/rss_stat")
int memory_rss_stat(struct bpf_raw_tracepoint_args *ctx)
{
	struct mm_struct___rss *mm = (void *)ctx->args[0];
	struct task_struct *task;

	if (current_tgid() != target_tgid)
		return 0;
	count_add(&counts, EV_MEMORY_RSS_HITS, 1);
	/* It may be another's memory: of a child that is being made, or by ptrace. */
	task = (struct task_struct *)bpf_get_current_task();
	if ((void *)BPF_CORE_READ(task, mm) != (void *)mm)
		return 0;
	switch ((__u32)ctx->args[1]) {
	case 0:
		raise(0, BPF_CORE_READ(mm, rss_stat[0].count));
		break;
	case 1:
		raise(1, BPF_CORE_READ(mm, rss_stat[1].count));
		break;
	case 2:
		raise(2, BPF_CORE_READ(mm, rss_stat[2].count));
		break;
	case 3:
		raise(3, BPF_CORE_READ(mm, rss_stat[3].count));
		break;
	}
	return 0;
}

LOITER_BPF_LICENSE;
