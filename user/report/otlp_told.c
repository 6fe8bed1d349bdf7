// SPDX-License-Identifier: Apache-2.0
/*
 * Which findings a collector knows of. A finding is the same one as long as process, pattern and
 * site are; what is told of it anew is a change of verdict, or one to twice or half of what it was:
 * a site that grows for a week is some ten records, not ten thousand.
 */
#include "report/otlp_told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "model/examined.h"

/* Bytes of a string that is kept for the end of a finding. */
enum { KEPT_TEXT = 512 };

static uint64_t seed(void)
{
	static uint64_t value;

	/* Without random bytes a known seed tells findings apart, until somebody forges one. */
	while (value == 0)
		if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
			value = 1;
	return value;
}

unsigned int otlp_hash(const void *key, size_t len)
{
	return (unsigned int)XXH3_64bits_withSeed(key, len, seed());
}

static struct otlp_key hash(const void *bytes, size_t len)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(bytes, len, seed());

	return (struct otlp_key){ h.low64, h.high64 };
}

static void hash_text(struct otlp_key *k, const char *s)
{
	struct otlp_key both[2] = { *k, hash(s ? s : "", s ? strlen(s) : 0) };

	*k = hash(both, sizeof(both));
}

static struct otlp_key key_of(const struct node_process *p, const struct finding *f)
{
	const uint64_t id[] = { (uint64_t)p->pid, p->start_time };
	struct otlp_key k = hash(id, sizeof(id));

	hash_text(&k, f->pattern);
	hash_text(&k, f->site);
	return k;
}

static void told_free(struct otlp_book *b, struct otlp_told *t)
{
	HASH_DEL(b->told, t);
	b->n_told--;
	free(t->pattern);
	free(t->site);
	free(t->summary);
	free(t->name);
	free(t);
}

static int told_get(struct otlp_book *b, const struct node_process *p, const struct finding *f,
		    struct otlp_told **ret)
{
	struct otlp_key key = key_of(p, f);
	struct otlp_told *t;

	HASH_FIND(hh, b->told, &key, sizeof(key), t);
	*ret = t;
	if (t)
		return 0;
	if (b->n_told >= OTLP_FINDINGS) {
		b->left_out++;
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->key = key;
	t->pid = p->pid;
	t->start_time = p->start_time;
	HASH_ADD(hh, b->told, key, sizeof(t->key), t);
	if (!t->hh.tbl) {
		free(t);
		return -ENOMEM;
	}
	b->n_told++;
	*ret = t;
	return 0;
}

static int take_down(struct otlp_book *b, const struct node_process *p, const struct finding *all,
		     uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct finding *f = &all[i];
		struct otlp_told *t;
		int r;

		if (f->verdict < VERDICT_SUSPECT)
			continue;
		r = told_get(b, p, f, &t);
		if (r < 0)
			return r;
		/* Two of a look that differ in labels alone: the graver one, or else the first. */
		if (!t || (t->seen == b->look && t->finding && t->finding->verdict >= f->verdict))
			continue;
		t->seen = b->look;
		t->finding = f;
		t->process = p;
		t->now = (struct otlp_statement){ .verdict = f->verdict, .count = f->count,
						  .bytes = f->bytes };
	}
	return 0;
}

struct identity {
	uint64_t start_time;
	int pid;
};

static int by_identity(const void *a, const void *b)
{
	const struct identity *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->start_time > y->start_time) - (x->start_time < y->start_time);
}

/* The processes of the look, sorted. NULL: no memory. Caller frees. */
static struct identity *identities(const struct node_look *n)
{
	struct identity *all = calloc((size_t)n->n + 1, sizeof(*all));

	for (uint32_t i = 0; all && i < n->n; i++)
		all[i] = (struct identity){ n->all[i].start_time, n->all[i].pid };
	if (all)
		qsort(all, n->n, sizeof(*all), by_identity);
	return all;
}

/* Those that this look has not: after some looks, or with its process, a finding has ended. */
static int sweep(struct otlp_book *b, const struct node_look *n)
{
	struct identity *all = identities(n);
	struct otlp_told *t, *next;

	if (!all)
		return -ENOMEM;
	HASH_ITER(hh, b->told, t, next) {
		const struct identity id = { t->start_time, t->pid };

		if (t->seen == b->look)
			continue;
		t->gone = !bsearch(&id, all, n->n, sizeof(*all), by_identity);
		if (!t->gone && b->look - t->seen < OTLP_ABSENT)
			continue;
		t->now.ended = true;
		if (!t->ticket && (!t->told.verdict || t->told.ended))
			told_free(b, t);
	}
	free(all);
	return 0;
}

int otlp_told_look(struct otlp_book *b, const struct node_look *n)
{
	int r = 0;

	b->look++;
	b->left_out = 0;
	for (struct otlp_told *t = b->told; t; t = t->hh.next) {
		t->finding = NULL;
		t->process = NULL;
	}
	for (uint32_t i = 0; i < n->n && r == 0; i++) {
		const struct node_process *p = &n->all[i];

		r = take_down(b, p, p->findings, p->n_findings);
		if (r == 0 && p->examined)
			r = take_down(b, p, p->examined->findings, p->examined->n_findings);
	}
	return r < 0 ? r : sweep(b, n);
}

static bool doubled(uint64_t a, uint64_t b)
{
	return a != b && (a / 2 >= b || b / 2 >= a);
}

bool otlp_told_pending(const struct otlp_told *t)
{
	if (t->ticket)
		return false;
	if (t->now.ended || !t->told.verdict || t->told.ended)
		return t->now.ended ? t->told.verdict && !t->told.ended : t->finding != NULL;
	if (!t->finding)
		return false;
	if (t->now.verdict != t->told.verdict || doubled(t->now.count, t->told.count))
		return true;
	return t->now.bytes >= 0 && (t->told.bytes < 0 || doubled((uint64_t)t->now.bytes,
								  (uint64_t)t->told.bytes));
}

/* Without memory the words stay what they were. */
static void keep(char **to, const char *s)
{
	char *copy = s ? strndup(s, KEPT_TEXT) : NULL;

	if (!copy)
		return;
	free(*to);
	*to = copy;
}

int otlp_told_send(struct otlp_told *t, uint64_t ticket)
{
	if (!t->name)
		t->name = malloc(sizeof(*t->name));
	if (!t->name)
		return -ENOMEM;
	t->ticket = ticket;
	t->sent = t->now;
	/* The record of an end comes after another one. */
	if (!t->finding)
		return 0;
	target_name_of(t->process, t->name);
	keep(&t->pattern, t->finding->pattern);
	keep(&t->site, t->finding->site);
	keep(&t->summary, t->finding->summary);
	return 0;
}

void otlp_settle(struct otlp_book *b, uint64_t ticket, bool arrived)
{
	struct otlp_told *t, *next;

	if (!ticket)
		return;
	HASH_ITER(hh, b->told, t, next) {
		if (t->ticket != ticket)
			continue;
		t->ticket = 0;
		if (arrived)
			t->told = t->sent;
		if (t->now.ended && (!t->told.verdict || t->told.ended))
			told_free(b, t);
	}
}

uint64_t otlp_untold(const struct otlp_book *b)
{
	uint64_t n = 0;

	for (const struct otlp_told *t = b->told; t; t = t->hh.next)
		n += t->ticket || otlp_told_pending(t);
	return n;
}

uint64_t otlp_left_out(const struct otlp_book *b)
{
	return b->left_out;
}

struct otlp_book *otlp_book_new(void)
{
	return calloc(1, sizeof(struct otlp_book));
}

void otlp_book_free(struct otlp_book *b)
{
	struct otlp_told *t, *next;

	if (!b)
		return;
	HASH_ITER(hh, b->told, t, next)
		told_free(b, t);
	free(b);
}
