// SPDX-License-Identifier: Apache-2.0
/* Groups of goroutines, and the list of all of them. */
#include <errno.h>
#include <string.h>

#include "analysis/site.h"
#include "collect/saved_parts.h"
#include "collect/saved_value.h"

static bool is_leaked_in_part(struct json_object *v, uint64_t count)
{
	static const char *const grades[] = { "proven", "likely", "suspect" };
	uint64_t leaked = 0;

	for (size_t i = 0; v && i < ARRAY_SIZE(grades); i++)
		leaked += saved_count_or_0(saved_member(v, grades[i]));
	return leaked && leaked < count;
}

static enum verdict verdict_of(struct json_object *v)
{
	const char *s = saved_text(v);

	for (enum verdict i = VERDICT_OK; s && i <= VERDICT_PROVEN; i++)
		if (strcmp(s, verdict_name(i)) == 0)
			return i;
	return VERDICT_UNKNOWN;
}

static enum go_state state_of(const char *name)
{
	for (enum go_state s = GO_IDLE; name && s <= GO_DEADEXTRA; s++)
		if (strcmp(name, go_state_name(s)) == 0)
			return s;
	return GO_IDLE;
}

static bool is_true(struct json_object *v)
{
	return json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v);
}

static int take_fd(struct saved_reader *r, struct json_object *v, struct wait_fd *f)
{
	struct json_object *deadline = saved_member(v, "has_deadline");

	f->fd = -1;
	f->deadline_known = json_object_is_type(deadline, json_type_boolean);
	f->has_deadline = is_true(deadline);
	return saved_copy(r, saved_member(v, "tcp_state"), &f->tcp_state);
}

static int take_chan(struct saved_reader *r, struct json_object *v, struct wait_chan *c)
{
	const char *dir = saved_text(saved_member(v, "dir"));

	c->dir = dir && strcmp(dir, "recv") == 0 ? CHAN_RECV :
		 dir && strcmp(dir, "send") == 0 ? CHAN_SEND : CHAN_DIR_UNKNOWN;
	c->cap = saved_count_or_0(saved_member(v, "cap"));
	c->has_timer = saved_member(v, "timer_left_s") != NULL;
	return saved_copy(r, saved_member(v, "type"), &c->type);
}

/* What growth is named by, of what a group waits for. */
static int take_wait(struct saved_reader *r, struct json_object *v, struct wait_object *w)
{
	const char *kind = saved_text(saved_member(v, "kind"));

	*w = (struct wait_object){ .kind = WAIT_NONE };
	for (enum wait_kind k = WAIT_NONE; kind && k < WAIT_KINDS; k++)
		if (strcmp(kind, wait_kind_name(k)) == 0)
			w->kind = k;
	/* A kind that stands alone is all that was known. */
	w->known = json_object_is_type(v, json_type_object) && json_object_object_length(v) > 1;
	if (w->known && w->kind == WAIT_FD)
		return take_fd(r, v, &w->fd);
	if (w->known && w->kind == WAIT_CHAN)
		return take_chan(r, v, &w->chan);
	return 0;
}

static void hash_group(struct saved_group *g, const struct frame *by, struct json_object *stack)
{
	g->like = saved_hash(saved_hash(g->system, g->state), g->wait_reason);
	g->like = g->site = saved_hash(g->like, by->function);
	g->site = saved_hash(g->site, by->file) + by->line;
	saved_hash_stack(stack, &g->site, &g->like);
}

static void copy_samples(struct saved_group *g, struct json_object *v)
{
	size_t n = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;

	for (size_t i = 0; i < n && g->n_samples < LIMIT_SAMPLES; i++) {
		int64_t id = saved_count(json_object_array_get_idx(v, i));

		if (id > 0)
			g->samples[g->n_samples++] = (uint64_t)id;
	}
}

int saved_tell_group(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;
	struct frame by = saved_frame(saved_member(v, "created_by"));
	uint64_t id = saved_hex(saved_member(v, "id"));
	struct saved_group *g;
	int err;

	/* Not one of ours: there is nothing to compare it by. */
	if (!id)
		return 0;
	g = saved_add(&r->groups, sizeof(*g), LIMIT_GROUPS, &err, d);
	if (!g)
		return err;
	g->id = id;
	g->count = saved_count_or_0(saved_member(v, "count"));
	g->system = is_true(saved_member(v, "system"));
	g->verdict = verdict_of(saved_member(v, "verdict"));
	g->stack_bytes = saved_count(saved_member(saved_member(v, "held"), "stack_bytes"));
	err = saved_copy(r, saved_member(v, "state"), &g->state);
	err |= saved_copy(r, saved_member(v, "wait_reason"), &g->wait_reason);
	err |= saved_copy(r, saved_member(v, "pattern"), &g->pattern);
	err |= saved_site_of(r, saved_member(v, "stack"), false, &g->place);
	err |= saved_stack(r, saved_member(v, "stack"), &g->stack);
	err |= take_wait(r, saved_member(v, "blocked_on"), &g->wait);
	/* What was found of some of them is not said of all. */
	if (is_leaked_in_part(saved_member(v, "leaked"), g->count)) {
		g->verdict = VERDICT_UNKNOWN;
		g->pattern = NULL;
	}
	g->go_state = state_of(g->state);
	if (by.function) {
		g->created_by = site_string(r->s->arena, &by);
		err |= g->created_by ? 0 : -ENOMEM;
	}
	copy_samples(g, saved_member(v, "sample_ids"));
	hash_group(g, &by, saved_member(v, "stack"));
	return err ? -ENOMEM : 0;
}

int saved_tell_goroutine(void *arg, struct json_object *v, struct diag *d)
{
	struct saved_reader *r = arg;
	int64_t id = saved_count(saved_member(v, "id"));
	struct saved_goroutine *g;
	int err;

	/* The runtime's own do not come and go. */
	if (id < 0 || is_true(saved_member(v, "system")))
		return 0;
	g = saved_add(&r->goroutines, sizeof(*g), LIMIT_SAVED_GOROUTINES, &err, d);
	if (!g)
		return err;
	*g = (struct saved_goroutine){ .id = (uint64_t)id, .group = saved_hex(saved_member(v, "group")) };
	r->s->listed = true;
	return 0;
}
