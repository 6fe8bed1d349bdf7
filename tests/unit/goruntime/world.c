// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <errno.h>
#include <string.h>

/* Parts of the array, by offset. */
#define AT_PCLNTAB 0x0000
#define AT_TYPES 0x2000
#define AT_ALLGS 0x3000
#define AT_GS 0x4000
#define G_STRIDE 0x200
#define AT_RECORDS 0x8000
#define AT_STACKS 0xa000
#define STACK_BYTES 0x400

#define FUNC_BYTES 0x100
#define FRAME 0x28	/* every function's frame, return address apart */

static const char *const functions[] = {
	"runtime.gopark",	     "runtime.chanrecv",
	"runtime.chansend",	     "runtime.selectgo",
	"runtime.semacquire1",	     "internal/sync.(*Mutex).lockSlow",
	"sync.(*Mutex).Lock",	     "sync.(*RWMutex).RLock",
	"sync.(*WaitGroup).Wait",    "runtime.notifyListWait",
	"sync.(*Cond).Wait",	     "runtime.netpollblock",
	"internal/poll.(*FD).Read",  "time.Sleep",
	"main.worker",		     "main.main",
	"runtime.goexit",
};
#define N_FUNCTIONS ARRAY_SIZE(functions)

static const char *const wait_reasons[] = {
	"",	"GC assist marking", "IO wait",	"chan receive", "chan send", "select",
	"sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.WaitGroup.Wait", "sync.Cond.Wait", "sleep",
	"chan receive (nil chan)",
};
enum { R_IO = 2, R_RECV, R_SEND, R_SELECT, R_MUTEX, R_RLOCK, R_WG, R_COND, R_SLEEP, R_NIL };

static void put(struct world *w, uint64_t at, uint64_t v, size_t n)
{
	if (at <= WORLD_SIZE - n)
		memcpy(w->bytes + at, &v, n);
}

static void put64(struct world *w, uint64_t at, uint64_t v)
{
	put(w, at, v, 8);
}

static void put32(struct world *w, uint64_t at, uint64_t v)
{
	put(w, at, v, 4);
}

static uint64_t entry_of(const char *name)
{
	for (size_t i = 0; i < N_FUNCTIONS; i++)
		if (strcmp(functions[i], name) == 0)
			return WORLD_TEXT + i * FUNC_BYTES;
	return 0;
}

uint64_t world_function(const char *name)
{
	return entry_of(name);
}

/*
 * runtime/symtab.go: pcHeader, then the function names, the compilation unit and file tables, the
 * pc tables and the functions themselves.
 */
static void build_pclntab(struct world *w)
{
	uint64_t names = 0x80, cus = 0x600, files = 0x640, pctab = 0x680, pcln = 0x700;
	uint64_t record = (N_FUNCTIONS + 1) * 8;
	uint8_t *b = w->bytes + AT_PCLNTAB;
	/* "-1 + FRAME up to the function's end", the same "-1 + 10": zigzag value, pc delta, 0. */
	static const uint8_t pcsp[] = { 2 * (FRAME + 1), 0x80, 0x02, 0 };
	static const uint8_t line[] = { 2 * 11, 0x80, 0x02, 0 };
	static const uint8_t file[] = { 2 * 1, 0x80, 0x02, 0 };

	put32(w, AT_PCLNTAB, 0xfffffff1);
	b[6] = 1;
	b[7] = 8;
	put64(w, AT_PCLNTAB + 8, N_FUNCTIONS);
	put64(w, AT_PCLNTAB + 16, 1);
	put64(w, AT_PCLNTAB + 24, WORLD_TEXT);
	put64(w, AT_PCLNTAB + 32, names);
	put64(w, AT_PCLNTAB + 40, cus);
	put64(w, AT_PCLNTAB + 48, files);
	put64(w, AT_PCLNTAB + 56, pctab);
	put64(w, AT_PCLNTAB + 64, pcln);
	memcpy(b + files, "main.go", 8);
	memcpy(b + pctab + 8, pcsp, sizeof(pcsp));
	memcpy(b + pctab + 16, line, sizeof(line));
	memcpy(b + pctab + 24, file, sizeof(file));
	for (size_t i = 0; i < N_FUNCTIONS; i++) {
		uint64_t at = AT_PCLNTAB + pcln + record;
		bool goexit = i == N_FUNCTIONS - 1;

		put32(w, AT_PCLNTAB + pcln + i * 8, i * FUNC_BYTES);
		put32(w, AT_PCLNTAB + pcln + i * 8 + 4, record);
		put32(w, at, i * FUNC_BYTES);
		put32(w, at + 4, names);
		put32(w, at + 16, 8);
		put32(w, at + 20, 24);
		put32(w, at + 24, 16);
		put32(w, at + 36, 9);
		w->bytes[at + 40] = goexit ? 8 : 0;	/* abi.FuncID_goexit in Go 1.26 */
		w->bytes[at + 41] = goexit ? 1 : 0;	/* TOPFRAME */
		record += 44;
		/* Names are relative to the name table. */
		put32(w, at + 4, names - 0x80);
		memcpy(b + names, functions[i], strlen(functions[i]) + 1);
		names += strlen(functions[i]) + 1;
	}
	put32(w, AT_PCLNTAB + pcln + N_FUNCTIONS * 8, N_FUNCTIONS * FUNC_BYTES);
}

static void build_types(struct world *w)
{
	const struct go_layout *l = &w->rt.layout;

	/* internal/abi: a name is flags, length, bytes; "*int" with the extra star. */
	memcpy(w->bytes + AT_TYPES + 0x10, "\0\4*int", 6);
	put32(w, AT_TYPES + 0x100 + (uint64_t)l->type_str, 0x10);
	w->bytes[AT_TYPES + 0x100 + (uint64_t)l->type_tflag] = 2;
}

/* A parked goroutine whose frames, innermost first, are the named functions. */
static void park(struct world *w, enum world_g which, uint8_t reason, const char *const *names,
		 size_t n, uint64_t spilled)
{
	const struct go_layout *l = &w->rt.layout;
	uint64_t g = AT_GS + which * G_STRIDE, stack = AT_STACKS + which * STACK_BYTES;
	uint64_t sp = stack + STACK_BYTES - (n * (FRAME + 8) + 0x20);

	put64(w, g + (uint64_t)l->g_stack_lo, WORLD_BASE + stack);
	put64(w, g + (uint64_t)l->g_stack_hi, WORLD_BASE + stack + STACK_BYTES);
	put64(w, g + (uint64_t)l->g_sched_sp, WORLD_BASE + sp);
	put64(w, g + (uint64_t)l->g_sched_pc, entry_of(names[0]) + 0x40);
	put32(w, g + (uint64_t)l->g_status, GO_WAITING);
	put64(w, g + (uint64_t)l->g_goid, which + 1);
	put64(w, g + (uint64_t)l->g_parent_goid, 1);
	put64(w, g + (uint64_t)l->g_gopc, entry_of("main.main") + 0x30);
	put64(w, g + (uint64_t)l->g_startpc, entry_of("main.worker"));
	w->bytes[g + (uint64_t)l->g_waitreason] = reason;
	w->g[which] = WORLD_BASE + g;
	put64(w, AT_ALLGS + which * 8, WORLD_BASE + g);
	for (size_t i = 0; i < n; i++) {
		uint64_t ret = i + 1 < n ? entry_of(names[i + 1]) + 0x40
					 : entry_of("runtime.goexit") + 1;

		put64(w, sp + FRAME, ret);
		/* A record that the second frame keeps beside other words. */
		if (i == 1) {
			put64(w, sp + 8, WORLD_BASE + stack + 8);
			put64(w, sp + 16, spilled);
		}
		sp += FRAME + 8;
	}
}
#define PARK(w, which, reason, spilled, ...)                                          \
	park(w, which, reason, (const char *const[]){ __VA_ARGS__ },                  \
	     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), spilled)

/* The next free place for a record. */
static uint64_t new_record(uint64_t *next)
{
	*next += 0x100;
	return *next - 0x100;
}

/* A sudog of a goroutine on a channel, at the head of one of its queues; its address. */
static uint64_t queue_on(struct world *w, uint64_t *next, enum world_g which, uint64_t chan,
			 int32_t queue, uint64_t behind)
{
	const struct go_layout *l = &w->rt.layout;
	uint64_t s = new_record(next);

	put64(w, s + (uint64_t)l->sudog_g, WORLD_BASE + AT_GS + which * G_STRIDE);
	put64(w, s + (uint64_t)l->sudog_c, chan);
	put64(w, s + (uint64_t)l->sudog_next, behind);
	put64(w, chan - WORLD_BASE + (uint64_t)queue, WORLD_BASE + s);
	return WORLD_BASE + s;
}

static void set_waiting(struct world *w, enum world_g which, uint64_t sudog)
{
	put64(w, AT_GS + which * G_STRIDE + (uint64_t)w->rt.layout.g_waiting, sudog);
}

static void build_chans(struct world *w, uint64_t *next)
{
	const struct go_layout *l = &w->rt.layout;
	uint64_t s, first;

	for (int i = 0; i < 3; i++) {
		uint64_t c = new_record(next);

		put64(w, c + (uint64_t)l->hchan_dataqsiz, i == 0 ? 2 : 0);
		put64(w, c + (uint64_t)l->hchan_elemtype, WORLD_BASE + AT_TYPES + 0x100);
		w->chan[i] = WORLD_BASE + c;
	}
	PARK(w, WORLD_CHAN_RECV, R_RECV, 0, "runtime.gopark", "runtime.chanrecv", "main.worker");
	PARK(w, WORLD_CHAN_SEND, R_SEND, 0, "runtime.gopark", "runtime.chansend", "main.worker");
	PARK(w, WORLD_CHAN_SEND_TOO, R_SEND, 0, "runtime.gopark", "runtime.chansend",
	     "main.worker");
	PARK(w, WORLD_SELECT, R_SELECT, 0, "runtime.gopark", "runtime.selectgo", "main.worker");
	PARK(w, WORLD_NIL_CHAN, R_NIL, 0, "runtime.gopark", "runtime.chanrecv", "main.worker");
	s = queue_on(w, next, WORLD_CHAN_RECV, w->chan[0], l->hchan_recvq_first, 0);
	set_waiting(w, WORLD_CHAN_RECV, s);
	s = queue_on(w, next, WORLD_SELECT, w->chan[0], l->hchan_recvq_first, s);
	first = s;
	s = queue_on(w, next, WORLD_SELECT, w->chan[2], l->hchan_sendq_first, 0);
	put64(w, first - WORLD_BASE + (uint64_t)l->sudog_waitlink, s);
	set_waiting(w, WORLD_SELECT, first);
	s = queue_on(w, next, WORLD_CHAN_SEND, w->chan[1], l->hchan_sendq_first, 0);
	set_waiting(w, WORLD_CHAN_SEND, s);
	s = queue_on(w, next, WORLD_CHAN_SEND_TOO, w->chan[1], l->hchan_sendq_first, s);
	set_waiting(w, WORLD_CHAN_SEND_TOO, s);
}

/* runtime/pprof's labels since Go 1.24: a slice of pairs of strings. */
static void build_labels(struct world *w, uint64_t *next)
{
	uint64_t set = new_record(next), list = new_record(next), text = new_record(next);

	memcpy(w->bytes + text, "keyvalue", 8);
	put64(w, set, WORLD_BASE + list);
	put64(w, set + 8, 1);
	put64(w, set + 16, 1);
	put64(w, list, WORLD_BASE + text);
	put64(w, list + 8, 3);
	put64(w, list + 16, WORLD_BASE + text + 3);
	put64(w, list + 24, 5);
	put64(w, AT_GS + WORLD_SELECT * G_STRIDE + (uint64_t)w->rt.layout.g_labels,
	      WORLD_BASE + set);
}

/* A sudog of a semaphore, which only the waiter's stack knows. */
static uint64_t sema_sudog(struct world *w, uint64_t *next, enum world_g which, uint64_t sema)
{
	uint64_t s = new_record(next);

	put64(w, s + (uint64_t)w->rt.layout.sudog_g, WORLD_BASE + AT_GS + which * G_STRIDE);
	put64(w, s + (uint64_t)w->rt.layout.sudog_elem, sema);
	return WORLD_BASE + s;
}

static void build_syncs(struct world *w, uint64_t *next)
{
	const struct go_layout *l = &w->rt.layout;
	uint64_t m = new_record(next), rw = new_record(next), wg = new_record(next);
	uint64_t cond = new_record(next), s;

	w->mutex = WORLD_BASE + m;
	put32(w, m, 3 << 3 | 1);	/* three wait, locked */
	PARK(w, WORLD_MUTEX, R_MUTEX, sema_sudog(w, next, WORLD_MUTEX, w->mutex + 4),
	     "runtime.gopark", "runtime.semacquire1", "internal/sync.(*Mutex).lockSlow",
	     "sync.(*Mutex).Lock", "main.worker");

	w->rwmutex = WORLD_BASE + rw;
	put32(w, rw + 16, (uint32_t)(5 - (1 << 30)));	/* a writer holds, five readers wait */
	PARK(w, WORLD_RWMUTEX, R_RLOCK, sema_sudog(w, next, WORLD_RWMUTEX, w->rwmutex + 12),
	     "runtime.gopark", "runtime.semacquire1", "sync.(*RWMutex).RLock", "main.worker");

	w->waitgroup = WORLD_BASE + wg;
	put64(w, wg, 4ull << 32 | 2);	/* four to be done, two wait */
	PARK(w, WORLD_WAITGROUP, R_WG, sema_sudog(w, next, WORLD_WAITGROUP, w->waitgroup + 8),
	     "runtime.gopark", "runtime.semacquire1", "sync.(*WaitGroup).Wait", "main.worker");

	w->cond = WORLD_BASE + cond;
	s = sema_sudog(w, next, WORLD_COND, 0);
	put32(w, cond + 16 + (uint64_t)l->notify_wait, 9);
	put32(w, cond + 16 + (uint64_t)l->notify_notify, 8);
	put64(w, cond + 16 + (uint64_t)l->notify_head, s);
	put32(w, s - WORLD_BASE + (uint64_t)l->sudog_ticket, 8);
	PARK(w, WORLD_COND, R_COND, s, "runtime.gopark", "runtime.notifyListWait",
	     "sync.(*Cond).Wait", "main.worker");
	/* The list itself, where another frame spilled it. */
	put64(w,
	      AT_STACKS + (WORLD_COND + 1) * STACK_BYTES - (4 * (FRAME + 8) + 0x20) +
		      2 * (FRAME + 8) + 8,
	      w->cond + 16);
}

static void build_others(struct world *w, uint64_t *next)
{
	const struct go_layout *l = &w->rt.layout;
	uint64_t pd = new_record(next), timer = new_record(next), g;

	new_record(next);	/* a pollDesc is larger than the stride */
	PARK(w, WORLD_FD, R_IO, WORLD_BASE + pd, "runtime.gopark", "runtime.netpollblock",
	     "internal/poll.(*FD).Read", "main.worker");
	put64(w, pd + (uint64_t)l->polldesc_fd, 7);
	put64(w, pd + (uint64_t)l->polldesc_rg, w->g[WORLD_FD]);
	put64(w, pd + (uint64_t)l->polldesc_rd, WORLD_NOW + 5000000000);
	PARK(w, WORLD_SLEEP, R_SLEEP, 0, "runtime.gopark", "time.Sleep", "main.worker");
	timer = new_record(next);
	put64(w, timer + (uint64_t)l->timer_when, WORLD_NOW + 60000000000);
	put64(w, AT_GS + WORLD_SLEEP * G_STRIDE + (uint64_t)l->g_timer, WORLD_BASE + timer);
	PARK(w, WORLD_RUNNING, 0, 0, "main.worker");
	g = AT_GS + WORLD_RUNNING * G_STRIDE;
	put32(w, g + (uint64_t)l->g_status, GO_RUNNING);
	PARK(w, WORLD_DEAD, 0, 0, "main.worker");
	put32(w, AT_GS + WORLD_DEAD * G_STRIDE + (uint64_t)l->g_status, GO_DEAD);
}

void world_build(struct world *w)
{
	uint64_t next = AT_RECORDS;

	memset(w, 0, sizeof(*w));
	if (layout_lookup(26, 0, &w->rt.layout, NULL) < 0)
		return;
	build_pclntab(w);
	build_types(w);
	build_chans(w, &next);
	build_labels(w, &next);
	build_syncs(w, &next);
	build_others(w, &next);
	/* runtime.allgs itself. */
	put64(w, AT_ALLGS - 0x18, WORLD_BASE + AT_ALLGS);
	put64(w, AT_ALLGS - 0x10, WORLD_GOROUTINES);
	put64(w, AT_ALLGS - 0x08, WORLD_GOROUTINES);
}

int world_open(struct world *w)
{
	const struct mem_range range = { WORLD_BASE, w->bytes, WORLD_SIZE };
	const struct pclntab_where where = {
		.header = WORLD_BASE + AT_PCLNTAB,
		.text = WORLD_TEXT,
		.etext = WORLD_TEXT + N_FUNCTIONS * FUNC_BYTES,
		.gofunc = WORLD_BASE + AT_TYPES,
		.minor = 26,
	};
	int r;

	w->arena = arena_new();
	if (!w->arena || mem_array_open(&range, 1, &w->mem) < 0)
		return -ENOMEM;
	pthread_mutex_init(&w->rt.tab_lock, NULL);
	w->rt.minor = 26;
	w->rt.live = w->mem;
	w->rt.file = w->mem;
	w->rt.arena = w->arena;
	w->rt.now_ns = WORLD_NOW;
	w->rt.globals.allgs = WORLD_BASE + AT_ALLGS - 0x18;
	w->rt.globals.wait_reasons = (const char **)wait_reasons;
	w->rt.globals.n_wait_reasons = ARRAY_SIZE(wait_reasons);
	w->rt.md.types = WORLD_BASE + AT_TYPES;
	w->rt.md.etypes = WORLD_BASE + AT_TYPES + 0x800;
	r = memcache_open(w->mem, 256, 64, &w->rt.chase);
	if (r == 0)
		r = memcache_open(w->mem, 256, 16, &w->rt.constant);
	return r < 0 ? r : pclntab_open(w->mem, &where, &w->rt.tab, NULL);
}

void world_close(struct world *w)
{
	pclntab_close(w->rt.tab);
	mem_close(w->rt.constant);
	mem_close(w->rt.chase);
	mem_close(w->mem);
	arena_free(w->arena);
	w->rt.tab = NULL;
	w->rt.constant = w->rt.chase = w->mem = NULL;
	w->arena = NULL;
}
