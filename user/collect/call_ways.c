// SPDX-License-Identifier: Apache-2.0
#include "collect/call_ways.h"

#include <string.h>

#include "base/cleanup.h"

const char *call_ways_name(struct go_runtime *rt, const struct code_call *c)
{
	struct func f;

	return pclntab_find(rt->tab, c->target, &f) == 0 && f.entry == c->target ? f.name : NULL;
}

/* By the names that the compiler calls, Go 1.18 to 1.27. */
static bool never_returns(const char *name)
{
	static const char *const all[] = { "runtime.gopanic", "runtime.throw", "runtime.fatal",
					   "runtime.Goexit", "os.Exit" };

	if (!name)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(name, all[i]) == 0)
			return true;
	return strncmp(name, "runtime.panic", strlen("runtime.panic")) == 0 ||
	       strncmp(name, "runtime.goPanic", strlen("runtime.goPanic")) == 0;
}

int call_ways_open(struct go_runtime *rt, uint64_t pc, struct code_flow **ret)
{
	struct code_call *calls;
	struct func f;
	size_t n;
	int r = pclntab_find(rt->tab, pc, &f);

	if (r == 0)
		r = code_flow_open(rt->constant, f.entry, f.end, ret);
	if (r < 0)
		return r;
	calls = code_flow_calls(*ret, &n);
	for (size_t i = 0; i < n; i++)
		calls[i].bar = never_returns(call_ways_name(rt, &calls[i]));
	return 0;
}

bool call_ways_comes_again(struct go_runtime *rt, uint64_t pc)
{
	CLEANUP(code_flow_close_p) struct code_flow *f = NULL;
	struct code_call *calls;
	size_t n;

	if (!pc || call_ways_open(rt, pc - 1, &f) < 0)
		return false;
	calls = code_flow_calls(f, &n);
	code_flow_follow(f, pc);
	for (size_t i = 0; i < n; i++)
		if (calls[i].next == pc)
			return code_flow_passed(f, calls[i].at);
	return false;
}
