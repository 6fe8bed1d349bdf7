// SPDX-License-Identifier: Apache-2.0
#include "collect/leak_clues.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "analysis/site.h"
#include "base/cleanup.h"
#include "collect/call_ways.h"
#include "collect/leak_served.h"
#include "collect/symbolize.h"
#include "model/leak_clues.h"

/* Sites that are looked at; whoever has more leaks than that has enough to read. */
enum { SITES_MAX = 512 };

/* What a call means for the question why its caller left somebody behind. */
enum role { NO_ROLE, RECEIVES, SENDS, SELECTS, TIMER, CONTEXT, MAKES };

/*
 * By the names that the compiler calls (cmd/compile/internal/walk: range.go, select.go, expr.go)
 * and those of packages time and context; Go 1.18 to 1.27.
 */
static enum role role_of(const char *name)
{
	static const struct {
		const char *name;
		enum role role;
	} all[] = {
		{ "runtime.chanrecv1", RECEIVES },	{ "runtime.chanrecv2", RECEIVES },
		{ "runtime.chansend1", SENDS },		{ "runtime.closechan", SENDS },
		{ "runtime.selectgo", SELECTS },	{ "time.After", TIMER },
		{ "time.NewTimer", TIMER },		{ "time.newTimer", TIMER },
		{ "time.Tick", TIMER },			{ "time.NewTicker", TIMER },
		{ "time.startTimer", TIMER },		{ "runtime.makechan", MAKES },
		{ "runtime.makechan64", MAKES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(name, all[i].name) == 0)
			return all[i].role;
	if (strncmp(name, "context.With", strlen("context.With")) == 0)
		return CONTEXT;
	return NO_ROLE;
}

static enum role role_of_call(struct go_runtime *rt, const struct code_call *c)
{
	const char *name = call_ways_name(rt, c);

	return name ? role_of(name) : NO_ROLE;
}

/* --- The receive --- */

/* The frame that receives or selects: the caller of the runtime's function for it; NULL none. */
static const struct frame *waiting_frame(const struct stack *s, bool *ret_asks_closed)
{
	static const char *const waits[] = { "runtime.chanrecv1", "runtime.chanrecv2",
					     "runtime.selectgo" };

	for (uint32_t i = 0; i + 1 < s->n && site_is_runtime(s->frames[i].function); i++)
		for (size_t k = 0; k < ARRAY_SIZE(waits); k++)
			if (strcmp(s->frames[i].function, waits[k]) == 0) {
				*ret_asks_closed = k == 1;
				return &s->frames[i + 1];
			}
	return NULL;
}

static void look_at_wait(struct go_runtime *rt, const struct stack *s, struct leak_clues *ret)
{
	const struct frame *f = waiting_frame(s, &ret->asks_closed);

	ret->in_loop = f && call_ways_comes_again(rt, f->pc);
}

/* --- The creator --- */

/* "fetch.go:40" */
static const char *place_of(struct go_runtime *rt, const struct code_call *c, struct arena *a)
{
	struct frame f = { 0 };

	if (symbolize_pc(rt->tab, c->next, c->at, a, &f) < 0 || !f.file || !f.line)
		return NULL;
	return arena_printf(a, "%s:%" PRIu32, site_base_name(f.file), f.line);
}

static void note_after(const struct code_flow *f, const struct code_call *c, enum role role,
		       struct leak_clues *ret)
{
	if (!code_flow_passed(f, c->at))
		return;
	ret->creator_selects = ret->creator_selects || role == SELECTS;
	ret->creator_receives = ret->creator_receives || role == RECEIVES;
	ret->creator_sends = ret->creator_sends || role == SENDS;
}

static void look_at_creator(struct go_runtime *rt, uint64_t pc, struct arena *a,
			    struct leak_clues *ret)
{
	CLEANUP(code_flow_close_p) struct code_flow *f = NULL;
	const struct code_call *made = NULL;
	struct code_call *calls;
	uint32_t n_made = 0;
	size_t n;

	if (!pc || call_ways_open(rt, pc - 1, &f) < 0)
		return;
	calls = code_flow_calls(f, &n);
	code_flow_follow(f, pc);
	for (size_t i = 0; i < n; i++) {
		enum role role = role_of_call(rt, &calls[i]);

		/* A timer may well be there before the go statement. */
		ret->creator_timer = ret->creator_timer || role == TIMER;
		ret->creator_context = ret->creator_context || role == CONTEXT;
		if (role == MAKES) {
			made = &calls[i];
			n_made++;
		}
		note_after(f, &calls[i], role, ret);
		calls[i].bar = calls[i].bar || role == RECEIVES || role == SENDS || role == SELECTS;
	}
	ret->creator_returns = code_flow_follow(f, pc);
	if (n_made == 1)
		ret->made_at = place_of(rt, made, a);
}

/* The scan is over: nobody else asks the table. */
int leak_clues_add(struct go_runtime *rt, const struct gathered *all, uint32_t n,
		   struct snapshot *s)
{
	CLEANUP(leak_served_free_p) struct leak_served *served = NULL;
	uint32_t sites = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n && sites < SITES_MAX; i++) {
		const struct gathered *e = &all[i];
		struct leak_clues *c;

		if (!e->group.count || !group_leaked(&e->group) || e->group.system)
			continue;
		sites++;
		c = arena_alloc(s->arena, 1, sizeof(*c));
		if (!c)
			r = -ENOMEM;
		if (!c)
			break;
		look_at_wait(rt, &e->group.stack, c);
		look_at_creator(rt, e->group.created_by.pc, s->arena, c);
		if (e->witness && !served)
			r = leak_served_open(rt, &served);
		if (e->witness && r == 0)
			c->serves = leak_served_find(rt, served, e->witness, &e->group.stack);
		s->groups[e->place].clues = c;
	}
	return r;
}
