// SPDX-License-Identifier: Apache-2.0
#include "collect/ledger.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/ledger.h"
#include "base/clock.h"
#include "collect/ledger_heaps.h"
#include "collect/ledger_maps.h"
#include "collect/ledger_stacks.h"
#include "collect/subject.h"
#include "model/go_memory.h"
#include "model/limits.h"
#include "target/maps.h"
#include "target/mounts.h"
#include "target/pagemap.h"
#include "target/process.h"
#include "target/rss.h"
#include "target/smaps.h"

/*
 * What a GiB takes: its pages and spans, and a C heap's chunks, which are walked one by one. And
 * what a thread takes, whose stack is looked for.
 */
#define PAGES_S_PER_GIB 0.04
#define CHUNKS_S_PER_GIB 0.6
#define THREAD_S 0.0001
#define CHEAP_S 1.0
#define SMAPS_S_PER_GIB 0.04

struct reading {
	const struct subject *subject;
	struct arena *arena;
	struct ledger_notes notes;
	struct maps *maps;
	struct mounts *mounts;
	struct pagemap *pm;		/* NULL: it may not be read */
	struct ledger_heaps heaps;
	struct ledger_book book;
	struct ledger ledger;
};

void ledger_note(struct ledger_notes *n, const char *fmt, ...)
{
	char note[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	for (uint32_t i = 0; i < n->n; i++)
		if (strcmp(n->all[i], note) == 0)
			return;
	if (n->n == ARRAY_SIZE(n->all))
		return;
	n->all[n->n] = arena_strdup(n->arena, note);
	if (n->all[n->n])
		n->n++;
}

/* --- Whose the pages are --- */

static int open_pages(struct reading *r, struct diag *d)
{
	struct diag why = DIAG_INIT;
	int err = pagemap_open(r->subject->process, &r->pm, &why);

	if (err != -EPERM && err != -EOPNOTSUPP) {
		if (err < 0 && d)
			*d = why;
		return err;
	}
	ledger_note(&r->notes, "%s: which pages are resident is not known, and the kernel's sums "
		    "stand in", why.why);
	return 0;
}

/* What lies where, as late as can be: heaps take a while to read, and the process goes on. */
static int sort_maps(struct reading *r, struct diag *d)
{
	const struct ledger_heaps *h = &r->heaps;
	struct ledger_view view = {
		.mounts = r->mounts,
		.go = h->go_known ? &h->go : NULL,
		.c = h->c_known ? &h->c : NULL,
		.go_unread = h->go_unread,
		.go_partly = h->go_partly,
		.native = h->native,
	};
	struct ledger_layer *bss = &r->ledger.layers[0];
	struct ledger_claim *claims = NULL;
	int err;

	maps_free(r->maps);
	r->maps = NULL;
	err = maps_read(r->subject->process, &r->maps, d);
	if (err < 0)
		return err;
	view.maps = r->maps;
	err = ledger_maps_sort(&view, r->arena, &r->book);
	if (err == 0)
		err = ledger_maps_bss(r->subject->process, r->maps, &r->book, r->arena, &claims,
				      &bss->n);
	if (err < 0)
		return diag_fail(d, err, "memory is short");
	bss->claims = claims;
	bss->at = ledger_claim_at;
	r->ledger.files = r->book.files;
	r->ledger.n_files = r->book.n_files;
	return 0;
}

/* .bss and threads' stacks come before heaps: they are known to the byte, and lie in none. */
static int learn(struct reading *r, struct go_runtime *rt, struct diag *d)
{
	struct ledger *l = &r->ledger;
	struct ledger_heaps *h = &r->heaps;
	struct ledger_layer *stacks = &l->layers[1];
	struct ledger_claim *claims = NULL;
	int err = mounts_read(r->subject->process, &r->mounts);

	if (err == 0 && rt)
		err = ledger_heaps_go(rt, r->arena, &r->notes, h, d);
	if (err == 0)
		err = ledger_stacks_find(r->subject, r->maps, r->pm, h->go_known ? &h->go : NULL,
					 r->arena, &claims, &stacks->n);
	if (err < 0)
		return err;
	stacks->claims = claims;
	stacks->at = ledger_claim_at;
	err = ledger_heaps_c(r->subject, r->maps, stacks, r->arena, &r->notes, h, d);
	l->n_layers = 2;
	if (h->go_known)
		l->layers[l->n_layers++] = h->go;
	if (h->c_known)
		l->layers[l->n_layers++] = h->c;
	l->tells_huge = r->pm && pagemap_tells_huge(r->pm);
	return err;
}

/* --- The pages --- */

static int add_pages(void *arg, const struct page_run *run)
{
	ledger_pages(arg, run);
	return 0;
}

static int scan(struct reading *r, struct diag *d)
{
	uint64_t left_out = 0;

	for (size_t i = 0; i < r->book.n; i++) {
		const struct ledger_mapping *m = &r->book.mappings[i];
		int err;

		/* Not to be used, and this kernel would look at it page by page. */
		if (!pagemap_tells_huge(r->pm) && !r->maps->all[i].readable &&
		    !r->maps->all[i].writable)
			continue;
		ledger_begin(&r->ledger, m);
		err = pagemap_scan(r->pm, m->start, m->end, add_pages, &r->ledger, d);
		if (err == -E2BIG)
			left_out += m->end - m->start;
		else if (err < 0)
			return err;
	}
	if (left_out)
		ledger_note(&r->notes, "%llu GiB of address space were not looked at: this kernel "
			    "tells of resident pages only one by one",
			    (unsigned long long)(left_out >> 30) + 1);
	return 0;
}

/* The kernel's sums before and after, and the pages between. */
static int count(struct reading *r, struct memory_ledger *ret, struct diag *d)
{
	double start = clock_now_s(CLOCK_MONOTONIC);
	struct rss before, after;
	struct diag why = DIAG_INIT;
	int err = rss_read(r->subject->process, &before);

	if (err == 0)
		err = sort_maps(r, &why);
	if (err == 0 && r->pm)
		err = scan(r, &why);
	if (err == -EPERM && r->pm) {
		ledger_note(&r->notes, "%s: which pages are resident is not known, and the "
			    "kernel's sums stand in", why.why);
		pagemap_close(r->pm);
		r->pm = NULL;
		err = 0;
	}
	if (err == 0)
		err = rss_read(r->subject->process, &after);
	if (err < 0)
		return diag_fail(d, err, err == -ESRCH ? "it ended while its memory was read"
						       : "its memory could not be summed up");
	ret->span_s = clock_now_s(CLOCK_MONOTONIC) - start;
	ret->swap_bytes = after.swap;
	if (!r->pm) {
		ledger_without_pages(after.file, after.shared, before.total, after.total, ret);
		return 0;
	}
	err = ledger_end(&r->ledger, before.total, after.total, r->arena, ret);
	if (err == 0 && !pagemap_tells_huge(r->pm))
		ret->huge_bytes = MEMORY_UNKNOWN;
	return err;
}

/*
 * The collector's work buffers lie in spans like stacks' and are written when they are made
 * (getempty, runtime/mgcwork.go).
 */
static void tell_work_bufs(const struct go_memstats *g, struct memory_ledger *m)
{
	uint64_t bytes = g ? g->work_bufs_bytes : 0;

	if (bytes == GO_MEM_UNKNOWN || !m->by_page)
		return;
	if (bytes > m->part[MEMORY_GO_STACKS])
		bytes = m->part[MEMORY_GO_STACKS];
	m->part[MEMORY_GO_STACKS] -= bytes;
	m->part[MEMORY_GO_METADATA] += bytes;
}

/* Parts that this process cannot have, or of which nothing could be told, are not known. */
static void tell_unknown(const struct reading *r, struct memory_ledger *m)
{
	static const enum memory_part go[] = { MEMORY_GO_HEAP_LIVE, MEMORY_GO_HEAP_FREE,
					       MEMORY_GO_HEAP_LAZYFREE, MEMORY_GO_STACKS,
					       MEMORY_GO_METADATA };

	for (size_t i = 0; !r->heaps.go_known && i < ARRAY_SIZE(go); i++)
		m->part[go[i]] = MEMORY_UNKNOWN;
	if (!r->ledger.tells_huge)
		m->part[MEMORY_GO_HEAP_LAZYFREE] = MEMORY_UNKNOWN;
	if (!r->heaps.go_known && !m->part[MEMORY_GO_OTHER])
		m->part[MEMORY_GO_OTHER] = MEMORY_UNKNOWN;
	if (!r->heaps.c_known)
		m->part[MEMORY_C_HEAP_USED] = m->part[MEMORY_C_HEAP_FREE] = MEMORY_UNKNOWN;
}

/* What the kernel may take back: asked for, and only where it does not hold up the process. */
static int read_lazyfree(struct reading *r, struct memory_ledger *m, struct diag *d)
{
	int err;

	if (m->rss_bytes > LIMIT_SMAPS_RSS) {
		ledger_note(&r->notes, "what the kernel may take back (LazyFree) was left out: the "
			    "process could not map memory for about %.1f s",
			    (double)m->rss_bytes / (1u << 30) * SMAPS_S_PER_GIB);
		return 0;
	}
	err = smaps_lazyfree(r->subject->process, &m->lazyfree_bytes);
	if (err == -EBADMSG || err == -EPERM || err == -EACCES) {
		ledger_note(&r->notes, "what the kernel may take back (LazyFree) is not known: its "
			    "smaps do not tell");
		err = 0;
	}
	return err < 0 ? diag_fail(d, err, "it ended while its memory was read") : 0;
}

static int take(struct reading *r, struct go_runtime *rt, enum ledger_wish wish,
		struct memory_ledger *ret, struct diag *d)
{
	int err = maps_read(r->subject->process, &r->maps, d);

	if (err == 0)
		err = open_pages(r, d);
	if (err == 0)
		err = learn(r, rt, d);
	if (err == 0)
		err = count(r, ret, d);
	if (err < 0)
		return err;
	tell_work_bufs(r->heaps.memstats, ret);
	tell_unknown(r, ret);
	ret->go = r->heaps.memstats;
	ret->c = r->heaps.c_memory;
	return wish == LEDGER_LAZYFREE ? read_lazyfree(r, ret, d) : 0;
}

/* --- The cost --- */

/* Bytes of mappings where glibc has chunks, as far as they can be resident. */
static uint64_t chunk_bytes(const struct maps *maps, const struct rss *rss)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->all[i];

		if (strcmp(m->path, "[heap]") == 0 ||
		    (ledger_maps_is_plain(m) && m->writable && m->start % (64u << 20) == 0 &&
		     m->end - m->start <= 64u << 20))
			bytes += m->end - m->start;
	}
	return bytes < rss->anon ? bytes : rss->anon;
}

static int is_cheap(const struct subject *subject, struct arena *a, bool *ret, const char **why)
{
	struct rss rss;
	double seconds;
	int err = rss_read(subject->process, &rss);

	if (err < 0)
		return err;
	seconds = (double)rss.total / (1u << 30) * PAGES_S_PER_GIB +
		  (double)chunk_bytes(subject->maps, &rss) / (1u << 30) * CHUNKS_S_PER_GIB +
		  (double)subject->n_tids * THREAD_S;
	*ret = seconds <= CHEAP_S;
	if (!*ret)
		*why = arena_printf(a, "where the memory is was left out, as it would take about "
				    "%.0f s: --memory shows it", seconds);
	return 0;
}

int ledger_read(const struct subject *subject, struct go_runtime *rt, enum ledger_wish wish,
		struct arena *a, struct memory_ledger **ret, const char **why, struct diag *d)
{
	struct reading r = { .subject = subject, .arena = a, .notes = { .arena = a } };
	struct memory_ledger *m;
	const char **notes;
	bool cheap = true;
	int err = 0;

	*ret = NULL;
	*why = NULL;
	if (wish == LEDGER_IF_CHEAP)
		err = is_cheap(subject, a, &cheap, why);
	if (err < 0 || !cheap || wish == LEDGER_NEVER)
		return err;
	m = arena_alloc(a, 1, sizeof(*m));
	err = m ? take(&r, rt, wish, m, d) : -ENOMEM;
	pagemap_close(r.pm);
	mounts_free(r.mounts);
	maps_free(r.maps);
	if (err < 0)
		return err;
	notes = arena_alloc(a, r.notes.n + 1, sizeof(*notes));
	if (!notes)
		return -ENOMEM;
	memcpy(notes, r.notes.all, r.notes.n * sizeof(*notes));
	m->notes = notes;
	m->n_notes = r.notes.n;
	*ret = m;
	return 0;
}
