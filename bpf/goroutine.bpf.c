// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Parks, wakes, births and deaths of goroutines, counted by site in the kernel. Every number that
 * user space sees is either exact or has its loss in `counts`.
 *
 * A program on a uprobe may be preempted, and then another thread runs it on the same CPU: so there
 * is no per-CPU scratch memory here, a stack is walked once for its hash and again, straight into
 * the map, when that hash is new; and counters are added to atomically, per CPU or not.
 */
#include "maps.bpf.h"

const volatile struct ev_go go;
const volatile struct ev_goroutine_config config;

/*
 * The number of the burst: set by user space when all probes are on, cleared before they go off.
 * Sites come and go one by one, over tens of milliseconds, and counts of that time belong to no
 * known length of time.
 */
volatile __u32 recording;

INTERVAL_MAPS(records, 8192, struct ev_goroutine_key, struct ev_goroutine_value);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);	/* hash of the frames */
	__type(value, struct ev_stack);
} stacks SEC(".maps");

/*
 * The goroutines that parked while we looked, by address of g. The least recent goes when it is
 * full; a wake that then finds none is counted as unmatched.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct ev_goroutine_park);
} parked SEC(".maps");

COUNTS_MAP(EV_GOROUTINE_COUNTS);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

static const struct ev_goroutine_value no_value;
static const struct ev_stack no_stack;

/* Where the function that was hit keeps its return address; in the probe's cookie. */
struct site_frame {
	__u32 ret_offset;
	bool own_frame;
};

static __always_inline void count_up(__u32 slot)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &slot);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline __u64 user_u64(__u64 addr)
{
	__u64 v = 0;

	bpf_probe_read_user(&v, sizeof(v), (void *)addr);
	return v;
}

/* One step of a chain of frame pointers, which must ascend; false at its end. */
static __always_inline bool next_frame(__u64 *bp, __u64 *pc)
{
	__u64 pair[2];

	if (!*bp || (*bp & 7) || bpf_probe_read_user(pair, sizeof(pair), (void *)*bp) || !pair[1])
		return false;
	*pc = pair[1];
	*bp = pair[0] > *bp ? pair[0] : 0;
	return true;
}

static __noinline __u64 chain_hash(__u64 pc, __u64 bp)
{
	__u64 h = 0;

	for (int i = 0; i < EV_FRAMES; i++) {
		h = (h ^ pc) * 0x9e3779b97f4a7c15ull;	/* 2^64 by the golden ratio */
		h ^= h >> 29;
		if (!next_frame(&bp, &pc))
			break;
	}
	return h;
}

static __noinline int chain_store(struct ev_stack *s, __u64 pc, __u64 bp)
{
	__u32 n = 0, flags = 0;

	if (!s)
		return 0;
	for (int i = 0; i < EV_FRAMES; i++) {
		s->frames[i] = pc;
		n = i + 1;
		if (bp == 0)
			flags = EV_STACK_WHOLE;
		if (!next_frame(&bp, &pc))
			break;
	}
	s->flags = flags;
	s->n = n;
	return 0;
}

/* The hash of the stack; its frames are in `stacks` when this returns. 0: there is no stack. */
static __noinline __u64 stack_of(__u64 pc, __u64 bp)
{
	__u64 h;

	if (!pc)
		return 0;
	h = chain_hash(pc, bp);
	if (bpf_map_lookup_elem(&stacks, &h))
		return h;
	if (bpf_map_update_elem(&stacks, &h, &no_stack, BPF_NOEXIST) &&
	    !bpf_map_lookup_elem(&stacks, &h)) {
		count_up(EV_GOROUTINE_LOST_STACKS);
		return h;
	}
	chain_store(bpf_map_lookup_elem(&stacks, &h), pc, bp);
	return h;
}

/* The value of a key in the map that is being filled, new or not; NULL is counted as lost. */
static __always_inline struct ev_goroutine_value *record(const struct ev_goroutine_key *key)
{
	struct ev_goroutine_value *v = interval_value(&records, key, &no_value, NULL);

	if (!v)
		count_up(EV_GOROUTINE_LOST_RECORDS);
	return v;
}

/* Hands a sampled event over, without a wake-up: user space looks by the clock. */
static __always_inline void report(const struct ev_goroutine *e)
{
	if (!config.sample_every ||
	    (config.sample_every > 1 && bpf_get_prandom_u32() % config.sample_every))
		return;
	count_up(EV_GOROUTINE_SAMPLED);
	if (bpf_ringbuf_output(&events, (void *)e, sizeof(*e), BPF_RB_NO_WAKEUP))
		count_up(EV_GOROUTINE_LOST_EVENTS);
}

/* The stack from the caller of the function that was hit. */
static __always_inline __u64 caller_stack(struct pt_regs *ctx, struct site_frame f)
{
	__u64 pc, bp = ctx->rbp;

	if (f.own_frame) {
		if (!next_frame(&bp, &pc))
			return 0;
	} else {
		pc = user_u64(ctx->rsp + f.ret_offset);
	}
	return stack_of(pc, bp);
}

/* The object of a select: of its first case, by the list of sudogs that g waits with. */
static __always_inline __u64 first_case(__u64 g)
{
	__u64 sudog;

	if (config.g_waiting < 0 || config.sudog_c < 0)
		return 0;
	sudog = user_u64(g + config.g_waiting);
	return sudog ? user_u64(sudog + config.sudog_c) : 0;
}

/* gopark(unlockf, lock, reason, ...), on the goroutine that parks. */
static __always_inline void on_park(struct pt_regs *ctx, struct site_frame f)
{
	struct ev_goroutine e = { .kind = EV_GOROUTINE_PARK };
	struct ev_goroutine_key key = { .kind = EV_GOROUTINE_PARK };
	struct ev_goroutine_park p = { 0 };
	struct ev_goroutine_value *v;
	__u64 g = ctx->r14;

	count_up(EV_GOROUTINE_PARKS);
	e.time_ns = p.time_ns = bpf_ktime_get_ns();
	e.goid = p.goid = user_u64(g + go.g_goid);
	e.addr = ctx->rbx;
	e.reason = key.reason = p.reason = (__u8)ctx->rcx;
	e.stack = key.stack = p.stack = caller_stack(ctx, f);
	if (!e.addr)
		e.addr = first_case(g);
	p.burst = (__u16)recording;
	bpf_probe_read_user(&p.tracking_seq, 1, (void *)(g + go.g_tracking_seq));
	bpf_map_update_elem(&parked, &g, &p, BPF_ANY);
	v = record(&key);
	if (v) {
		__sync_fetch_and_add(&v->count, 1);
		if (v->addr && v->addr != e.addr)
			__sync_fetch_and_add(&v->addr_changes, 1);
		v->addr = e.addr;
		v->goid = e.goid;
	}
	report(&e);
}

/*
 * Where a goroutine called systemstack(), which saved its registers: the return address, and the
 * frame of the function that it is in. Go 1.21: systemstack() has a frame of its own by then, whose
 * address sp and bp both are; before, sp is as at its entry, where the return address is.
 */
static __always_inline void left_at(__u64 g, __u64 *pc, __u64 *bp)
{
	__u64 sp = user_u64(g + go.g_sched_sp);

	*bp = user_u64(g + go.g_sched_bp);
	*pc = user_u64(sp == *bp ? sp + 8 : sp);
	if (sp == *bp)
		*bp = user_u64(sp);
}

/*
 * Who calls: the goroutine whose system stack this is, and its stack where it left it; else the
 * scheduler itself (a timer), and the system stack.
 */
static __always_inline __u64 waker_stack(struct pt_regs *ctx, struct site_frame f, __u64 *goid)
{
	__u64 g = ctx->r14, curg, pc, bp;

	curg = user_u64(user_u64(g + go.g_m) + go.m_curg);
	*goid = curg ? user_u64(curg + go.g_goid) : 0;
	if (!curg || curg == g)
		return caller_stack(ctx, f);
	left_at(curg, &pc, &bp);
	return stack_of(pc, bp);
}

static __always_inline __u32 log2_of(__u64 v)
{
	__u32 n = 0;

	for (int shift = 32; shift; shift >>= 1) {
		if (v >> shift) {
			n += shift;
			v >>= shift;
		}
	}
	return n < EV_GOROUTINE_LOG2 ? n : EV_GOROUTINE_LOG2 - 1;
}

/*
 * Is it that very park? A goroutine leaves the running state once, at it: trackingSeq says so, while
 * all of its parks are seen. It is a byte, so one of 256 goroutines that come and go while nobody
 * looks shows the same one again: its wait would seem to be as long as the pause.
 */
static __always_inline bool same_park(const struct ev_goroutine_park *p, __u64 g, __u64 goid)
{
	__u8 seq = 0;

	bpf_probe_read_user(&seq, 1, (void *)(g + go.g_tracking_seq));
	return p->goid == goid && (__u8)(p->tracking_seq + 1) == seq &&
	       p->burst == (__u16)recording;
}

/* ready(gp, ...), on the system stack of the thread that wakes gp. */
static __always_inline void on_ready(struct pt_regs *ctx, struct site_frame f)
{
	struct ev_goroutine e = { .kind = EV_GOROUTINE_READY };
	struct ev_goroutine_key key = { .kind = EV_GOROUTINE_READY };
	struct ev_goroutine_park *p;
	struct ev_goroutine_value *v;
	__u64 g = ctx->rax, slot;

	count_up(EV_GOROUTINE_READIES);
	e.time_ns = bpf_ktime_get_ns();
	e.goid = user_u64(g + go.g_goid);
	e.stack = key.other = waker_stack(ctx, f, &e.other_goid);
	p = bpf_map_lookup_elem(&parked, &g);
	if (p && same_park(p, g, e.goid)) {
		key.stack = p->stack;
		e.reason = key.reason = p->reason;
		e.addr = e.time_ns > p->time_ns ? e.time_ns - p->time_ns : 0;
		v = record(&key);
		if (v) {
			__sync_fetch_and_add(&v->count, 1);
			__sync_fetch_and_add(&v->wait_ns, e.addr);
			slot = log2_of(e.addr);
			if (slot < EV_GOROUTINE_LOG2)
				__sync_fetch_and_add(&v->wait_log2[slot], 1);
			v->goid = e.other_goid;
		}
	} else {
		e.reason = EV_GOROUTINE_NO_REASON;
		count_up(EV_GOROUTINE_UNMATCHED);
	}
	if (p)
		bpf_map_delete_elem(&parked, &g);
	report(&e);
}

/* newproc1(fn, callergp, callerpc, ...), on the system stack of the thread that runs callergp. */
static __always_inline void on_birth(struct pt_regs *ctx)
{
	struct ev_goroutine e = { .kind = EV_GOROUTINE_BIRTH };
	struct ev_goroutine_key key = { .kind = EV_GOROUTINE_BIRTH };
	struct ev_goroutine_value *v;
	__u64 parent = ctx->rbx, pc, bp;

	count_up(EV_GOROUTINE_BIRTHS);
	e.time_ns = bpf_ktime_get_ns();
	e.other_goid = user_u64(parent + go.g_goid);
	key.stack = ctx->rcx;
	key.other = e.addr = user_u64(ctx->rax);
	/* It left in newproc, whose own return address is the go statement. */
	left_at(parent, &pc, &bp);
	if (!next_frame(&bp, &pc) || pc != key.stack)
		bp = 0;
	e.stack = stack_of(key.stack, bp);
	v = record(&key);
	if (v) {
		__sync_fetch_and_add(&v->count, 1);
		if (v->addr && v->addr != e.stack)
			__sync_fetch_and_add(&v->addr_changes, 1);
		v->addr = e.stack;
		v->goid = e.other_goid;
	}
	report(&e);
}

/* gdestroy(gp), or goexit0(gp) before Go 1.22: on the system stack. */
static __always_inline void on_death(struct pt_regs *ctx)
{
	struct ev_goroutine e = { .kind = EV_GOROUTINE_DEATH };
	struct ev_goroutine_key key = { .kind = EV_GOROUTINE_DEATH };
	struct ev_goroutine_value *v;
	__u64 g = ctx->rax;

	count_up(EV_GOROUTINE_DEATHS);
	e.time_ns = bpf_ktime_get_ns();
	e.goid = user_u64(g + go.g_goid);
	key.stack = e.stack = user_u64(g + go.g_gopc);
	key.other = e.addr = user_u64(g + go.g_startpc);
	v = record(&key);
	if (v) {
		__sync_fetch_and_add(&v->count, 1);
		v->goid = e.goid;
	}
	report(&e);
}

static __always_inline int dispatch(struct pt_regs *ctx, __u64 cookie)
{
	struct site_frame f = { EV_COOKIE_RET_OFFSET(cookie), EV_COOKIE_OWN_FRAME(cookie) };

	/* Before Linux 6.11 the pid of a link lets through more, or less, than that process. */
	if (current_tgid() != config.tgid)
		return 0;
	if (!recording) {
		count_up(EV_GOROUTINE_OUTSIDE);
		return 0;
	}
	switch (EV_COOKIE_KIND(cookie)) {
	case EV_GOROUTINE_PARK:
		on_park(ctx, f);
		break;
	case EV_GOROUTINE_READY:
		on_ready(ctx, f);
		break;
	case EV_GOROUTINE_BIRTH:
		on_birth(ctx);
		break;
	case EV_GOROUTINE_DEATH:
		on_death(ctx);
		break;
	}
	return 0;
}

/* One link for all sites: closing several leaves the last one on for tens of milliseconds. */
SEC("uprobe.multi")
int goroutine_hit(struct pt_regs *ctx)
{
	return dispatch(ctx, bpf_get_attach_cookie(ctx));
}

/* Kernels without uprobe_multi, and those too old for cookies: one program a site. */
SEC("uprobe")
int goroutine_park(struct pt_regs *ctx)
{
	return dispatch(ctx, config.cookies[EV_GOROUTINE_PARK]);
}

SEC("uprobe")
int goroutine_ready(struct pt_regs *ctx)
{
	return dispatch(ctx, config.cookies[EV_GOROUTINE_READY]);
}

SEC("uprobe")
int goroutine_birth(struct pt_regs *ctx)
{
	return dispatch(ctx, config.cookies[EV_GOROUTINE_BIRTH]);
}

SEC("uprobe")
int goroutine_death(struct pt_regs *ctx)
{
	return dispatch(ctx, config.cookies[EV_GOROUTINE_DEATH]);
}

LOITER_BPF_LICENSE;
