/* SPDX-License-Identifier: Apache-2.0 */
/* Which target a process belongs to. Inside of openmetrics.h. */
#pragma once

#include "report/openmetrics_book.h"

struct target_name {
	char label[TARGET_NAME_LABELS][METRIC_VALUE];
	uint64_t hash;
};

/*
 * NULL for a scope, which is made for one run, and its number or id is in its name: a session's, a
 * container's. A service's name stays.
 */
const char *target_lasting_unit(const char *unit);

void target_name_of(const struct node_process *p, struct target_name *ret);
/* The name of those that have none of their own. */
void target_name_other(struct target_name *ret);

/*
 * Is it told apart from others of no interest? Go processes are, and others with several threads
 * or something to say.
 */
bool target_is_named(const struct node_process *p);

/* The place of a name; NULL: it has none. */
struct book_target *book_find(const struct openmetrics_book *b, const struct target_name *name);
/*
 * A place for a name that has none: a free one; else the one of a target of which no process is
 * left; for one that is `worse`, also that of one which is not. What was counted there goes to
 * BOOK_OTHER, so that no sum over all goes backwards. NULL: there is no place.
 */
int book_place(struct openmetrics_book *b, const struct target_name *name, bool worse,
	       struct book_target **ret);
/* Gives a place back. */
void book_forget(struct openmetrics_book *b, struct book_target *t);
