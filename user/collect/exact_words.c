// SPDX-License-Identifier: Apache-2.0
/* What the registers of stopped threads keep alive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/exact_parts.h"
#include "collect/subject.h"
#include "goruntime/roots.h"

int exact_words_add(struct exact_words *w, const uint64_t *words, size_t n)
{
	if (w->room - w->n < n) {
		size_t room = 2 * w->room + n;
		uint64_t *more = reallocarray(w->all, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		w->all = more;
		w->room = room;
	}
	if (n)
		memcpy(w->all + w->n, words, n * sizeof(*words));
	w->n += n;
	return 0;
}

static int by_tid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The threads that rest, as we call them, ascending. */
static int find_resting(const struct subject *subject, struct go_heap *heap, pid_t *tids, size_t max,
			size_t *n, struct diag *d)
{
	int r = go_roots_resting(heap, tids, max, n, d);

	for (size_t i = 0; r == 0 && i < *n; i++)
		tids[i] = subject_our_tid(subject, tids[i]);
	if (r == 0)
		qsort(tids, *n, sizeof(*tids), by_tid);
	return r;
}

int exact_words_of_working(struct exact_words *w, const struct stopped_registers *regs,
			   const struct subject *subject, struct go_heap *heap, struct diag *d)
{
	size_t n = 0, kept = 0;
	pid_t *tids = calloc(regs->n_threads + 1, sizeof(*tids));
	int r = tids ? find_resting(subject, heap, tids, regs->n_threads, &n, d) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < regs->n_threads; i++) {
		const struct stopped_thread *t = &regs->threads[i];

		if (bsearch(&t->tid, tids, n, sizeof(*tids), by_tid))
			continue;
		memmove(w->all + kept, w->all + t->first, t->n * sizeof(*w->all));
		kept += t->n;
	}
	if (r == 0) {
		memmove(w->all + kept, w->all + regs->n_words,
			(w->n - regs->n_words) * sizeof(*w->all));
		w->n -= regs->n_words - kept;
	}
	free(tids);
	return r;
}
