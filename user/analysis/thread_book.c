// SPDX-License-Identifier: Apache-2.0
#include "analysis/thread_book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addrmap.h"

/* Threads that are followed: more than a process may have by default (kernel.threads-max). */
enum { ROWS_MAX = 65536 };

struct row {
	pid_t tid;		/* 0: it is gone, and the row is free */
	uint32_t site;
	uint64_t born_ns;
};

struct thread_book {
	struct thread_book_site *sites;
	uint32_t n_sites;
	struct addrmap *by_tid;	/* of rows; a tid stays there when its thread is gone */
	struct row *rows;
	uint32_t n_rows, n_free, room;
};

struct thread_book *thread_book_new(uint32_t n_sites)
{
	CLEANUP(thread_book_free_p) struct thread_book *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->sites = calloc(n_sites, sizeof(*b->sites));
	b->n_sites = n_sites;
	b->by_tid = addrmap_new();
	return b->sites && b->by_tid ? TAKE(b) : NULL;
}

void thread_book_free(struct thread_book *b)
{
	if (!b)
		return;
	addrmap_free(b->by_tid);
	free(b->sites);
	free(b->rows);
	free(b);
}

/* Clears the free rows away: the map cannot forget single keys. */
static int compact(struct thread_book *b)
{
	uint32_t n = 0;

	addrmap_clear(b->by_tid);
	for (uint32_t i = 0; i < b->n_rows; i++) {
		if (!b->rows[i].tid)
			continue;
		b->rows[n] = b->rows[i];
		if (addrmap_put(b->by_tid, (uint64_t)b->rows[n].tid, n) < 0)
			return -ENOMEM;
		n++;
	}
	b->n_rows = n;
	b->n_free = 0;
	return 0;
}

static int make_room(struct thread_book *b)
{
	uint32_t room = b->room ? b->room * 2 : 256;
	struct row *rows;

	if (b->n_rows < b->room)
		return 0;
	if (b->n_free > b->n_rows / 2)
		return compact(b);
	if (b->room == ROWS_MAX)
		return b->n_free ? compact(b) : -ENOSPC;
	rows = realloc(b->rows, room * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	b->rows = rows;
	b->room = room;
	return 0;
}

int thread_book_born(struct thread_book *b, uint32_t site, pid_t tid, uint64_t born_ns)
{
	int r = site < b->n_sites && tid > 0 ? make_room(b) : -ENOSPC;

	if (r == 0)
		r = addrmap_put(b->by_tid, (uint64_t)tid, b->n_rows);
	if (r < 0)
		return r;
	b->rows[b->n_rows++] = (struct row){ tid, site, born_ns };
	b->sites[site].born++;
	b->sites[site].alive++;
	return 0;
}

void thread_book_gone(struct thread_book *b, pid_t tid, uint64_t born_ns)
{
	struct row *row;
	uint32_t at;

	if (tid <= 0 || addrmap_get(b->by_tid, (uint64_t)tid, &at) < 0)
		return;
	row = &b->rows[at];
	if (row->tid != tid || row->born_ns != born_ns)
		return;
	b->sites[row->site].alive--;
	row->tid = 0;
	b->n_free++;
}

void thread_book_forget(struct thread_book *b)
{
	addrmap_clear(b->by_tid);
	b->n_rows = b->n_free = 0;
	memset(b->sites, 0, b->n_sites * sizeof(*b->sites));
}

struct thread_book_site thread_book_at(const struct thread_book *b, uint32_t site)
{
	return site < b->n_sites ? b->sites[site] : (struct thread_book_site){ 0 };
}
