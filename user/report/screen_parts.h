/* SPDX-License-Identifier: Apache-2.0 */
/* What the pages of the live screen share. */
#pragma once

#include "base/arena.h"
#include "report/canvas.h"
#include "report/screen.h"
#include "report/words.h"

struct column;

enum { SCREEN_CHANGE = 2 * WORDS_NUMBER };

struct screen {
	struct view view;
	bool many;
	struct screen_list list;	/* what is shown: as it was handed in, or the frozen copy */
	struct node_look node;	/* of that copy, without its processes */
	struct arena *frozen;	/* of that copy; NULL: none */
	const struct screen_process *open;	/* of the pages below the list; NULL: none */
	struct view_row *rows;	/* of the page's list */
	size_t n_rows;
};

/* A page being drawn. */
struct pane {
	struct canvas c;
	const struct screen_form *form;
	unsigned int y;		/* the next line that is free */
	unsigned int bottom;	/* the line that the page's own may not reach */
};

/* Each page draws from p->y to p->bottom. */
void screen_node(struct screen *s, struct pane *p);
void screen_sites(struct screen *s, struct pane *p);
void screen_site(struct screen *s, struct pane *p);
void screen_keys(struct screen *s, struct pane *p);

/* The two lines on top of a process's pages. */
void screen_process_head(const struct screen *s, struct pane *p);
/* What collectors saw of it, a line each, `lines` of them at most. */
void screen_activity(const struct screen *s, struct pane *p, unsigned int lines);
/* What looking costs, on p->y; probes: of it in the processes, of one core; negative unknown. */
void screen_cost(const struct overhead *o, double probes_percent, struct pane *p);

/* Begins p->y and steps on; false when the page is full. */
bool pane_line(struct pane *p);

/* A table's cell on this line, in a column that found room; and the titles of those that did. */
void screen_cell(struct pane *p, const struct column *c, const char *words);
void screen_table_head(struct pane *p, const struct column *all, size_t n);

/* "+102", "-3", "0"; buf has SCREEN_CHANGE bytes. */
char *screen_change(int64_t n, char *buf);
char *screen_bytes_change(int64_t n, char *buf);
/* A rate that may be anything. */
char *screen_rate(double n, char *buf);

/* Enough was seen of it to be said: its error is no larger than it is. */
bool screen_is_known(const struct rate *r);

/* "0/14,000 in 90s" of a cohort that has left; "-". */
char *screen_left(const struct cohort *c, char *buf);

/* Where this stack, of C and Go, stands for its owner, in at most `columns`; "?". buf has WORDS_CELL bytes. */
char *screen_place(const struct stack *stack, const char *module, unsigned int columns, char *buf);
/* The same of a group, which may have no stack. */
char *screen_group_place(const struct group *g, const char *module, unsigned int columns,
			 char *buf);

/* How bad that is, in colour. */
enum line_style screen_style(enum verdict v);
