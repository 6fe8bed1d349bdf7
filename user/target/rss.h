/* SPDX-License-Identifier: Apache-2.0 */
/* The resident memory of a process as the kernel sums it up: no page is looked at. */
#pragma once

#include <stdint.h>

struct process;

struct rss {
	uint64_t total, anon, file, shared;	/* bytes; the first is the sum of the others */
	uint64_t swap;
};

/* -ESRCH gone; -EBADMSG what no kernel prints. */
int rss_read(const struct process *p, struct rss *ret);
/* Parses the text of a status file. */
int rss_parse(const char *text, struct rss *ret);
