// SPDX-License-Identifier: Apache-2.0
#include "report/json_heap.h"

#include <stdlib.h>

#include "analysis/heap_sites.h"

/* Stacks, or types, that are told; a profile of a large program has 10,000s, mostly of nothing. */
#define TOLD 200

static struct jvalue site(const struct heap_profile *p, const struct heap_stack *s)
{
	struct frame frames[LIMIT_FRAMES];
	struct jvalue j = jvalue_object(), part;
	struct stack stack;

	jvalue_i64(&j, "bytes", s->all.inuse_bytes);
	jvalue_i64(&j, "objects", s->all.inuse_objects);
	jvalue_i64(&j, "alloc_bytes", s->all.alloc_bytes);
	jvalue_i64(&j, "alloc_objects", s->all.alloc_objects);
	heap_site_stack(p, s->site, frames, &stack);
	part = json_stack(&stack);
	jvalue_put(&j, "stack", &part);
	if (stack.truncated)
		jvalue_bool(&j, "stack_truncated", true);
	return j;
}

static void put_sites(struct jvalue *memory, struct jvalue *about, const struct heap_profile *p)
{
	struct heap_estimate sum = heap_profile_estimate(p);
	struct jvalue sites = jvalue_array();
	struct heap_stack *stacks;
	size_t n;

	if (heap_stacks(p, &stacks, &n) < 0) {
		memory->failed = true;
		jvalue_done(&sites);
		return;
	}
	jvalue_i64(about, "in_use_bytes", sum.inuse_bytes);
	jvalue_i64(about, "in_use_objects", sum.inuse_objects);
	jvalue_i64(about, "alloc_bytes", sum.alloc_bytes);
	jvalue_i64(about, "alloc_objects", sum.alloc_objects);
	jvalue_u64(about, "sites", n);
	for (size_t i = 0; i < n && i < TOLD && !sites.failed; i++) {
		struct jvalue j = site(p, &stacks[i]);

		jvalue_append(&sites, &j);
	}
	free(stacks);
	jvalue_put(memory, "heap_sites", &sites);
}

static struct jvalue shares(const struct heap_share *s, size_t n, bool types)
{
	struct jvalue all = jvalue_array();

	for (size_t i = 0; i < n && i < TOLD && !all.failed; i++) {
		struct jvalue j = jvalue_object();

		if (types)
			jvalue_string(&j, "type", s[i].type);
		else
			jvalue_u64_known(&j, "object_bytes", s[i].object_bytes);
		jvalue_u64(&j, "objects", s[i].objects);
		jvalue_u64(&j, "bytes", s[i].bytes);
		jvalue_append(&all, &j);
	}
	return all;
}

void json_heap_profile(struct jvalue *memory, const struct heap_profile *p)
{
	struct jvalue about = jvalue_object(), part;

	jvalue_string(&about, "state", heap_profile_state_name(p->state));
	jvalue_string(&about, "why", p->why);
	jvalue_count(&about, "rate", p->rate);
	if (p->state == HEAP_PROFILE_READ) {
		jvalue_bool(&about, "before_first_gc", p->before_first_gc);
		jvalue_bool(&about, "settled", !p->unsettled);
		jvalue_bool(&about, "complete", !p->cut && !p->odd);
		put_sites(memory, &about, p);
	}
	if (p->types)
		jvalue_bool(&about, "types_estimated", p->types_estimated);
	jvalue_put(memory, "heap_profile", &about);
	if (p->types) {
		part = shares(p->types, p->n_types, true);
		jvalue_put(memory, "heap_by_type", &part);
	}
	if (p->classes) {
		part = shares(p->classes, p->n_classes, false);
		jvalue_put(memory, "heap_by_size", &part);
	}
}
