// SPDX-License-Identifier: Apache-2.0
/* The walk over goroutines and what they wait on, on a process in an array. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "goruntime/goroutines.h"
#include "goruntime/labels.h"
#include "goruntime/waits.h"
#include "model/limits.h"
#include "world.h"

/* What a visit saw of each goroutine. */
struct seen {
	struct go_g g;
	size_t n_frames;
	enum unwind_end end;
	struct wait_object object;
	const struct label *labels;
	uint32_t n_labels;
	const char *outermost;
};

static struct world world;
static struct seen seen[WORLD_GOROUTINES + 1];
static struct waits waits;
static struct scan_stats stats;

static int visit(void *arg, const struct go_walk *w)
{
	struct wait_hint hint = WAIT_HINT_INIT;
	struct frame frames[LIMIT_FRAMES];
	struct stack stack = { frames, 0, false };
	enum func_kind callee = FUNC_NORMAL;
	struct seen *s = &seen[w->g->goid <= WORLD_GOROUTINES ? w->g->goid : 0];

	(void)arg;
	for (size_t i = 0; i < w->n_frames; i++) {
		int n = pclntab_frames(world.rt.tab, w->frames[i].pc, w->frames[i].pc - 1, &callee,
				       frames + stack.n, LIMIT_FRAMES - stack.n);

		assert_true(n >= 0);
		stack.n += (uint32_t)n;
	}
	*s = (struct seen){ .g = *w->g, .n_frames = w->n_frames, .end = w->end };
	s->outermost = stack.n ? frames[stack.n - 1].function : NULL;
	wait_resolve(&waits, w,
		     w->g->state == GO_WAITING
			     ? world.rt.globals.wait_reasons[w->g->waitreason]
			     : NULL,
		     &stack, &hint, &s->object);
	assert_int_equal(labels_read(&world.rt, w->g->labels, world.arena, &s->labels,
				     &s->n_labels),
			 0);
	return 0;
}

static int look(void **state)
{
	const struct scan_options o = { .visit = visit };

	(void)state;
	world_build(&world);
	assert_int_equal(world_open(&world), 0);
	memset(seen, 0, sizeof(seen));
	assert_int_equal(waits_init(&waits, &world.rt, world.arena), 0);
	assert_int_equal(goroutines_scan(&world.rt, &o, &stats, NULL), 0);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	waits_done(&waits);
	world_close(&world);
	return 0;
}

static const struct wait_object *object_of(enum world_g which)
{
	return &seen[which + 1].object;
}

static void every_goroutine_but_the_dead_is_visited_once(void **state)
{
	(void)state;
	assert_int_equal(stats.slots, WORLD_GOROUTINES);
	assert_int_equal(stats.read, WORLD_GOROUTINES - 1);
	assert_int_equal(stats.torn + stats.unreadable + stats.broken, 0);
	assert_int_equal(seen[WORLD_DEAD + 1].g.goid, 0);
	for (int i = 0; i < WORLD_GOROUTINES; i++)
		if (i != WORLD_DEAD)
			assert_int_equal(seen[i + 1].g.goid, i + 1);
}

static void stacks_end_at_the_goroutines_first_function(void **state)
{
	(void)state;
	assert_int_equal(seen[WORLD_CHAN_RECV + 1].n_frames, 3);
	assert_int_equal(seen[WORLD_MUTEX + 1].n_frames, 5);
	for (int i = 0; i < WORLD_GOROUTINES; i++)
		if (seen[i + 1].n_frames) {
			assert_int_equal(seen[i + 1].end, UNWIND_WHOLE);
			assert_string_equal(seen[i + 1].outermost, "main.worker");
		}
	assert_int_equal(seen[WORLD_RUNNING + 1].n_frames, 0);
}

static void a_channel_tells_type_and_who_else_waits(void **state)
{
	const struct wait_object *recv = object_of(WORLD_CHAN_RECV);
	const struct wait_object *send = object_of(WORLD_CHAN_SEND);

	(void)state;
	assert_true(recv->known && recv->kind == WAIT_CHAN);
	assert_true(recv->chan.addr == world.chan[0]);
	assert_string_equal(recv->chan.type, "int");
	assert_int_equal(recv->chan.cap, 2);
	assert_int_equal(recv->chan.dir, CHAN_RECV);
	assert_int_equal(recv->chan.receivers, 2);
	assert_int_equal(recv->chan.senders, 0);
	assert_true(send->known);
	assert_int_equal(send->chan.senders, 2);
	assert_int_equal(send->chan.dir, CHAN_SEND);
	assert_false(send->chan.senders_more);
}

static void a_select_tells_each_case(void **state)
{
	const struct wait_object *o = object_of(WORLD_SELECT);

	(void)state;
	assert_true(o->known && o->kind == WAIT_SELECT);
	assert_int_equal(o->select.n, 2);
	assert_int_equal(o->select.n_all, 2);
	assert_true(o->select.cases[0].addr == world.chan[0]);
	assert_int_equal(o->select.cases[0].dir, CHAN_RECV);
	assert_true(o->select.cases[1].addr == world.chan[2]);
	assert_int_equal(o->select.cases[1].dir, CHAN_SEND);
}

static void sync_objects_are_found_from_the_semaphore(void **state)
{
	const struct wait_object *m = object_of(WORLD_MUTEX), *rw = object_of(WORLD_RWMUTEX);
	const struct wait_object *wg = object_of(WORLD_WAITGROUP), *c = object_of(WORLD_COND);

	(void)state;
	assert_true(m->known && m->kind == WAIT_MUTEX && m->sync.addr == world.mutex);
	assert_true(m->sync.locked);
	assert_int_equal(m->sync.waiters, 3);
	assert_true(rw->known && rw->kind == WAIT_RWMUTEX && rw->sync.addr == world.rwmutex);
	assert_true(rw->sync.for_read && rw->sync.locked);
	assert_int_equal(rw->sync.waiters, 5);
	assert_true(wg->known && wg->kind == WAIT_WAITGROUP && wg->sync.addr == world.waitgroup);
	assert_int_equal(wg->sync.counter, 4);
	assert_int_equal(wg->sync.waiters, 2);
	assert_true(c->known && c->kind == WAIT_COND && c->sync.addr == world.cond);
	assert_int_equal(c->sync.waiters, 1);
}

static void a_descriptor_tells_mode_and_deadline(void **state)
{
	const struct wait_object *o = object_of(WORLD_FD);

	(void)state;
	assert_true(o->known && o->kind == WAIT_FD);
	assert_int_equal(o->fd.fd, 7);
	assert_int_equal(o->fd.mode, 'r');
	assert_true(o->fd.deadline_known && o->fd.has_deadline);
	assert_true(o->fd.deadline_left_ns == 5000000000);
}

static void a_sleep_tells_what_is_left(void **state)
{
	(void)state;
	assert_true(object_of(WORLD_SLEEP)->known);
	assert_true(object_of(WORLD_SLEEP)->timer.left_ns == 60000000000);
}

static void a_nil_channel_is_known_without_an_object(void **state)
{
	(void)state;
	assert_true(object_of(WORLD_NIL_CHAN)->known);
	assert_int_equal(object_of(WORLD_NIL_CHAN)->kind, WAIT_CHAN);
	assert_int_equal(object_of(WORLD_NIL_CHAN)->chan.addr, 0);
}

static void labels_are_read(void **state)
{
	const struct seen *s = &seen[WORLD_SELECT + 1];

	(void)state;
	assert_int_equal(s->n_labels, 1);
	assert_string_equal(s->labels[0].key, "key");
	assert_string_equal(s->labels[0].value, "value");
	assert_int_equal(seen[WORLD_SLEEP + 1].n_labels, 0);
}

/* --- What a running target does to us --- */

/* Memory that changes under the reader: goroutine 1 wakes up after every read of its g. */
struct restless {
	struct mem mem;
	struct world *world;
	int changes_left;
};

static int restless_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	struct restless *r = (struct restless *)m;
	uint64_t g = r->world->g[WORLD_CHAN_RECV];
	int ret = mem_read(r->world->mem, addr, buf, len);

	if (addr <= g && g < addr + len && r->changes_left) {
		r->changes_left--;
		r->world->bytes[g - WORLD_BASE + (uint64_t)r->world->rt.layout.g_tracking_seq]++;
	}
	return ret;
}

static void restless_close(struct mem *m)
{
	(void)m;
}

static void scan_restless(int changes)
{
	static const struct mem_ops ops = { .read = restless_read, .close = restless_close };
	struct restless r = { { &ops }, &world, changes };
	const struct scan_options o = { .visit = visit };

	world.rt.live = &r.mem;
	memset(seen, 0, sizeof(seen));
	assert_int_equal(goroutines_scan(&world.rt, &o, &stats, NULL), 0);
	world.rt.live = world.mem;
}

static void a_goroutine_that_moved_is_looked_at_again(void **state)
{
	(void)state;
	scan_restless(1);
	assert_int_equal(stats.retried, 1);
	assert_int_equal(stats.torn, 0);
	assert_int_equal(stats.read, WORLD_GOROUTINES - 1);
	assert_int_equal(seen[WORLD_CHAN_RECV + 1].g.goid, WORLD_CHAN_RECV + 1);
}

static void a_goroutine_that_never_rests_is_counted_not_shown(void **state)
{
	(void)state;
	scan_restless(-1);
	assert_int_equal(stats.torn, 1);
	assert_int_equal(stats.read, WORLD_GOROUTINES - 2);
	assert_int_equal(seen[WORLD_CHAN_RECV + 1].g.goid, 0);
}

static void put(uint64_t addr, int32_t field, uint64_t v)
{
	memcpy(world.bytes + (addr - WORLD_BASE) + (uint64_t)field, &v, sizeof(v));
}

static void rescan(void)
{
	const struct scan_options o = { .visit = visit };

	memset(seen, 0, sizeof(seen));
	assert_int_equal(goroutines_scan(&world.rt, &o, &stats, NULL), 0);
}

static void a_stack_that_is_not_there_is_unreadable(void **state)
{
	(void)state;
	put(world.g[WORLD_MUTEX], world.rt.layout.g_stack_lo, 0x70000000);
	put(world.g[WORLD_MUTEX], world.rt.layout.g_stack_hi, 0x70000400);
	put(world.g[WORLD_MUTEX], world.rt.layout.g_sched_sp, 0x70000200);
	rescan();
	assert_int_equal(stats.unreadable, 1);
	assert_int_equal(stats.read, WORLD_GOROUTINES - 2);
}

static void a_circle_of_waiters_ends(void **state)
{
	uint64_t sudog;

	(void)state;
	memcpy(&sudog, world.bytes + (world.g[WORLD_CHAN_SEND] - WORLD_BASE) +
			       (uint64_t)world.rt.layout.g_waiting, 8);
	put(sudog, world.rt.layout.sudog_next, sudog);
	rescan();
	assert_true(object_of(WORLD_CHAN_SEND)->known);
	assert_true(object_of(WORLD_CHAN_SEND)->chan.senders_more);
}

static void a_sudog_of_another_goroutine_gives_no_object(void **state)
{
	uint64_t sudog;

	(void)state;
	memcpy(&sudog, world.bytes + (world.g[WORLD_CHAN_RECV] - WORLD_BASE) +
			       (uint64_t)world.rt.layout.g_waiting, 8);
	put(sudog, world.rt.layout.sudog_g, world.g[WORLD_SLEEP]);
	rescan();
	assert_int_equal(object_of(WORLD_CHAN_RECV)->kind, WAIT_CHAN);
	assert_false(object_of(WORLD_CHAN_RECV)->known);
}

/* The goroutine's own address is spilled where a pollDesc would have it, and a pc for its fd. */
static void a_word_that_points_into_the_stack_is_no_record(void **state)
{
	const struct go_g *g = &seen[WORLD_FD + 1].g;
	uint64_t forged = g->stack_lo;

	(void)state;
	put(forged + (uint64_t)world.rt.layout.polldesc_rg, 0, g->addr);
	put(forged + (uint64_t)world.rt.layout.polldesc_fd, 0, 0x4a3aac);
	put(g->sp, 0, forged);
	rescan();
	assert_true(object_of(WORLD_FD)->known);
	assert_int_equal(object_of(WORLD_FD)->fd.fd, 7);
}

/* Is never content with one goroutine until the last look. */
static int never_content(void *arg, const struct go_walk *w)
{
	unsigned int *looks = arg;

	looks[w->g->goid == WORLD_FD + 1]++;
	return w->g->goid == WORLD_FD + 1 && !w->last_try ? LOOK_AGAIN : 0;
}

static void a_visit_may_ask_for_another_look(void **state)
{
	unsigned int looks[2] = { 0 };
	const struct scan_options o = { .visit = never_content, .arg = looks };
	uint64_t all = stats.read;

	(void)state;
	assert_int_equal(goroutines_scan(&world.rt, &o, &stats, NULL), 0);
	assert_int_equal(looks[0], all - 1);
	assert_in_range(looks[1], 2, 8);
	assert_int_equal(stats.read, all);
	assert_int_equal(stats.retried, 1);
	assert_int_equal(stats.torn, 0);
}

static void an_absurd_number_of_goroutines_is_refused(void **state)
{
	const struct scan_options o = { .visit = visit };
	struct diag d = DIAG_INIT;

	(void)state;
	put(world.rt.globals.allgs, 8, 1ull << 40);
	assert_int_equal(goroutines_scan(&world.rt, &o, &stats, &d), -EOPNOTSUPP);
	assert_non_null(strstr(d.why, "allgs"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, look, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_goroutine_but_the_dead_is_visited_once),
		CASE(stacks_end_at_the_goroutines_first_function),
		CASE(a_channel_tells_type_and_who_else_waits),
		CASE(a_select_tells_each_case),
		CASE(sync_objects_are_found_from_the_semaphore),
		CASE(a_descriptor_tells_mode_and_deadline),
		CASE(a_sleep_tells_what_is_left),
		CASE(a_nil_channel_is_known_without_an_object),
		CASE(labels_are_read),
		CASE(a_goroutine_that_moved_is_looked_at_again),
		CASE(a_goroutine_that_never_rests_is_counted_not_shown),
		CASE(a_stack_that_is_not_there_is_unreadable),
		CASE(a_circle_of_waiters_ends),
		CASE(a_sudog_of_another_goroutine_gives_no_object),
		CASE(a_word_that_points_into_the_stack_is_no_record),
		CASE(a_visit_may_ask_for_another_look),
		CASE(an_absurd_number_of_goroutines_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
