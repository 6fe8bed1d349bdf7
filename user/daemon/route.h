/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request's target, path and query as they came, asks for. Pure: no clock, no I/O. A
 * process is named T = PID-STARTTIME, in one spelling alone, so that equal requests are seen to
 * be equal.
 *
 * What is about one process stands at two places, the second for scrapers that can set a prefix:
 *
 *	/api/v1/snapshot?proc=T		/proc/T/api/v1/snapshot
 *	/debug/pprof/heap?proc=T	/proc/T/debug/pprof/heap
 *
 * Parameters that nobody knows are passed over, as net/http does. One that is known and says
 * something else than is done is refused: `seconds` (two profiles that are compared do the same,
 * and no connection is held for it) and `gc` (loiter makes no process collect).
 */
#pragma once

#include <stddef.h>

#include "base/diag.h"
#include "daemon/cell_port.h"

enum route_what {
	ROUTE_NODE_PAGE,
	ROUTE_METRICS,
	ROUTE_TARGETS,
	ROUTE_PROCESSES,
	ROUTE_HEALTHZ,
	ROUTE_READYZ,
	ROUTE_PPROF_INDEX,	/* of the process ask.pid and ask.start_time */
	ROUTE_ASK,		/* ask, whole */
	ROUTE_MOVED,		/* to `to`, relative */
};

/* Longest target that is looked at; none of ours is near it. */
enum { ROUTE_MAX = 1024 };

struct route {
	enum route_what what;
	/* It is below /debug/pprof/, where errors have the mark of net/http/pprof. */
	bool pprof;
	bool below_proc;	/* the path, not the query, names the process */
	struct ask ask;
	/* From where it is, not from the root: a proxy may have put something before the path. */
	char to[ROUTE_MAX + 8];
};

/*
 * target: "/path?query". -EINVAL malformed, or a parameter that is missing or wrong; -ENOENT no
 * such path. The reason is a sentence for who asked; `pprof` is set also then.
 */
int route_parse(const char *target, size_t len, struct route *ret, struct diag *d);

/* The name of a profile, as in its path; NULL: it is none. */
const char *route_profile_name(enum ask_what what);
/* What a profile is, in some words: rows in the order of the index; NULL beyond the last. */
struct route_profile {
	enum ask_what what;
	const char *name;
	const char *help;
};
const struct route_profile *route_profile(size_t i);
