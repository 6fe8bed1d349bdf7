// SPDX-License-Identifier: Apache-2.0
#include "report/json_event_parts.h"

#include "analysis/site.h"

/* Entries of one list: an interval is one line, and comes every few seconds. */
enum { LISTED_MAX = 30 };

bool event_is_counted(const struct collector_report *r)
{
	return r->on && (r->seen < 1 || r->hits || r->cores > 0);
}

void event_share(struct jvalue *j, const char *key, bool known, double v)
{
	if (known)
		jvalue_real(j, key, v, SHARE_DECIMALS);
	else
		jvalue_null(j, key);
}

void event_hits(struct jvalue *j, const struct collector_report *r)
{
	jvalue_count(j, "hits", event_is_counted(r) ? (int64_t)r->hits : WAIT_UNKNOWN);
}

struct jvalue event_object(const struct collector_report *r)
{
	struct jvalue j = jvalue_object();

	event_share(&j, "seen", r->on, r->seen);
	event_hits(&j, r);
	jvalue_u64(&j, "lost", r->lost);
	return j;
}

void event_rate(struct jvalue *j, const char *key, const struct rate *r)
{
	struct jvalue rate;

	if (!(r->seen > 0)) {
		jvalue_null(j, key);
		return;
	}
	rate = jvalue_object();
	jvalue_real(&rate, "per_s", r->per_s, 3);
	jvalue_real(&rate, "low", r->low, 3);
	jvalue_real(&rate, "high", r->high, 3);
	jvalue_real(&rate, "seen", r->seen, SHARE_DECIMALS);
	jvalue_put(j, key, &rate);
}

void event_frame(struct jvalue *j, const char *key, const struct frame *f)
{
	struct jvalue frame;

	if (!f->function && !f->pc) {
		jvalue_null(j, key);
		return;
	}
	frame = json_frame(f);
	jvalue_put(j, key, &frame);
}

void event_stack_at(struct jvalue *j, const struct events *e, const struct stack *s,
			 const struct frame *at)
{
	struct jvalue stack = json_stack(s);

	jvalue_string(j, "site", site_string(e->arena, at));
	jvalue_put(j, "stack", &stack);
	if (s->truncated)
		jvalue_bool(j, "stack_truncated", true);
}

void event_stack(struct jvalue *j, const struct events *e, const struct stack *s)
{
	event_stack_at(j, e, s, site_frame_mixed(s, e->module));
}

void event_list(struct jvalue *j, const struct events *e, const char *key, const char *key_left,
		     uint32_t n, struct jvalue (*element)(const struct events *e, uint32_t at))
{
	struct jvalue list = jvalue_array();

	for (uint32_t at = 0; at < n && at < LISTED_MAX && !list.failed; at++) {
		struct jvalue one = element(e, at);

		jvalue_append(&list, &one);
	}
	jvalue_put(j, key, &list);
	if (n > LISTED_MAX)
		jvalue_u64(j, key_left, n - LISTED_MAX);
}
