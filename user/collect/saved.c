// SPDX-License-Identifier: Apache-2.0
#include "collect/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "collect/saved_parts.h"

static void reader_done(struct saved_reader *r)
{
	struct saved_list *all[] = { &r->groups, &r->goroutines, &r->parts, &r->go, &r->c,
				     &r->retained_by, &r->retained_at, &r->heap_by_type,
				     &r->heap_sites, &r->by_kind, &r->thread_sites };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		free(all[i]->all);
}

/* --- Lists: sorted, each name or id once, and into the arena --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct saved_number *)a)->name,
		      ((const struct saved_number *)b)->name);
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int group_by_id(const void *a, const void *b)
{
	return compare_u64(((const struct saved_group *)a)->id,
			   ((const struct saved_group *)b)->id);
}

static int site_by_id(const void *a, const void *b)
{
	return compare_u64(((const struct saved_site *)a)->id, ((const struct saved_site *)b)->id);
}

static int goroutine_by_id(const void *a, const void *b)
{
	return compare_u64(((const struct saved_goroutine *)a)->id,
			   ((const struct saved_goroutine *)b)->id);
}

/* Both are LIMIT_SAVED_VALUE at most, and the sum is. */
static uint64_t add_capped(uint64_t a, uint64_t b)
{
	return a + b > LIMIT_SAVED_VALUE ? LIMIT_SAVED_VALUE : a + b;
}

static void merge_number(void *into, const void *from)
{
	struct saved_number *to = into;

	to->value = add_capped(to->value, ((const struct saved_number *)from)->value);
}

static void merge_group(void *into, const void *from)
{
	struct saved_group *to = into;

	to->count = add_capped(to->count, ((const struct saved_group *)from)->count);
}

static void merge_site(void *into, const void *from)
{
	const struct saved_site *more = from;
	struct saved_site *to = into;

	to->value = add_capped(to->value, more->value);
	if (to->objects >= 0 && more->objects >= 0)
		to->objects = (int64_t)add_capped((uint64_t)to->objects, (uint64_t)more->objects);
}

static void merge_goroutine(void *into, const void *from)
{
	(void)into;
	(void)from;
}

struct list_kind {
	size_t size;
	int (*compare)(const void *a, const void *b);
	void (*merge)(void *into, const void *from);
};

static const struct list_kind numbers = { sizeof(struct saved_number), by_name, merge_number };
static const struct list_kind groups = { sizeof(struct saved_group), group_by_id, merge_group };
static const struct list_kind sites = { sizeof(struct saved_site), site_by_id, merge_site };
static const struct list_kind goroutines = { sizeof(struct saved_goroutine), goroutine_by_id,
					     merge_goroutine };

/* Sorts a list in place, and merges equals; how many there are then. */
static size_t settle(struct saved_list *l, const struct list_kind *kind)
{
	char *all = l->all;
	size_t kept = 0;

	if (l->n == 0)
		return 0;
	qsort(all, l->n, kind->size, kind->compare);
	for (size_t i = 1; i < l->n; i++) {
		if (kind->compare(all + kept * kind->size, all + i * kind->size) == 0)
			kind->merge(all + kept * kind->size, all + i * kind->size);
		else if (++kept != i)
			memcpy(all + kept * kind->size, all + i * kind->size, kind->size);
	}
	l->n = kept + 1;
	return l->n;
}

static int settle_into(struct arena *a, struct saved_list *l, const struct list_kind *kind,
		       void **ret, uint32_t *n)
{
	size_t count = settle(l, kind);

	*ret = arena_alloc(a, count + 1, kind->size);
	if (!*ret)
		return -ENOMEM;
	if (count)
		memcpy(*ret, l->all, count * kind->size);
	/* Two lists of goroutines are long: the first is not kept twice. */
	free(TAKE(l->all));
	*n = (uint32_t)count;
	return 0;
}

static int settle_numbers(struct arena *a, struct saved_list *l, struct saved_numbers *ret)
{
	return settle_into(a, l, &numbers, (void **)&ret->all, &ret->n);
}

static int settle_sites(struct arena *a, struct saved_list *l, struct saved_sites *ret)
{
	return settle_into(a, l, &sites, (void **)&ret->all, &ret->n);
}

static int settle_all(struct saved_reader *r)
{
	struct saved *s = r->s;
	struct arena *a = s->arena;
	uint32_t n;

	if (settle_into(a, &r->groups, &groups, (void **)&s->groups, &s->n_groups) < 0 ||
	    settle_into(a, &r->goroutines, &goroutines, (void **)&s->goroutines, &n) < 0 ||
	    settle_numbers(a, &r->parts, &s->parts) < 0 || settle_numbers(a, &r->go, &s->go) < 0 ||
	    settle_numbers(a, &r->c, &s->c) < 0 ||
	    settle_numbers(a, &r->retained_by, &s->retained_by) < 0 ||
	    settle_numbers(a, &r->retained_at, &s->retained_at) < 0 ||
	    settle_numbers(a, &r->heap_by_type, &s->heap_by_type) < 0 ||
	    settle_numbers(a, &r->by_kind, &s->threads_by_kind) < 0 ||
	    settle_sites(a, &r->heap_sites, &s->heap_sites) < 0 ||
	    settle_sites(a, &r->thread_sites, &s->thread_sites) < 0)
		return -ENOMEM;
	s->n_goroutines = n;
	s->has_memory = s->parts.n || s->go.n || s->c.n;
	return 0;
}

/* --- The file --- */

int saved_read_fd(int fd, const char *name, struct saved **ret, struct diag *d)
{
	CLEANUP(saved_free_p) struct saved *s = saved_new();
	struct saved_reader reader = { .s = s };
	int r;

	if (!s)
		return -ENOMEM;
	s->file = arena_strdup(s->arena, name);
	r = s->file ? json_stream_read(fd, saved_rows, &reader, d) : -ENOMEM;
	if (r == 0 && !reader.schema)
		r = diag_fail(d, -EBADMSG, "is no snapshot of loiter's: it names no schema");
	if (r == 0)
		r = settle_all(&reader);
	reader_done(&reader);
	if (r < 0)
		return diag_what(d, r, "%s", name);
	*ret = TAKE(s);
	return 0;
}

int saved_read(const char *path, struct saved **ret, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r;

	if (fd < 0)
		return diag_what(d, diag_fail(d, -errno, "%s", strerror(errno)), "%s", path);
	r = saved_read_fd(fd, path, ret, d);
	close(fd);
	return r;
}
