// SPDX-License-Identifier: Apache-2.0
#include "daemon/board.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct place {
	const char *name;	/* NULL: free */
	struct body *body;
};

struct board {
	pthread_mutex_t lock;	/* held for a swap of pointers, never for a copy */
	struct place places[BOARD_NAMES];
};

struct board *board_new(void)
{
	struct board *b = calloc(1, sizeof(*b));

	if (b)
		pthread_mutex_init(&b->lock, NULL);
	return b;
}

void board_free(struct board *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < BOARD_NAMES; i++)
		body_free(b->places[i].body);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* With the lock held. The place of that name, or else the first free one; NULL: neither. */
static struct place *place_of(struct board *b, const char *name)
{
	for (size_t i = 0; i < BOARD_NAMES; i++)
		if (!b->places[i].name || strcmp(b->places[i].name, name) == 0)
			return &b->places[i];
	return NULL;
}

int board_publish(struct board *b, const char *name, const char *type, char *bytes, size_t len)
{
	struct body *body = bytes ? malloc(sizeof(*body)) : NULL, *before = NULL;
	struct place *p;

	if (!body) {
		free(bytes);
		return -ENOMEM;
	}
	*body = (struct body){ .type = type, .bytes = bytes, .len = len, .number = 1,
			       .time_s = clock_now_s(CLOCK_MONOTONIC), .holders = 1 };
	pthread_mutex_lock(&b->lock);
	p = place_of(b, name);
	if (p) {
		before = p->body;
		body->number += before ? before->number : 0;
		p->name = name;
		p->body = body;
	}
	pthread_mutex_unlock(&b->lock);
	body_free(p ? before : body);
	return p ? 0 : -ENOSPC;
}

struct body *board_get(struct board *b, const char *name)
{
	struct place *p;
	struct body *body;

	pthread_mutex_lock(&b->lock);
	p = place_of(b, name);
	body = p ? p->body : NULL;
	if (body)
		__atomic_add_fetch(&body->holders, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&b->lock);
	return body;
}

void body_free(struct body *body)
{
	if (!body || __atomic_sub_fetch(&body->holders, 1, __ATOMIC_ACQ_REL))
		return;
	free((char *)body->bytes);
	free(body);
}
