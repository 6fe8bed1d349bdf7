/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a cell: a process of its own in which one target is looked at once, without
 * privileges, and that may hang or die without harm to anyone else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum cell_what {
	CELL_SNAPSHOT,		/* loiter.snapshot/1 */
	CELL_PAGE,		/* HTML */
	CELL_FLAMEGRAPH,	/* SVG */
	CELL_GOROUTINE,		/* these four as runtime/pprof has them, `debug` too */
	CELL_GOROUTINELEAK,
	CELL_HEAP,
	CELL_THREADCREATE,
	CELL_EXAMINATION,	/* daemon/examined_wire.h: leaks searched for, memory told apart */
	CELL_WHATS
};

/* 0: that of cell_limits_default. The foreman cuts them to what it was started with. */
struct cell_limits {
	uint64_t memory_bytes;	/* of address space */
	uint64_t answer_bytes;
	uint32_t cpu_s;
	uint32_t deadline_ms;	/* from its start on; then it is killed */
};

struct cell_request {
	pid_t pid;
	enum cell_what what;
	uint64_t start_time;	/* clock ticks after boot; 0: whoever has that pid */
	uint32_t debug;		/* 0 profile.proto, 1 and 2 text */
	uint32_t prove_max_ms;	/* of snapshot and page: it may be stopped so long; 0: not */
	struct cell_limits limits;
};

extern const struct cell_limits cell_limits_default;

/* `l` with defaults for what is 0, and nothing beyond `most`. */
struct cell_limits cell_limits_within(const struct cell_limits *l, const struct cell_limits *most);
