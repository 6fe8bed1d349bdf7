// SPDX-License-Identifier: Apache-2.0
/*
 * The goroutineleak profile as runtime/pprof writes it (Go 1.26 with GOEXPERIMENT, Go 1.27): a
 * goroutine profile of those that can never run again, with the program's own labels. Suspects are
 * not among them.
 */
#include <errno.h>

#include "model/leaks.h"
#include "report/pprof_writer.h"
#include "report/report.h"

static void emit_group(struct pprof *p, const struct group *g)
{
	Pprof__Label label[LIMIT_LABELS], *labels[LIMIT_LABELS];
	Pprof__Sample sample = PPROF__SAMPLE__INIT;
	uint64_t ids[LIMIT_FRAMES];
	int64_t value = (int64_t)(g->n_proven + g->n_likely);

	sample.n_value = 1;
	sample.value = &value;
	sample.n_location_id = pprof_stack(p, &g->stack, ids);
	sample.location_id = ids;
	sample.label = labels;
	for (uint32_t i = 0; i < g->n_labels && i < LIMIT_LABELS; i++)
		pprof_label(p, &sample, &label[i], g->labels[i].key, g->labels[i].value);
	pprof_sample(p, &sample);
}

int report_goroutineleak(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	static const char *const types[1][2] = { { "goroutineleak", "count" } };
	const struct pprof_head head = {
		.types = types,
		.n_types = 1,
		.period_type = types[0],
		.period = 1,
		.time = s->time,
	};
	struct pprof p;
	int r = pprof_begin(&p, out, &head);

	(void)o;
	for (uint32_t i = 0; i < s->quality.n_notes && r == 0; i++)
		pprof_comment(&p, s->quality.notes[i]);
	for (uint32_t i = 0; i < s->n_groups && !p.err; i++)
		if (!s->groups[i].system && s->groups[i].n_proven + s->groups[i].n_likely)
			emit_group(&p, &s->groups[i]);
	return pprof_end(&p, &s->process);
}
