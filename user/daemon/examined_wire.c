// SPDX-License-Identifier: Apache-2.0
#include "daemon/examined_wire.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/span.h"
#include "model/leaks.h"
#include "model/memory.h"

#define MAGIC 0x3145584cu	/* "LXE1" */
/* Instead of a length: there is no string. */
#define NO_STRING UINT32_MAX

/* --- From a snapshot --- */

static void count_leaks(const struct snapshot *s, struct examined *e)
{
	for (uint32_t i = 0; i < s->n_groups; i++) {
		const struct group *g = &s->groups[i];

		if (g->system)
			continue;
		e->proven.goroutines += g->n_proven;
		e->likely.goroutines += g->n_likely;
		e->suspect.goroutines += g->n_leak_suspect;
	}
}

static struct examined_leaks *leaks_of(struct examined *e, enum verdict v)
{
	switch (v) {
	case VERDICT_PROVEN:
		return &e->proven;
	case VERDICT_LIKELY:
		return &e->likely;
	case VERDICT_SUSPECT:
		return &e->suspect;
	default:
		return NULL;
	}
}

/* A group has its bytes for all grades together: they are the gravest one's. */
static void count_bytes(const struct snapshot *s, struct examined *e)
{
	for (uint32_t i = 0; i < s->n_groups; i++) {
		const struct group *g = &s->groups[i];
		struct examined_leaks *l = leaks_of(e, g->verdict);

		if (!l || g->system || !group_leaked(g))
			continue;
		l->bytes += (int64_t)(g->leaked_stack_bytes +
				      (g->leaked_heap_known ? g->leaked_heap_bytes : 0));
	}
}

static int copy_findings(const struct snapshot *s, struct examined *e)
{
	uint32_t n = s->n_findings < EXAMINED_FINDINGS ? s->n_findings : EXAMINED_FINDINGS;
	struct finding *all = arena_alloc(e->arena, n ? n : 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		int r = finding_copy(e->arena, &s->findings[i], &all[i]);

		if (r < 0)
			return r;
		all[i].group = FINDING_NO_GROUP;
	}
	e->findings = all;
	e->n_findings = n;
	return 0;
}

struct examined *examined_of(const struct snapshot *s)
{
	CLEANUP(examined_free_p) struct examined *e = examined_new();

	if (!e)
		return NULL;
	e->time = s->time;
	e->leaks_known = s->leaks && s->leaks->passes;
	if (e->leaks_known) {
		count_leaks(s, e);
		count_bytes(s, e);
	}
	if (s->memory) {
		e->rss_bytes = s->memory->rss_bytes;
		memcpy(e->part, s->memory->part, sizeof(e->part));
	}
	return copy_findings(s, e) < 0 ? NULL : TAKE(e);
}

/* --- Writing --- */

static void put_u32(FILE *out, uint32_t v)
{
	fwrite(&v, sizeof(v), 1, out);
}

static void put_u64(FILE *out, uint64_t v)
{
	fwrite(&v, sizeof(v), 1, out);
}

static void put_double(FILE *out, double v)
{
	fwrite(&v, sizeof(v), 1, out);
}

static void put_string(FILE *out, const char *s)
{
	size_t len = s ? strnlen(s, EXAMINED_STRING) : 0;

	put_u32(out, s ? (uint32_t)len : NO_STRING);
	if (len)
		fwrite(s, 1, len, out);
}

static void put_leaks(FILE *out, const struct examined_leaks *l)
{
	put_u64(out, l->goroutines);
	put_u64(out, (uint64_t)l->bytes);
}

static void put_finding(FILE *out, const struct finding *f)
{
	uint32_t n = f->n_evidence < EXAMINED_EVIDENCE ? f->n_evidence : EXAMINED_EVIDENCE;

	put_u32(out, (uint32_t)f->verdict);
	put_u64(out, f->count);
	put_u64(out, (uint64_t)f->bytes);
	put_string(out, f->pattern);
	put_string(out, f->site);
	put_string(out, f->summary);
	put_string(out, f->advice);
	put_u32(out, n);
	for (uint32_t i = 0; i < n; i++)
		put_string(out, f->evidence[i]);
}

int examined_write(const struct examined *e, FILE *out)
{
	uint32_t n = e->n_findings < EXAMINED_FINDINGS ? e->n_findings : EXAMINED_FINDINGS;

	put_u32(out, MAGIC);
	put_u64(out, (uint64_t)e->time.tv_sec);
	put_u32(out, (uint32_t)e->time.tv_nsec);
	put_double(out, e->elapsed_s);
	put_double(out, e->cpu_ms);
	put_string(out, e->reason);
	put_u32(out, e->leaks_known);
	put_leaks(out, &e->proven);
	put_leaks(out, &e->likely);
	put_leaks(out, &e->suspect);
	put_u64(out, e->rss_bytes);
	put_u32(out, MEMORY_PARTS);
	for (size_t i = 0; i < MEMORY_PARTS; i++)
		put_u64(out, e->part[i]);
	put_u32(out, n);
	for (uint32_t i = 0; i < n; i++)
		put_finding(out, &e->findings[i]);
	return ferror(out) ? -EIO : 0;
}

/* --- Reading --- */

struct reader {
	struct span span;
	uint64_t at;
	struct arena *arena;
	int err;		/* the first that is no overrun */
};

static void refuse(struct reader *r, bool bad)
{
	if (bad && !r->err)
		r->err = -EBADMSG;
}

static uint32_t get_u32(struct reader *r)
{
	uint32_t v = span_u32(&r->span, r->at);

	r->at += sizeof(v);
	return v;
}

static uint64_t get_u64(struct reader *r)
{
	uint64_t v = span_u64(&r->span, r->at);

	r->at += sizeof(v);
	return v;
}

/* A time or a cost: never negative, never out of bounds. */
static double get_double(struct reader *r)
{
	uint64_t bits = get_u64(r);
	double v;

	memcpy(&v, &bits, sizeof(v));
	refuse(r, !isfinite(v) || v < 0);
	return v;
}

static const char *get_string(struct reader *r)
{
	uint32_t len = get_u32(r);
	const char *s;

	if (len == NO_STRING)
		return NULL;
	refuse(r, len > EXAMINED_STRING);
	if (r->err || !span_has(&r->span, r->at, len))
		return NULL;
	refuse(r, memchr(r->span.data + r->at, '\0', len) != NULL);
	s = arena_strndup(r->arena, (const char *)r->span.data + r->at, len);
	r->at += len;
	if (!s)
		r->err = -ENOMEM;
	return s;
}

static int64_t get_bytes(struct reader *r)
{
	int64_t v = (int64_t)get_u64(r);

	refuse(r, v < 0 && v != WAIT_UNKNOWN);
	return v;
}

static void get_leaks(struct reader *r, struct examined_leaks *ret)
{
	ret->goroutines = get_u64(r);
	refuse(r, ret->goroutines > LIMIT_GOROUTINES);
	ret->bytes = get_bytes(r);
}

static const char **get_evidence(struct reader *r, uint32_t n)
{
	const char **all;

	refuse(r, n > EXAMINED_EVIDENCE);
	if (r->err || r->span.overrun)
		return NULL;
	all = arena_alloc(r->arena, n ? n : 1, sizeof(*all));
	if (!all)
		r->err = -ENOMEM;
	for (uint32_t i = 0; all && i < n; i++) {
		all[i] = get_string(r);
		/* A line is not nothing. */
		refuse(r, !all[i]);
	}
	return all;
}

static void get_finding(struct reader *r, struct finding *ret)
{
	uint32_t verdict = get_u32(r);

	refuse(r, verdict > VERDICT_PROVEN);
	ret->verdict = (enum verdict)verdict;
	ret->count = get_u64(r);
	ret->bytes = get_bytes(r);
	ret->pattern = get_string(r);
	ret->site = get_string(r);
	ret->summary = get_string(r);
	ret->advice = get_string(r);
	ret->n_evidence = get_u32(r);
	ret->evidence = get_evidence(r, ret->n_evidence);
	ret->group = FINDING_NO_GROUP;
	/* The forms print both without asking. */
	refuse(r, !ret->pattern || !ret->summary);
}

static void get_findings(struct reader *r, struct examined *e)
{
	uint32_t n = get_u32(r);
	struct finding *all;

	refuse(r, n > EXAMINED_FINDINGS);
	if (r->err || r->span.overrun)
		return;
	all = arena_alloc(r->arena, n ? n : 1, sizeof(*all));
	if (!all)
		r->err = -ENOMEM;
	for (uint32_t i = 0; i < n && !r->err && !r->span.overrun; i++)
		get_finding(r, &all[i]);
	e->findings = all;
	e->n_findings = n;
}

static void get_memory(struct reader *r, struct examined *e)
{
	e->rss_bytes = get_u64(r);
	refuse(r, get_u32(r) != MEMORY_PARTS);
	for (size_t i = 0; i < MEMORY_PARTS; i++)
		e->part[i] = get_u64(r);
}

static void get_examined(struct reader *r, struct examined *e)
{
	uint32_t known;

	refuse(r, get_u32(r) != MAGIC);
	e->time.tv_sec = (time_t)get_u64(r);
	e->time.tv_nsec = get_u32(r);
	refuse(r, e->time.tv_sec < 0 || e->time.tv_nsec >= 1000000000);
	e->elapsed_s = get_double(r);
	e->cpu_ms = get_double(r);
	e->reason = get_string(r);
	known = get_u32(r);
	refuse(r, known > 1);
	e->leaks_known = known;
	get_leaks(r, &e->proven);
	get_leaks(r, &e->likely);
	get_leaks(r, &e->suspect);
	get_memory(r, e);
	get_findings(r, e);
}

int examined_read(const void *bytes, size_t len, struct examined **ret)
{
	CLEANUP(examined_free_p) struct examined *e = examined_new();
	struct reader r = { .span = span_of(bytes, len) };

	if (!e)
		return -ENOMEM;
	r.arena = e->arena;
	get_examined(&r, e);
	if (r.err)
		return r.err;
	if (r.span.overrun || r.at != len)
		return -EBADMSG;
	*ret = TAKE(e);
	return 0;
}
