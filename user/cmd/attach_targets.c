// SPDX-License-Identifier: Apache-2.0
/* Which processes are watched. */
#include "cmd/attach.h"

#include <errno.h>
#include <stdlib.h>

#include "cmd/interrupt.h"

static bool stop(void)
{
	return interrupt_noted();
}

int attach_targets_init(struct attach_targets *t, const struct attach_args *args)
{
	*t = (struct attach_targets){ .args = args };
	t->tracing = (struct tracing_args){ .collectors = args->probes,
					    .budget_percent = args->budget,
					    .stop = stop };
	return 0;
}

void attach_targets_done(struct attach_targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		watch_close(t->all[i].watch);
	free(t->all);
}

bool attach_targets_left(const struct attach_targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->all[i].watch)
			return true;
	return false;
}

static int add(struct attach_targets *t, struct watch *w)
{
	size_t at = 0;

	while (at < t->n && t->all[at].watch)
		at++;
	if (at == t->room) {
		size_t room = t->room ? t->room * 2 : 8;
		struct attach_target *all = realloc(t->all, room * sizeof(*all));

		if (!all)
			return -ENOMEM;
		t->all = all;
		t->room = room;
	}
	t->all[at] = (struct attach_target){ .watch = w };
	if (at == t->n)
		t->n++;
	return 0;
}

static int open_one(struct attach_targets *t, pid_t pid, struct diag *d)
{
	CLEANUP(watch_close_p) struct watch *w = NULL;
	int r = watch_open(pid, t->args->probes ? &t->tracing : NULL, &w, d);

	if (r == 0)
		r = add(t, w);
	if (r == 0)
		(void)TAKE(w);
	return r;
}

int attach_targets_find(struct attach_targets *t, struct diag *d)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->args->n_pids; i++)
		r = open_one(t, t->args->pids[i], d);
	return r;
}
