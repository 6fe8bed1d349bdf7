/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of OpenMetrics 1.0 and of Prometheus' text format 0.0.4, as far as loiter writes
 * them: what real readers let pass is an error here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct parsed_series {
	char *name;		/* with its labels, as it stands there: `x{a="b"}` */
	double value;
	bool counter;
};

struct parsed_metrics {
	struct parsed_series *all;
	size_t n;
	char error[200];	/* "" none */
};

/* false: p->error says what is wrong. metrics_done() in both cases. */
bool metrics_parse(const char *text, size_t len, bool plain, struct parsed_metrics *p);
void metrics_done(struct parsed_metrics *p);
/* NULL: there is none. */
const struct parsed_series *metrics_find(const struct parsed_metrics *p, const char *name);
