// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of a state file. Little endian:
 *   8 bytes MAGIC, u32 version, u32 bytes that follow the head, u64 their hash
 *   boot id, f64 saved_s, u32 processes, then each:
 *     u32 pid, u64 start_time, u64 start_stack, 3 x u64 tally, f64 gap_s,
 *     u32 points, u32 values of rss, u32 of threads, u32 sites,
 *     points: f32 seconds before saved_s, u32 KiB of RSS, u32 goroutines
 *     values: f32 seconds before saved_s, u64
 *     sites: u64 id, u64 count
 */
#include "collect/state_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/span.h"
#include "model/limits.h"

#define MAGIC "loiterst"
#define VERSION 1

enum {
	HEAD = 24,
	BODY = STATE_BOOT_ID + 8 + 4,
	PROCESS = 4 + 8 + 8 + 3 * 8 + 8 + 4 * 4,
	POINT = 12, VALUE = 12, SITE = 16,
	POINTS_MAX = 1024,	/* of one process: more than any release has kept */
};

/* --- Writing --- */

static void put_u32(FILE *f, uint32_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void put_u64(FILE *f, uint64_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void put_f32(FILE *f, double v)
{
	float x = (float)v;

	fwrite(&x, sizeof(x), 1, f);
}

static void put_f64(FILE *f, double v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static uint32_t at_most(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static void put_series(FILE *f, const struct state *s, const struct state_series *x)
{
	for (uint32_t i = 0; i < x->n; i++) {
		put_f32(f, s->saved_s - x->all[i].at_s);
		put_u64(f, x->all[i].value);
	}
}

static void put_process(FILE *f, const struct state *s, const struct state_process *p)
{
	put_u32(f, (uint32_t)p->pid);
	put_u64(f, p->start_time);
	put_u64(f, p->start_stack);
	put_u64(f, p->tally.looks);
	put_u64(f, p->tally.failed);
	put_u64(f, p->tally.missed);
	put_f64(f, p->gap_s);
	put_u32(f, p->history.n);
	put_u32(f, p->rss.n);
	put_u32(f, p->threads.n);
	put_u32(f, p->n_sites);
	for (uint32_t i = 0; i < p->history.n; i++) {
		const struct node_point *x = &p->history.points[i];

		put_f32(f, s->saved_s - x->elapsed_s);
		put_u32(f, at_most(x->rss_bytes / 1024));
		put_u32(f, at_most(x->goroutines));
	}
	put_series(f, s, &p->rss);
	put_series(f, s, &p->threads);
	for (uint32_t i = 0; i < p->n_sites; i++) {
		put_u64(f, p->sites[i].id);
		put_u64(f, p->sites[i].count);
	}
}

static int encode(FILE *f, const struct state *s)
{
	static const char head[HEAD];
	char boot_id[STATE_BOOT_ID] = { 0 };

	memcpy(boot_id, s->boot_id, strnlen(s->boot_id, sizeof(boot_id)));
	fwrite(head, 1, sizeof(head), f);
	fwrite(boot_id, 1, sizeof(boot_id), f);
	put_f64(f, s->saved_s);
	put_u32(f, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		put_process(f, s, &s->all[i]);
	return ferror(f) ? -ENOMEM : 0;
}

static void seal(char *bytes, size_t len)
{
	uint32_t version = VERSION, body = (uint32_t)(len - HEAD);
	uint64_t hash = XXH64(bytes + HEAD, len - HEAD, VERSION);

	memcpy(bytes, MAGIC, 8);
	memcpy(bytes + 8, &version, sizeof(version));
	memcpy(bytes + 12, &body, sizeof(body));
	memcpy(bytes + 16, &hash, sizeof(hash));
}

int state_encode(const struct state *s, void **ret, size_t *ret_len)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&bytes, &len);
	int r;

	if (!f)
		return -ENOMEM;
	r = encode(f, s);
	if (fclose(f) != 0 || r < 0) {
		free(bytes);
		return -ENOMEM;
	}
	if (len > LIMIT_STATE_BYTES) {
		free(bytes);
		return -EFBIG;
	}
	seal(bytes, len);
	*ret = bytes;
	*ret_len = len;
	return 0;
}

/* --- Reading --- */

struct reader {
	struct span bytes;
	uint64_t at;
	double saved_s;
	struct arena *arena;
};

static uint32_t get_u32(struct reader *r)
{
	r->at += 4;
	return span_u32(&r->bytes, r->at - 4);
}

static uint64_t get_u64(struct reader *r)
{
	r->at += 8;
	return span_u64(&r->bytes, r->at - 8);
}

static double get_f64(struct reader *r)
{
	uint64_t bits = get_u64(r);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return isfinite(v) ? v : -1;
}

/* An age makes a time; one that is none makes a malformed file, as negative ages do. */
static double get_time(struct reader *r)
{
	uint32_t bits = get_u32(r);
	float age;

	memcpy(&age, &bits, sizeof(age));
	if (!(age >= 0) || !isfinite(age)) {
		r->bytes.overrun = true;
		return 0;
	}
	return r->saved_s - (double)age;
}

/* n records of `size` bytes must be there before any room is made for them. */
static bool has(struct reader *r, uint64_t n, size_t size)
{
	return span_has(&r->bytes, r->at, n * size);
}

static int get_points(struct reader *r, uint32_t n, struct node_history *ret)
{
	struct node_point *all;

	if (n > POINTS_MAX || !has(r, n, POINT))
		return -EBADMSG;
	all = arena_alloc(r->arena, n, sizeof(*all));
	if (n && !all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		all[i].elapsed_s = get_time(r);
		all[i].rss_bytes = (uint64_t)get_u32(r) * 1024;
		all[i].goroutines = get_u32(r);
		if (i && all[i].elapsed_s < all[i - 1].elapsed_s)
			return -EBADMSG;
	}
	*ret = (struct node_history){ all, n };
	return 0;
}

static int get_series(struct reader *r, uint32_t n, struct state_series *ret)
{
	struct state_value *all;

	if (n > STATE_SERIES || !has(r, n, VALUE))
		return -EBADMSG;
	all = arena_alloc(r->arena, n, sizeof(*all));
	if (n && !all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		all[i].at_s = get_time(r);
		all[i].value = get_u64(r);
		if (i && all[i].at_s < all[i - 1].at_s)
			return -EBADMSG;
	}
	*ret = (struct state_series){ all, n };
	return 0;
}

static int get_sites(struct reader *r, uint32_t n, struct state_process *ret)
{
	struct state_site *all;

	if (n > LIMIT_STATE_SITES || !has(r, n, SITE))
		return -EBADMSG;
	all = arena_alloc(r->arena, n, sizeof(*all));
	if (n && !all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		all[i].id = get_u64(r);
		all[i].count = get_u64(r);
	}
	ret->sites = all;
	ret->n_sites = n;
	return 0;
}

static int get_process(struct reader *r, struct state_process *ret)
{
	struct state_process p = { .pid = (int)get_u32(r) };
	uint32_t points, rss, threads, sites;
	int err;

	p.start_time = get_u64(r);
	p.start_stack = get_u64(r);
	p.tally.looks = get_u64(r);
	p.tally.failed = get_u64(r);
	p.tally.missed = get_u64(r);
	p.gap_s = get_f64(r);
	points = get_u32(r);
	rss = get_u32(r);
	threads = get_u32(r);
	sites = get_u32(r);
	if (p.pid <= 0 || p.gap_s < 0)
		return -EBADMSG;
	err = get_points(r, points, &p.history);
	if (err == 0)
		err = get_series(r, rss, &p.rss);
	if (err == 0)
		err = get_series(r, threads, &p.threads);
	if (err == 0)
		err = get_sites(r, sites, &p);
	*ret = p;
	return err;
}

static int decode(struct reader *r, struct state *ret)
{
	struct state_process *all;
	int err = 0;

	if (!has(r, 1, BODY))
		return -EBADMSG;
	memcpy(ret->boot_id, r->bytes.data, STATE_BOOT_ID);
	ret->boot_id[STATE_BOOT_ID] = '\0';
	r->at = STATE_BOOT_ID;
	ret->saved_s = r->saved_s = get_f64(r);
	ret->n = get_u32(r);
	if (ret->saved_s < 0 || !has(r, ret->n, PROCESS))
		return -EBADMSG;
	all = arena_alloc(r->arena, (size_t)ret->n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; err == 0 && i < ret->n; i++) {
		err = get_process(r, &all[i]);
		if (err == 0 && i && all[i].pid <= all[i - 1].pid)
			err = -EBADMSG;
	}
	ret->all = all;
	if (err < 0)
		return err;
	return r->bytes.overrun || r->at != r->bytes.len ? -EBADMSG : 0;
}

static int malformed(struct diag *d, const char *how)
{
	return diag_fail(d, -EBADMSG, "it is no whole state file: %s", how);
}

int state_decode(const void *bytes, size_t len, struct arena *a, struct state *ret, struct diag *d)
{
	struct span head = span_of(bytes, len);
	struct reader r = { .arena = a };
	struct state s = { .n = 0 };
	int err;

	if (len < HEAD || memcmp(bytes, MAGIC, 8) != 0)
		return malformed(d, "it does not begin as one");
	if (span_u32(&head, 8) != VERSION)
		return diag_fail(d, -EOPNOTSUPP, "another release of loiter wrote it (form %u)",
				 span_u32(&head, 8));
	if (span_u32(&head, 12) != len - HEAD)
		return malformed(d, "it is cut off");
	r.bytes = span_of((const char *)bytes + HEAD, len - HEAD);
	if (XXH64(r.bytes.data, r.bytes.len, VERSION) != span_u64(&head, 16))
		return malformed(d, "its checksum is wrong");
	err = decode(&r, &s);
	if (err == -EBADMSG)
		return malformed(d, "its parts contradict each other");
	if (err == 0)
		*ret = s;
	return err;
}
