// SPDX-License-Identifier: Apache-2.0
#include "analysis/leak_pattern.h"

#include <string.h>

#include "base/cleanup.h"

enum { SEND, NCAST, FULL, RECV, RANGE, WORKER, SELECT, MUTEX, WAITGROUP, COND, OTHER };

static const struct leak_pattern patterns[] = {
	[SEND] = { "orphan-send",
		   "give the channel a buffer of 1, or let the send give up in a select with the "
		   "context's Done()" },
	[NCAST] = { "ncast",
		    "give the channel room for every sender, or receive from all of them" },
	[FULL] = { "buffer-full",
		   "receive until the sender is done, or let the send give up in a select with the "
		   "context's Done()" },
	[RECV] = { "orphan-recv",
		   "close the channel on every way out of its sender, or receive in a select with "
		   "the context's Done()" },
	[RANGE] = { "range-unclosed",
		    "close the channel when its last sender is done: `defer close(ch)` in the sender" },
	[WORKER] = { "orphan-worker",
		     "give the object a Close method that ends this goroutine, and call it" },
	[SELECT] = { "select-orphan",
		     "give the select a case that somebody always can end: a context's Done(), or a "
		     "channel that is closed" },
	[MUTEX] = { "mutex-never-unlocked", "`defer mu.Unlock()` right after Lock()" },
	[WAITGROUP] = { "waitgroup-never-done",
			"`defer wg.Done()` first in what is waited for, and one Add() for each" },
	[COND] = { "cond-never-signalled",
		   "Signal() or Broadcast() after each change of what is waited for, and on the way "
		   "out" },
	[OTHER] = { "orphan-wait", NULL },
};

static bool starts(const char *reason, const char *with)
{
	return reason && strncmp(reason, with, strlen(with)) == 0;
}

/* The wait reasons of runtime2.go (Go 1.18 to 1.27), for what has no object that was read. */
static enum wait_kind kind_by_reason(const char *reason)
{
	static const struct {
		const char *reason;
		enum wait_kind kind;
	} all[] = {
		{ "chan ", WAIT_CHAN },
		{ "select", WAIT_SELECT },
		{ "sync.Mutex", WAIT_MUTEX },
		{ "sync.RWMutex", WAIT_RWMUTEX },
		{ "sync.WaitGroup", WAIT_WAITGROUP },
		{ "sync.Cond", WAIT_COND },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (starts(reason, all[i].reason))
			return all[i].kind;
	return WAIT_NONE;
}

static bool sends(const char *reason, const struct wait_object *o)
{
	if (o->kind == WAIT_CHAN && o->known && o->chan.dir != CHAN_DIR_UNKNOWN)
		return o->chan.dir == CHAN_SEND;
	return starts(reason, "chan send");
}

static unsigned int of_send(const struct wait_object *o)
{
	const struct wait_chan *c = &o->chan;

	if (o->kind != WAIT_CHAN || !o->known)
		return SEND;
	if (c->cap)
		return FULL;
	return c->senders > 1 ? NCAST : SEND;
}

/* A worker's select takes work and orders; what it sends may be wanted by someone else. */
static bool only_receives(const struct wait_object *o)
{
	if (!o->known || !o->select.n || o->select.n < o->select.n_all)
		return false;
	for (uint32_t i = 0; i < o->select.n; i++)
		if (o->select.cases[i].dir != CHAN_RECV)
			return false;
	return true;
}

static unsigned int find(const char *reason, const struct wait_object *o,
			 const struct leak_clues *c)
{
	static const struct leak_clues none;
	enum wait_kind kind = o->kind != WAIT_NONE ? o->kind : kind_by_reason(reason);

	if (!c)
		c = &none;
	switch (kind) {
	case WAIT_CHAN:
		if (sends(reason, o))
			return of_send(o);
		if (!c->in_loop)
			return RECV;
		return c->asks_closed ? RANGE : c->serves ? WORKER : RECV;
	case WAIT_SELECT:
		return c->in_loop && c->serves && o->kind == WAIT_SELECT && only_receives(o) ?
			       WORKER : SELECT;
	case WAIT_MUTEX:
	case WAIT_RWMUTEX:
		return MUTEX;
	case WAIT_WAITGROUP:
		return WAITGROUP;
	case WAIT_COND:
		return COND;
	default:
		return OTHER;
	}
}

const struct leak_pattern *leak_pattern_find(const char *reason, const struct wait_object *o,
					     const struct leak_clues *clues)
{
	return &patterns[find(reason, o, clues)];
}

const char *leak_pattern_advice(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (strcmp(patterns[i].name, name) == 0)
			return patterns[i].advice;
	return NULL;
}
