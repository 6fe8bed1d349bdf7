// SPDX-License-Identifier: Apache-2.0
#include "collect/starts.h"

#include <errno.h>
#include <string.h>

enum start_kind { START_USER, START_SYSTEM, START_FINALIZER, START_CLEANUP };

int starts_init(struct starts *s)
{
	s->kinds = addrmap_new();
	return s->kinds ? 0 : -ENOMEM;
}

void starts_done(struct starts *s)
{
	addrmap_free(s->kinds);
}

static enum start_kind learn(struct pclntab *tab, uint64_t startpc)
{
	struct func f;

	if (pclntab_find(tab, startpc, &f) < 0 || strncmp(f.name, "runtime.", 8) != 0)
		return START_USER;
	if (strcmp(f.name, "runtime.main") == 0 || strcmp(f.name, "runtime.corostart") == 0 ||
	    strcmp(f.name, "runtime.handleAsyncEvent") == 0)
		return START_USER;
	/* Called runfinq up to Go 1.24. */
	if (strcmp(f.name, "runtime.runfinq") == 0 || strcmp(f.name, "runtime.runFinalizers") == 0)
		return START_FINALIZER;
	if (strcmp(f.name, "runtime.runCleanups") == 0)
		return START_CLEANUP;
	return START_SYSTEM;
}

static enum start_kind kind_of(struct starts *s, struct go_runtime *rt, const struct go_g *g)
{
	uint32_t kind;

	if (addrmap_get(s->kinds, g->startpc, &kind) < 0) {
		pthread_mutex_lock(&rt->tab_lock);
		kind = learn(rt->tab, g->startpc);
		pthread_mutex_unlock(&rt->tab_lock);
		addrmap_put(s->kinds, g->startpc, kind);
	}
	return (enum start_kind)kind;
}

bool starts_in_runtime(struct starts *s, struct go_runtime *rt, const struct go_g *g)
{
	return kind_of(s, rt, g) != START_USER;
}

bool starts_is_system(struct starts *s, struct go_runtime *rt, const struct go_g *g,
		      const char *wait_reason)
{
	enum start_kind kind = kind_of(s, rt, g);

	if (kind == START_FINALIZER)
		return wait_reason && strcmp(wait_reason, "finalizer wait") == 0;
	if (kind == START_CLEANUP)
		return !g->running_cleanups;
	return kind == START_SYSTEM;
}
