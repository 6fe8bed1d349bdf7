/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the daemon's interface for programs, of the node as a whole. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "model/node.h"
#include "model/node_self.h"

struct processes_options {
	const char *version;	/* of loiter; NULL unknown */
	const char *node;	/* name of the machine; NULL unknown */
	/* Of targets: where scrapers reach this daemon, "10.0.0.7:9646", and whether by TLS. */
	const char *address;
	bool tls;
};

/* Both: 0, or -EIO / -ENOMEM, as report.h says. */

/* /api/v1/processes: loiter.processes/1, every process on a line of its own. */
int processes_json(const struct node_look *n, const struct node_self *self,
		   const struct processes_options *o, FILE *out);

/*
 * /targets: each Go process as a target of Prometheus's http_sd, which Parca and Alloy take as well.
 * The address is this daemon's, the process a parameter: __param_proc. The labels name it by what
 * outlives a restart, as those of the metrics; "replica" tells apart those of one name in one place,
 * the oldest being 0. Parca and Alloy put a path of their own for each kind of profile; the path
 * here is for who has none.
 */
int targets_json(const struct node_look *n, const struct processes_options *o, FILE *out);
