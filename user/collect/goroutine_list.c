// SPDX-License-Identifier: Apache-2.0
#include "collect/goroutine_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int goroutine_list_add(struct goroutine_list *l, const struct goroutine *g, int64_t waitsince)
{
	if (l->n == l->room) {
		uint64_t room = l->room ? l->room * 2 : 4096;
		struct goroutine *all = realloc(l->all, room * sizeof(*all));
		int64_t *since;

		if (!all)
			return -ENOMEM;
		l->all = all;
		since = realloc(l->waitsince, room * sizeof(*since));
		if (!since)
			return -ENOMEM;
		l->waitsince = since;
		l->room = room;
	}
	l->waitsince[l->n] = waitsince;
	l->all[l->n++] = *g;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct goroutine *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int goroutine_list_finish(struct goroutine_list *l, const struct grouping *groups,
			  const struct ages *ages, struct snapshot *s)
{
	for (uint64_t i = 0; i < l->n; i++) {
		enum go_state state = l->all[i].state;

		l->all[i].group = groups->all[l->all[i].group].place;
		l->all[i].wait_ns = go_state_is_parked(state) || state == GO_SYSCALL
					    ? ages_bound(ages, l->waitsince[i])
					    : WAIT_UNKNOWN;
	}
	s->goroutines = arena_alloc(s->arena, l->n ? l->n : 1, sizeof(*s->goroutines));
	if (!s->goroutines)
		return -ENOMEM;
	s->n_goroutines = l->n;
	if (l->n)
		memcpy(s->goroutines, l->all, l->n * sizeof(*l->all));
	qsort(s->goroutines, s->n_goroutines, sizeof(*s->goroutines), by_id);
	return 0;
}

void goroutine_list_done(struct goroutine_list *l)
{
	free(l->all);
	free(l->waitsince);
	*l = (struct goroutine_list){ 0 };
}
