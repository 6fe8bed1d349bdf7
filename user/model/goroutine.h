/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One goroutine and what it waits for, in the words of the Go runtime. Plain values: nothing here
 * knows how they were read. Strings are owned by the snapshot's arena and are raw target bytes
 * (control characters, broken UTF-8): whoever prints them escapes them for its own output.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* runtime2.go, _Gidle and on; the same numbers in Go 1.18 to 1.27. */
enum go_state {
	GO_IDLE = 0,
	GO_RUNNABLE = 1,
	GO_RUNNING = 2,
	GO_SYSCALL = 3,
	GO_WAITING = 4,
	GO_DEAD = 6,
	GO_COPYSTACK = 8,
	GO_PREEMPTED = 9,
	GO_LEAKED = 10,		/* Go 1.26: set by the runtime's own leak detector */
	GO_DEADEXTRA = 11,	/* Go 1.26: an extra M's g, not in C's hands */
};

/* Does it wait until somebody wakes it? */
static inline bool go_state_is_parked(enum go_state s)
{
	return s == GO_WAITING || s == GO_LEAKED;
}

/* "runnable", "running", "syscall", "waiting", ...: Go's own words. "???" for others. */
const char *go_state_name(enum go_state s);

enum { WAIT_UNKNOWN = -1 };	/* a count or an age that could not be had */
/* A time left, which may be negative (overdue), that could not be had: a core has no "now". */
#define TIME_UNKNOWN INT64_MIN

struct frame {
	uint64_t pc;		/* a return address, but for the innermost frame */
	uint64_t entry;		/* of the function that the pc lies in; 0 unknown */
	const char *function;	/* NULL when no symbol covers the pc */
	const char *file;	/* NULL unknown */
	uint32_t line;		/* 0 unknown */
	uint32_t start_line;	/* of the function; 0 unknown (before Go 1.20) */
	bool inlined;		/* into the next frame of the stack */
};

/* Innermost frame first. runtime.goexit and compiler wrappers are left out, as pprof does. */
struct stack {
	const struct frame *frames;
	uint32_t n;
	bool truncated;		/* deeper than LIMIT_FRAMES, or the walk broke off */
};

struct label {
	const char *key, *value;
};

enum wait_kind {
	WAIT_NONE,		/* runs, may run, or waits for nothing that has a name */
	WAIT_CHAN,
	WAIT_SELECT,
	WAIT_MUTEX,
	WAIT_RWMUTEX,
	WAIT_WAITGROUP,
	WAIT_COND,
	WAIT_SEMA,		/* a semaphore whose owner is not known */
	WAIT_FD,
	WAIT_TIMER,
	WAIT_KINDS
};

/* "none", "chan", "select", ...: the JSON contract's words. */
const char *wait_kind_name(enum wait_kind k);

enum chan_dir { CHAN_DIR_UNKNOWN, CHAN_SEND, CHAN_RECV };

struct wait_chan {
	uint64_t addr;		/* of the hchan; 0 for a nil channel */
	const char *type;	/* element type, "error"; NULL unknown */
	enum chan_dir dir;
	uint64_t cap, len;
	bool closed;
	/*
	 * Goroutines in its queues, or WAIT_UNKNOWN. With more (LIMIT_QUEUE was met, or a walk
	 * broke off) the true number is at least this.
	 */
	int64_t senders, receivers;
	bool senders_more, receivers_more;
	bool has_timer;		/* Go 1.23: fed by a timer (time.After, NewTicker) */
	int64_t timer_left_ns;	/* with has_timer; negative: overdue; or TIME_UNKNOWN */
};

struct wait_fd {
	int fd;			/* -1 unknown */
	const char *proto;	/* "tcp", "tcp6", "udp", "unix", "pipe", ...; NULL unknown */
	const char *local, *peer;	/* "10.0.3.7:443"; NULL none or unknown */
	const char *tcp_state;	/* "ESTABLISHED", ...; NULL when not TCP or unknown */
	char mode;		/* 'r' or 'w'; 0 unknown */
	bool deadline_known;	/* the pollDesc was read */
	bool has_deadline;
	int64_t deadline_left_ns;	/* with has_deadline; negative: expired; or TIME_UNKNOWN */
};

/* Mutex, RWMutex, WaitGroup, Cond or a bare semaphore. */
struct wait_sync {
	uint64_t addr;		/* of the object, or of the semaphore for WAIT_SEMA */
	bool state_known;
	uint64_t state;		/* Mutex.state, RWMutex.readerCount (as u32), WaitGroup.state */
	int64_t waiters;	/* WAIT_UNKNOWN */
	int64_t counter;	/* WaitGroup counter, RWMutex active readers; WAIT_UNKNOWN */
	bool locked;		/* Mutex: the locked bit; RWMutex: a writer holds or waits */
	bool for_read;		/* RWMutex.RLock */
};

struct wait_object {
	enum wait_kind kind;
	bool known;		/* false: the kind is known by the wait reason, the object is not */
	union {
		struct wait_chan chan;
		struct {
			uint32_t n, n_all;	/* described, and in all */
			const struct wait_chan *cases;
		} select;
		struct wait_fd fd;
		struct wait_sync sync;
		struct {
			int64_t left_ns;	/* negative: overdue; or TIME_UNKNOWN */
		} timer;
	};
};

/*
 * proven > likely > suspect > candidate > explained > ok; unknown where nobody can tell. From suspect
 * on something is held to be wrong; a candidate and what is explained are of findings alone.
 */
enum verdict {
	VERDICT_UNKNOWN,
	VERDICT_OK,
	VERDICT_EXPLAINED,	/* it looks like a leak, and why it is none is known */
	VERDICT_CANDIDATE,	/* one of those that it may be, and nothing sets it apart */
	VERDICT_SUSPECT,
	VERDICT_LIKELY,
	VERDICT_PROVEN
};
/* "proven", ...: the JSON contract's words. */
const char *verdict_name(enum verdict v);

struct goroutine {
	uint64_t id;
	uint64_t g_addr;
	uint64_t parent_id;	/* 0 unknown (before Go 1.21) or none */
	enum go_state state;
	const char *wait_reason;	/* the target's own word; NULL when not waiting */
	int64_t wait_ns;	/* a lower bound of how long it has waited; WAIT_UNKNOWN */
	enum verdict verdict;	/* its own: others of its group may be healthy */
	const char *pattern;	/* or NULL */
	uint32_t group;		/* index into snapshot.groups */
	int32_t tid;		/* of the thread it is on; 0 none or unknown */
	bool system;		/* the runtime's own */
	bool locked_to_thread;
	const struct label *labels;	/* sorted by key */
	uint32_t n_labels;
	struct wait_object blocked_on;
};
