// SPDX-License-Identifier: Apache-2.0
/*
 * Values of a sample: "goroutine", how many; "wait", a lower bound of the nanoseconds they have
 * waited, all together (the sum of what is known of each when the list of goroutines was taken,
 * else the longest one's alone); "stack", the bytes of their stacks.
 */
#include <errno.h>
#include <stdlib.h>

#include "report/pprof_writer.h"
#include "report/report.h"

enum { VALUES = 3 };

static int64_t as_value(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static void emit_group(struct pprof *p, const struct snapshot *s, uint32_t group,
		       const uint64_t *waits)
{
	const struct group *g = &s->groups[group];
	Pprof__Label label[LIMIT_LABELS + 3], *labels[LIMIT_LABELS + 3];
	Pprof__Sample sample = PPROF__SAMPLE__INIT;
	uint64_t ids[LIMIT_FRAMES];
	int64_t values[VALUES] = { as_value(g->count), 0, as_value(g->stack_bytes) };

	if (waits)
		values[1] = as_value(waits[group]);
	else if (g->oldest_wait_ns > 0)
		values[1] = g->oldest_wait_ns;
	sample.n_value = VALUES;
	sample.value = values;
	sample.n_location_id = pprof_stack(p, &g->stack, ids);
	sample.location_id = ids;
	sample.label = labels;
	pprof_label(p, &sample, &label[0], "state", go_state_name(g->state));
	pprof_label(p, &sample, &label[1], "wait_reason", g->wait_reason);
	pprof_label(p, &sample, &label[2], "pattern", g->pattern);
	for (uint32_t i = 0; i < g->n_labels && i < LIMIT_LABELS; i++)
		pprof_label(p, &sample, &label[3 + i], g->labels[i].key, g->labels[i].value);
	pprof_sample(p, &sample);
}

/* What is known of how long each group's goroutines have waited, summed; *ret NULL: not listed. */
static int sum_waits(const struct snapshot *s, uint64_t **ret)
{
	uint64_t *waits;

	*ret = NULL;
	if (!s->goroutines)
		return 0;
	waits = calloc((size_t)s->n_groups + 1, sizeof(*waits));
	if (!waits)
		return -ENOMEM;
	for (uint64_t i = 0; i < s->n_goroutines; i++)
		if (s->goroutines[i].group < s->n_groups && s->goroutines[i].wait_ns > 0 &&
		    __builtin_add_overflow(waits[s->goroutines[i].group],
					   (uint64_t)s->goroutines[i].wait_ns,
					   &waits[s->goroutines[i].group]))
			waits[s->goroutines[i].group] = UINT64_MAX;
	*ret = waits;
	return 0;
}

int report_pprof(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	static const char *const types[VALUES][2] = {
		{ "goroutine", "count" }, { "wait", "nanoseconds" }, { "stack", "bytes" },
	};
	const struct pprof_head head = {
		.types = types,
		.n_types = VALUES,
		.default_type = types[0][0],
		.period_type = types[0],
		.period = 1,
		.time = s->time,
	};
	struct pprof p;
	uint64_t *waits;
	int r = sum_waits(s, &waits);

	(void)o;
	if (r < 0)
		return r;
	r = pprof_begin(&p, out, &head);
	for (uint32_t i = 0; i < s->quality.n_notes && r == 0; i++)
		pprof_comment(&p, s->quality.notes[i]);
	for (uint32_t i = 0; i < s->n_groups && !p.err; i++)
		if (!s->groups[i].system)
			emit_group(&p, s, i, waits);
	free(waits);
	return pprof_end(&p, &s->process);
}
