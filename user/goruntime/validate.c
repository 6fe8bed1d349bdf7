// SPDX-License-Identifier: Apache-2.0
/*
 * One pass samples goroutines and counts, check by check, how many were tested and how many
 * failed. Races make single failures; a wrong layout makes most of them fail, in every pass.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "goruntime/gshape.h"
#include "goruntime/locate.h"
#include "goruntime/validation.h"
#include "model/goroutine.h"
#include "model/limits.h"

#define PASSES 3
/* Looks at a goroutine that fails a check, and those of them in which it must have stood still. */
#define LOOKS 8
#define LOOKS_STILL 4
/*
 * A failure of so few goroutines may come of one moment in which the kernel has put their threads
 * aside: then there are more passes, with pauses before them.
 */
#define FEW      2
#define PASSES_FEW 6
#define PAUSE_US 10000
/* Pages of the heap that are followed in one pass. */
#define CHASE_BLOCK  4096
#define CHASE_BLOCKS 256
/* The runtime's own goroutines are among the first; running ones may be anywhere. */
#define SAMPLE_FIRST 64
#define SAMPLE_MAX   2048
#define GOID_MAX     (1ull << 40)
#define STACK_MIN    2048u
#define STACK_MAX    (1ull << 30)
/* Bytes of stack from runtime.cgocall to where asmcgocall leaves it. */
#define CGO_FRAMES   1024

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
	[CHECK_OTHERS] = "wait for what only runtime.forcegchelper does",
	[CHECK_SUDOG] = "wait on a sudog that is not theirs",
	[CHECK_SELECT] = "select by a sudog that does not",
	[CHECK_CHAN] = "wait on what is no channel",
	[CHECK_FULL] = "send to a channel that has room",
	[CHECK_EMPTY] = "receive from a channel that has something",
	[CHECK_RECVQ] = "receive and are not in their channel's queue",
	[CHECK_SENDQ] = "send and are not in their channel's queue",
	[CHECK_LINKS] = "wait in a queue that does not end where it says",
	[CHECK_SLEEP] = "sleep without a timer",
	[CHECK_THREAD] = "run on a thread that runs another",
	[CHECK_G0] = "run on a thread without a g0",
	[CHECK_TID] = "run on a thread that does not exist",
};

bool validation_count(struct validation *v, enum check c, bool ok)
{
	v->tally->tested[c]++;
	v->tally->failed[c] += !ok;
	return ok;
}

static bool offset_sane(int32_t offset, bool needed)
{
	return offset <= VALIDATION_OFFSET_MAX - 8 && (needed ? offset >= 0 : offset >= -1);
}

/* Every offset that is read here must lie within a struct of sane size (mstats is not read). */
static int check_offsets(const struct go_layout *l, struct diag *d)
{
#define BOUND(name, type, member, from, to)                                                        \
	if (strncmp(#name, "mstats_", 7) != 0 &&                                                   \
	    !offset_sane(l->name,                                                                  \
			 l->minor >= (from) && l->minor <= (to) && !layout_type_optional(type)))   \
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
		.tracking_seq = span_u8(&g, (uint32_t)l->g_tracking_seq),
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
		.param = U64(g_param),
		.timer = U64(g_timer),
		.sleep_when = l->g_sleep_when < 0 ? 0 : U64(g_sleep_when),
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
	size_t size = VALIDATION_OFFSET_MAX;
	struct gslice s;
	uint64_t n;
	int r = mem_read(v->live, v->globals->allgs, &s, sizeof(s));

	if (r < 0)
		return r;
	if (!gslice_plausible(&s))
		return -EBADMSG;
	if (v->l->g_size > 0 && v->l->g_size < VALIDATION_OFFSET_MAX)
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
		validation_count(v, CHECK_STATE, state_known(g->status));
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

static bool find_func(struct validation *v, uint64_t pc, struct func *ret)
{
	return in_text(v, pc) && pclntab_find(v->tab, pc, ret) == 0;
}

static bool is_pc(struct validation *v, uint64_t pc)
{
	struct func f;

	return find_func(v, pc, &f);
}

const char *validation_reason(const struct validation *v, const struct sampled *g)
{
	if (g->status != GO_WAITING || g->waitreason >= v->globals->n_wait_reasons)
		return "";
	return v->globals->wait_reasons[g->waitreason];
}

static bool in_stack(const struct sampled *g, uint64_t addr)
{
	return addr >= g->lo && addr < g->hi;
}

static void check_start(struct validation *v, struct sampled *g)
{
	struct func f;
	bool helper;

	if (is_foreign(v, g->startpc))
		return;
	if (!find_func(v, g->startpc, &f)) {
		validation_count(v, CHECK_START, false);
		return;
	}
	validation_count(v, CHECK_START, f.entry == g->startpc);
	g->runtimes_own = strncmp(f.name, "runtime.", 8) == 0 && g->goid != 1;
	if (g->goid == 1)
		validation_count(v, CHECK_MAIN, strcmp(f.name, "runtime.main") == 0);
	if (g->status != GO_WAITING)
		return;
	/* The runtime's own goroutine 2 waits for one reason, and nobody else does for that. */
	helper = strcmp(f.name, "runtime.forcegchelper") == 0;
	validation_count(v, helper ? CHECK_FORCE_GC : CHECK_OTHERS,
			 (strcmp(validation_reason(v, g), "force gc (idle)") == 0) == helper);
}

static void check_parked(struct validation *v, const struct sampled *g)
{
	validation_count(v, CHECK_SAVED_SP, in_stack(g, g->sp));
	if (!is_foreign(v, g->pc))
		validation_count(v, CHECK_SAVED_PC, is_pc(v, g->pc));
	if (g->status != GO_WAITING)
		return;
	/* runtime.mcall saves it, so every parked one has it. */
	validation_count(v, CHECK_SAVED_BP, in_stack(g, g->bp) && g->bp >= g->sp);
	validation_count(v, CHECK_REASON,
			 g->waitreason > 0 && g->waitreason < v->globals->n_wait_reasons);
	validation_count(v, CHECK_PARKED, g->m == 0);
}

/*
 * runtime.entersyscall saves sp and pc in two places. On the way to another stack, as asmcgocall()
 * does before C, the second one gets that of a few frames further in, and systemstack_switch for
 * its pc (gosave_systemstack_switch, asm_amd64.s). The first is of the inner end of cgocall()'s
 * frame, so it is never the frame pointer, which lies beside it in the struct.
 */
static bool entered_syscall(struct validation *v, const struct sampled *g)
{
	struct func f;

	if (!in_stack(g, g->syscallsp))
		return false;
	if (g->syscallsp == g->sp)
		return g->syscallpc == g->pc;
	return in_stack(g, g->sp) && g->sp < g->syscallsp && g->syscallsp - g->sp <= CGO_FRAMES &&
	       g->syscallsp != g->bp &&
	       find_func(v, g->pc, &f) &&
	       strcmp(f.name, "runtime.systemstack_switch") == 0 && is_pc(v, g->syscallpc);
}

static void check_goroutine(struct validation *v, struct sampled *g)
{
	uint64_t size = g->hi - g->lo;

	/* runtime/stack.go: a goroutine's stack is a power of two. */
	validation_count(v, CHECK_STACK,
			 g->lo >= 4096 && g->hi > g->lo && size >= STACK_MIN && size <= STACK_MAX &&
				 (size & (size - 1)) == 0);
	if (!is_foreign(v, g->gopc))
		validation_count(v, CHECK_GOPC, is_pc(v, g->gopc));
	check_start(v, g);
	if (v->l->g_parent_goid >= 0 && g->goid != 1)
		validation_count(v, CHECK_PARENT,
				 g->parent && g->parent < GOID_MAX && !in_text(v, g->parent));
	if (g->status == GO_RUNNABLE || g->status == GO_WAITING || g->status == GO_PREEMPTED)
		check_parked(v, g);
	if (g->status == GO_SYSCALL)
		validation_count(v, CHECK_SYSCALL, entered_syscall(v, g));
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

		validation_count(v, CHECK_GOID, id && id < GOID_MAX && !twin);
	}
}

static bool same_state(const struct sampled *a, const struct sampled *b)
{
	return a->status == b->status && a->goid == b->goid && a->waitreason == b->waitreason;
}

enum resampled validation_resample(struct validation *v, struct sampled *g)
{
	struct sampled now;
	uint8_t bytes[VALIDATION_OFFSET_MAX];
	size_t size = (size_t)v->l->g_size;
	bool moved;

	if (size == 0 || size > sizeof(bytes) || mem_read(v->live, g->addr, bytes, size) < 0)
		return SAMPLE_GONE;
	decode(v->l, g->addr, span_of(bytes, size), &now);
	now.runtimes_own = g->runtimes_own;
	if (!same_state(g, &now))
		return SAMPLE_GONE;
	moved = now.tracking_seq != g->tracking_seq || now.sp != g->sp || now.pc != g->pc ||
		now.m != g->m || now.waiting != g->waiting || now.param != g->param;
	*g = now;
	return moved ? SAMPLE_MOVED : SAMPLE_SAME;
}

static bool any_failed(const struct tally *t)
{
	for (int c = 0; c < CHECKS; c++)
		if (t->failed[c])
			return true;
	return false;
}

void validation_look(struct validation *v, struct sampled *g,
		     void (*check)(struct validation *v, struct sampled *g))
{
	struct tally *sum = v->tally, t;
	int still = 0;

	for (int looks = 0; looks < LOOKS; looks++) {
		enum resampled r;

		t = (struct tally){ 0 };
		v->tally = &t;
		check(v, g);
		v->tally = sum;
		if (!any_failed(&t)) {
			still = LOOKS;
			break;
		}
		memcache_drop(v->chase);
		r = validation_resample(v, g);
		if (r == SAMPLE_GONE)
			return;
		still += r == SAMPLE_SAME;
	}
	/* One that never stood still may be what the layout says, or not: it tells nothing. */
	for (int c = 0; c < CHECKS && still >= LOOKS_STILL; c++) {
		sum->tested[c] += t.tested[c];
		sum->failed[c] += t.failed[c];
	}
}

/*
 * 0 fits; -EOPNOTSUPP with the first check that most of the sample failed, and whether those were
 * few; errors of reading.
 */
static int pass(struct validation *v, bool *few, struct diag *d)
{
	struct tally t = { 0 };
	int r;

	*few = false;
	v->tally = &t;
	v->members = 0;
	memcache_drop(v->chase);
	r = read_sample(v);
	if (r == -EBADMSG)
		return diag_fail(d, -EOPNOTSUPP, "runtime.allgs is no slice of goroutines");
	if (r < 0)
		return diag_fail(d, r, "goroutines cannot be read");
	for (size_t i = 0; i < v->n; i++)
		validation_look(v, &v->g[i], check_goroutine);
	check_goids(v);
	validation_follow(v);

	for (int c = 0; c < CHECKS; c++) {
		if (t.failed[c] * 2 <= t.tested[c])
			continue;
		*few = t.tested[c] <= FEW;
		return diag_fail(d, -EOPNOTSUPP,
				 "the layout for Go 1.%d (%s) does not fit this process: "
				 "%u of %u goroutines %s",
				 v->l->minor, v->l->source, t.failed[c], t.tested[c], failures[c]);
	}
	if (!v->n)
		return diag_fail(d, -EOPNOTSUPP,
				 "the layout for Go 1.%d (%s) does not fit this process: no "
				 "goroutine is in use",
				 v->l->minor, v->l->source);
	if (v->n_tids && t.tested[CHECK_TID] >= 3 && !v->members)
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
	bool few = false;
	int r = check_offsets(l, d);

	if (r < 0)
		return r;
	r = memcache_open(live, CHASE_BLOCK, CHASE_BLOCKS, &v.chase);
	if (r < 0)
		return r;
	v.g = calloc(SAMPLE_MAX, sizeof(*v.g));
	r = v.g ? 0 : -ENOMEM;
	for (int i = 0; v.g && i < (few ? PASSES_FEW : PASSES); i++) {
		if (few)
			usleep(PAUSE_US);
		r = pass(&v, &few, &why);
		if (r != -EOPNOTSUPP)
			break;
	}
	free(v.g);
	mem_close(v.chase);
	if (r < 0 && d)
		*d = why;
	return r;
}
