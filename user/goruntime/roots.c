// SPDX-License-Identifier: Apache-2.0
#include "goruntime/roots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/roots_parts.h"
#include "model/limits.h"

#define PAGE 4096ull
#define WINDOW (64u << 10)
/* moduledata.data, edata, bss, ebss (image/moduledata.h). */
#define MODULE_DATA 208
#define MODULE_WORDS 4

static const char *const names[GO_ROOT_KINDS] = {
	[GO_ROOT_FINALIZER] = "finalizer", [GO_ROOT_CLEANUP] = "cleanup",
	[GO_ROOT_WEAK] = "weak",	   [GO_ROOT_SPECIAL] = "special",
	[GO_ROOT_QUEUE] = "queue",	   [GO_ROOT_MODULE] = "module",
	[GO_ROOT_G0_STACK] = "g0-stack",
};

const char *go_root_kind_name(enum go_root_kind kind)
{
	return (unsigned int)kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}

bool go_roots_complete(const struct go_roots_stats *stats)
{
	return !stats->torn && !stats->unreadable && !stats->beyond;
}

int roots_word(struct roots *r, enum go_root_kind kind, uint64_t word)
{
	if (word < PAGE || word >= GO_ADDRESS_END)
		return 0;
	r->stats->words[kind]++;
	return r->visit(r->arg, kind, word);
}

int roots_words(struct roots *r, enum go_root_kind kind, const uint8_t *bytes, size_t n)
{
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++) {
		uint64_t word;

		memcpy(&word, bytes + 8 * i, sizeof(word));
		e = roots_word(r, kind, word);
	}
	return e;
}

/* One piece, page by page where it cannot be read whole. *ended: a page was absent. */
static int read_piece(struct roots *r, enum go_root_kind kind, uint64_t at, size_t len,
		      uint8_t *buf, bool *ended)
{
	int e = mem_read(r->h->rt->live, at, buf, len);

	if (e == 0)
		return roots_words(r, kind, buf, len / 8);
	for (uint64_t end = at + len, next; e == -EFAULT && at < end; at = next) {
		int n;

		next = (at / PAGE + 1) * PAGE < end ? (at / PAGE + 1) * PAGE : end;
		n = mem_read(r->h->rt->live, at, buf, next - at);
		if (n == -EFAULT)
			*ended = true;
		else
			n = n < 0 ? n : roots_words(r, kind, buf, (next - at) / 8);
		if (n != -EFAULT && n != 0)
			return n;
	}
	return e == -EFAULT ? 0 : e;
}

int roots_range(struct roots *r, enum go_root_kind kind, uint64_t start, uint64_t end, bool ends)
{
	uint8_t *buf = malloc(WINDOW);
	int e = buf ? 0 : -ENOMEM;

	for (uint64_t at = start; at < end && e == 0; at += WINDOW) {
		bool absent = false;

		e = read_piece(r, kind, at, end - at < WINDOW ? end - at : WINDOW, buf, &absent);
		r->stats->unreadable += absent && !ends;
	}
	free(buf);
	return e;
}

/* --- Other modules --- */

static int module_range(struct roots *r, uint64_t start, uint64_t end, uint64_t *budget)
{
	if (start > end || start % 8 || end >= GO_ADDRESS_END) {
		r->stats->torn++;
		return 0;
	}
	if (end - start > *budget) {
		r->stats->beyond++;
		return 0;
	}
	*budget -= end - start;
	return roots_range(r, GO_ROOT_MODULE, start, end / 8 * 8, false);
}

/*
 * The collector has masks for these as well (moduledata.gcdatamask). Plugins are rare, and word by
 * word finds all of them and more.
 */
int roots_modules(struct roots *r)
{
	struct go_runtime *rt = r->h->rt;
	uint64_t at, budget = LIMIT_MODULE_BYTES, words[MODULE_WORDS];
	int e = mem_read_u64(rt->live, rt->md.addr + (uint32_t)rt->layout.module_next, &at);

	for (int i = 0; e == 0 && at; i++) {
		if (i == LIMIT_MODULES || at % 8 || at >= GO_ADDRESS_END || at == rt->md.addr) {
			r->stats->torn++;
			return 0;
		}
		e = mem_read(rt->live, at + MODULE_DATA, words, sizeof(words));
		if (e == 0)
			e = module_range(r, words[0], words[1], &budget);
		if (e == 0)
			e = module_range(r, words[2], words[3], &budget);
		if (e == 0)
			e = mem_read_u64(rt->live, at + (uint32_t)rt->layout.module_next, &at);
	}
	if (e == -EFAULT) {
		r->stats->unreadable++;
		e = 0;
	}
	return e;
}

/* --- All --- */

static int visit_all(struct roots *r, struct diag *d)
{
	int e = roots_specials(r, d);

	/* A finalizer goes from the specials to the queue: so the queue is looked at behind. */
	if (e == 0)
		e = roots_queues(r, d);
	if (e == 0)
		e = roots_threads(r, d);
	if (e == 0)
		e = roots_modules(r);
	return e;
}

int go_roots_visit(struct go_heap *h,
		   int (*visit)(void *arg, enum go_root_kind kind, uint64_t word), void *arg,
		   struct go_roots_stats *stats, struct diag *d)
{
	struct roots r = { .h = h, .visit = visit, .arg = arg, .stats = stats };

	return visit_all(&r, d);
}

int go_roots_visit_stopped(struct go_heap *h, const uint64_t *words, size_t n_words,
			   int (*visit)(void *arg, enum go_root_kind kind, uint64_t word), void *arg,
			   struct go_roots_stats *stats, struct diag *d)
{
	struct roots r = { .h = h, .visit = visit, .arg = arg, .stats = stats, .stopped = true,
			   .words = words, .n_words = n_words };

	return visit_all(&r, d);
}
