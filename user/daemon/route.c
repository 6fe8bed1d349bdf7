// SPDX-License-Identifier: Apache-2.0
#include "daemon/route.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* Bytes of an argument that is ours: T has at most 31. */
enum { ARGUMENT_MAX = 48 };

/* Some bytes of the target. */
struct piece {
	const char *at;
	size_t len;
};

/* The parameters that mean something here. */
enum argument { ARG_PROC, ARG_DEBUG, ARG_SECONDS, ARG_GC, ARG_PROVE, ARGUMENTS };
static const char *const argument_names[ARGUMENTS] = {
	[ARG_PROC] = "proc", [ARG_DEBUG] = "debug", [ARG_SECONDS] = "seconds", [ARG_GC] = "gc",
	[ARG_PROVE] = "prove",
};

struct arguments {
	bool given[ARGUMENTS];
	char value[ARGUMENTS][ARGUMENT_MAX];
};

static const struct route_profile profiles[] = {
	{ ASK_GOROUTINE, "goroutine", "stacks of all goroutines" },
	{ ASK_GOROUTINELEAK, "goroutineleak", "stacks of goroutines that can never run again" },
	{ ASK_HEAP, "heap", "a sampling of what lives on the heap" },
	{ ASK_THREADCREATE, "threadcreate", "stacks that led to new threads of the system" },
};

const struct route_profile *route_profile(size_t i)
{
	return i < ARRAY_SIZE(profiles) ? &profiles[i] : NULL;
}

const char *route_profile_name(enum ask_what what)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
		if (profiles[i].what == what)
			return profiles[i].name;
	return NULL;
}

static struct piece piece_of(const char *s)
{
	return (struct piece){ .at = s, .len = strlen(s) };
}

static bool piece_is(struct piece p, const char *s)
{
	return p.len == strlen(s) && memcmp(p.at, s, p.len) == 0;
}

/* Cuts prefix off, if it is there. */
static bool piece_skip(struct piece *p, const char *prefix)
{
	size_t n = strlen(prefix);

	if (p->len < n || memcmp(p->at, prefix, n) != 0)
		return false;
	p->at += n;
	p->len -= n;
	return true;
}

/* What stands before the first c, which is cut off with it; all, when there is none. */
static struct piece piece_until(struct piece *p, char c)
{
	const char *end = p->len ? memchr(p->at, c, p->len) : NULL;
	struct piece first = { .at = p->at, .len = end ? (size_t)(end - p->at) : p->len };
	size_t skip = first.len + (end != NULL);

	p->at += skip;
	p->len -= skip;
	return first;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One byte of a query at *p; negative when it is no such thing. */
static int decode_byte(struct piece *p)
{
	char c = *p->at;
	int high, low;

	p->at++;
	p->len--;
	if (c != '%')
		return c == '+' ? ' ' : (unsigned char)c;
	if (p->len < 2)
		return -1;
	high = hex_digit(p->at[0]);
	low = hex_digit(p->at[1]);
	p->at += 2;
	p->len -= 2;
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* A value with a NUL behind it; false: malformed, too long, or of bytes that no value has. */
static bool decode(struct piece p, char ret[ARGUMENT_MAX])
{
	size_t n = 0;

	while (p.len) {
		int c = decode_byte(&p);

		if (c < 0x20 || c > 0x7e || n + 1 >= ARGUMENT_MAX)
			return false;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return true;
}

static int read_argument(struct piece pair, struct arguments *a, struct diag *d)
{
	struct piece key = piece_until(&pair, '=');

	for (int i = 0; i < ARGUMENTS; i++) {
		const char *name = argument_names[i];

		if (!piece_is(key, name))
			continue;
		if (a->given[i])
			return diag_fail(d, -EINVAL, "the parameter %s is given twice", name);
		a->given[i] = true;
		if (!decode(pair, a->value[i]))
			return diag_fail(d, -EINVAL, "the value of %s cannot be read", name);
	}
	return 0;
}

static int read_query(struct piece query, struct arguments *a, struct diag *d)
{
	*a = (struct arguments){ 0 };
	while (query.len) {
		int r = read_argument(piece_until(&query, '&'), a, d);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Digits alone, no leading zero, at most max. */
static bool read_number(struct piece p, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!p.len || (p.len > 1 && p.at[0] == '0'))
		return false;
	for (size_t i = 0; i < p.len; i++) {
		unsigned int digit = (unsigned char)p.at[i] - '0';

		if (digit > 9 || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return true;
}

static int read_proc(struct piece p, struct ask *ask, struct diag *d)
{
	struct piece pid = piece_until(&p, '-');
	uint64_t number, start;

	if (!read_number(pid, INT_MAX, &number) || !number || !read_number(p, UINT64_MAX, &start))
		return diag_fail(d, -EINVAL, "a process is named PID-STARTTIME, as in /targets");
	ask->pid = (int)number;
	ask->start_time = start;
	return 0;
}

/* Whose process: of the path (then ask has it), or else of the query. */
static int take_proc(const struct arguments *a, bool in_path, struct ask *ask, struct diag *d)
{
	struct ask other = { 0 };
	int r;

	if (!a->given[ARG_PROC])
		return in_path ? 0 : diag_fail(d, -EINVAL,
			"it takes proc=PID-STARTTIME, which /targets lists");
	r = read_proc(piece_of(a->value[ARG_PROC]), &other, d);
	if (r < 0)
		return r;
	if (in_path && (other.pid != ask->pid || other.start_time != ask->start_time))
		return diag_fail(d, -EINVAL, "path and query name different processes");
	ask->pid = other.pid;
	ask->start_time = other.start_time;
	return 0;
}

/* As net/http/pprof: 0 is the profile, everything beyond is text, and 2 is as far as it goes. */
static int take_debug(const struct arguments *a, struct ask *ask, struct diag *d)
{
	uint64_t debug = 0;

	if (a->given[ARG_DEBUG] && a->value[ARG_DEBUG][0] &&
	    !read_number(piece_of(a->value[ARG_DEBUG]), INT_MAX, &debug))
		return diag_fail(d, -EINVAL, "debug is a number: 0, 1 or 2");
	ask->debug = debug > 1 && ask->what == ASK_GOROUTINE ? 2 : debug > 0;
	return 0;
}

static int take_prove(const struct arguments *a, struct ask *ask, struct diag *d)
{
	struct piece p = piece_of(a->value[ARG_PROVE]);
	uint64_t ms = 200;

	if (!a->given[ARG_PROVE])
		return 0;
	if (p.len > 2 && memcmp(p.at + p.len - 2, "ms", 2) == 0)
		p.len -= 2;
	if (p.len && (!read_number(p, 60000, &ms) || !ms))
		return diag_fail(d, -EINVAL,
				 "prove is the longest stop, of 60000 milliseconds at most");
	ask->prove_max_ms = (uint32_t)ms;
	return 0;
}

/* What net/http/pprof would do, and we do not. */
static int refuse_unlike(const struct arguments *a, struct diag *d)
{
	uint64_t gc;

	if (a->given[ARG_SECONDS])
		return diag_fail(d, -EINVAL,
			"there are no profiles over time: take two, and compare with -diff_base");
	if (a->given[ARG_GC] &&
	    (!read_number(piece_of(a->value[ARG_GC]), INT_MAX, &gc) || gc))
		return diag_fail(d, -EINVAL, "no process is made to collect: leave out gc");
	return 0;
}

static int no_such_path(struct diag *d)
{
	return diag_fail(d, -ENOENT, "there is no such page; / leads to all there are");
}

static int find_profile(struct piece name, struct ask *ask, struct diag *d)
{
	/* Go's others, which cannot be had from outside or need the process to do something. */
	static const char *const others[] = { "allocs", "block", "mutex", "cmdline", "profile",
					      "symbol", "trace" };

	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
		if (piece_is(name, profiles[i].name)) {
			ask->what = profiles[i].what;
			return 0;
		}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (piece_is(name, others[i]))
			return diag_fail(d, -ENOENT, "no %s profile is taken from outside: "
				"there are goroutine, goroutineleak, heap and threadcreate",
				others[i]);
	return diag_fail(d, -ENOENT, "Unknown profile: there are goroutine, goroutineleak, "
			 "heap and threadcreate");
}

static int parse_profile(struct piece name, const struct arguments *a, bool in_path,
			 struct route *ret, struct diag *d)
{
	int r;

	ret->pprof = true;
	if (!name.len) {
		ret->what = ROUTE_PPROF_INDEX;
		return take_proc(a, in_path, &ret->ask, d);
	}
	ret->what = ROUTE_ASK;
	r = find_profile(name, &ret->ask, d);
	if (r == 0)
		r = take_proc(a, in_path, &ret->ask, d);
	if (r == 0)
		r = refuse_unlike(a, d);
	return r ? r : take_debug(a, &ret->ask, d);
}

/* It becomes a header: nothing that could end one goes along. */
static int moved(struct piece path, struct piece query, struct route *ret, struct diag *d)
{
	const char *last;

	for (size_t i = 0; i < query.len; i++)
		if (query.at[i] <= 0x20 || query.at[i] > 0x7e)
			return diag_fail(d, -EINVAL, "the query cannot be read");
	ret->what = ROUTE_MOVED;
	last = memrchr(path.at, '/', path.len) + 1;
	snprintf(ret->to, sizeof(ret->to), "%.*s/%s%.*s", (int)(path.at + path.len - last), last,
		 query.len ? "?" : "", (int)query.len, query.at);
	return 0;
}

/* path: what follows the root, or /proc/T. */
static int parse_of_process(struct piece path, const struct arguments *a, bool in_path,
			    struct route *ret, struct diag *d)
{
	int r;

	if (piece_is(path, "/api/v1/snapshot")) {
		ret->what = ROUTE_ASK;
		ret->ask.what = ASK_SNAPSHOT;
		r = take_proc(a, in_path, &ret->ask, d);
		return r ? r : take_prove(a, &ret->ask, d);
	}
	if (piece_skip(&path, "/debug/pprof/"))
		return parse_profile(path, a, in_path, ret, d);
	return no_such_path(d);
}

/* path: what follows /proc/. */
static int parse_below_proc(struct piece path, struct piece whole, struct piece query,
			    const struct arguments *a, struct route *ret, struct diag *d)
{
	struct piece proc = piece_until(&path, '/'), rest;
	int r;

	rest = (struct piece){ .at = proc.at + proc.len,
			       .len = (size_t)(whole.at + whole.len - proc.at) - proc.len };
	r = read_proc(proc, &ret->ask, d);
	if (r == 0)
		r = take_proc(a, true, &ret->ask, d);
	if (r < 0)
		return r;
	if (!rest.len || piece_is(rest, "/debug/pprof"))
		return moved(whole, query, ret, d);
	ret->below_proc = true;
	ret->what = ROUTE_ASK;
	ret->ask.what = piece_is(rest, "/") ? ASK_PAGE : ASK_FLAMEGRAPH;
	if (piece_is(rest, "/") || piece_is(rest, "/flamegraph.svg"))
		return 0;
	return parse_of_process(rest, a, true, ret, d);
}

static bool find_fixed(struct piece path, enum route_what *ret)
{
	static const struct {
		const char *path;
		enum route_what what;
	} fixed[] = {
		{ "/", ROUTE_NODE_PAGE }, { "/metrics", ROUTE_METRICS },
		{ "/targets", ROUTE_TARGETS }, { "/api/v1/processes", ROUTE_PROCESSES },
		{ "/healthz", ROUTE_HEALTHZ }, { "/readyz", ROUTE_READYZ },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (piece_is(path, fixed[i].path)) {
			*ret = fixed[i].what;
			return true;
		}
	return false;
}

int route_parse(const char *target, size_t len, struct route *ret, struct diag *d)
{
	struct piece query = { .at = target, .len = len }, path, below;
	struct arguments a;
	int r;

	*ret = (struct route){ 0 };
	if (len > ROUTE_MAX)
		return diag_fail(d, -EINVAL, "the path is too long");
	if (!len || target[0] != '/')
		return diag_fail(d, -EINVAL, "a path begins with a slash");
	path = piece_until(&query, '?');
	if (find_fixed(path, &ret->what))
		return 0;
	if (piece_is(path, "/debug/pprof"))
		return moved(path, query, ret, d);
	r = read_query(query, &a, d);
	if (r < 0)
		return r;
	below = path;
	if (piece_skip(&below, "/proc/"))
		return parse_below_proc(below, path, query, &a, ret, d);
	return parse_of_process(path, &a, false, ret, d);
}
