// SPDX-License-Identifier: Apache-2.0
#include "report/openmetrics_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "analysis/site.h"

/* --- Names --- */

static void close_name(struct target_name *n)
{
	/* It only saves comparing: who makes names collide gains nothing. */
	n->hash = 0;
	for (size_t i = 0; i < TARGET_NAME_LABELS; i++)
		n->hash = XXH3_64bits_withSeed(n->label[i], strlen(n->label[i]), n->hash);
}

const char *target_lasting_unit(const char *unit)
{
	size_t n = unit ? strlen(unit) : 0;

	return n > 6 && strcmp(unit + n - 6, ".scope") == 0 ? NULL : unit;
}

/*
 * A container of a pod has a new id after each restart, its pod and its executable have not: they
 * are the name, so that a restart is one, and no series end with it.
 */
void target_name_of(const struct node_process *p, struct target_name *ret)
{
	const char *exe = p->info && p->info->exe ? site_base_name(p->info->exe) : p->name;
	const char *const raw[TARGET_NAME_LABELS] = {
		[LABEL_POD] = p->pod_uid,
		[LABEL_CONTAINER] = p->pod_uid ? NULL : p->container_id,
		[LABEL_UNIT] = p->pod_uid || p->container_id ? NULL : target_lasting_unit(p->unit),
		[LABEL_EXE] = exe && *exe ? exe : "unknown",
	};

	for (size_t i = 0; i < TARGET_NAME_LABELS; i++)
		metric_clean(raw[i] ? raw[i] : "", ret->label[i]);
	close_name(ret);
}

void target_name_other(struct target_name *ret)
{
	*ret = (struct target_name){ 0 };
	strcpy(ret->label[LABEL_EXE], "other");
	close_name(ret);
}

static bool says_something(const struct node_process *p)
{
	return p->n_findings || node_process_grows(p) ||
	       (p->examined && p->examined->n_findings);
}

bool target_is_named(const struct node_process *p)
{
	if (p->kind == NODE_GO || p->kind == NODE_CGO || says_something(p))
		return true;
	/* Its name is not known before it is looked at, unless that is refused. */
	if (p->kind == NODE_UNKNOWN && !p->not_read)
		return false;
	return p->threads.known && p->threads.now > 1;
}

/* --- Places --- */

struct book_target *book_find(const struct openmetrics_book *b, const struct target_name *name)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct book_target *t = &b->targets[i];
		bool same = t->label[LABEL_EXE] && t->hash == name->hash;

		for (size_t k = 0; same && k < TARGET_NAME_LABELS; k++)
			same = strcmp(t->label[k], name->label[k]) == 0;
		if (same)
			return t;
	}
	return NULL;
}

void book_forget(struct openmetrics_book *b, struct book_target *t)
{
	struct book_target *other = &b->targets[BOOK_OTHER];

	for (size_t i = 0; t != other && i < TARGET_COUNTERS; i++)
		other->count[i] += t->count[i];
	other->watched |= t->watched;
	for (size_t i = 0; i < TARGET_NAME_LABELS; i++)
		free(t->label[i]);
	*t = (struct book_target){ .rank = BOOK_ABSENT };
}

static int settle(struct book_target *t, const struct target_name *name)
{
	for (size_t i = 0; i < TARGET_NAME_LABELS; i++) {
		t->label[i] = strdup(name->label[i]);
		if (!t->label[i])
			return -ENOMEM;
	}
	t->hash = name->hash;
	return 0;
}

/* Is a to go before b (NULL: yes)? Those of which processes are there go last, the best first. */
static bool goes_before(const struct book_target *a, const struct book_target *b)
{
	bool a_is_there = a->rank != BOOK_ABSENT, b_is_there = b && b->rank != BOOK_ABSENT;

	if (!b || a_is_there != b_is_there)
		return !b || b_is_there;
	return a_is_there ? a->rank > b->rank : a->seen_s < b->seen_s;
}

int book_place(struct openmetrics_book *b, const struct target_name *name, bool worse,
	       struct book_target **ret)
{
	struct book_target *goes = NULL;
	int r;

	*ret = NULL;
	for (uint32_t i = BOOK_OTHER + 1; i < b->n; i++) {
		struct book_target *t = &b->targets[i];

		if (!t->label[LABEL_EXE]) {
			goes = t;
			break;
		}
		if ((t->rank == BOOK_ABSENT || (worse && !t->worse)) && goes_before(t, goes))
			goes = t;
	}
	if (!goes)
		return 0;
	if (goes->label[LABEL_EXE])
		book_forget(b, goes);
	goes->serial = ++b->serials;
	r = settle(goes, name);
	if (r < 0)
		book_forget(b, goes);
	else
		*ret = goes;
	return r;
}
