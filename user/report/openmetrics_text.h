/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of metrics: OpenMetrics 1.0, or Prometheus' older text format 0.0.4. Label values may be
 * any bytes; whatever they are, the answer parses, and no terminal acts upon it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/limits.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_INFO };

/* A family: one meaning, one name. */
struct metric {
	const char *name;	/* of a series: a counter's ends in _total, an info's in _info */
	enum metric_type type;
	const char *help;	/* a plain sentence */
};

struct metric_label {
	const char *name;
	const char *value;	/* raw bytes; NULL and "" are left out, which means the same */
};

enum { METRIC_LABELS = 12 };

struct metric_text {
	FILE *out;		/* NULL: only count */
	/* Gets each series in the place of `out`; NULL: nobody does. */
	void (*take)(struct metric_text *t, const struct metric_label *labels, size_t n,
		     double value);
	bool plain;		/* 0.0.4 */
	uint64_t series_max;	/* what comes after is dropped */
	uint64_t series, dropped;
	const struct metric *family;
	bool headed;		/* its head is written: a family without series has none */
};

/* All series of a family come in a row, after this. */
void metric_begin(struct metric_text *t, const struct metric *family);

/*
 * One series. The labels of two of one family differ, also once metric_clean() has been at them.
 * What is no number is not written.
 */
void metric_put(struct metric_text *t, const struct metric_label *labels, size_t n, double value);

/* The last line, where the format has one. */
void metric_end(struct metric_text *t);

enum { METRIC_VALUE = LIMIT_METRIC_LABEL + 1 };

/*
 * What becomes of a label's value before it is escaped: broken UTF-8, and what a terminal would act
 * upon, is U+FFFD, but for newlines; what is too long ends in an ellipsis. Of its own result it
 * makes the same. Returns buf.
 */
char *metric_clean(const char *raw, char buf[METRIC_VALUE]);
