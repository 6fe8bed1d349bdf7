// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Long sleeps in futexes. Not by the system call's tracepoints, which every call would pay, but
 * where a thread leaves and enters a CPU: only calls that block come there.
 *
 * The programs may be off for any time in between. A thread's count of switches is that of its
 * last sleep for as long as it sleeps, so what was noted of a sleep is known to be of this one.
 */
#include "maps.bpf.h"
#include "raw_stack.bpf.h"

const volatile __u32 target_tgid;	/* 0: every process, but our own */
const volatile __u32 own_tgid;
const volatile __u64 threshold_ns;
/* arch/x86/entry/syscalls/syscall_64.tbl, include/linux/sched.h */
#define SYS_FUTEX 202
#define TASK_INTERRUPTIBLE 1
#define PF_KTHREAD 0x00200000
/* include/uapi/linux/futex.h: FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2 */
#define WAITING_CMDS (1u << 0 | 1u << 6 | 1u << 9 | 1u << 11 | 1u << 13)

/* A stack costs more than all the rest: of sleeps that need not be long, so often a CPU. */
#define COPY_EVERY_NS 1000000
/* One hit of so many is measured; a power of two. */
#define MEASURE_EVERY 16
/* Words that long waits were seen for, by hash; a power of two. */
#define HOT 256

/* One sleep, from the moment its thread left the CPU, or was found asleep. */
struct sleep {
	__u64 since;		/* 0: none */
	__u64 switches;		/* of the thread: another number, and this is over */
	struct ev_futex_key key;
	__u32 val;
	__u8 found;		/* it slept before `since` already */
	__u8 was_long;		/* the thread's last sleep that was seen to end */
	__u16 pad;
	__u64 timeout;
	struct ev_futex_side side;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sleep);
} sleeps SEC(".maps");

INTERVAL_MAPS(locks, 512, struct ev_futex_key, struct ev_futex_value);

/* A value to begin with. */
static const struct ev_futex_value nothing;

COUNTS_MAP(EV_FUTEX_COUNTS);

__u64 hot[HOT];

static __always_inline bool is_watched(struct task_struct *task)
{
	if (target_tgid)
		return task->tgid == target_tgid;
	return task->tgid != own_tgid && !(task->flags & PF_KTHREAD);
}

static __always_inline bool sleeps_interruptibly(struct task_struct *task)
{
	struct task_struct___old *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return task->__state & TASK_INTERRUPTIBLE;
	return old->state & TASK_INTERRUPTIBLE;
}

static __always_inline __u64 switches_of(struct task_struct *task)
{
	return task->nvcsw + task->nivcsw;
}

/* The registers with which the thread entered the kernel: all of them are saved there. */
static __always_inline struct pt_regs *regs_of(struct task_struct *task)
{
	return (struct pt_regs *)bpf_task_pt_regs(task);
}

static __always_inline bool waits_in_futex(const struct pt_regs *r)
{
	return r->orig_rax == SYS_FUTEX && (WAITING_CMDS >> (r->rsi & 31) & 1) &&
	       (r->rsi & 0x7f) < 32;
}

/* The slot where a word is found when it was waited for long. */
static __always_inline __u32 slot_of(__u64 uaddr)
{
	return (uaddr >> 2) * 0x9e3779b97f4a7c15ull >> 40 & (HOT - 1);
}

/*
 * Who slept long does so again, and so do those who wait for the same lock. Of the others as many
 * as cost nothing: all of them, where there are few.
 */
static __always_inline bool wants_stack(const struct sleep *s)
{
	__u32 slot = EV_FUTEX_COPIED_AT;
	__u64 *copied_at;

	if (s->was_long || hot[slot_of(s->key.uaddr)] == s->key.uaddr)
		return true;
	copied_at = bpf_map_lookup_elem(&counts, &slot);
	if (!copied_at || s->since - *copied_at < COPY_EVERY_NS)
		return false;
	*copied_at = s->since;
	return true;
}

/* All but the stack. */
static __always_inline void note_sleep(struct sleep *s, struct task_struct *task,
				       const struct pt_regs *r)
{
	s->switches = switches_of(task);
	s->key.tgid = task->tgid;
	s->key.op = r->rsi;
	s->key.uaddr = r->rdi;
	s->val = r->rdx;
	s->timeout = r->r10;
	s->side.tid = task->pid;
	s->side.raw.bytes = 0;
	RAW_REGS_FILL(&s->side.raw, r);
}

static __always_inline void fall_asleep(struct task_struct *task)
{
	struct pt_regs *regs;
	struct sleep *s;

	if (!sleeps_interruptibly(task))
		return;
	regs = regs_of(task);
	if (!waits_in_futex(regs))
		return;
	s = bpf_task_storage_get(&sleeps, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!s) {
		count_add(&counts, EV_FUTEX_BLIND, 1);
		return;
	}
	note_sleep(s, task, regs);
	s->found = 0;
	s->since = bpf_ktime_get_ns();
	if (wants_stack(s))
		raw_stack_copy(&s->side.raw);
}

static __always_inline struct ev_futex_value *lock_of(const struct ev_futex_key *key)
{
	return interval_value(&locks, key, &nothing, NULL);
}

/* One with a stack stays, until a longer one has a stack as well. */
static __always_inline bool says_more(const struct ev_futex_value *v, const struct sleep *s,
				      __u64 waited)
{
	if (!!s->side.raw.bytes != !!v->waiter.raw.bytes)
		return s->side.raw.bytes;
	return waited > v->waiter_wait_ns;
}

static __always_inline void tell(struct sleep *s, __u64 waited)
{
	struct ev_futex_value *v = lock_of(&s->key);

	hot[slot_of(s->key.uaddr)] = s->key.uaddr;
	if (!v) {
		count_add(&counts, EV_FUTEX_LOST, 1);
		return;
	}
	__sync_fetch_and_add(&v->waits, 1);
	__sync_fetch_and_add(&v->total_ns, waited);
	if ((waited <= v->longest_ns && !says_more(v, s, waited)) ||
	    __sync_val_compare_and_swap(&v->busy, 0, 1) != 0)
		return;
	if (says_more(v, s, waited)) {
		v->waiter_wait_ns = waited;
		bpf_probe_read_kernel(&v->waiter, sizeof(v->waiter), &s->side);
	}
	if (waited > v->longest_ns) {
		v->longest_ns = waited;
		v->timed = s->timeout != 0;
		v->found = s->found;
		v->val = s->val;
	}
	v->busy = 0;
}

static __always_inline void wake_up(struct task_struct *task)
{
	struct sleep *s = bpf_task_storage_get(&sleeps, task, NULL, 0);
	__u64 waited;

	if (!s || !s->since)
		return;
	waited = bpf_ktime_get_ns() - s->since;
	s->since = 0;
	if (s->switches != switches_of(task))
		return;
	s->was_long = waited >= threshold_ns;
	if (s->was_long)
		tell(s, waited);
}

/* Counts a hit; when it is one to be measured, since when. */
static __always_inline __u64 hit_begins(void)
{
	__u32 slot = EV_FUTEX_HITS;
	__u64 *hits = bpf_map_lookup_elem(&counts, &slot);

	return !hits || ++*hits % MEASURE_EVERY ? 0 : bpf_ktime_get_ns();
}

static __always_inline void hit_ends(__u64 began)
{
	if (!began)
		return;
	count_add(&counts, EV_FUTEX_MEASURED, 1);
	count_add(&counts, EV_FUTEX_MEASURED_NS, bpf_ktime_get_ns() - began);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(futex_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	bool leaves = !preempt && is_watched(prev), comes = is_watched(next);
	__u64 began;

	if (!leaves && !comes)
		return 0;
	began = hit_begins();
	if (leaves)
		fall_asleep(prev);
	if (comes)
		wake_up(next);
	hit_ends(began);
	return 0;
}

static __always_inline void note_waker(struct task_struct *task)
{
	struct task_struct *waker;
	struct ev_futex_value *v;
	struct pt_regs *regs;
	struct sleep *s;
	__u64 waited;

	s = bpf_task_storage_get(&sleeps, task, NULL, 0);
	if (!s || !s->since || s->switches != switches_of(task))
		return;
	waited = bpf_ktime_get_ns() - s->since;
	if (waited < threshold_ns)
		return;
	waker = (struct task_struct *)bpf_get_current_task_btf();
	regs = regs_of(waker);
	if (waker->tgid != task->tgid || regs->orig_rax != SYS_FUTEX ||
	    regs->rdi != s->key.uaddr)
		return;
	v = lock_of(&s->key);
	if (!v)
		return;		/* counted when it runs */
	__sync_fetch_and_add(&v->wakes, 1);
	if (waited <= v->waker_wait_ns || __sync_val_compare_and_swap(&v->busy, 0, 1) != 0)
		return;
	v->waker_wait_ns = waited;
	v->waker.tid = waker->pid;
	RAW_REGS_FILL(&v->waker.raw, regs);
	raw_stack_copy(&v->waker.raw);
	v->busy = 0;
}

/* Runs in whoever wakes: a thread in a futex call on the same word, a timer, a signal. */
SEC("tp_btf/sched_waking")
int BPF_PROG(futex_waking, struct task_struct *task)
{
	__u64 began;

	if (!is_watched(task))
		return 0;
	began = hit_begins();
	note_waker(task);
	hit_ends(began);
	return 0;
}

/*
 * Those that sleep now, also since before we came: all registers, and no copy of the stack. From
 * here on their age is known.
 */
SEC("iter/task")
int futex_now(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ev_futex_now out = { 0 };
	struct pt_regs *regs;
	struct sleep *s;
	__u64 since;

	if (!task || !is_watched(task) || !sleeps_interruptibly(task))
		return 0;
	regs = regs_of(task);
	if (!waits_in_futex(regs))
		return 0;
	out.tgid = task->tgid;
	out.tid = task->pid;
	out.uaddr = regs->rdi;
	out.op = regs->rsi;
	out.val = regs->rdx;
	out.timeout = regs->r10;
	out.switches = switches_of(task);
	RAW_REGS_FILL(&out, regs);
	s = bpf_task_storage_get(&sleeps, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!s) {
		count_add(&counts, EV_FUTEX_BLIND, 1);
	} else if (s->since && s->switches == out.switches) {
		since = s->since;
		out.waited_ns = bpf_ktime_get_ns() - since;
		out.found = s->found;
	} else {
		note_sleep(s, task, regs);
		s->found = out.found = 1;
		s->since = bpf_ktime_get_ns();
	}
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

LOITER_BPF_LICENSE;
