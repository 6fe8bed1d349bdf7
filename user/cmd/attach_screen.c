// SPDX-License-Identifier: Apache-2.0
#include "cmd/attach_screen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/full_screen.h"
#include "report/screen.h"

struct attach_screen {
	struct screen *screen;
	struct screen_form form;
	struct screen_process *processes;	/* as they were last drawn */
	size_t n, room;
	const struct node_look *node;	/* NULL: they are targets */
	char note[256];
};

int attach_screen_open(const struct attach_args *args, bool colour, struct attach_screen **ret)
{
	struct attach_screen *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->form = (struct screen_form){ .colour = colour, .every_s = args->interval_s };
	s->screen = screen_new(args->n_pids != 1);
	r = s->screen ? full_screen_open(colour, &s->form.utf8) : -ENOMEM;
	if (r < 0) {
		attach_screen_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void attach_screen_close(struct attach_screen *s)
{
	if (!s)
		return;
	full_screen_close();
	screen_free(s->screen);
	free(s->processes);
	free(s);
}

void attach_screen_note(struct attach_screen *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->note, sizeof(s->note), fmt, ap);
	va_end(ap);
	s->form.note = s->note;
}

static bool make_room(struct attach_screen *s, size_t n)
{
	struct screen_process *more;

	s->n = 0;
	s->node = NULL;
	if (n <= s->room)
		return true;
	more = realloc(s->processes, n * sizeof(*more));
	if (!more)
		return false;
	s->processes = more;
	s->room = n;
	return true;
}

/* A pid is given out again; never at the same clock tick. */
static uint64_t key_of(uint64_t start_time, int pid)
{
	return start_time << 22 ^ (uint64_t)pid;
}

static int arrange(struct attach_screen *s)
{
	const struct screen_list list = { .all = s->processes, .n = s->n, .node = s->node };

	return screen_arrange(s->screen, &list);
}

static int draw(struct attach_screen *s)
{
	int r = arrange(s);

	if (r < 0)
		return r;
	screen_draw(s->screen, full_screen_window(), &s->form);
	full_screen_refresh();
	return 0;
}

int attach_screen_targets(struct attach_screen *s, const struct attach_targets *targets)
{
	if (!make_room(s, targets->n))
		return -ENOMEM;
	for (size_t i = 0; i < targets->n; i++) {
		const struct attach_target *t = &targets->all[i];
		const struct process_info *p = t->watch ? watch_process(t->watch) : NULL;

		if (p)
			s->processes[s->n++] = (struct screen_process){
				.key = key_of(p->start_time, p->pid),
				.process = p,
				.now = t->now,
				.seen = t->has_seen ? &t->seen : NULL,
			};
	}
	return draw(s);
}

int attach_screen_node(struct attach_screen *s, const struct node_look *look)
{
	if (!make_room(s, look->n))
		return -ENOMEM;
	for (uint32_t i = 0; i < look->n; i++) {
		const struct node_process *p = &look->all[i];

		s->processes[s->n++] = (struct screen_process){
			.key = key_of(p->start_time, p->pid),
			.node = p,
			.process = p->info,
			/* Pages of a process want both. */
			.now = p->info ? p->interval : NULL,
			.seen = p->info ? p->interval : NULL,
		};
	}
	s->node = look;
	return draw(s);
}

int attach_screen_keys(struct attach_screen *s, bool *quit)
{
	bool gone = false, changed = false;
	uint32_t key;
	int r = 0;

	while (r == 0 && !*quit && full_screen_key(&key, &gone)) {
		enum view_wish wish = view_key(screen_view(s->screen), key);

		*quit = wish == VIEW_QUIT;
		changed = true;
		/* The next key means what this one has brought up. */
		if (wish == VIEW_DRAW)
			r = arrange(s);
	}
	*quit = *quit || gone;
	if (r < 0 || !changed || *quit)
		return r;
	s->form.note = NULL;
	return draw(s);
}

int attach_screen_resize(struct attach_screen *s)
{
	full_screen_resize();
	return draw(s);
}
