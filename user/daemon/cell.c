// SPDX-License-Identifier: Apache-2.0
#include "daemon/cell.h"

#include <errno.h>
#include <stdlib.h>

#include "collect/snapshot.h"
#include "collect/subject.h"
#include "daemon/cage.h"
#include "daemon/cell_answer.h"
#include "daemon/cell_forms.h"
#include "report/report.h"

static bool may_stop(const struct cell_request *q)
{
	return q->prove_max_ms && (q->what == CELL_SNAPSHOT || q->what == CELL_PAGE);
}

/* The last that is done with privileges. */
static int opened(void *arg, struct subject *s, struct diag *d)
{
	const struct cell_request *q = arg;
	struct cage_plan plan = { .proc_fd = s->process->proc_fd, .limits = q->limits };
	int r;

	if (q->start_time && s->process->start_ticks != q->start_time)
		return diag_fail(d, -ESRCH, "that process has ended; another has its pid");
	if (may_stop(q))
		plan.traced = q->pid;
	r = subject_seal(s, plan.traced, d);
	return r < 0 ? r : cage_enter(&plan, d);
}

static int write_form(const struct cell_form *form, const struct snapshot *s, char **ret,
		      size_t *len)
{
	static const struct report_options options = { .version = LOITER_VERSION };
	FILE *out = open_memstream(ret, len);
	int r;

	if (!out)
		return -ENOMEM;
	r = form->write(s, out, &options);
	if (r == 0 && ferror(out))
		r = -ENOMEM;
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	return r;
}

static int answer(const struct cell_request *q, char **ret, size_t *len, struct diag *d)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;
	const struct cell_form *form = cell_form_find(q->what, q->debug);
	struct snapshot_options o;
	int r;

	if (!form)
		return diag_fail(d, -EOPNOTSUPP, "there is no such form with debug=%u", q->debug);
	o = form->options;
	o.opened = opened;
	o.opened_arg = (void *)q;
	o.leaks.prove = may_stop(q);
	o.leaks.max_pause_ms = q->prove_max_ms;
	r = snapshot_process(q->pid, &o, &s, d);
	if (r == 0 && form->check)
		r = form->check(s, d);
	if (r == 0)
		r = write_form(form, s, ret, len);
	if (r == 0 && *len > q->limits.answer_bytes)
		r = diag_fail(d, -E2BIG, "the answer is longer than %lu bytes",
			      q->limits.answer_bytes);
	return r < 0 ? diag_what(d, r, "pid %d", q->pid) : 0;
}

int cell_run(const struct cell_request *q, int out)
{
	struct diag d = DIAG_INIT;
	char *bytes = NULL;
	size_t len = 0;
	int r = answer(q, &bytes, &len, &d);

	if (r == -ENOMEM && !d.why[0])
		diag_fail(&d, r, "it takes more memory than a look may (%lu MiB)",
			  q->limits.memory_bytes >> 20);
	r = r < 0 ? cell_answer_fail(out, r, &d) : cell_answer_write(out, bytes, len);
	free(bytes);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
