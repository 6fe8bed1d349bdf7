// SPDX-License-Identifier: Apache-2.0
#include "report/json_retained.h"

#include "model/memory.h"
#include "model/retained.h"

static struct jvalue retainer(const struct snapshot *s, const struct retainer *r)
{
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "kind", retainer_kind_name(r->kind));
	jvalue_string(&j, "variable", r->kind == RETAINER_GOROUTINES ? NULL : r->name);
	if (r->kind == RETAINER_GOROUTINES) {
		jvalue_string(&j, "site", r->name);
		jvalue_u64(&j, "goroutines", r->goroutines);
		json_group_id(&j, "group", s, r->group);
		jvalue_string(&j, "verdict", verdict_name(r->verdict));
	} else if (r->type) {
		jvalue_string(&j, "type", r->type);
	}
	if (r->users)
		jvalue_string(&j, "used_by", r->users);
	jvalue_u64(&j, "bytes", r->bytes);
	jvalue_u64(&j, "objects", r->objects);
	jvalue_u64(&j, "exclusive_bytes", r->exclusive_bytes);
	jvalue_u64(&j, "exclusive_objects", r->exclusive_objects);
	jvalue_string(&j, "path", r->path);
	return j;
}

static struct jvalue totals(const struct retained *r)
{
	struct jvalue j = jvalue_object();

	jvalue_u64(&j, "live_bytes", r->live_bytes);
	jvalue_u64(&j, "live_objects", r->live_objects);
	jvalue_u64(&j, "garbage_bytes", r->garbage_bytes);
	jvalue_u64(&j, "shared_bytes", r->shared_bytes);
	jvalue_u64(&j, "leaked_bytes", r->leaked_bytes);
	jvalue_u64(&j, "other_bytes", r->other_bytes);
	jvalue_u64(&j, "unread_bytes", r->unread_bytes);
	jvalue_bool(&j, "conservative", r->conservative);
	return j;
}

void json_retained(struct jvalue *memory, const struct snapshot *s)
{
	const struct retained *r = s->memory->retained;
	struct jvalue j;

	if (!r || r->why_not)
		return;
	j = jvalue_array();
	for (uint32_t i = 0; i < r->n; i++) {
		struct jvalue one = retainer(s, &r->all[i]);

		jvalue_append(&j, &one);
	}
	jvalue_put(memory, "retained_by", &j);
	j = totals(r);
	jvalue_put(memory, "retained", &j);
}
