// SPDX-License-Identifier: Apache-2.0
#include "analysis/malloc_sites.h"

#include <errno.h>
#include <stdlib.h>

#include "base/addrmap.h"

/* The tracer follows 16,384 survivors; a program has some thousands of sites. */
enum { ROWS_MAX = 65536, SITES_MAX = 16384 };

/* Of those in use, so many are kept. */
enum { IN_USE_MAX = 64 };
/* Sites that are watched at a time, and what is enough of one for good. */
enum { WATCH_SITES = 6, WATCHED_MAX = 8 };
/* More than are needed of a site are watched, in all: what shows up late is not to wait for them. */
enum { WATCH_ON_MAX = 1 };
/* Where there is nobody of age yet, one of at least this. */
#define WATCH_AGE_NS 2000000000u

struct row {
	uint64_t id;		/* 0: it went, and the row is to be cleared away */
	uint64_t at_ns, bytes, addr, header, print;
	uint32_t site;
	bool unsure, watched;
};

struct entry {
	uint64_t site, survivors, gone, here, here_bytes;
	uint64_t rewritten, touched, untouched, watched_ns;
	uint32_t watching;
};

struct malloc_book {
	struct addrmap *by_id, *by_site;
	struct row *rows;
	uint32_t n_rows, n_empty;
	struct entry *sites;
	uint32_t n_sites;
};

struct malloc_book *malloc_book_new(void)
{
	CLEANUP(malloc_book_free_p) struct malloc_book *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->by_id = addrmap_new();
	b->by_site = addrmap_new();
	b->rows = calloc(ROWS_MAX, sizeof(*b->rows));
	b->sites = calloc(SITES_MAX, sizeof(*b->sites));
	if (!b->by_id || !b->by_site || !b->rows || !b->sites)
		return NULL;
	return TAKE(b);
}

void malloc_book_free(struct malloc_book *b)
{
	if (!b)
		return;
	addrmap_free(b->by_id);
	addrmap_free(b->by_site);
	free(b->rows);
	free(b->sites);
	free(b);
}

/* Clears the empty rows away: the map cannot forget single keys. */
static int compact(struct malloc_book *b)
{
	uint32_t n = 0;

	addrmap_clear(b->by_id);
	for (uint32_t i = 0; i < b->n_rows; i++) {
		if (!b->rows[i].id)
			continue;
		b->rows[n] = b->rows[i];
		if (addrmap_put(b->by_id, b->rows[n].id, n) < 0)
			return -ENOMEM;
		n++;
	}
	b->n_rows = n;
	b->n_empty = 0;
	return 0;
}

static int find_site(struct malloc_book *b, uint64_t site, uint32_t *ret)
{
	if (addrmap_get(b->by_site, site, ret) == 0)
		return 0;
	if (b->n_sites == SITES_MAX)
		return -ENOSPC;
	if (addrmap_put(b->by_site, site, b->n_sites) < 0)
		return -ENOMEM;
	*ret = b->n_sites++;
	b->sites[*ret] = (struct entry){ .site = site };
	return 0;
}

int malloc_book_add(struct malloc_book *b, uint64_t site, const struct traced_malloc_survivor *s)
{
	struct entry *e;
	uint32_t index;
	int r = 0;

	if (b->n_rows == ROWS_MAX && b->n_empty)
		r = compact(b);
	if (r == 0 && b->n_rows == ROWS_MAX)
		r = -ENOSPC;
	if (r == 0)
		r = find_site(b, site, &index);
	if (r == 0)
		r = addrmap_put(b->by_id, s->id, b->n_rows);
	if (r < 0)
		return r;
	b->rows[b->n_rows++] = (struct row){
		.id = s->id, .at_ns = s->at_ns, .bytes = s->bytes, .addr = s->addr,
		.header = s->header, .print = s->print, .site = index, .unsure = !s->print,
	};
	e = &b->sites[index];
	e->survivors++;
	e->here++;
	e->here_bytes += s->bytes;
	return 0;
}

void malloc_book_end(struct malloc_book *b, const struct traced_malloc_end *end)
{
	struct entry *e;
	struct row *row;
	uint32_t index;

	if (addrmap_get(b->by_id, end->id, &index) < 0 || b->rows[index].id != end->id)
		return;
	row = &b->rows[index];
	e = &b->sites[row->site];
	if (end->fate == TRACED_MALLOC_UNSURE) {
		row->unsure = true;
		return;
	}
	e->here--;
	e->here_bytes -= row->bytes;
	/* One that is no longer followed tells nothing, for or against. */
	if (end->fate == TRACED_MALLOC_REWRITTEN)
		e->rewritten++;
	else if (end->fate != TRACED_MALLOC_FORGOTTEN)
		e->gone++;
	row->id = 0;
	b->n_empty++;
}

static bool in_use(const struct entry *e)
{
	return e->gone || e->rewritten || e->touched;
}

bool malloc_book_full(const struct malloc_book *b, uint64_t site)
{
	uint32_t index;

	return addrmap_get(b->by_site, site, &index) == 0 && in_use(&b->sites[index]) &&
	       b->sites[index].here >= IN_USE_MAX;
}

/* --- Which survivors to watch --- */

/* Which of two sites is to be watched first. */
static bool goes_before(const struct entry *x, const struct entry *y)
{
	bool x_done = x->untouched >= MALLOC_WATCHED_MIN, y_done = y->untouched >= MALLOC_WATCHED_MIN;

	if (x_done != y_done)
		return y_done;
	return x->here_bytes > y->here_bytes;
}

/* How many of a site are watched that need not be. */
static uint64_t watching_on(const struct entry *e)
{
	uint64_t all = e->untouched + e->watching;
	uint64_t more = all > MALLOC_WATCHED_MIN ? all - MALLOC_WATCHED_MIN : 0;

	return more < e->watching ? more : e->watching;
}

/* Is one more of it to be watched, while there are so many of those? */
static bool is_wanted(const struct entry *e, uint64_t on)
{
	if (in_use(e) || !e->here)
		return false;
	if (e->untouched + e->watching < MALLOC_WATCHED_MIN)
		return true;
	return on < WATCH_ON_MAX && e->untouched + e->watching < WATCHED_MAX;
}

static size_t list_sites(const struct malloc_book *b, uint32_t *list)
{
	uint64_t on = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < b->n_sites; i++)
		on += watching_on(&b->sites[i]);
	for (uint32_t i = 0; i < b->n_sites; i++) {
		const struct entry *e = &b->sites[i];
		size_t at;

		if (!is_wanted(e, on))
			continue;
		for (at = n; at > 0 && goes_before(e, &b->sites[list[at - 1]]); at--)
			if (at < WATCH_SITES)
				list[at] = list[at - 1];
		if (at < WATCH_SITES)
			list[at] = i;
		if (n < WATCH_SITES)
			n++;
	}
	return n;
}

/* Each of the right age is the one with the same probability: the last of all that were chosen. */
static struct row *choose(struct malloc_book *b, uint32_t site, uint64_t min_age_ns,
			  uint64_t now_ns, uint64_t random)
{
	struct row *found = NULL;
	uint64_t n = 0;

	for (uint32_t i = 0; i < b->n_rows; i++) {
		struct row *row = &b->rows[i];

		if (!row->id || row->site != site || row->unsure || row->watched ||
		    now_ns < row->at_ns + min_age_ns)
			continue;
		/* Knuth's MMIX generator; the low bits of such a one are poor. */
		random = random * 6364136223846793005u + 1442695040888963407u;
		if ((random >> 32) % ++n == 0)
			found = row;
	}
	return found;
}

static bool pick_of(struct malloc_book *b, uint32_t site, uint64_t now_ns, uint64_t random,
		    struct malloc_pick *ret)
{
	struct row *row = choose(b, site, MALLOC_YOUNG_NS, now_ns, random);

	if (!row)
		row = choose(b, site, WATCH_AGE_NS, now_ns, random);
	if (!row)
		return false;
	row->watched = true;
	b->sites[site].watching++;
	*ret = (struct malloc_pick){ row->id, b->sites[site].site, row->addr, row->header,
				     row->print, row->at_ns };
	return true;
}

bool malloc_book_pick(struct malloc_book *b, uint64_t now_ns, uint64_t random,
		      struct malloc_pick *ret)
{
	uint32_t list[WATCH_SITES];
	size_t n = list_sites(b, list);

	while (n) {
		size_t least = 0;

		for (size_t i = 1; i < n; i++) {
			const struct entry *e = &b->sites[list[i]], *l = &b->sites[list[least]];

			if (e->untouched + e->watching < l->untouched + l->watching)
				least = i;
		}
		if (pick_of(b, list[least], now_ns, random, ret))
			return true;
		list[least] = list[--n];
	}
	return false;
}

enum malloc_watch malloc_watch_judge(const struct malloc_pick *p, uint64_t set_ns,
				     uint64_t touched_ns, uint64_t now_ns)
{
	if (touched_ns)
		return touched_ns < p->at_ns + MALLOC_YOUNG_NS ? MALLOC_WATCH_NOTHING :
								 MALLOC_WATCH_TOUCHED;
	return now_ns < set_ns + MALLOC_WATCH_NS ? MALLOC_WATCH_ON : MALLOC_WATCH_UNTOUCHED;
}

void malloc_book_watched(struct malloc_book *b, uint64_t site, enum malloc_watch how,
			 uint64_t watched_ns)
{
	struct entry *e;
	uint32_t index;

	if (how == MALLOC_WATCH_ON || addrmap_get(b->by_site, site, &index) < 0)
		return;
	e = &b->sites[index];
	e->watching -= e->watching > 0;
	if (how == MALLOC_WATCH_TOUCHED)
		e->touched++;
	else if (how == MALLOC_WATCH_STALE)
		e->gone++;
	if (how != MALLOC_WATCH_UNTOUCHED)
		return;
	if (!e->untouched++ || watched_ns < e->watched_ns)
		e->watched_ns = watched_ns;
}

/* --- Sites --- */

static int by_weight(const void *a, const void *b)
{
	const struct malloc_site *x = a, *y = b;

	if (x->suspect != y->suspect)
		return x->suspect ? -1 : 1;
	if (x->candidate != y->candidate)
		return x->candidate ? -1 : 1;
	if (x->aged_bytes != y->aged_bytes)
		return x->aged_bytes < y->aged_bytes ? 1 : -1;
	return (x->site > y->site) - (x->site < y->site);
}

/* Ages into sites[], which are in the order of the book's; suspect: one is old. */
static void count_aged(const struct malloc_book *b, uint64_t now_ns, uint64_t min_age_ns,
		       struct malloc_site *sites)
{
	for (uint32_t i = 0; i < b->n_rows; i++) {
		const struct row *row = &b->rows[i];
		struct malloc_site *s = &sites[row->site];
		uint64_t age = now_ns > row->at_ns ? now_ns - row->at_ns : 0;

		if (!row->id)
			continue;
		if (age > s->oldest_ns)
			s->oldest_ns = age;
		/* Whose contents are what they were: of another it is less sure that it is the same. */
		s->suspect |= age >= MALLOC_OLD_NS && !row->unsure;
		if (age >= min_age_ns) {
			s->aged++;
			s->aged_bytes += row->bytes;
		}
	}
}

static void judge(const struct entry *e, struct malloc_site *s)
{
	s->site = e->site;
	s->survivors = e->survivors;
	s->gone = e->gone;
	s->here = e->here;
	s->here_bytes = e->here_bytes;
	s->rewritten = e->rewritten;
	s->touched = e->touched;
	s->untouched = e->untouched;
	s->watching = e->watching;
	s->watched_ns = e->watched_ns;
	s->in_use = in_use(e);
	s->candidate = !s->in_use && s->aged >= MALLOC_CANDIDATE_MIN;
	s->suspect &= s->candidate && s->untouched >= MALLOC_WATCHED_MIN;
}

int malloc_book_sites(const struct malloc_book *b, uint64_t now_ns, uint64_t min_age_ns,
		      struct arena *a, struct malloc_site **ret, size_t *n)
{
	struct malloc_site *sites = arena_alloc(a, b->n_sites + 1, sizeof(*sites));
	uint64_t total = 0;

	if (!sites)
		return -ENOMEM;
	count_aged(b, now_ns, min_age_ns, sites);
	for (uint32_t i = 0; i < b->n_sites; i++) {
		judge(&b->sites[i], &sites[i]);
		total += sites[i].in_use ? 0 : sites[i].aged_bytes;
	}
	/* What is in use stays as large as it is; the heap grows by the others. */
	for (uint32_t i = 0; i < b->n_sites && total; i++)
		if (!sites[i].in_use)
			sites[i].share = (double)sites[i].aged_bytes / (double)total;
	qsort(sites, b->n_sites, sizeof(*sites), by_weight);
	*ret = sites;
	*n = b->n_sites;
	return 0;
}
