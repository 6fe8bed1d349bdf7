// SPDX-License-Identifier: Apache-2.0
#include "analysis/mappings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/history.h"
#include "base/addrmap.h"

/* What is had at one site in one look and lies side by side is one range. */
enum { RANGES_MAX = 16384, TRACKS_MAX = 4096 };

/* Looks for which a site is said to grow after the last one that saw it. */
enum { REMEMBERED = 3 };

struct range {
	uint64_t start, end;
	uint64_t site;
	uint32_t look;		/* that first knew it */
	uint32_t calls;
};

struct track {
	uint64_t site;
	uint32_t had;		/* the last look that saw it own anything */
	uint32_t grew;		/* looks up to the last that saw it grow; 0: none has */
	uint64_t grew_bytes;	/* that it had then */
	struct series bytes;
};

struct mappings {
	struct range *ranges;	/* by address, none overlaps another */
	size_t n, room;
	struct history history;
	struct track *tracks;
	uint32_t n_tracks;
	struct addrmap *by_site;
	uint64_t lost;
};

struct mappings *mappings_new(void)
{
	CLEANUP(mappings_free_p) struct mappings *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->by_site = addrmap_new();
	m->tracks = calloc(TRACKS_MAX, sizeof(*m->tracks));
	return m->by_site && m->tracks ? TAKE(m) : NULL;
}

void mappings_free(struct mappings *m)
{
	if (!m)
		return;
	addrmap_free(m->by_site);
	free(m->tracks);
	free(m->ranges);
	free(m);
}

uint64_t mappings_lost(const struct mappings *m)
{
	return m->lost;
}

/* --- The book --- */

/* The first range that ends above addr. */
static size_t find(const struct mappings *m, uint64_t addr)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->ranges[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static int make_room(struct mappings *m)
{
	size_t room = m->room ? 2 * m->room : 256;
	struct range *all;

	if (m->n < m->room)
		return 0;
	if (m->n >= RANGES_MAX) {
		m->lost++;
		return -ENOSPC;
	}
	all = realloc(m->ranges, room * sizeof(*all));
	if (!all)
		return -ENOMEM;
	m->ranges = all;
	m->room = room;
	return 0;
}

static void remove_at(struct mappings *m, size_t i, size_t n)
{
	memmove(m->ranges + i, m->ranges + i + n, (m->n - i - n) * sizeof(*m->ranges));
	m->n -= n;
}

static bool is_one(const struct range *a, const struct range *b)
{
	return a->end == b->start && a->site == b->site && a->look == b->look;
}

/* At its place i, where nothing of it is owned. */
static int insert(struct mappings *m, size_t i, const struct range *new)
{
	bool left = i > 0 && is_one(&m->ranges[i - 1], new);
	bool right = i < m->n && is_one(new, &m->ranges[i]);
	int r;

	if (left) {
		m->ranges[i - 1].end = new->end;
		m->ranges[i - 1].calls += new->calls;
		if (right) {
			m->ranges[i - 1].end = m->ranges[i].end;
			m->ranges[i - 1].calls += m->ranges[i].calls;
			remove_at(m, i, 1);
		}
		return 0;
	}
	if (right) {
		m->ranges[i].start = new->start;
		m->ranges[i].calls += new->calls;
		return 0;
	}
	r = make_room(m);
	if (r < 0)
		return r;
	memmove(m->ranges + i + 1, m->ranges + i, (m->n - i) * sizeof(*m->ranges));
	m->ranges[i] = *new;
	m->n++;
	return 0;
}

static bool is_range(uint64_t addr, uint64_t bytes)
{
	return bytes && addr <= INT64_MAX && bytes <= INT64_MAX - addr;
}

int mappings_cut(struct mappings *m, uint64_t addr, uint64_t bytes)
{
	uint64_t end = addr + bytes;
	size_t i, last;

	if (!is_range(addr, bytes))
		return 0;
	i = find(m, addr);
	if (i < m->n && m->ranges[i].start < addr && m->ranges[i].end > end) {
		struct range rest = m->ranges[i];
		int r = make_room(m);

		if (r < 0)
			return r;
		rest.start = end;
		rest.calls = rest.calls / 2 ? rest.calls / 2 : 1;
		memmove(m->ranges + i + 2, m->ranges + i + 1,
			(m->n - i - 1) * sizeof(*m->ranges));
		m->ranges[i].end = addr;
		m->ranges[i].calls -= m->ranges[i].calls > 1 ? rest.calls : 0;
		m->ranges[i + 1] = rest;
		m->n++;
		return 0;
	}
	if (i < m->n && m->ranges[i].start < addr)
		m->ranges[i++].end = addr;
	for (last = i; last < m->n && m->ranges[last].end <= end; last++)
		;
	remove_at(m, i, last - i);
	if (i < m->n && m->ranges[i].start < end)
		m->ranges[i].start = end;
	return 0;
}

static struct range new_range(const struct mappings *m, uint64_t start, uint64_t end, uint64_t site)
{
	return (struct range){ start, end, site, m->history.looks, 1 };
}

int mappings_add(struct mappings *m, uint64_t addr, uint64_t bytes, uint64_t site)
{
	struct range new = new_range(m, addr, addr + bytes, site);
	int r = mappings_cut(m, addr, bytes);

	if (!is_range(addr, bytes))
		return 0;
	return r < 0 ? r : insert(m, find(m, addr), &new);
}

int mappings_fill(struct mappings *m, uint64_t addr, uint64_t bytes, uint64_t site)
{
	uint64_t end = addr + bytes;

	if (!is_range(addr, bytes))
		return 0;
	while (addr < end) {
		size_t i = find(m, addr);
		uint64_t to = i < m->n && m->ranges[i].start < end ? m->ranges[i].start : end;

		if (to > addr) {
			struct range new = new_range(m, addr, to, site);
			int r = insert(m, i, &new);

			if (r < 0)
				return r;
			/* It may be one with its neighbours now. */
			addr = to;
			continue;
		}
		addr = m->ranges[i].end;
	}
	return 0;
}

struct moved {
	struct range *all;
	size_t n;
};

static void free_moved(struct moved *m)
{
	free(m->all);
}

int mappings_move(struct mappings *m, uint64_t from, uint64_t bytes, uint64_t to)
{
	CLEANUP(free_moved) struct moved moved = { .all = NULL };
	size_t i;
	int r;

	if (!is_range(from, bytes) || !is_range(to, bytes) || from == to)
		return 0;
	i = find(m, from);
	while (i + moved.n < m->n && m->ranges[i + moved.n].start < from + bytes)
		moved.n++;
	moved.all = calloc(moved.n + 1, sizeof(*moved.all));
	if (!moved.all)
		return -ENOMEM;
	if (moved.n)
		memcpy(moved.all, m->ranges + i, moved.n * sizeof(*moved.all));
	r = mappings_cut(m, from, bytes);
	if (r == 0)
		r = mappings_cut(m, to, bytes);
	for (size_t k = 0; r == 0 && k < moved.n; k++) {
		struct range *g = &moved.all[k];

		g->start = (g->start > from ? g->start : from) - from + to;
		g->end = (g->end < from + bytes ? g->end : from + bytes) - from + to;
		r = insert(m, find(m, g->start), g);
	}
	return r;
}

int mappings_verify(struct mappings *m, const struct address_range *all, size_t n)
{
	uint64_t addr = 0;

	for (size_t i = 0; i <= n; i++) {
		uint64_t start = i < n ? all[i].start : INT64_MAX;
		int r = start > addr ? mappings_cut(m, addr, start - addr) : 0;

		if (r < 0)
			return r;
		if (i < n && all[i].end > addr)
			addr = all[i].end;
	}
	return 0;
}

/* --- The judgement --- */

static struct track *track_of(struct mappings *m, uint64_t site)
{
	uint32_t at;

	if (addrmap_get(m->by_site, site, &at) == 0)
		return &m->tracks[at];
	if (m->n_tracks == TRACKS_MAX || addrmap_put(m->by_site, site, m->n_tracks) < 0)
		return NULL;
	m->tracks[m->n_tracks] = (struct track){ .site = site };
	return &m->tracks[m->n_tracks++];
}

/* That since which all calls were seen, the recent one, the whole run's. */
enum { SEEN, RECENT, WHOLE, WINDOWS };

/* What each site has now. Index as of the tracks. */
struct owned {
	uint64_t bytes, calls;
	/* Of the looks at the start and the middle of each window. */
	uint64_t since[2 * WINDOWS];
};

/* Where the window begins whose looks saw all. */
static uint32_t seen_from(const struct history *h, uint32_t seen)
{
	return seen < h->n_recent ? h->n_recent - seen : 0;
}

static void mark_looks(const struct history *h, uint32_t seen, uint32_t marks[2 * WINDOWS])
{
	uint32_t from = seen_from(h, seen), n = h->n_recent - from;

	/* None in it: the judgement leaves it out. */
	marks[2 * SEEN] = n ? h->recent_look[from] : 0;
	marks[2 * SEEN + 1] = n ? h->recent_look[from + n / 2] : 0;
	marks[2 * RECENT] = h->recent_look[0];
	marks[2 * RECENT + 1] = h->recent_look[h->n_recent / 2];
	marks[2 * WHOLE] = h->whole_look[0];
	marks[2 * WHOLE + 1] = h->whole_look[h->n_whole / 2];
}

static int sum_up(struct mappings *m, uint32_t seen, struct arena *a, struct owned **ret)
{
	struct owned *all;
	uint32_t marks[2 * WINDOWS];

	for (size_t i = 0; i < m->n; i++)
		m->lost += !track_of(m, m->ranges[i].site);
	all = arena_alloc(a, m->n_tracks + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	mark_looks(&m->history, seen, marks);
	for (size_t i = 0; i < m->n; i++) {
		const struct range *r = &m->ranges[i];
		struct track *t = track_of(m, r->site);
		struct owned *o;

		if (!t)
			continue;
		t->had = m->history.looks;
		o = &all[t - m->tracks];
		o->bytes += r->end - r->start;
		o->calls += r->calls;
		for (int k = 0; m->history.looks && k < 2 * WINDOWS; k++)
			if (r->look <= marks[k])
				o->since[k] += r->end - r->start;
	}
	*ret = all;
	return 0;
}

static bool grows(const struct window *w)
{
	return w->n >= HISTORY_LOOKS && w->now >= w->c[0] + MAPPINGS_MIN_BYTES &&
	       window_goes_on(w) && window_stays(w);
}

/* A look that falls between two calls takes nothing back, as long as nothing was given back. */
static bool grew_lately(const struct mappings *m, const struct track *t, uint64_t bytes)
{
	return t->grew && m->history.looks - t->grew < REMEMBERED && bytes >= t->grew_bytes;
}

/* The first of them in which it grows; else the recent one. */
static struct window choose(const struct mappings *m, const struct track *t, const struct owned *o,
			    uint32_t seen, double now_s)
{
	struct window w[WINDOWS];
	uint32_t from = seen_from(&m->history, seen);

	w[RECENT] = history_recent(&m->history, &t->bytes, now_s, o->bytes);
	w[WHOLE] = history_whole(&m->history, &t->bytes, now_s, o->bytes);
	w[SEEN] = w[RECENT];
	w[SEEN].t += from;
	w[SEEN].c += from;
	w[SEEN].n -= from;
	for (int k = 0; k < WINDOWS; k++) {
		w[k].stayed_start = o->since[2 * k];
		w[k].stayed_mid = o->since[2 * k + 1];
		if (w[RECENT].n >= HISTORY_LOOKS && grows(&w[k]))
			return w[k];
	}
	return w[RECENT];
}

static struct mapped_site judge(const struct mappings *m, struct track *t, const struct owned *o,
				uint32_t seen, double now_s)
{
	struct mapped_site s = { .site = t->site, .bytes = o->bytes, .calls = o->calls };
	const struct window chosen = choose(m, t, o, seen, now_s), *w = &chosen;

	if (w->n < HISTORY_LOOKS)
		return s;
	s.grows = grows(w);
	if (s.grows) {
		t->grew = m->history.looks + 1;
		t->grew_bytes = s.bytes;
	} else {
		s.grows = grew_lately(m, t, s.bytes);
	}
	s.window_s = now_s - w->t[0];
	s.grown = w->now > w->c[0] ? w->now - w->c[0] : 0;
	if (s.window_s > 0)
		s.bytes_per_min = ((double)w->now - (double)w->c[0]) * 60 / s.window_s;
	s.then = w->c[w->n / 2];
	s.stayed = w->stayed_mid;
	s.age_s = now_s - w->t[w->n / 2];
	return s;
}

static int by_weight(const void *a, const void *b)
{
	const struct mapped_site *x = a, *y = b;

	if (x->grows != y->grows)
		return x->grows ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

/* Sites that have owned nothing for all of the recent window make room for others. */
static int forget_old(struct mappings *m)
{
	uint32_t n = 0;

	if (m->n_tracks < TRACKS_MAX / 2)
		return 0;
	addrmap_clear(m->by_site);
	for (uint32_t i = 0; i < m->n_tracks; i++) {
		if (m->history.looks - m->tracks[i].had > HISTORY_RECENT)
			continue;
		m->tracks[n] = m->tracks[i];
		if (addrmap_put(m->by_site, m->tracks[n].site, n) < 0)
			return -ENOMEM;
		n++;
	}
	m->n_tracks = n;
	return 0;
}

int mappings_look(struct mappings *m, double now_s, uint32_t seen, struct arena *a,
		  struct mapped_site **ret, size_t *n)
{
	struct mapped_site *all = NULL;
	struct owned *owned;
	size_t found = 0;
	int r = sum_up(m, seen, a, &owned);

	if (r == 0) {
		all = arena_alloc(a, m->n_tracks + 1, sizeof(*all));
		r = all ? 0 : -ENOMEM;
	}
	for (uint32_t i = 0; r == 0 && i < m->n_tracks; i++) {
		if (owned[i].bytes)
			all[found++] = judge(m, &m->tracks[i], &owned[i], seen, now_s);
		history_put(&m->history, &m->tracks[i].bytes, owned[i].bytes);
	}
	history_next(&m->history, now_s);
	if (r == 0)
		r = forget_old(m);
	if (r < 0)
		return r;
	qsort(all, found, sizeof(*all), by_weight);
	*ret = all;
	*n = found;
	return 0;
}
