/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the live screen shows of what there is: which page, which row, in which order, behind which
 * filter; and what each key changes of that. Pure: nothing here draws or reads a terminal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/interval.h"

struct screen_process;

/* A character is itself; these are above all of them. */
enum view_key {
	VIEW_KEY_UP = 0x110000,
	VIEW_KEY_DOWN,
	VIEW_KEY_PAGE_UP,
	VIEW_KEY_PAGE_DOWN,
	VIEW_KEY_HOME,
	VIEW_KEY_END,
	VIEW_KEY_ENTER,
	VIEW_KEY_ESCAPE,
	VIEW_KEY_ERASE,
	VIEW_KEY_OTHER,		/* that means nothing here */
};

enum view_page { VIEW_NODE, VIEW_PROCESS, VIEW_SITE, VIEW_PAGES };

enum view_sort { VIEW_BY_GROWTH, VIEW_BY_COUNT, VIEW_BY_AGE, VIEW_BY_RATE, VIEW_SORTS };

/* "growth", "count", "age", "rate"; of the list of processes "worst", "goroutines", ... */
const char *view_sort_name(enum view_page page, enum view_sort sort);

/* A row of a list: what it is of, and its place in what is listed. */
struct view_row {
	uint64_t key;
	size_t index;
};

/* Where one stands in a page. It is held by the row's key: rows change places. */
struct view_cursor {
	uint64_t key;
	size_t at, first;	/* selected, and uppermost row */
	bool chosen;		/* by a key; until then it is the first row, whatever that is */
	bool moved;		/* `at` is newer than `key` */
};

enum { VIEW_FILTER = 128 };

struct view {
	enum view_page page, top;	/* top: the page that q leaves for good */
	enum view_sort sort[VIEW_PAGES];
	struct view_cursor cursor[VIEW_PAGES];
	char filter[VIEW_FILTER];	/* UTF-8 */
	bool typing;		/* keys go to the filter */
	bool frozen, help;
	size_t rows, n;		/* rows of the page that are seen, and that there are */
};

/* many: a list of processes is the first page; else one process is. */
void view_init(struct view *v, bool many);

enum view_wish { VIEW_NOTHING, VIEW_DRAW, VIEW_QUIT };

enum view_wish view_key(struct view *v, uint32_t key);

/* Leaves the pages below the list of processes: the one that was open is not there any more. */
void view_leave(struct view *v);

/*
 * Puts the cursor on its row and the row into sight. rows: how many can be seen. The page VIEW_SITE
 * has lines and no keys: list NULL.
 */
void view_settle(struct view *v, const struct view_row *list, size_t n, size_t rows);

/*
 * The sites of an interval, or the processes, that the filter lets through, in their order. *ret is
 * malloc'ed. The filter is looked for in functions, files and wait reasons, or in names and pids;
 * ASCII letters match in either case. -ENOMEM.
 */
int view_sites(const struct view *v, const struct interval *i, struct view_row **ret, size_t *n);
int view_processes(const struct view *v, const struct screen_process *all, size_t n_all,
		   struct view_row **ret, size_t *n);
