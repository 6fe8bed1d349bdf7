// SPDX-License-Identifier: Apache-2.0
/*
 * The specials of every span (runtime/mheap.go): records outside of the heap that hang on an object,
 * a list for each span, ascending by offset and kind. A running target adds, takes off and uses them
 * again meanwhile. So each list is read twice, and counts when all its links were the same both
 * times; one that was not is read anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "goruntime/roots_parts.h"
#include "model/limits.h"

/*
 * Lists that are read at once, from pages of which we keep a copy: specials of neighbours lie side
 * by side, some 70 in a page, and 256 lists of 170 in 2.4 MiB.
 */
#define PORTION 256
#define PAGE 4096
#define PAGES 1024
#define TRIES 5
/* Larger than any special of Go 1.18 to 1.27. */
#define SPECIAL_MAX 64
#define ARENA_PAGES (1u << (GO_ARENA_SHIFT - GO_PAGE_SHIFT))
/* Lists in a row that make no sense, before all of it is taken for no heap. */
#define ABSURD_MAX 4096

/* Go 1.21: pinning. 1.23: weak handles came second. 1.24: cleanups. 1.25: tiny blocks came first. */
enum special_kind special_kind_of(int minor, uint8_t number)
{
	static const uint8_t old[] = { 0, SPECIAL_FINALIZER, SPECIAL_OTHER, SPECIAL_OTHER,
				       SPECIAL_PIN };
	static const uint8_t weak[] = { 0, SPECIAL_FINALIZER, SPECIAL_WEAK, SPECIAL_OTHER,
					SPECIAL_OTHER, SPECIAL_PIN, SPECIAL_CLEANUP };
	static const uint8_t tiny[] = { 0, SPECIAL_OTHER, SPECIAL_FINALIZER, SPECIAL_WEAK,
					SPECIAL_OTHER, SPECIAL_OTHER, SPECIAL_PIN, SPECIAL_CLEANUP,
					SPECIAL_OTHER, SPECIAL_OTHER, SPECIAL_OTHER };

	if (minor < 23)
		return number < (minor < 21 ? 4 : 5) ? old[number] : SPECIAL_UNKNOWN;
	if (minor < 25)
		return number < (minor < 24 ? 6 : 7) ? weak[number] : SPECIAL_UNKNOWN;
	return number < (minor < 26 ? 10 : 11) ? tiny[number] : SPECIAL_UNKNOWN;
}

/* One span's list. */
struct chain {
	uint64_t span, page;	/* its mspan, and where the arena's record says it begins */
	struct go_span s;
	uint64_t next;		/* 0: at its end */
	uint64_t last;		/* offset and kind of the one before */
	uint64_t mark;		/* one that was passed, against going round in circles */
	uint32_t n, next_mark;
	bool bad;
};

/* A word that was followed. */
struct link {
	uint64_t at, value;
	uint32_t chain;
};

struct walk {
	struct roots *r;
	struct chain chains[PORTION];
	uint32_t n;
	struct link *links;
	size_t n_links, room;
	uint64_t absurd;
	struct mem *cache;		/* of one reading of a portion */
	uint8_t *span;			/* room for one struct */
	uint64_t arena, arena_at;	/* whose record was asked last, and where it is; 0 nowhere */
	uint64_t pages[ARENA_PAGES];	/* heapArena.spans */
};

static void walk_free(struct walk *w)
{
	if (!w)
		return;
	free(w->links);
	free(w->span);
	mem_close(w->cache);
	free(w);
}
DEFINE_CLEANUP(struct walk, walk_free)

static int follow(struct walk *w, uint32_t i, uint64_t at, uint64_t value)
{
	struct chain *c = &w->chains[i];

	c->next = value;
	if (value % 8 || value >= GO_ADDRESS_END)
		c->bad = true;
	if (w->n_links == w->room) {
		size_t room = w->room ? w->room * 2 : 4096;
		struct link *links = realloc(w->links, room * sizeof(*links));

		if (!links)
			return -ENOMEM;
		w->links = links;
		w->room = room;
	}
	w->links[w->n_links++] = (struct link){ at, value, i };
	return 0;
}

/* --- One special --- */

static uint64_t object_of(const struct chain *c, uint64_t offset)
{
	return c->s.base + offset;
}

static int visit_special(struct walk *w, const struct chain *c, enum special_kind kind,
			 uint64_t offset, struct span *b)
{
	const struct go_heap_layout *l = &w->r->h->layout;
	int e = 0;

	w->r->stats->specials++;
	switch (kind) {
	case SPECIAL_FINALIZER:
		e = roots_word(w->r, GO_ROOT_FINALIZER, object_of(c, offset));
		if (e == 0)
			e = roots_word(w->r, GO_ROOT_FINALIZER,
				       span_u64(b, (uint32_t)l->finalizer_special_fn));
		if (e == 0)
			e = roots_word(w->r, GO_ROOT_FINALIZER,
				       span_u64(b, (uint32_t)l->finalizer_special_fint));
		if (e == 0)
			e = roots_word(w->r, GO_ROOT_FINALIZER,
				       span_u64(b, (uint32_t)l->finalizer_special_ot));
		return e;
	case SPECIAL_CLEANUP:
		for (int32_t at = l->cleanup_special_fn; at < l->cleanup_special_id && e == 0;
		     at += 8)
			e = roots_word(w->r, GO_ROOT_CLEANUP, span_u64(b, (uint32_t)at));
		return e;
	case SPECIAL_WEAK:
		e = roots_word(w->r, GO_ROOT_WEAK, object_of(c, offset));
		if (e == 0)
			e = roots_word(w->r, GO_ROOT_WEAK,
				       span_u64(b, (uint32_t)l->weak_special_handle));
		return e;
	case SPECIAL_PIN:
		return roots_word(w->r, GO_ROOT_SPECIAL, object_of(c, offset));
	default:
		return 0;
	}
}

static uint32_t bytes_of(const struct go_heap_layout *l, enum special_kind kind)
{
	int32_t n = kind == SPECIAL_FINALIZER ? l->finalizer_special_size
		    : kind == SPECIAL_CLEANUP ? l->cleanup_special_size
		    : kind == SPECIAL_WEAK    ? l->weak_special_size
					      : l->special_size;

	return n > 0 ? (uint32_t)n : SPECIAL_MAX + 1;
}

/* Brent's: a list that comes by the same record again has no end. */
static bool goes_round(struct chain *c, uint64_t at)
{
	if (at == c->mark)
		return true;
	if (c->n == c->next_mark) {
		c->mark = at;
		c->next_mark *= 2;
	}
	c->n++;
	return false;
}

/* `bytes`: of the special that c->next points to, as many as its kind has. */
static int take_special(struct walk *w, uint32_t i, const uint8_t *bytes, size_t len)
{
	const struct go_heap_layout *l = &w->r->h->layout;
	struct chain *c = &w->chains[i];
	struct span b = span_of(bytes, len);
	bool narrow = l->special_kind - l->special_offset == 2;
	uint64_t offset = narrow ? span_u16(&b, (uint32_t)l->special_offset)
				 : span_u64(&b, (uint32_t)l->special_offset);
	uint8_t number = span_u8(&b, (uint32_t)l->special_kind);
	enum special_kind kind = special_kind_of(l->minor, number);
	uint64_t at = c->next, key = offset << 8 | number;
	int e;

	if (kind == SPECIAL_UNKNOWN || offset >= c->s.bytes || key < c->last || goes_round(c, at)) {
		c->bad = true;
		return 0;
	}
	if (c->n > LIMIT_SPAN_SPECIALS || w->r->stats->specials > LIMIT_GO_SPECIALS) {
		w->r->stats->beyond++;
		c->next = 0;
		return 0;
	}
	c->last = key;
	e = visit_special(w, c, kind, offset, &b);
	if (e == 0)
		e = follow(w, i, at + (uint32_t)l->special_next,
			   span_u64(&b, (uint32_t)l->special_next));
	return e;
}

/* Of a special as much as its kind has; *len 0: it cannot be one. */
static int read_special(struct walk *w, uint64_t at, uint8_t *bytes, size_t *len)
{
	const struct go_heap_layout *l = &w->r->h->layout;
	uint32_t head = (uint32_t)l->special_size, whole;
	int e = mem_read(w->cache, at, bytes, head);

	*len = 0;
	if (e < 0)
		return e;
	whole = bytes_of(l, special_kind_of(l->minor, bytes[l->special_kind]));
	if (whole > SPECIAL_MAX)
		return 0;
	e = whole > head ? mem_read(w->cache, at + head, bytes + head, whole - head) : 0;
	if (e == 0)
		*len = whole;
	return e;
}

/* --- Lists --- */

static int read_head(struct walk *w, uint32_t i)
{
	const struct go_heap_layout *l = &w->r->h->layout;
	struct span b = span_of(w->span, (size_t)l->span_size);
	struct chain *c = &w->chains[i];
	int e = mem_read(w->cache, c->span, w->span, (size_t)l->span_size);

	*c = (struct chain){ .span = c->span, .page = c->page, .next_mark = 1 };
	if (e == 0 && heap_span_parse(l, b.data, c->span, &c->s) == HEAP_SPAN_OK &&
	    c->s.state == GO_SPAN_IN_USE && c->s.base == c->page)
		return follow(w, i, c->span + (uint32_t)l->span_specials,
			      span_u64(&b, (uint32_t)l->span_specials));
	c->bad = true;
	return e == -EFAULT ? 0 : e;
}

static int read_list(struct walk *w, uint32_t i)
{
	struct chain *c = &w->chains[i];
	int e = read_head(w, i);

	while (e == 0 && !c->bad && c->next) {
		uint8_t bytes[SPECIAL_MAX];
		size_t len;

		e = read_special(w, c->next, bytes, &len);
		if (e == -EFAULT || (e == 0 && !len)) {
			c->bad = true;
			return 0;
		}
		if (e == 0)
			e = take_special(w, i, bytes, len);
	}
	return e;
}

/* Each link anew: what changed spoils its list. */
static int check_links(struct walk *w)
{
	int e = 0;

	memcache_drop(w->cache);
	for (size_t i = 0; i < w->n_links && e == 0; i++) {
		const struct link *k = &w->links[i];
		uint64_t now = ~k->value;

		e = mem_read_u64(w->cache, k->at, &now);
		if (e == -EFAULT)
			e = 0;
		if (now != k->value)
			w->chains[k->chain].bad = true;
	}
	return e;
}

static int read_lists(struct walk *w)
{
	uint32_t bad = 0;
	int e = 0;

	w->n_links = 0;
	memcache_drop(w->cache);
	for (uint32_t i = 0; i < w->n && e == 0; i++)
		e = read_list(w, i);
	if (e == 0 && !w->r->stopped)
		e = check_links(w);
	for (uint32_t i = 0; i < w->n; i++)
		if (w->chains[i].bad)
			w->chains[bad++] = w->chains[i];
	w->n = bad;
	return e;
}

static int read_portion(struct walk *w)
{
	uint32_t before = w->n;
	int e = 0;

	for (int tries = 0; tries < (w->r->stopped ? 1 : TRIES) && w->n && e == 0; tries++)
		e = read_lists(w);
	w->absurd = w->n == before ? w->absurd + w->n : 0;
	w->r->stats->torn += w->n;
	w->n = 0;
	return e;
}

/* --- Arenas --- */

static int add_page(struct walk *w, uint64_t page, uint64_t span)
{
	if (!span || span % 8 || span >= GO_ADDRESS_END) {
		w->r->stats->torn++;
		w->absurd++;
		return 0;
	}
	w->chains[w->n++] = (struct chain){ .span = span, .page = page };
	return w->n == PORTION ? read_portion(w) : 0;
}

static int read_arena(struct walk *w, uint64_t base)
{
	const struct go_heap_layout *l = &w->r->h->layout;
	struct mem *live = w->r->h->rt->live;
	uint8_t bits[ARENA_PAGES / 8];
	bool any = false;
	uint64_t at;
	int e = heap_arena_of(w->r->h, base, &at);

	if (e == -ENOENT)
		return 0;
	if (e == 0)
		e = mem_read(live, at + (uint32_t)l->arena_page_specials, bits, sizeof(bits));
	for (size_t i = 0; i < sizeof(bits) && e == 0; i++)
		any = any || bits[i];
	if (e < 0 || !any)
		return e;
	e = mem_read(live, at + (uint32_t)l->arena_spans, w->pages, sizeof(w->pages));
	for (uint64_t p = 0; p < ARENA_PAGES && e == 0 && w->absurd < ABSURD_MAX; p++)
		if (bits[p / 8] >> (p % 8) & 1)
			e = add_page(w, base + (p << GO_PAGE_SHIFT), w->pages[p]);
	return e;
}

/* --- Is that all? --- */

/* A span has specials, and the arena's record does not say so. */
static int is_hidden(struct walk *w, const struct go_span *s, bool *ret)
{
	const struct go_heap_layout *l = &w->r->h->layout;
	uint64_t page = (s->base >> GO_PAGE_SHIFT) % ARENA_PAGES, specials, base = 0;
	uint64_t arena = s->base >> GO_ARENA_SHIFT;
	uint8_t byte = 0;
	int e = 0;

	*ret = false;
	if (!w->arena_at || w->arena != arena) {
		w->arena = arena;
		e = heap_arena_of(w->r->h, s->base, &w->arena_at);
	}
	if (e == 0)
		e = mem_read(w->cache, w->arena_at + (uint32_t)l->arena_page_specials + page / 8,
			     &byte, 1);
	if (e < 0 || byte >> page % 8 & 1) {
		w->arena_at = e < 0 ? 0 : w->arena_at;
		return e == -EFAULT || e == -ENOENT ? 0 : e;
	}
	e = mem_read_u64(w->cache, s->addr + (uint32_t)l->span_specials, &specials);
	if (e == 0 && specials)
		e = mem_read_u64(w->cache, s->addr + (uint32_t)l->span_start, &base);
	/* Else it was freed since we made the list, and its record is another span's by now. */
	*ret = e == 0 && specials && base == s->base;
	return e == -EFAULT ? 0 : e;
}

/*
 * Were the bits not where we think, all would look as if there were no finalizers: so the spans that
 * had some when we listed them are asked as well. They set their bit a moment later.
 */
static int check_spans(struct walk *w, struct diag *d)
{
	const struct go_span *spans;
	size_t n;
	int e = go_heap_spans(w->r->h, &spans, &n, d);

	memcache_drop(w->cache);
	for (size_t i = 0; i < n && e == 0; i++) {
		bool hidden = spans[i].state == GO_SPAN_IN_USE && spans[i].specials;

		for (int tries = 0; hidden && tries < TRIES && e == 0; tries++) {
			if (tries)
				memcache_drop(w->cache);
			e = is_hidden(w, &spans[i], &hidden);
		}
		if (e == 0 && hidden) {
			w->r->stats->torn++;
			return 0;
		}
	}
	return e;
}

static bool known(const struct go_heap_layout *l)
{
	static const int MINOR_LAST = 27;
	int32_t width = l->special_kind - l->special_offset;

	return l->minor <= MINOR_LAST && (width == 2 || width == 8) && l->special_size > 0 &&
	       l->special_size <= SPECIAL_MAX && l->special_kind < l->special_size &&
	       l->special_next >= 0 && l->special_next + 8 <= l->special_size &&
	       bytes_of(l, SPECIAL_FINALIZER) <= SPECIAL_MAX &&
	       (l->minor < 23 || bytes_of(l, SPECIAL_WEAK) <= SPECIAL_MAX) &&
	       (l->minor < 24 || bytes_of(l, SPECIAL_CLEANUP) <= SPECIAL_MAX) &&
	       l->span_specials >= 0 && l->span_specials + 8 <= l->span_size &&
	       l->arena_page_specials >= 0;
}

int roots_specials(struct roots *r, struct diag *d)
{
	CLEANUP(heap_words_free) uint64_t *arenas = NULL;
	CLEANUP(walk_free_p) struct walk *w = NULL;
	size_t n = 0;
	int e;

	if (!known(&r->h->layout))
		return diag_fail(d, -EOPNOTSUPP, "the finalizers of Go 1.%d are not known",
				 r->h->layout.minor);
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->r = r;
	w->span = malloc((size_t)r->h->layout.span_size);
	e = w->span ? memcache_open(r->h->rt->live, PAGE, PAGES, &w->cache) : -ENOMEM;
	if (e == 0)
		e = heap_arenas_read(r->h, &arenas, &n);
	/* No heap is without an arena. */
	r->stats->unreadable += e == 0 && !n;
	for (size_t i = 0; i < n && e == 0 && w->absurd < ABSURD_MAX; i++) {
		uint64_t base = (arenas[i] << GO_ARENA_SHIFT) + GO_ARENA_BASE;

		if (arenas[i] >= GO_ARENAS || base >= GO_ADDRESS_END ||
		    (i && arenas[i] == arenas[i - 1])) {
			r->stats->torn++;
			continue;
		}
		e = read_arena(w, base);
		if (e == -EFAULT) {
			r->stats->unreadable++;
			e = 0;
		}
	}
	if (e == 0)
		e = read_portion(w);
	if (w->absurd >= ABSURD_MAX)
		r->stats->torn++;
	return e == 0 ? check_spans(w, d) : e;
}
