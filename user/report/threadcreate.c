// SPDX-License-Identifier: Apache-2.0
/*
 * The threadcreate profile: how many threads of the system there are. Go's own has no stacks for
 * nearly all of them either, as the runtime does not keep who made a thread.
 */
#include "report/pprof_writer.h"
#include "report/report.h"

int report_threadcreate(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	static const char *const types[1][2] = { { "threadcreate", "count" } };
	const struct pprof_head head = {
		.types = types,
		.n_types = 1,
		.period_type = types[0],
		.period = 1,
		.time = s->time,
	};
	Pprof__Sample sample = PPROF__SAMPLE__INIT;
	int64_t threads = s->process.threads;
	struct pprof p;
	int r = pprof_begin(&p, out, &head);

	(void)o;
	sample.n_value = 1;
	sample.value = &threads;
	if (r == 0 && threads)
		pprof_sample(&p, &sample);
	return pprof_end(&p, &s->process);
}

int report_threadcreate_text(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	(void)o;
	fprintf(out, "threadcreate profile: total %u\n", s->process.threads);
	if (s->process.threads)
		fprintf(out, "%u @\n#\t0x0\n\n", s->process.threads);
	return 0;
}
