// SPDX-License-Identifier: Apache-2.0
#include "collect/saved_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "analysis/site.h"

/* --- Values --- */

struct json_object *saved_member(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (!json_object_is_type(o, json_type_object))
		return NULL;
	json_object_object_get_ex(o, key, &v);
	return v;
}

const char *saved_text(struct json_object *v)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

	return s && *s ? s : NULL;
}

int saved_copy(struct saved_reader *r, struct json_object *v, const char **ret)
{
	const char *s = saved_text(v);

	*ret = s ? arena_intern(r->s->arena, s, strnlen(s, LIMIT_NAME)) : NULL;
	return s && !*ret ? -ENOMEM : 0;
}

/* Beyond this a tool between us may have made a real of a whole number. */
#define REAL_MIN 9007199254740992.0

int64_t saved_count(struct json_object *v)
{
	double real;

	if (json_object_is_type(v, json_type_int)) {
		int64_t n = json_object_get_int64(v);

		return n < 0 || n > LIMIT_SAVED_VALUE ? WAIT_UNKNOWN : n;
	}
	if (!json_object_is_type(v, json_type_double))
		return WAIT_UNKNOWN;
	real = json_object_get_double(v);
	return real >= REAL_MIN && real < (double)LIMIT_SAVED_VALUE ? (int64_t)real : WAIT_UNKNOWN;
}

uint64_t saved_count_or_0(struct json_object *v)
{
	int64_t n = saved_count(v);

	return n < 0 ? 0 : (uint64_t)n;
}

int64_t saved_milli(struct json_object *v)
{
	double s = json_object_is_type(v, json_type_double) ||
		   json_object_is_type(v, json_type_int) ? json_object_get_double(v) : -1;

	return s >= 0 && s < 1e12 ? (int64_t)(s * 1000) : WAIT_UNKNOWN;
}

uint64_t saved_hex(struct json_object *v)
{
	const char *s = saved_text(v);

	if (!s || strlen(s) != 16 || strspn(s, "0123456789abcdef") != 16)
		return 0;
	return strtoull(s, NULL, 16);
}

void *saved_add(struct saved_list *l, size_t size, size_t limit, int *err, struct diag *d)
{
	if (l->n >= limit) {
		*err = diag_fail(d, -EBADMSG, "holds more than %zu of a kind", limit);
		return NULL;
	}
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		void *grown = reallocarray(l->all, room, size);

		if (!grown) {
			*err = -ENOMEM;
			return NULL;
		}
		l->all = grown;
		l->room = room;
	}
	*err = 0;
	return memset((char *)l->all + l->n++ * size, 0, size);
}

/* --- Stacks --- */

uint64_t saved_hash(uint64_t hash, const char *s)
{
	/* So that "ab", "c" is not "a", "bc", and nothing is not an empty one. */
	return s ? XXH3_64bits_withSeed(s, strlen(s), hash) :
		   XXH3_64bits_withSeed("\xff", 1, ~hash);
}

struct frame saved_frame(struct json_object *v)
{
	return (struct frame){
		.function = saved_text(saved_member(v, "function")),
		.file = saved_text(saved_member(v, "file")),
		.line = (uint32_t)saved_count_or_0(saved_member(v, "line")),
	};
}

void saved_hash_stack(struct json_object *v, uint64_t *id, uint64_t *like)
{
	size_t n = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;

	for (size_t i = 0; i < n && i < LIMIT_FRAMES; i++) {
		struct frame f = saved_frame(json_object_array_get_idx(v, i));

		*like = saved_hash(*like, f.function);
		*id = saved_hash(saved_hash(*id, f.function), f.file) + f.line;
	}
}

int saved_site_of(struct saved_reader *r, struct json_object *v, bool c, const char **ret)
{
	struct frame frames[LIMIT_FRAMES];
	struct stack s = { .frames = frames };
	size_t n = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;
	const struct frame *at;

	*ret = NULL;
	for (; s.n < n && s.n < LIMIT_FRAMES; s.n++)
		frames[s.n] = saved_frame(json_object_array_get_idx(v, s.n));
	at = c ? site_frame_mixed(&s, r->s->module) : site_frame(&s, r->s->module);
	if (!at || !at->function)
		return 0;
	*ret = site_string(r->s->arena, at);
	return *ret ? 0 : -ENOMEM;
}

int saved_stack(struct saved_reader *r, struct json_object *v, struct stack *ret)
{
	struct frame frames[LIMIT_FRAMES];
	size_t n = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;
	const void *shared;

	if (n > LIMIT_FRAMES)
		n = LIMIT_FRAMES;
	/* Padding too, for stacks are compared as bytes: their strings are shared as well. */
	memset(frames, 0, n * sizeof(*frames));
	for (size_t i = 0; i < n; i++) {
		struct json_object *f = json_object_array_get_idx(v, i);

		if (saved_copy(r, saved_member(f, "function"), &frames[i].function) < 0 ||
		    saved_copy(r, saved_member(f, "file"), &frames[i].file) < 0)
			return -ENOMEM;
		frames[i].line = (uint32_t)saved_count_or_0(saved_member(f, "line"));
	}
	shared = n ? arena_intern(r->s->arena, (const char *)frames, n * sizeof(*frames)) : NULL;
	if (n && !shared)
		return -ENOMEM;
	*ret = (struct stack){ .frames = shared, .n = (uint32_t)n };
	return 0;
}
