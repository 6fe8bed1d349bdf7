// SPDX-License-Identifier: Apache-2.0
#include "report/json_timers.h"

static const char *const kinds[TIMER_KINDS] = {
	[TIMER_CHANNEL] = "channel",
	[TIMER_TICKER] = "ticker",
	[TIMER_FUNC] = "func",
	[TIMER_SLEEP] = "sleep",
	[TIMER_DEADLINE] = "deadline",
	[TIMER_OTHER] = "other",
};

static struct jvalue site(const struct timer_site *s)
{
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "site", s->place);
	jvalue_string(&j, "call", s->call);
	jvalue_bool(&j, "loop", s->loop);
	jvalue_bool(&j, "waits", s->waits);
	jvalue_u64(&j, "goroutines", s->goroutines);
	return j;
}

void json_timers(struct jvalue *goroutines, const struct timer_look *t)
{
	struct jvalue j, part;

	if (!t)
		return;
	j = jvalue_object();
	jvalue_u64(&j, "total", t->total);
	jvalue_u64(&j, "read", t->read);
	jvalue_u64(&j, "torn", t->torn);
	jvalue_u64(&j, "stopped", t->stopped);
	for (int k = 0; k < TIMER_KINDS; k++)
		jvalue_u64(&j, kinds[k], t->kind[k]);
	jvalue_u64(&j, "waited", t->waited);
	jvalue_u64(&j, "unwaited", t->unwaited);
	jvalue_u64(&j, "unwaited_bytes", t->unwaited_bytes);
	jvalue_time_left(&j, "first_s", t->first_ns);
	jvalue_time_left(&j, "last_s", t->last_ns);
	if (t->n_sites) {
		part = jvalue_array();
		for (uint32_t i = 0; i < t->n_sites; i++) {
			struct jvalue one = site(&t->sites[i]);

			jvalue_append(&part, &one);
		}
		jvalue_put(&j, "made_by", &part);
	}
	jvalue_put(goroutines, "timers", &j);
}
