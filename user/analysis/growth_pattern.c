// SPDX-License-Identifier: Apache-2.0
#include "analysis/growth_pattern.h"

#include <string.h>

#include "analysis/site.h"
#include "base/cleanup.h"

/*
 * net/http/transport.go: a connection of a client is a pair of goroutines. readLoop waits on the
 * socket for an answer, and in a select once an answer's body is in the hands of the caller, until
 * that one has read or closed it; the caller waits in roundTrip (Go 1.18 to 1.27).
 */
#define READ_LOOP "net/http.(*persistConn).readLoop"
#define WRITE_LOOP "net/http.(*persistConn).writeLoop"
#define ROUND_TRIP "net/http.(*persistConn).roundTrip"

static bool waits_for(const struct group *g, const char *reason)
{
	return g->wait_reason && strcmp(g->wait_reason, reason) == 0;
}

static const struct group *group_of(const struct snapshot *s, const struct site *site)
{
	return &s->groups[site->group];
}

static const struct site *growing_with(const struct snapshot *s, const struct site *sites,
				       uint32_t n, const char *function)
{
	for (uint32_t i = 0; i < n; i++)
		if (sites[i].grows &&
		    site_stack_has(&group_of(s, &sites[i])->stack, function))
			return &sites[i];
	return NULL;
}

static bool sleeps(const struct group *g)
{
	const struct wait_object *w = &g->blocked_on;

	if (waits_for(g, "sleep") || w->kind == WAIT_TIMER)
		return true;
	/* A ticker's channel; before Go 1.23 only its type and size tell. */
	return w->kind == WAIT_CHAN && w->known && w->chan.dir == CHAN_RECV &&
	       (w->chan.has_timer ||
		(w->chan.cap == 1 && w->chan.type && strcmp(w->chan.type, "time.Time") == 0));
}

static bool has_own_code(const struct snapshot *s, const struct group *g)
{
	for (uint32_t i = 0; i < g->stack.n; i++)
		if (site_is_own(g->stack.frames[i].function, s->process.module))
			return true;
	return false;
}

static const char *name_io(const struct snapshot *s, const struct group *g)
{
	const struct wait_fd *f = &g->blocked_on.fd;

	if (g->blocked_on.kind != WAIT_FD || !g->blocked_on.known || !f->deadline_known ||
	    f->has_deadline || (f->tcp_state && strcmp(f->tcp_state, "LISTEN") == 0))
		return "growing-group";
	/* A library's reader of its connection, or a caller that waits for an answer. */
	return has_own_code(s, g) ? "io-no-deadline" : "held-connections";
}

/* The client's side of net/http; NULL: none of its. */
static const char *name_http(const struct snapshot *s, const struct group *g,
			     const struct site *sites, uint32_t n)
{
	const struct site *reader = growing_with(s, sites, n, READ_LOOP);
	const struct group *r = reader ? group_of(s, reader) : NULL;
	bool loop = site_stack_has(&g->stack, READ_LOOP) || site_stack_has(&g->stack, WRITE_LOOP);
	bool caller = site_stack_has(&g->stack, ROUND_TRIP);

	if (!r || (!loop && !caller))
		return NULL;
	if (waits_for(r, "select"))
		return loop ? "http-body-open" : NULL;
	if (!waits_for(r, "IO wait"))
		return NULL;
	if (caller || growing_with(s, sites, n, ROUND_TRIP))
		return "io-no-deadline";
	return "held-connections";
}

static const char *name_of(const struct snapshot *s, const struct group *g,
			   const struct site *sites, uint32_t n)
{
	const char *http = name_http(s, g, sites, n);

	if (http)
		return http;
	if (g->state == GO_SYSCALL && site_is_in_c(&g->stack))
		return "cgo-threads";
	if (sleeps(g))
		return "sleeping";
	if (waits_for(g, "IO wait"))
		return name_io(s, g);
	return "growing-group";
}

/* One half of a pair whose other half grows as well, and says more. */
static bool is_echo(const struct snapshot *s, const struct group *g, const struct site *sites,
		    uint32_t n)
{
	if (site_stack_has(&g->stack, WRITE_LOOP))
		return growing_with(s, sites, n, READ_LOOP) != NULL;
	if (site_stack_has(&g->stack, READ_LOOP))
		return growing_with(s, sites, n, ROUND_TRIP) != NULL;
	return false;
}

void growth_name(const struct snapshot *s, struct site *sites, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct group *g = group_of(s, &sites[i]);

		if (!sites[i].grows)
			continue;
		sites[i].echo = is_echo(s, g, sites, n);
		if (sites[i].verdict == VERDICT_SUSPECT)
			sites[i].pattern = name_of(s, g, sites, n);
	}
}

const char *growth_advice(const char *pattern)
{
	static const struct {
		const char *pattern, *advice;
	} all[] = {
		{ "growing-group", "find what should end these goroutines, and why it does not come" },
		{ "sleeping", "start one ticker or sleeper for all requests, or end each one with its "
			      "request's context" },
		{ "io-no-deadline", "set a timeout on the client, or a deadline on the connection" },
		{ "http-body-open", "read the response's body to its end and close it, on every path" },
		{ "held-connections", "use one connection for many requests, and close those that are "
				      "done with" },
		{ "cgo-threads", "bound how many goroutines call into C at once: each holds a thread" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i].pattern, pattern) == 0)
			return all[i].advice;
	return NULL;
}
