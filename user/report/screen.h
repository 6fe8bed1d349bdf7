/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live screen: what is known of one process or of many, drawn into a window of ncurses. It
 * reads no keys and no terminal: cmd/ does, and hands keys to the view (report/view.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "model/interval.h"
#include "model/node.h"
#include "report/view.h"

/* As it is in ncurses' headers, which nobody else needs to see. */
struct _win_st;

struct screen_process {
	uint64_t key;		/* no other process has it */
	/* What a look at the node says of it; NULL: it was named, and is watched. */
	const struct node_process *node;
	const struct process_info *process;	/* NULL only with a node that has none either */
	const struct interval *now;	/* the last look; NULL: none yet */
	/* The last one that read goroutines: `now` itself unless it is stopped; NULL: none yet. */
	const struct interval *seen;
};

/* All of them, in any order. */
struct screen_list {
	const struct screen_process *all;
	size_t n;
	const struct node_look *node;	/* that they are of; NULL: none */
};

/* What it is called, and its number. */
const char *screen_name(const struct screen_process *p);
int screen_pid(const struct screen_process *p);

/* The worst that is known of it. */
struct screen_verdict {
	enum verdict worst;
	const char *pattern;	/* NULL unless suspect or worse */
	double per_min;		/* of the sites that grow, together */
};
void screen_judge(const struct screen_process *p, struct screen_verdict *ret);

struct screen_form {
	bool colour;
	bool utf8;		/* what the terminal's locale can show */
	double every_s;		/* between two looks */
	const char *note;	/* for the person there; NULL */
};

struct screen;

/* NULL when memory is short. */
struct screen *screen_new(bool many);
void screen_free(struct screen *s);
DEFINE_CLEANUP(struct screen, screen_free)

/* Keys go here (view_key()). */
struct view *screen_view(struct screen *s);

/*
 * What there is to be shown, which must be there until the next call. What is frozen is a copy,
 * made here, and goes on being shown whatever is handed in. Between two keys this must be called
 * for the second to mean what stands there. -ENOMEM.
 */
int screen_arrange(struct screen *s, const struct screen_list *list);

/* What screen_arrange() was told last. */
void screen_draw(struct screen *s, struct _win_st *window, const struct screen_form *form);
