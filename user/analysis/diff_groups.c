// SPDX-License-Identifier: Apache-2.0
/*
 * Groups of both snapshots side by side, and who stayed in them: once as they are, and once those
 * together that differ in labels alone, for some programs label by request.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/diff_parts.h"

/* What groups are matched by. */
enum key { KEY_ID, KEY_SITE, KEY_LIKE };

/* Groups side by side, by key as long as they are being matched. */
struct match {
	enum key key;
	struct diff_group *all;
	uint32_t n;
};

int64_t diff_group_before(const struct diff_group *g)
{
	return g->before ? (int64_t)g->before->count : 0;
}

int64_t diff_group_after(const struct diff_group *g)
{
	return g->after ? (int64_t)g->after->count : 0;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static uint64_t key_of(const struct saved_group *g, enum key key)
{
	return key == KEY_ID ? g->id : key == KEY_SITE ? g->site : g->like;
}

static const struct saved_group *either(const struct diff_group *g)
{
	return g->after ? g->after : g->before;
}

/* --- Side by side --- */

static int by_site(const void *x, const void *y)
{
	const struct saved_group *a = x, *b = y;

	return a->site != b->site ? compare_u64(a->site, b->site) : compare_u64(a->id, b->id);
}

static int by_like(const void *x, const void *y)
{
	const struct saved_group *a = x, *b = y;

	return a->like != b->like ? compare_u64(a->like, b->like) : compare_u64(a->id, b->id);
}

/* No count is beyond what a process could have, so that sums and differences stay in range. */
static uint64_t capped(uint64_t count)
{
	return count < LIMIT_GOROUTINES ? count : LIMIT_GOROUTINES;
}

/* The larger one lends its words. */
static void merge(struct saved_group *to, const struct saved_group *from)
{
	struct saved_group sum = from->count > to->count ? *from : *to;

	sum.count = capped(to->count + from->count);
	sum.stack_bytes = to->stack_bytes < 0 || from->stack_bytes < 0 ?
				  WAIT_UNKNOWN : to->stack_bytes + from->stack_bytes;
	if (sum.stack_bytes > LIMIT_SAVED_VALUE)
		sum.stack_bytes = LIMIT_SAVED_VALUE;
	if (from->verdict > sum.verdict || to->verdict > sum.verdict) {
		const struct saved_group *worse = from->verdict > to->verdict ? from : to;

		sum.verdict = worse->verdict;
		sum.pattern = worse->pattern;
	}
	*to = sum;
}

/* The groups of one snapshot, sorted by their key, each key once. */
static int keyed_groups(const struct saved *s, enum key key, struct arena *a,
			struct saved_group **ret, uint32_t *ret_n)
{
	struct saved_group *all = arena_alloc(a, (size_t)s->n_groups + 1, sizeof(*all));
	uint32_t n = 0;

	if (!all)
		return -ENOMEM;
	if (s->n_groups)
		memcpy(all, s->groups, s->n_groups * sizeof(*all));
	if (key != KEY_ID)
		qsort(all, s->n_groups, sizeof(*all), key == KEY_SITE ? by_site : by_like);
	for (uint32_t i = 0; i < s->n_groups; i++) {
		struct saved_group g = all[i];

		g.count = capped(g.count);
		if (n && key_of(&all[n - 1], key) == key_of(&g, key))
			merge(&all[n - 1], &g);
		else
			all[n++] = g;
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

static int match(const struct diff *d, enum key key, struct arena *a, struct match *ret)
{
	uint32_t nx, ny, i = 0, j = 0, n = 0;
	struct saved_group *x, *y;
	struct diff_group *all;

	if (keyed_groups(d->before, key, a, &x, &nx) < 0 ||
	    keyed_groups(d->after, key, a, &y, &ny) < 0)
		return -ENOMEM;
	all = arena_alloc(a, (size_t)nx + ny + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	while (i < nx || j < ny) {
		uint64_t p = i < nx ? key_of(&x[i], key) : 0, q = j < ny ? key_of(&y[j], key) : 0;
		bool left = j == ny || (i < nx && p <= q), right = i == nx || (j < ny && q <= p);

		all[n++] = (struct diff_group){
			.before = left ? &x[i] : NULL, .after = right ? &y[j] : NULL,
			.stayed = WAIT_UNKNOWN, .left = WAIT_UNKNOWN, .arrived = WAIT_UNKNOWN,
			.stayed_at_least = WAIT_UNKNOWN,
		};
		i += left;
		j += right;
	}
	*ret = (struct match){ .key = key, .all = all, .n = n };
	return 0;
}

/* The element of that key; NULL: there is none. */
static struct diff_group *find(const struct match *m, uint64_t key)
{
	uint32_t low = 0, high = m->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (key_of(either(&m->all[mid]), m->key) < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->n && key_of(either(&m->all[low]), m->key) == key ? &m->all[low] : NULL;
}

/* The element that a group of a snapshot went into; NULL: there is no such group. */
static struct diff_group *element(const struct match *m, const struct saved *s, uint64_t id)
{
	uint32_t low = 0, high = s->n_groups;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->groups[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == s->n_groups || s->groups[low].id != id)
		return NULL;
	return find(m, key_of(&s->groups[low], m->key));
}

static void count_sets(const struct match *m, const struct saved *s)
{
	for (uint32_t i = 0; i < s->n_groups; i++) {
		struct diff_group *g = find(m, key_of(&s->groups[i], m->key));

		if (g)
			g->sets++;
	}
}

/* --- Who stayed --- */

static void count_one(struct diff_group *from, struct diff_group *to)
{
	if (from && from == to) {
		from->stayed++;
		return;
	}
	if (from)
		from->left++;
	if (to)
		to->arrived++;
}

static void count_lists(struct diff *d, const struct match *m)
{
	const struct saved *x = d->before, *y = d->after;
	uint64_t i = 0, j = 0;

	d->stayed = d->left = d->arrived = 0;
	for (uint32_t k = 0; k < m->n; k++)
		if (!either(&m->all[k])->system)
			m->all[k].stayed = m->all[k].left = m->all[k].arrived = 0;
	while (i < x->n_goroutines || j < y->n_goroutines) {
		const struct saved_goroutine *p = &x->goroutines[i], *q = &y->goroutines[j];
		bool left = j == y->n_goroutines || (i < x->n_goroutines && p->id <= q->id);
		bool right = i == x->n_goroutines || (j < y->n_goroutines && q->id <= p->id);

		count_one(left ? element(m, x, p->group) : NULL,
			  right ? element(m, y, q->group) : NULL);
		d->stayed += left && right;
		d->left += left && !right;
		d->arrived += right && !left;
		i += left;
		j += right;
	}
}

static int64_t in_both(const struct saved_group *x, const struct saved_group *y)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < x->n_samples; i++)
		for (uint32_t j = 0; j < y->n_samples; j++)
			if (x->samples[i] == y->samples[j]) {
				n++;
				break;
			}
	return n;
}

/* Without lists, the few ids that each group names. */
static void count_samples(const struct diff *d, const struct match *m)
{
	const struct saved *x = d->before, *y = d->after;
	uint32_t i = 0, j = 0;

	for (uint32_t k = 0; k < m->n; k++)
		if (m->all[k].before && m->all[k].after && !m->all[k].before->system)
			m->all[k].stayed_at_least = 0;
	for (; i < x->n_groups; i++) {
		struct diff_group *g = find(m, key_of(&x->groups[i], m->key));
		uint32_t n = x->groups[i].n_samples;

		while (j < y->n_groups && y->groups[j].id < x->groups[i].id)
			j++;
		if (!g || g->stayed_at_least < 0)
			continue;
		if (j < y->n_groups && y->groups[j].id == x->groups[i].id) {
			g->stayed_at_least += in_both(&x->groups[i], &y->groups[j]);
			n = n < y->groups[j].n_samples ? n : y->groups[j].n_samples;
		}
		g->sampled += n;
	}
}

/* --- Order --- */

/* What grew comes first, most of all; then what shrank; then what is as it was. */
static int rank_of(int64_t change)
{
	return change > 0 ? 0 : change < 0 ? 1 : 2;
}

static int by_growth(const void *x, const void *y)
{
	const struct diff_group *a = x, *b = y;
	int64_t p = diff_group_after(a) - diff_group_before(a);
	int64_t q = diff_group_after(b) - diff_group_before(b);

	if (either(a)->system != either(b)->system)
		return either(a)->system - either(b)->system;
	if (rank_of(p) != rank_of(q))
		return rank_of(p) - rank_of(q);
	if (p != q)
		return llabs(p) > llabs(q) ? -1 : 1;
	if (diff_group_after(a) != diff_group_after(b))
		return diff_group_after(a) > diff_group_after(b) ? -1 : 1;
	return compare_u64(either(a)->id, either(b)->id);
}

static int take(struct diff *d, enum key key, struct arena *a, const struct diff_group **ret,
		uint32_t *n)
{
	struct match m;

	if (match(d, key, a, &m) < 0)
		return -ENOMEM;
	if (d->relation == DIFF_SAME_PROCESS) {
		if (d->before->listed && d->after->listed)
			count_lists(d, &m);
		else
			count_samples(d, &m);
	}
	count_sets(&m, d->after->n_groups > d->before->n_groups ? d->after : d->before);
	if (m.n)
		qsort(m.all, m.n, sizeof(*m.all), by_growth);
	*ret = m.all;
	*n = m.n;
	return 0;
}

int diff_groups(struct diff *d, struct arena *a)
{
	bool other = d->relation == DIFF_OTHER_BUILD;
	int r;

	d->stayed = d->left = d->arrived = WAIT_UNKNOWN;
	r = take(d, other ? KEY_LIKE : KEY_ID, a, &d->groups, &d->n_groups);
	if (r == 0)
		r = take(d, other ? KEY_LIKE : KEY_SITE, a, &d->sites, &d->n_sites);
	return r;
}
