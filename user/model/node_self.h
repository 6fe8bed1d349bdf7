/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon about itself, beside struct node_look: what it serves, sends and keeps, and what of
 * that failed. Counters run since its start. Plain values; who counts, fills in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct node_self {
	const char *version;	/* of loiter */
	const char *node;	/* name of the machine; NULL unknown */
	double start_time_s;	/* since 1970 */
	double interval_s;	/* asked for, between two looks at a process */
	double budget_percent;	/* of one core */
	uint64_t memory_max_bytes;	/* the cap it keeps to; 0 none */
	uint32_t fds;		/* open; 0 unknown */
	/* Discovery of processes by BPF; false: by /proc alone. */
	bool discovers;
	uint64_t discovery_lost;	/* events that did not fit; found by the rescan */
	uint64_t left_out;	/* processes beyond the cap, at the last look */
	uint64_t trace_lost;	/* events of tracing that had to be dropped */
	/* Cells: children without capabilities in which a process is examined. */
	uint64_t cells_run, cells_failed, cells_killed;
	uint64_t http_requests, http_refused, http_failed;	/* refused: 4xx; failed: 5xx */
	bool otlp;		/* it sends; the three below are facts */
	uint64_t otlp_sent, otlp_failed, otlp_dropped;	/* requests; dropped after all retries */
	bool state;		/* it keeps a state file */
	uint64_t state_saved, state_failed;
	uint64_t reloads, reloads_failed;
};
