/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published bodies as gzip, which every scraper takes: made once for each body, when the first one
 * asks for it, and kept until there is another of that name. Any thread may call.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "daemon/board.h"

struct http_packs;

/* Whoever holds it frees it. */
struct http_pack {
	unsigned char *bytes;
	size_t len;
	unsigned int holders;
};
/* Accepts NULL. */
void http_pack_free(struct http_pack *p);

/* Smaller bodies are sent as they are: one packet is one packet. */
enum { HTTP_PACK_FROM = 1400 };

/* NULL when memory is short. */
struct http_packs *http_packs_new(void);
/* Packs that are held stay. Accepts NULL. */
void http_packs_free(struct http_packs *p);
DEFINE_CLEANUP(struct http_packs, http_packs_free)

/* name: a literal, of a body on the board. NULL: too small, or memory is short. */
struct http_pack *http_packs_get(struct http_packs *p, const char *name, const struct body *body);
