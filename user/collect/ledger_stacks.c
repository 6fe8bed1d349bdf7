// SPDX-License-Identifier: Apache-2.0
#include "collect/ledger_stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "collect/ledger_maps.h"
#include "collect/subject.h"
#include "model/limits.h"
#include "native/thread.h"
#include "target/maps.h"
#include "target/pagemap.h"

enum {
	PIECE = 64 << 10,
	/* glibc puts the record on its own alignment (TCB_ALIGNMENT, sysdeps/x86_64/nptl/tls.h). */
	TCB_ALIGN = 64,
	/* struct pthread of 2.11 to 2.41: tcbhead_t.self; behind its head and a list the tid. */
	TCB_SELF = 16,
	TCB_LIST = 704,
	TCB_TID = 720,
	TCB_BYTES = 2304,
};

/* How far above a thread's stack pointer its record is looked for: the largest usual stack. */
#define STACK_MAX (16u << 20)
/* Bytes that the records of all threads may cost together. */
#define READ_MAX (256ull << 20)
/* A thread's guard is a page; pthread_attr_setguardsize() may ask for more. */
#define GUARD_MAX (1u << 20)

struct finding_stacks {
	const struct subject *subject;
	const struct maps *maps;
	struct pagemap *pm;
	const struct ledger_layer *go;
	struct ledger_claim *claims;
	size_t n;
	uint64_t read_left;		/* bytes that all records together may cost */
	uint64_t record;		/* of some thread; 0 none was found */
	bool any_runs;			/* threads whose stack pointer is not to be had */
	/* The thread that is looked for. */
	pid_t tid;
	uint64_t sp;
	struct ledger_claim found;
	uint8_t piece[PIECE];
};

static bool is_guard(const struct mapping *m)
{
	return !m->readable && !m->writable && !m->executable && m->end - m->start <= GUARD_MAX;
}

static bool has_guard(const struct maps *maps, const struct mapping *m)
{
	return m > maps->all && m[-1].end == m->start && is_guard(&m[-1]);
}

/* --- By the thread's own record --- */

/*
 * stackblock and stackblock_size follow each other somewhere in struct pthread: an address and a
 * length that hold both the stack pointer and the record, which ends them but for its own size.
 */
static bool find_block(const struct finding_stacks *f, struct span *tcb, uint64_t at,
		       const struct mapping *m, struct ledger_claim *ret)
{
	for (uint64_t off = TCB_TID; off + 16 <= TCB_BYTES; off += 8) {
		uint64_t block = span_u64(tcb, off), size = span_u64(tcb, off + 8);

		if (block % 4096 || size % 4096 || block + size < block || block > f->sp ||
		    block + size <= at || block + size - at > PIECE || block + size > m->end)
			continue;
		*ret = (struct ledger_claim){ .start = block > m->start ? block : m->start,
					      .end = block + size,
					      .part = MEMORY_THREAD_STACKS };
		return true;
	}
	return false;
}

/* Does a record stand there, and of which thread? 0 none. */
static uint32_t tid_of_record(struct span *s, uint64_t off, uint64_t at)
{
	return span_u64(s, off) == at && span_u64(s, off + TCB_SELF) == at
		       ? span_u32(s, off + TCB_TID)
		       : 0;
}

/* The record in [start, start + n), whose bytes are in the piece. */
static bool search_piece(struct finding_stacks *f, uint64_t start, size_t n)
{
	const struct mapping *m = maps_find(f->maps, start);
	struct span piece = span_of(f->piece, n);

	for (uint64_t off = -start % TCB_ALIGN; m && off + TCB_BYTES <= n; off += TCB_ALIGN) {
		struct span tcb = span_of(f->piece + off, n - off);

		if (tid_of_record(&piece, off, start + off) != (uint32_t)f->tid)
			continue;
		if (find_block(f, &tcb, start + off, m, &f->found)) {
			f->record = start + off;
			return true;
		}
	}
	return false;
}

/* Resident pages, in pieces that overlap by a record. Above 0 ends the search: it was found. */
static int search_run(void *arg, const struct page_run *run)
{
	struct finding_stacks *f = arg;

	for (uint64_t at = run->start; at < run->end && !f->found.end;) {
		size_t n = run->end - at < PIECE ? run->end - at : PIECE;

		if (n < TCB_BYTES || f->read_left < n)
			return 0;
		f->read_left -= n;
		if (mem_read(f->subject->mem, at, f->piece, n) < 0 || search_piece(f, at, n))
			return 0;
		at += n < PIECE ? n : n - 4096;
	}
	return 0;
}

/* The end of the mapping is where it is nearly always. */
static void search_record(struct finding_stacks *f, const struct mapping *m)
{
	uint64_t end = m->end - f->sp > STACK_MAX ? f->sp + STACK_MAX : m->end;
	uint64_t last = end - f->sp > PIECE ? end - PIECE : f->sp;

	if (!f->pm)
		return;
	pagemap_scan(f->pm, last, end, search_run, f, NULL);
	if (!f->found.end && last > f->sp)
		pagemap_scan(f->pm, f->sp, last + 4096, search_run, f, NULL);
}

/* --- All threads --- */

static void look_at(struct finding_stacks *f, pid_t tid)
{
	struct native_thread t;
	const struct mapping *m;

	if (native_thread_peek(f->subject->process, tid, &t) < 0)
		return;
	if (!t.blocked) {
		f->any_runs = true;
		return;
	}
	m = maps_find(f->maps, t.sp);
	if (!m || !ledger_maps_is_plain(m) || !m->writable)
		return;
	if (ledger_layer_touches(f->go, t.sp, t.sp + 1))
		return;
	f->sp = t.sp;
	f->found = (struct ledger_claim){ 0 };
	search_record(f, m);
	if (!f->found.end && has_guard(f->maps, m))
		f->found = (struct ledger_claim){ m->start, m->end, MEMORY_THREAD_STACKS };
	if (f->found.end)
		f->claims[f->n++] = f->found;
}

static int by_start(const void *a, const void *b)
{
	const struct ledger_claim *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void drop_overlaps(struct finding_stacks *f)
{
	size_t kept = 0;

	qsort(f->claims, f->n, sizeof(*f->claims), by_start);
	for (size_t i = 0; i < f->n; i++)
		if (!kept || f->claims[i].start >= f->claims[kept - 1].end)
			f->claims[kept++] = f->claims[i];
	f->n = kept;
}

/* --- By the list that the records are in --- */

/* The stack of a record that nobody has claimed. */
static void claim_record(struct finding_stacks *f, uint64_t record)
{
	const struct mapping *m = maps_find(f->maps, record);
	struct span tcb = span_of(f->piece, TCB_BYTES);

	if (!m || !ledger_maps_is_plain(m) || !m->writable ||
	    mem_read(f->subject->mem, record, f->piece, TCB_BYTES) < 0 ||
	    !subject_has_tid(f->subject, (pid_t)tid_of_record(&tcb, 0, record)))
		return;
	f->sp = record;
	if (find_block(f, &tcb, record, m, &f->found))
		f->claims[f->n++] = f->found;
}

/*
 * Of a thread that runs at this moment the kernel tells no stack pointer; but glibc has the records
 * of all threads in one ring (stack_used, nptl/allocatestack.c; _dl_stack_used since 2.34), with a
 * head that is no record.
 */
static void follow_list(struct finding_stacks *f, size_t most)
{
	const struct ledger_layer known = { f->claims, f->n, ledger_claim_at, 0 };
	uint64_t at = f->record + TCB_LIST;

	for (size_t i = 0; i < most && f->n < most; i++) {
		if (mem_read_u64(f->subject->mem, at, &at) < 0 || at < TCB_LIST ||
		    at == f->record + TCB_LIST)
			return;
		if (!ledger_layer_touches(&known, at, at + 1))
			claim_record(f, at - TCB_LIST);
	}
}

int ledger_stacks_find(const struct subject *subject, const struct maps *maps, struct pagemap *pm,
		       const struct ledger_layer *go, struct arena *a, struct ledger_claim **ret,
		       size_t *n)
{
	const pid_t *ours = subject->our_tids ? subject->our_tids : subject->tids;
	struct finding_stacks *f = calloc(1, sizeof(*f));
	size_t most = subject->n_tids < LIMIT_STACKS ? subject->n_tids : LIMIT_STACKS;

	if (!f)
		return -ENOMEM;
	f->subject = subject;
	f->maps = maps;
	f->pm = pm;
	f->go = go;
	f->read_left = READ_MAX;
	f->claims = arena_alloc(a, most + 1, sizeof(*f->claims));
	if (!f->claims) {
		free(f);
		return -ENOMEM;
	}
	for (size_t i = 0; i < most; i++) {
		f->tid = subject->tids[i];
		look_at(f, ours[i]);
	}
	drop_overlaps(f);
	if (f->any_runs && f->record) {
		follow_list(f, most);
		drop_overlaps(f);
	}
	*ret = f->claims;
	*n = f->n;
	free(f);
	return 0;
}
