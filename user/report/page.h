/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for people: the node, and one process of it. Whole documents of HTML that need nothing
 * from elsewhere; everything can be read without JavaScript, on paper and by a screen reader.
 * Links are relative to where the contract puts the pages, / and /proc/T/, so that they hold behind
 * a proxy that adds a path.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "model/node.h"
#include "model/node_self.h"
#include "model/snapshot.h"

/*
 * For the header Content-Security-Policy, which the pages carry themselves as well: the style and
 * the script that are in them by their digests, and nothing else. Put "; frame-ancestors 'none'"
 * behind it, which only a header can say.
 */
extern const char page_policy[];
/* What a policy of somebody else must have among its script-src: "'sha256-...'". */
extern const char page_script_source[];

struct page_options {
	const char *version;	/* of loiter; NULL unknown */
	const char *node;	/* name of the machine; NULL unknown */
	/*
	 * Of a process's page: what the node's looks say of it, growth above all, which no single
	 * look can. NULL: a slot is left, which whoever knows them fills with page_fill().
	 */
	const struct node_process *process;
	/* With findings, without, groups: at most so many, 0 for 100, 2000 and 250. */
	uint32_t cards, rows, groups;
};

/* Each: 0, or -EIO / -ENOMEM, as report.h says. */
int page_node(const struct node_look *n, const struct node_self *self,
	      const struct page_options *o, FILE *out);
int page_process(const struct snapshot *s, const struct page_options *o, FILE *out);

/*
 * A process's page of `size` bytes, its slot filled; p NULL: with nothing, for the node knows it no
 * more. A page without a slot stays what it is.
 */
int page_fill(const char *page, size_t size, const struct node_process *p, FILE *out);
