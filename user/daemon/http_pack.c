// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_pack.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct packed {
	const char *name;	/* NULL: free */
	uint64_t number;	/* of the body */
	struct http_pack *pack;
};

struct http_packs {
	pthread_mutex_t lock;	/* held while one is made: who comes meanwhile wants the same */
	struct packed all[BOARD_NAMES];
};

struct http_packs *http_packs_new(void)
{
	struct http_packs *p = calloc(1, sizeof(*p));

	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void http_packs_free(struct http_packs *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < BOARD_NAMES; i++)
		http_pack_free(p->all[i].pack);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void http_pack_free(struct http_pack *p)
{
	if (!p || __atomic_sub_fetch(&p->holders, 1, __ATOMIC_ACQ_REL))
		return;
	free(p->bytes);
	free(p);
}

/* All of the body into pack->bytes, of size bytes. */
static bool deflate_into(struct http_pack *pack, size_t size, const struct body *body)
{
	/* 16: as gzip. Of text like ours the quickest level leaves a tenth. */
	z_stream z = { .next_in = (Bytef *)body->bytes, .avail_in = (uInt)body->len,
		       .next_out = pack->bytes, .avail_out = (uInt)size };
	int r;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	r = deflate(&z, Z_FINISH);
	pack->len = z.total_out;
	deflateEnd(&z);
	return r == Z_STREAM_END;
}

/* Held once. NULL: memory is short, or it would not be smaller. */
static struct http_pack *make_pack(const struct body *body)
{
	struct http_pack *p = calloc(1, sizeof(*p));
	unsigned char *fitted;

	if (!p)
		return NULL;
	p->holders = 1;
	p->bytes = malloc(body->len);
	if (!p->bytes || !deflate_into(p, body->len, body)) {
		http_pack_free(p);
		return NULL;
	}
	fitted = realloc(p->bytes, p->len);
	p->bytes = fitted ? fitted : p->bytes;
	return p;
}

/* With the lock held. The place of that name, or else the first free one; NULL: neither. */
static struct packed *place_of(struct http_packs *p, const char *name)
{
	for (size_t i = 0; i < BOARD_NAMES; i++)
		if (!p->all[i].name || strcmp(p->all[i].name, name) == 0)
			return &p->all[i];
	return NULL;
}

struct http_pack *http_packs_get(struct http_packs *p, const char *name, const struct body *body)
{
	struct http_pack *pack = NULL;
	struct packed *place;

	if (body->len < HTTP_PACK_FROM || body->len > UINT_MAX)
		return NULL;
	pthread_mutex_lock(&p->lock);
	place = place_of(p, name);
	/* Who holds an older body than the last one packed does without. */
	if (place && (!place->pack || place->number < body->number)) {
		http_pack_free(place->pack);
		*place = (struct packed){ .name = name, .number = body->number,
					  .pack = make_pack(body) };
	}
	if (place && place->pack && place->number == body->number) {
		pack = place->pack;
		__atomic_add_fetch(&pack->holders, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&p->lock);
	return pack;
}
