/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Everything that crosses the border between the kernel and user space: values of maps, records of
 * ring buffers, and the switches that user space sets before a load. A wire format: fixed-width
 * types, explicit padding, sizes asserted, kinds never renumbered. Addresses are the target's.
 */
#pragma once

#include <linux/types.h>

/* Frames of one stack that are kept; deeper ones are cut at the outer end. */
#define EV_FRAMES 64

/* Set when the stack came to its end; without it, it was cut or the frame pointers broke off. */
#define EV_STACK_WHOLE	0x1u
/* The thread was inside the kernel: frames[0] is the instruction after its system call. */
#define EV_IN_KERNEL	0x2u
/* The goroutine's code ran on the system stack (g0), so frames are those of that stack. */
#define EV_ON_G0	0x4u

/*
 * Where the Go runtime of a target keeps what the collectors read. All zero when there is none:
 * text < etext says that there is. Offsets in bytes, negative: this release has no such field.
 */
struct ev_go {
	__u64 text, etext;	/* Go code: [text, etext) */
	__s64 tls_off;		/* from a thread's fs base to the word that holds its g */
	__s32 g_stack_lo, g_stack_hi;
	__s32 g_m, g_goid;
	__s32 g_waitreason, g_parent_goid;
	__s32 g_gopc, g_startpc;
	__s32 g_sched_sp, g_sched_pc, g_sched_bp;
	__s32 g_tracking_seq;
	__s32 m_g0, m_curg;
	__s32 m_procid, reserved;
};
_Static_assert(sizeof(struct ev_go) == 88, "bpf/events.h is a wire format");

struct ev_stack {
	__u32 n;		/* of frames, innermost first: a pc, then return addresses */
	__u32 flags;		/* EV_STACK_WHOLE, ... */
	__u64 frames[EV_FRAMES];
};
_Static_assert(sizeof(struct ev_stack) == 520, "bpf/events.h is a wire format");

/* --- oncpu --- */

/* Key of the map of samples. Equal stacks have equal hashes; different ones hardly ever do. */
struct ev_oncpu_key {
	__u64 goid;		/* 0: not in Go, or no goroutine known */
	__u64 stack_hash;
	__u32 tid;		/* 0 where goid tells */
	__u32 flags;		/* EV_IN_KERNEL, EV_ON_G0 */
};
_Static_assert(sizeof(struct ev_oncpu_key) == 24, "bpf/events.h is a wire format");

struct ev_oncpu_value {
	__u64 samples;
	__u64 at_sp;		/* the word at the stack pointer, where it is an address of Go code; 0 */
	struct ev_stack stack;
};
_Static_assert(sizeof(struct ev_oncpu_value) == 536, "bpf/events.h is a wire format");

/* Slots of the counters. */
enum ev_oncpu_count {
	EV_ONCPU_SAMPLES = 0,	/* of the target */
	EV_ONCPU_LOST = 1,	/* of those: found no place in the map */
	EV_ONCPU_COUNTS
};

/* --- goroutine --- */

/* What was hit. In keys, events and cookies. Append only. */
enum ev_goroutine_kind {
	EV_GOROUTINE_PARK = 0,
	EV_GOROUTINE_READY = 1,
	EV_GOROUTINE_BIRTH = 2,
	EV_GOROUTINE_DEATH = 3,
	EV_GOROUTINE_KINDS
};

/* A reason that is not known: the goroutine parked before we looked. Reasons are bytes. */
#define EV_GOROUTINE_NO_REASON 0xffffu

/* A probe's cookie: what it is, and the frame at its place (trace/site.h). */
#define EV_COOKIE(kind, own_frame, ret_offset) \
	((__u64)(kind) | (__u64)!!(own_frame) << 8 | (__u64)(ret_offset) << 32)
#define EV_COOKIE_KIND(c)	((__u8)(c))
#define EV_COOKIE_OWN_FRAME(c)	((c) >> 8 & 1)
#define EV_COOKIE_RET_OFFSET(c)	((__u32)((c) >> 32))

struct ev_goroutine_config {
	__u32 tgid;		/* in the first pid namespace */
	__u32 sample_every;	/* report one hit of so many through the ring buffer; 0 none */
	__s32 g_waiting, sudog_c;	/* bytes; negative: not known */
	__u64 cookies[EV_GOROUTINE_KINDS];
};
_Static_assert(sizeof(struct ev_goroutine_config) == 48, "bpf/events.h is a wire format");

/*
 * What is counted apart. PARK: stack is the site's, from the caller of gopark. READY: stack is the
 * site of the park that ends, other the stack of who ended it. BIRTH, DEATH: stack is the return
 * address of the go statement, other the function that it started.
 */
struct ev_goroutine_key {
	__u64 stack, other;	/* a hash of the frames, or an address */
	__u32 kind;		/* EV_GOROUTINE_PARK, ... */
	__u32 reason;		/* PARK, READY: the runtime's number */
};
_Static_assert(sizeof(struct ev_goroutine_key) == 24, "bpf/events.h is a wire format");

/* wait_log2[i] counts waits of 2^i up to 2^(i+1) ns; the last one all that are longer. */
#define EV_GOROUTINE_LOG2 40

struct ev_goroutine_value {
	__u64 count;
	__u64 addr;		/* PARK: the last lock; BIRTH: hash of the last parent's stack */
	__u64 addr_changes;	/* how often it was another one than the time before */
	__u64 goid;		/* the last: PARK, DEATH its own, READY the waker's, BIRTH the parent's */
	__u64 wait_ns;		/* READY: the sum */
	__u32 wait_log2[EV_GOROUTINE_LOG2];
};
_Static_assert(sizeof(struct ev_goroutine_value) == 200, "bpf/events.h is a wire format");

/* One sampled hit, in the ring buffer. */
struct ev_goroutine {
	__u64 time_ns;		/* CLOCK_MONOTONIC */
	__u64 goid;		/* BIRTH: 0, it has none yet */
	__u64 other_goid;	/* READY: the waker's, 0 the scheduler; BIRTH: the parent's */
	__u64 addr;		/* PARK: the lock; READY: waited ns; BIRTH, DEATH: start pc */
	__u64 stack;		/* hash: PARK, READY, BIRTH who does it; DEATH: gopc itself */
	__u32 kind, reason;
};
_Static_assert(sizeof(struct ev_goroutine) == 48, "bpf/events.h is a wire format");

/* A park that has not ended, by g. */
struct ev_goroutine_park {
	__u64 stack, time_ns, goid;
	__u32 reason;
	__u16 burst;		/* of the probes: as `recording` was */
	__u8 tracking_seq;	/* of g just before it parked */
	__u8 reserved;
};
_Static_assert(sizeof(struct ev_goroutine_park) == 32, "bpf/events.h is a wire format");

/* Slots of the counters. */
enum ev_goroutine_count {
	EV_GOROUTINE_PARKS = 0,		/* hits, by kind */
	EV_GOROUTINE_READIES = 1,
	EV_GOROUTINE_BIRTHS = 2,
	EV_GOROUTINE_DEATHS = 3,
	EV_GOROUTINE_UNMATCHED = 4,	/* wakes of a goroutine whose park was not seen */
	EV_GOROUTINE_SAMPLED = 5,	/* events that were made */
	EV_GOROUTINE_LOST_EVENTS = 6,	/* of those: the ring buffer was full */
	EV_GOROUTINE_LOST_RECORDS = 7,	/* hits that found no place among the records */
	EV_GOROUTINE_LOST_STACKS = 8,	/* stacks that found none: a hash without frames */
	EV_GOROUTINE_OUTSIDE = 9,	/* hits while probes were going on or off: they cost, no more */
	EV_GOROUTINE_COUNTS
};

/* --- memory, mallocs, thread, futex: a stack to unwind later --- */

#define EV_STACK_COPY 2048
#define EV_REGS 17

struct ev_raw_stack {
	__u64 regs[EV_REGS];	/* by DWARF number: rax rdx rcx rbx rsi rdi rbp rsp r8-r15 rip */
	__u32 bytes;		/* of stack, from the stack pointer up */
	__u32 reserved;
	__u8 stack[EV_STACK_COPY];
};
_Static_assert(sizeof(struct ev_raw_stack) == 2192, "bpf/events.h is a wire format");

/* --- memory --- */

enum ev_memory_kind {		/* append only */
	EV_MEMORY_MMAP_ANON = 0,
	EV_MEMORY_MMAP_FILE = 1,
	EV_MEMORY_MMAP_RESERVE = 2,	/* PROT_NONE */
	EV_MEMORY_MUNMAP = 3,
	EV_MEMORY_MREMAP_GROW = 4,
	EV_MEMORY_MREMAP_SHRINK = 5,
	EV_MEMORY_BRK_GROW = 6,
	EV_MEMORY_BRK_SHRINK = 7,
	EV_MEMORY_MADV_DONTNEED = 8,
	EV_MEMORY_MADV_FREE = 9,
	EV_MEMORY_FAULT = 10,		/* the page was not there */
	EV_MEMORY_FAULT_WRITE = 11,	/* it was, not writable: copy on write */
	EV_MEMORY_KINDS = 12,
};

/* Sites of one interval: of each kind, each stack. */
#define EV_MEMORY_SITES 2048

struct ev_memory_key {
	__u32 kind;
	__u32 reserved;
	__u64 stack_hash;
};
_Static_assert(sizeof(struct ev_memory_key) == 16, "bpf/events.h is a wire format");

struct ev_memory_value {
	__u64 calls, bytes;
	__u32 samples;		/* of this site in this interval */
	__u32 reserved;
	struct ev_stack stack;
};
_Static_assert(sizeof(struct ev_memory_value) == 544, "bpf/events.h is a wire format");

/* Both kinds of records of the ring begin with it; the size tells them apart. */
struct ev_memory_event {
	__u32 kind;		/* of a short record: the range is no longer what it was */
	__u32 tid;
	__u64 addr, bytes, at_ns;
	__u64 stack_hash;	/* as in ev_memory_key */
};
_Static_assert(sizeof(struct ev_memory_event) == 40, "bpf/events.h is a wire format");

struct ev_memory_sample {
	struct ev_memory_event event;
	struct ev_raw_stack raw;
	struct ev_stack go;	/* of the goroutine whose stack it has left; n 0 without one */
};
_Static_assert(sizeof(struct ev_memory_sample) == 2752, "bpf/events.h is a wire format");

/* Memory that was had and not given back yet, by address; user space takes it out each look. */
#define EV_MEMORY_KEPT 8192

struct ev_memory_kept {
	__u64 bytes, at_ns, stack_hash;
	/* Where the first `moved_bytes` were when user space last looked; 0: nowhere. */
	__u64 moved_from, moved_bytes;
	__u32 kind;
	__u32 reserved;
};
_Static_assert(sizeof(struct ev_memory_kept) == 48, "bpf/events.h is a wire format");

/* The same with the stack of who had it, for so many: those that lasted are few. */
#define EV_MEMORY_KEPT_STACKS 512

struct ev_memory_kept_stack {
	struct ev_memory_kept kept;
	struct ev_raw_stack raw;
	struct ev_stack go;	/* as in a sample */
	__u32 tid;
	__u32 reserved;
};
_Static_assert(sizeof(struct ev_memory_kept_stack) == 2768, "bpf/events.h is a wire format");

/* Members of the kernel's rss_stat: file, anon, swap entries, shared memory. */
#define EV_RSS_MEMBERS 4

/* Slots of the counters. */
enum ev_memory_count {
	EV_MEMORY_CALLS = 0,			/* + kind */
	EV_MEMORY_BYTES = EV_MEMORY_KINDS,	/* + kind */
	EV_MEMORY_FAILED = 2 * EV_MEMORY_KINDS,	/* system calls that said no */
	EV_MEMORY_SITES_LOST,			/* events whose site found no place in the map */
	EV_MEMORY_SAMPLES_LOST,			/* samples that found no place in the ring */
	EV_MEMORY_SYSCALLS,			/* of the target, of any kind: each has its price */
	EV_MEMORY_NS,				/* that went into those about memory, and faults */
	EV_MEMORY_RSS_HITS,			/* changes of the resident pages */
	EV_MEMORY_KEPT_LOST,			/* ranges, had or given back, that found no place */
	EV_MEMORY_COUNTS
};

/* --- thread --- */

/* Stacks of one interval that threads were made from. */
#define EV_THREAD_SITES 512

struct ev_thread_site {
	__u64 births;
	struct ev_stack stack;	/* of the creating thread */
};
_Static_assert(sizeof(struct ev_thread_site) == 528, "bpf/events.h is a wire format");

struct ev_thread_born {
	__u64 at_ns;
	__u64 stack_hash;
};
_Static_assert(sizeof(struct ev_thread_born) == 16, "bpf/events.h is a wire format");

enum ev_thread_kind { EV_THREAD_BORN = 1, EV_THREAD_EXITED = 2 };	/* append only */

struct ev_thread_event {
	__u32 kind;
	__u32 tid;
	__u32 creator;		/* of a birth: a tid */
	__u32 reserved;
	__u64 at_ns;
	__u64 born_ns;		/* of an exit; 0: born before we looked */
	__u64 stack_hash;	/* of the site; 0: not known */
};
_Static_assert(sizeof(struct ev_thread_event) == 40, "bpf/events.h is a wire format");

struct ev_thread_sample {
	__u32 tid;		/* 0: its end will not be known */
	__u32 creator;
	__u64 at_ns;
	struct ev_raw_stack raw;	/* of the creator */
};
_Static_assert(sizeof(struct ev_thread_sample) == 2208, "bpf/events.h is a wire format");

/* Lifetimes are counted by the power of two of their nanoseconds: 2^47 ns are 39 hours. */
#define EV_THREAD_LIFETIMES 48

/* Slots of the counters. */
enum ev_thread_count {
	EV_THREAD_BIRTHS = 0,
	EV_THREAD_EXITS,
	EV_THREAD_FORKS,		/* new processes of the target */
	EV_THREAD_EVENTS_LOST,		/* found no room in the ring */
	EV_THREAD_SAMPLES_LOST,
	EV_THREAD_SITES_LOST,		/* births whose site found no place in the map */
	EV_THREAD_BORN_LOST,		/* births whose lifetime will not be known */
	EV_THREAD_LIFETIME,		/* + power of two */
	EV_THREAD_COUNTS = EV_THREAD_LIFETIME + EV_THREAD_LIFETIMES
};

/* --- mallocs --- */

/* Cookies of the probes: which function of the C library this is. */
enum ev_malloc_kind {		/* append only */
	EV_MALLOC = 1,
	EV_CALLOC = 2,
	EV_REALLOC = 3,
	EV_MEMALIGN = 4,	/* aligned_alloc, valloc and pvalloc as well */
	EV_POSIX_MEMALIGN = 5,
	EV_FREE = 6,
};

/* A sampled allocation of the current burst. */
struct ev_malloc_slot {
	__u64 addr;
	__u64 header;		/* the size word of the chunk, with its flags */
	__u64 at_ns;
	__u64 goid;		/* of the goroutine that called C; 0 none, or not known */
	__u32 tid;
	__u32 kind;
	__u32 burst;
	__u32 reserved;
	struct ev_raw_stack raw;	/* at the return to the caller */
	struct ev_stack go;	/* of the goroutine, from where it left Go; n 0 without one */
};
_Static_assert(sizeof(struct ev_malloc_slot) == 2760, "bpf/events.h is a wire format");

/* What became of a survivor of an earlier burst. */
enum ev_malloc_fate {		/* append only */
	EV_FATE_NONE = 0,
	EV_FATE_FREED = 1,	/* free() or realloc() was called on it */
	EV_FATE_REUSED = 2,	/* its address was handed out again, so it had been freed unseen */
};

/* Slots of the counters. */
enum ev_malloc_count {
	EV_MALLOC_ALLOCS = 0,
	EV_MALLOC_BYTES,
	EV_MALLOC_FREES,
	EV_MALLOC_MATCHED,	/* frees of what was sampled in the same burst */
	EV_MALLOC_SAMPLED,
	EV_MALLOC_LOST,		/* to be sampled, but there was no slot */
	EV_MALLOC_UNREADABLE,	/* no header before the address that was handed out */
	EV_MALLOC_ENTRY_HITS,	/* traps while armed */
	EV_MALLOC_RETURN_HITS,
	EV_MALLOC_OUTSIDE,	/* traps while probes go on or off */
	EV_MALLOC_COUNTS
};

/* --- futex --- */

struct ev_futex_side {
	__u32 tid;		/* of the first pid namespace; 0: never seen */
	__u32 reserved;
	struct ev_raw_stack raw;
};
_Static_assert(sizeof(struct ev_futex_side) == 2200, "bpf/events.h is a wire format");

struct ev_futex_key {
	__u32 tgid;
	__u32 op;		/* the system call's second argument */
	__u64 uaddr;
};
_Static_assert(sizeof(struct ev_futex_key) == 16, "bpf/events.h is a wire format");

/* Of the waits on one word that took at least the threshold and have ended. */
struct ev_futex_value {
	__u64 waits, total_ns, longest_ns;
	__u64 wakes;		/* of those that another thread's futex call on that word ended */
	__u64 waiter_wait_ns;	/* of `waiter`: the longest of which the stack was seen */
	__u64 waker_wait_ns;	/* the wait that `waker` ended: the longest such */
	__u32 busy;		/* one CPU at a time copies a side */
	__u16 timed;		/* the longest wait had a time limit */
	__u16 found;		/* it had begun before it was seen: longest_ns is a lower bound */
	__u32 val;		/* the system call's third argument in the longest wait */
	__u32 reserved;
	struct ev_futex_side waiter, waker;
};
_Static_assert(sizeof(struct ev_futex_value) == 64 + 2 * 2200, "bpf/events.h is a wire format");

/* A thread that sleeps in a futex now: what the iterator writes, one after the other. */
struct ev_futex_now {
	__u32 tgid, tid;
	__u64 uaddr;
	__u32 op, val;
	__u64 timeout;		/* address of the limit; 0 none */
	__u64 waited_ns;	/* 0: this is the first that is seen of it */
	__u64 switches;		/* times it has left the CPU */
	__u32 found;		/* it had begun before: waited_ns is a lower bound */
	__u32 reserved;
	__u64 regs[EV_REGS];
};
_Static_assert(sizeof(struct ev_futex_now) == 192, "bpf/events.h is a wire format");

enum ev_futex_count {
	EV_FUTEX_LOST = 0,	/* waits of at least the threshold that found no place in the map */
	EV_FUTEX_BLIND = 1,	/* sleeps that were not followed: no memory for them */
	EV_FUTEX_HITS = 2,	/* switches and wakes of the target's threads */
	EV_FUTEX_MEASURED = 3,	/* of these: the ones whose time was taken */
	EV_FUTEX_MEASURED_NS = 4,
	EV_FUTEX_COPIED_AT = 5,	/* no count: when the CPU last copied a stack */
	EV_FUTEX_COUNTS
};

/* --- processes --- */

/* What has happened to a process. Append only. */
enum ev_process_kind {
	EV_PROCESS_FORKED = 0,	/* it is there, as a copy of another one */
	EV_PROCESS_EXECED = 1,
	EV_PROCESS_EXITED = 2,	/* its first thread, after which it is nobody's to watch */
	EV_PROCESS_KINDS
};

struct ev_process {
	__u32 tgid;
	__u32 kind;
};
_Static_assert(sizeof(struct ev_process) == 8, "bpf/events.h is a wire format");

enum ev_process_count {
	EV_PROCESS_LOST = 0,	/* events that found no room */
	EV_PROCESS_COUNTS
};
