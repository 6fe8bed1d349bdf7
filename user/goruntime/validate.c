// SPDX-License-Identifier: Apache-2.0
/*
 * One pass samples goroutines and counts, check by check, how many were tested and how many
 * failed. Races make single failures; a wrong layout makes most of them fail, in every pass.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "goruntime/gshape.h"
#include "goruntime/locate.h"
#include "model/goroutine.h"
#include "model/limits.h"

#define PASSES 3
/* The runtime's own goroutines are among the first; running ones may be anywhere. */
#define SAMPLE_FIRST 64
#define SAMPLE_MAX 2048
/* Goroutines whose wait queues, and whose threads, are followed in one pass. */
#define FOLLOW_MAX 64
#define QUEUE_MAX 256
/* All structs of the runtime that we know are below 1 KiB, moduledata included; mstats is not read. */
#define OFFSET_MAX 4096
#define GOID_MAX (1ull << 40)
#define STACK_MIN 2048u
#define STACK_MAX (1ull << 30)
/* Linux: PID_MAX_LIMIT. */
#define TID_MAX (1u << 22)
/* A channel that holds more elements than this is none. */
#define CHAN_MAX (1ull << 40)

enum check {
	CHECK_STATE,
	CHECK_STACK,
	CHECK_GOID,
	CHECK_SAVED_SP,
	CHECK_SAVED_PC,
	CHECK_SAVED_BP,
	CHECK_SYSCALL,
	CHECK_GOPC,
	CHECK_START,
	CHECK_PARENT,
	CHECK_MAIN,
	CHECK_REASON,
	CHECK_PARKED,
	CHECK_FORCE_GC,
	CHECK_SUDOG,
	CHECK_CHAN,
	CHECK_QUEUE,
	CHECK_THREAD,
	CHECK_G0,
	CHECK_TID,
	CHECKS
};

static const char *const failures[CHECKS] = {
	[CHECK_STATE] = "have a state that does not exist",
	[CHECK_STACK] = "have bounds of a stack that cannot be",
	[CHECK_GOID] = "have an id that is zero, absurd or another's",
	[CHECK_SAVED_SP] = "have a saved sp outside of their stack",
	[CHECK_SAVED_PC] = "have a saved pc outside of the code",
	[CHECK_SAVED_BP] = "have a saved frame pointer outside of their stack",
	[CHECK_SYSCALL] = "entered a system call from nowhere",
	[CHECK_GOPC] = "were created by no code",
	[CHECK_START] = "start at what is no function",
	[CHECK_PARENT] = "have no parent",
	[CHECK_MAIN] = "with id 1 do not start at runtime.main",
	[CHECK_REASON] = "wait for a reason that does not exist",
	[CHECK_PARKED] = "wait and hold a thread",
	[CHECK_FORCE_GC] = "of runtime.forcegchelper wait for another reason",
	[CHECK_SUDOG] = "wait on a sudog that is not theirs",
	[CHECK_CHAN] = "wait on what is no channel",
	[CHECK_QUEUE] = "are not in the queue of their channel",
	[CHECK_THREAD] = "run on a thread that runs another",
	[CHECK_G0] = "run on a thread without a g0",
	[CHECK_TID] = "run on a thread that does not exist",
};

struct sampled {
	uint64_t addr;
	uint32_t status;	/* without the scan flag */
	uint8_t waitreason;
	uint64_t goid, parent, lo, hi, m, sp, pc, bp, syscallsp, syscallpc;
	uint64_t gopc, startpc, waiting;
};

struct validation {
	const struct go_layout *l;
	const struct go_globals *globals;
	const struct moduledata *md;
	struct pclntab *tab;
	struct mem *live;
	const int32_t *tids;
	size_t n_tids;

	struct sampled *g;	/* those in use, SAMPLE_MAX at most */
	size_t n;
	unsigned int tested[CHECKS], failed[CHECKS];
	unsigned int members;	/* threads that are among tids */
};

static void count(struct validation *v, enum check c, bool ok)
{
	v->tested[c]++;
	v->failed[c] += !ok;
}

/* Every offset that is read here must lie within a struct of sane size. */
static int check_offsets(const struct go_layout *l, struct diag *d)
{
#define BOUND(name, type, member, from, to)                                                     \
	if (strncmp(#name, "mstats_", 7) != 0 && (l->name < -1 || l->name > OFFSET_MAX - 8 ||   \
						  (l->name < 0 && l->minor >= (from) &&         \
						   l->minor <= (to))))                          \
		return diag_fail(d, -EOPNOTSUPP, "the layout for Go 1.%d puts %s at %d", l->minor, \
				 #name, l->name);
	LAYOUT_FIELDS(BOUND)
#undef BOUND
	return 0;
}

static bool state_known(uint32_t status)
{
	return status <= GO_WAITING || status == GO_DEAD ||
	       (status >= GO_COPYSTACK && status <= GO_DEADEXTRA);
}

static bool state_used(uint32_t status)
{
	return status != GO_IDLE && status != GO_DEAD && status != GO_DEADEXTRA;
}

static void decode(const struct go_layout *l, uint64_t addr, struct span g, struct sampled *s)
{
#define U64(name) span_u64(&g, (uint32_t)l->name)
	*s = (struct sampled){
		.addr = addr,
		.status = span_u32(&g, (uint32_t)l->g_status) & ~GSCAN,
		.waitreason = span_u8(&g, (uint32_t)l->g_waitreason),
		.goid = U64(g_goid),
		.parent = l->g_parent_goid < 0 ? 0 : U64(g_parent_goid),
		.lo = U64(g_stack_lo),
		.hi = U64(g_stack_hi),
		.m = U64(g_m),
		.sp = U64(g_sched_sp),
		.pc = U64(g_sched_pc),
		.bp = U64(g_sched_bp),
		.syscallsp = U64(g_syscallsp),
		.syscallpc = U64(g_syscallpc),
		.gopc = U64(g_gopc),
		.startpc = U64(g_startpc),
		.waiting = U64(g_waiting),
	};
#undef U64
}

/* The first ones and a spread of the others. */
static uint64_t sample_slot(uint64_t i, uint64_t n, uint64_t len)
{
	if (i < SAMPLE_FIRST || n == len)
		return i;
	return SAMPLE_FIRST + (i - SAMPLE_FIRST) * (len - SAMPLE_FIRST) / (n - SAMPLE_FIRST);
}

struct buffers {
	uint64_t *addrs;
	uint8_t *bytes;
	struct mem_req *reqs;
};

static void buffers_done(struct buffers *b)
{
	free(b->addrs);
	free(b->bytes);
	free(b->reqs);
}

/* The addresses of n goroutines; those that cannot be read become 0. */
static int read_addrs(struct validation *v, const struct gslice *s, uint64_t n, struct buffers *b)
{
	int r;

	for (uint64_t i = 0; i < n; i++)
		b->reqs[i] = (struct mem_req){ .addr = s->array + 8 * sample_slot(i, n, s->len),
					       .buf = &b->addrs[i],
					       .len = 8 };
	r = mem_read_many(v->live, b->reqs, n);
	for (uint64_t i = 0; r == 0 && i < n; i++)
		if (b->reqs[i].err)
			b->addrs[i] = 0;
	return r;
}

static int read_sample(struct validation *v)
{
	CLEANUP(buffers_done) struct buffers b = { 0 };
	size_t size = OFFSET_MAX;
	struct gslice s;
	uint64_t n;
	int r = mem_read(v->live, v->globals->allgs, &s, sizeof(s));

	if (r < 0)
		return r;
	if (!gslice_plausible(&s))
		return -EBADMSG;
	if (v->l->g_size > 0 && v->l->g_size < OFFSET_MAX)
		size = (size_t)v->l->g_size;
	n = s.len < SAMPLE_MAX ? s.len : SAMPLE_MAX;
	b.addrs = calloc(n, sizeof(*b.addrs));
	b.bytes = malloc(n * size);
	b.reqs = calloc(n, sizeof(*b.reqs));
	if (!b.addrs || !b.bytes || !b.reqs)
		return -ENOMEM;

	r = read_addrs(v, &s, n, &b);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < n; i++)
		b.reqs[i] = (struct mem_req){ .addr = b.addrs[i],
					      .buf = b.bytes + i * size,
					      .len = (uint32_t)size };
	r = mem_read_many(v->live, b.reqs, n);
	if (r < 0)
		return r;

	v->n = 0;
	for (uint64_t i = 0; i < n; i++) {
		struct sampled *g = &v->g[v->n];

		if (b.reqs[i].err)
			continue;
		decode(v->l, b.addrs[i], span_of(b.reqs[i].buf, size), g);
		count(v, CHECK_STATE, state_known(g->status));
		v->n += state_known(g->status) && state_used(g->status);
	}
	return 0;
}

static bool in_text(const struct validation *v, uint64_t pc)
{
	return pc >= v->md->text && pc < v->md->etext;
}

/* Another module's code is not ours to judge (plugins). */
static bool is_foreign(const struct validation *v, uint64_t pc)
{
	return v->md->next && !in_text(v, pc);
}

static bool is_pc(struct validation *v, uint64_t pc)
{
	struct func f;

	return in_text(v, pc) && pclntab_find(v->tab, pc, &f) == 0;
}

static const char *reason_of(const struct validation *v, const struct sampled *g)
{
	if (g->status != GO_WAITING || g->waitreason >= v->globals->n_wait_reasons)
		return "";
	return v->globals->wait_reasons[g->waitreason];
}

static bool in_stack(const struct sampled *g, uint64_t addr)
{
	return addr >= g->lo && addr < g->hi;
}

static void check_start(struct validation *v, const struct sampled *g)
{
	struct func f;

	if (is_foreign(v, g->startpc))
		return;
	if (!in_text(v, g->startpc) || pclntab_find(v->tab, g->startpc, &f) < 0) {
		count(v, CHECK_START, false);
		return;
	}
	count(v, CHECK_START, f.entry == g->startpc);
	if (g->goid == 1)
		count(v, CHECK_MAIN, strcmp(f.name, "runtime.main") == 0);
	/* The runtime's own goroutine 2 waits for nothing else, in Go 1.18 to 1.27. */
	if (g->status == GO_WAITING && strcmp(f.name, "runtime.forcegchelper") == 0)
		count(v, CHECK_FORCE_GC, strcmp(reason_of(v, g), "force gc (idle)") == 0);
}

static void check_parked(struct validation *v, const struct sampled *g)
{
	count(v, CHECK_SAVED_SP, in_stack(g, g->sp));
	if (!is_foreign(v, g->pc))
		count(v, CHECK_SAVED_PC, is_pc(v, g->pc));
	if (g->status != GO_WAITING)
		return;
	/* runtime.mcall saves it, so every parked one has it. */
	count(v, CHECK_SAVED_BP, in_stack(g, g->bp) && g->bp >= g->sp);
	count(v, CHECK_REASON,
	      g->waitreason > 0 && g->waitreason < v->globals->n_wait_reasons);
	count(v, CHECK_PARKED, g->m == 0);
}

static void check_goroutine(struct validation *v, const struct sampled *g)
{
	uint64_t size = g->hi - g->lo;

	/* runtime/stack.go: a goroutine's stack is a power of two. */
	count(v, CHECK_STACK,
	      g->lo >= 4096 && g->hi > g->lo && size >= STACK_MIN && size <= STACK_MAX &&
		      (size & (size - 1)) == 0);
	if (!is_foreign(v, g->gopc))
		count(v, CHECK_GOPC, is_pc(v, g->gopc));
	check_start(v, g);
	if (v->l->g_parent_goid >= 0 && g->goid != 1)
		count(v, CHECK_PARENT, g->parent && g->parent < GOID_MAX &&
					       !in_text(v, g->parent));
	if (g->status == GO_RUNNABLE || g->status == GO_WAITING || g->status == GO_PREEMPTED)
		check_parked(v, g);
	/* A syscall that has just begun or ended has not set both yet, or no more. */
	if (g->status == GO_SYSCALL)
		count(v, CHECK_SYSCALL,
		      in_stack(g, g->syscallsp) &&
			      (is_foreign(v, g->syscallpc) || is_pc(v, g->syscallpc)));
}

static int by_goid(const void *a, const void *b)
{
	const struct sampled *x = a, *y = b;

	return (x->goid > y->goid) - (x->goid < y->goid);
}

static void check_goids(struct validation *v)
{
	qsort(v->g, v->n, sizeof(*v->g), by_goid);
	for (size_t i = 0; i < v->n; i++) {
		uint64_t id = v->g[i].goid;
		bool twin = (i > 0 && v->g[i - 1].goid == id) ||
			    (i + 1 < v->n && v->g[i + 1].goid == id);

		count(v, CHECK_GOID, id && id < GOID_MAX && !twin);
	}
}

/* Counts a failure only when the goroutine is still in the state that it was judged by. */
static void count_if_unchanged(struct validation *v, enum check c, const struct sampled *g, bool ok)
{
	struct sampled now;
	uint8_t bytes[OFFSET_MAX];
	size_t size = (size_t)v->l->g_size;

	if (!ok) {
		if (size == 0 || size > sizeof(bytes) ||
		    mem_read(v->live, g->addr, bytes, size) < 0)
			return;
		decode(v->l, g->addr, span_of(bytes, size), &now);
		if (now.status != g->status || now.goid != g->goid || now.sp != g->sp ||
		    now.pc != g->pc || now.m != g->m || now.waiting != g->waiting ||
		    now.waitreason != g->waitreason)
			return;
	}
	count(v, c, ok);
}

/* Is the sudog in the queue that begins at `first`? 1, 0, or -EAGAIN when it is too long to say. */
static int in_queue(struct validation *v, uint64_t first, uint64_t sudog)
{
	for (int i = 0; i < QUEUE_MAX; i++) {
		if (first == sudog)
			return 1;
		if (!first || mem_read_u64(v->live, first + (uint32_t)v->l->sudog_next, &first) < 0)
			return 0;
	}
	return -EAGAIN;
}

static bool is_chan(struct validation *v, uint64_t addr)
{
	const struct go_layout *l = v->l;
	uint64_t qcount, dataqsiz, elemtype;
	uint32_t closed;

	if (mem_read_u64(v->live, addr + (uint32_t)l->hchan_qcount, &qcount) < 0 ||
	    mem_read_u64(v->live, addr + (uint32_t)l->hchan_dataqsiz, &dataqsiz) < 0 ||
	    mem_read_u64(v->live, addr + (uint32_t)l->hchan_elemtype, &elemtype) < 0 ||
	    mem_read_u32(v->live, addr + (uint32_t)l->hchan_closed, &closed) < 0)
		return false;
	if (qcount > dataqsiz || dataqsiz > CHAN_MAX || closed > 1)
		return false;
	/* Types that reflect made, and other modules' types, stand elsewhere. */
	return elemtype >= 4096 && elemtype % 8 == 0;
}

/* A goroutine that waits for one channel, or for several in a select. */
static void check_chan_wait(struct validation *v, const struct sampled *g)
{
	const struct go_layout *l = v->l;
	const char *reason = reason_of(v, g);
	bool receives = strcmp(reason, "chan receive") == 0;
	bool selects = strcmp(reason, "select") == 0;
	uint64_t owner, chan, first;
	uint8_t is_select;
	int found;

	if (mem_read_u64(v->live, g->waiting + (uint32_t)l->sudog_g, &owner) < 0 ||
	    mem_read(v->live, g->waiting + (uint32_t)l->sudog_is_select, &is_select, 1) < 0 ||
	    owner != g->addr || is_select != selects) {
		count_if_unchanged(v, CHECK_SUDOG, g, false);
		return;
	}
	count(v, CHECK_SUDOG, true);

	if (mem_read_u64(v->live, g->waiting + (uint32_t)l->sudog_c, &chan) < 0 ||
	    !is_chan(v, chan)) {
		count_if_unchanged(v, CHECK_CHAN, g, false);
		return;
	}
	count(v, CHECK_CHAN, true);

	if (selects)
		return;
	first = chan + (uint32_t)(receives ? l->hchan_recvq_first : l->hchan_sendq_first);
	found = mem_read_u64(v->live, first, &first) < 0 ? 0 : in_queue(v, first, g->waiting);
	if (found >= 0)
		count_if_unchanged(v, CHECK_QUEUE, g, found == 1);
}

static bool is_tid(const struct validation *v, uint64_t tid)
{
	size_t lo = 0, hi = v->n_tids;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if ((uint64_t)v->tids[mid] == tid)
			return true;
		if ((uint64_t)v->tids[mid] < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* A goroutine in a thread's hands: g.m and m.curg, m.g0 and its m point at each other. */
static void check_thread(struct validation *v, const struct sampled *g)
{
	const struct go_layout *l = v->l;
	uint64_t curg, g0, g0_m, procid;

	if (!g->m || mem_read_u64(v->live, g->m + (uint32_t)l->m_curg, &curg) < 0 ||
	    curg != g->addr) {
		count_if_unchanged(v, CHECK_THREAD, g, false);
		return;
	}
	count(v, CHECK_THREAD, true);

	if (mem_read_u64(v->live, g->m + (uint32_t)l->m_g0, &g0) < 0 || g0 == g->addr ||
	    mem_read_u64(v->live, g0 + (uint32_t)l->g_m, &g0_m) < 0 || g0_m != g->m)
		count_if_unchanged(v, CHECK_G0, g, false);
	else
		count(v, CHECK_G0, true);

	if (mem_read_u64(v->live, g->m + (uint32_t)l->m_procid, &procid) < 0 || !procid ||
	    procid > TID_MAX)
		count_if_unchanged(v, CHECK_TID, g, false);
	else
		count(v, CHECK_TID, true);
	v->members += is_tid(v, procid);
}

static void follow_pointers(struct validation *v)
{
	int chans = 0, threads = 0;

	for (size_t i = 0; i < v->n; i++) {
		const struct sampled *g = &v->g[i];
		const char *reason = reason_of(v, g);

		if ((g->status == GO_RUNNING || g->status == GO_SYSCALL) && threads < FOLLOW_MAX) {
			threads++;
			check_thread(v, g);
		}
		if ((strcmp(reason, "chan receive") == 0 || strcmp(reason, "chan send") == 0 ||
		     strcmp(reason, "select") == 0) &&
		    chans < FOLLOW_MAX) {
			chans++;
			check_chan_wait(v, g);
		}
	}
}

/* 0 fits; -EOPNOTSUPP with the first check that most of the sample failed; errors of reading. */
static int pass(struct validation *v, struct diag *d)
{
	int r;

	memset(v->tested, 0, sizeof(v->tested));
	memset(v->failed, 0, sizeof(v->failed));
	v->members = 0;
	r = read_sample(v);
	if (r == -EBADMSG)
		return diag_fail(d, -EOPNOTSUPP, "runtime.allgs is no slice of goroutines");
	if (r < 0)
		return diag_fail(d, r, "goroutines cannot be read");
	for (size_t i = 0; i < v->n; i++)
		check_goroutine(v, &v->g[i]);
	check_goids(v);
	follow_pointers(v);

	for (int c = 0; c < CHECKS; c++)
		if (v->failed[c] * 2 > v->tested[c])
			return diag_fail(d, -EOPNOTSUPP,
					 "the layout for Go 1.%d (%s) does not fit this process: "
					 "%u of %u goroutines %s",
					 v->l->minor, v->l->source, v->failed[c], v->tested[c],
					 failures[c]);
	if (!v->n)
		return diag_fail(d, -EOPNOTSUPP,
				 "the layout for Go 1.%d (%s) does not fit this process: no "
				 "goroutine is in use",
				 v->l->minor, v->l->source);
	if (v->n_tids && v->tested[CHECK_TID] >= 3 && !v->members)
		return diag_fail(d, -EOPNOTSUPP,
				 "the layout for Go 1.%d (%s) does not fit this process: none of "
				 "its threads is the process's",
				 v->l->minor, v->l->source);
	return 0;
}

int layout_validate(const struct go_layout *l, const struct go_globals *globals,
		    const struct moduledata *md, struct pclntab *tab, struct mem *live,
		    const int32_t *tids, size_t n_tids, struct diag *d)
{
	struct validation v = {
		.l = l,
		.globals = globals,
		.md = md,
		.tab = tab,
		.live = live,
		.tids = tids,
		.n_tids = tids ? n_tids : 0,
	};
	struct diag why = DIAG_INIT;
	int r = check_offsets(l, d);

	if (r < 0)
		return r;
	v.g = calloc(SAMPLE_MAX, sizeof(*v.g));
	if (!v.g)
		return -ENOMEM;
	for (int i = 0; i < PASSES; i++) {
		r = pass(&v, &why);
		if (r != -EOPNOTSUPP)
			break;
	}
	free(v.g);
	if (r < 0 && d)
		*d = why;
	return r;
}
