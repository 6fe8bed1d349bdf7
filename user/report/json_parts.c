// SPDX-License-Identifier: Apache-2.0
/* Frames, labels, wait objects and findings in the words of the JSON contract. */
#include <inttypes.h>

#include "report/json_value.h"

struct jvalue json_frame(const struct frame *f)
{
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "function", f->function);
	jvalue_string(&j, "file", f->file);
	jvalue_u64_known(&j, "line", f->line);
	jvalue_addr(&j, "pc", f->pc);
	jvalue_bool(&j, "inlined", f->inlined);
	return j;
}

struct jvalue json_stack(const struct stack *s)
{
	struct jvalue j = jvalue_array();

	for (uint32_t i = 0; i < s->n && !j.failed; i++) {
		struct jvalue f = json_frame(&s->frames[i]);

		jvalue_append(&j, &f);
	}
	return j;
}

struct jvalue json_labels(const struct label *labels, uint32_t n)
{
	struct jvalue j = jvalue_object();

	for (uint32_t i = 0; i < n; i++)
		jvalue_add_string(&j, labels[i].key ? labels[i].key : "",
				  labels[i].value ? labels[i].value : "");
	return j;
}

static void put_queue(struct jvalue *j, const char *key, const char *key_more, int64_t n, bool more)
{
	jvalue_count(j, key, more ? WAIT_UNKNOWN : n);
	if (more)
		jvalue_count(j, key_more, n);
}

static void put_chan(struct jvalue *j, const struct wait_chan *c)
{
	static const char *const dirs[] = { NULL, "send", "recv" };

	jvalue_string(j, "dir", (unsigned int)c->dir <= CHAN_RECV ? dirs[c->dir] : NULL);
	jvalue_string(j, "type", c->type);
	jvalue_addr(j, "addr", c->addr);
	if (c->addr == 0) {
		jvalue_bool(j, "nil", true);
		return;
	}
	jvalue_u64(j, "cap", c->cap);
	jvalue_u64(j, "len", c->len);
	jvalue_bool(j, "closed", c->closed);
	put_queue(j, "senders", "senders_at_least", c->senders, c->senders_more);
	put_queue(j, "receivers", "receivers_at_least", c->receivers, c->receivers_more);
	if (c->has_timer)
		jvalue_time_left(j, "timer_left_s", c->timer_left_ns);
}

static void put_select(struct jvalue *j, const struct wait_object *w)
{
	struct jvalue cases = jvalue_array();

	jvalue_u64(j, "n_cases", w->select.n_all);
	for (uint32_t i = 0; i < w->select.n && !cases.failed; i++) {
		struct jvalue c = jvalue_object();

		put_chan(&c, &w->select.cases[i]);
		jvalue_append(&cases, &c);
	}
	jvalue_put(j, "cases", &cases);
}

static void put_fd(struct jvalue *j, const struct wait_fd *f)
{
	const char mode[2] = { f->mode, '\0' };

	jvalue_count(j, "fd", f->fd);
	jvalue_string(j, "mode", f->mode == 'r' || f->mode == 'w' ? mode : NULL);
	jvalue_string(j, "proto", f->proto);
	jvalue_string(j, "local", f->local);
	jvalue_string(j, "peer", f->peer);
	jvalue_string(j, "tcp_state", f->tcp_state);
	if (!f->deadline_known) {
		jvalue_null(j, "has_deadline");
		return;
	}
	jvalue_bool(j, "has_deadline", f->has_deadline);
	if (f->has_deadline)
		jvalue_time_left(j, "deadline_s", f->deadline_left_ns);
	else
		jvalue_null(j, "deadline_s");
}

static void put_sync(struct jvalue *j, enum wait_kind kind, const struct wait_sync *w)
{
	jvalue_addr(j, "addr", w->addr);
	jvalue_count(j, "waiters", w->waiters);
	if (w->state_known)
		jvalue_u64(j, "state", w->state);
	else
		jvalue_null(j, "state");
	if (kind == WAIT_WAITGROUP || kind == WAIT_RWMUTEX)
		jvalue_count(j, kind == WAIT_RWMUTEX ? "readers" : "counter", w->counter);
	if (kind == WAIT_MUTEX || kind == WAIT_RWMUTEX) {
		if (w->state_known)
			jvalue_bool(j, "locked", w->locked);
		else
			jvalue_null(j, "locked");
	}
	if (kind == WAIT_RWMUTEX)
		jvalue_bool(j, "for_read", w->for_read);
}

struct jvalue json_blocked_on(const struct wait_object *w)
{
	struct jvalue j = jvalue_object();

	jvalue_string(&j, "kind", wait_kind_name(w->kind));
	if (!w->known)
		return j;
	switch (w->kind) {
	case WAIT_CHAN:
		put_chan(&j, &w->chan);
		break;
	case WAIT_SELECT:
		put_select(&j, w);
		break;
	case WAIT_FD:
		put_fd(&j, &w->fd);
		break;
	case WAIT_TIMER:
		jvalue_time_left(&j, "timer_left_s", w->timer.left_ns);
		break;
	case WAIT_MUTEX:
	case WAIT_RWMUTEX:
	case WAIT_WAITGROUP:
	case WAIT_COND:
	case WAIT_SEMA:
		put_sync(&j, w->kind, &w->sync);
		break;
	case WAIT_NONE:
	case WAIT_KINDS:
		break;
	}
	return j;
}

void json_group_id(struct jvalue *j, const char *key, const struct snapshot *s, uint32_t i)
{
	char id[20];

	if (i < s->n_groups)
		snprintf(id, sizeof(id), "%016" PRIx64, s->groups[i].id);
	jvalue_string(j, key, i < s->n_groups ? id : NULL);
}

/* The contract has no word for a finding that says nothing. */
static const char *finding_verdict(enum verdict v)
{
	if (v == VERDICT_OK)
		return "explained";
	return v > VERDICT_OK && v <= VERDICT_PROVEN ? verdict_name(v) : "candidate";
}

struct jvalue json_finding(const struct snapshot *s, const struct finding *f)
{
	char id[20];

	if (f->group < s->n_groups)
		snprintf(id, sizeof(id), "%016" PRIx64, s->groups[f->group].id);
	return json_finding_of(f, f->group < s->n_groups ? id : NULL);
}

struct jvalue json_finding_of(const struct finding *f, const char *group)
{
	struct jvalue j = jvalue_object(), evidence = jvalue_array();

	jvalue_string(&j, "pattern", f->pattern);
	jvalue_string(&j, "verdict", finding_verdict(f->verdict));
	jvalue_u64(&j, "count", f->count);
	jvalue_count(&j, "bytes", f->bytes);
	jvalue_string(&j, "site", f->site);
	jvalue_string(&j, "group", group);
	jvalue_string(&j, "summary", f->summary);
	for (uint32_t k = 0; k < f->n_evidence; k++)
		jvalue_append_string(&evidence, f->evidence[k]);
	jvalue_put(&j, "evidence", &evidence);
	jvalue_string(&j, "advice", f->advice);
	return j;
}
