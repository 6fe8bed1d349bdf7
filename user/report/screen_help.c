// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "report/screen_parts.h"

void screen_keys(struct screen *s, struct pane *p)
{
	static const struct {
		const char *keys, *what;
	} all[] = {
		{ "Up Down j k", "select a row, or scroll a stack" },
		{ "PgUp PgDn g G", "by a page; to the first, to the last" },
		{ "Enter", "open it: a process's sites, a site's whole stack" },
		{ "q Esc", "back; on the first page: quit" },
		{ "s", "sort by the next: growth, count, age, rate" },
		{ "/", "show only what has this text in a function, file or wait reason" },
		{ "f Space", "freeze the picture, and go on; looks are taken all the time" },
		{ "Ctrl-C", "quit" },
	};

	(void)s;
	if (pane_line(p)) {
		canvas_style(&p->c, STYLE_BOLD, false);
		canvas_put(&p->c, "Keys (any key: back)");
	}
	for (size_t i = 0; i < ARRAY_SIZE(all) && pane_line(p); i++) {
		canvas_style(&p->c, STYLE_BOLD, false);
		canvas_put(&p->c, all[i].keys);
		canvas_style(&p->c, STYLE_NONE, false);
		canvas_cell(&p->c, 15, p->c.width);
		canvas_put(&p->c, all[i].what);
	}
	if (!pane_line(p))
		return;
	if (!pane_line(p))
		return;
	canvas_style(&p->c, STYLE_DIM, false);
	canvas_put(&p->c, "LEFT: of those who were here then, how many are gone; of a leak none.");
}
