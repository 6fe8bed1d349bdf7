// SPDX-License-Identifier: Apache-2.0
/* One goroutine of Go 1.27 that waits, in an array of memory. */
#include "../unit.h"

#include <errno.h>
#include <string.h>

#include "goruntime/layout.h"
#include "goruntime/park.h"

#define BASE 0xc000000000ull
#define CHANNEL (BASE + 0x100)
#define OTHER (BASE + 0x200)
#define SUDOG (BASE + 0x300)
#define SECOND (BASE + 0x400)
#define LIST (BASE + 0x500)
#define G (BASE + 0x800)

struct world {
	uint8_t bytes[0x1000];
	struct mem *mem;
	struct go_runtime rt;
	struct go_g g;
	struct go_walk walk;
	struct go_park_hint hint;
	struct go_park_waits waits;
};

static void put(struct world *w, uint64_t addr, int32_t off, uint64_t value, size_t len)
{
	assert_true(off >= 0);
	memcpy(w->bytes + (addr - BASE) + off, &value, len);
}

/* Waits in the queue of receivers of a channel. */
static void enqueue(struct world *w, uint64_t sudog, uint64_t channel)
{
	const struct go_layout *l = &w->rt.layout;

	put(w, sudog, l->sudog_g, G, 8);
	put(w, sudog, l->sudog_c, channel, 8);
	put(w, channel, l->hchan_recvq_first, sudog, 8);
}

static void world_open(struct world *w)
{
	struct mem_range range = { BASE, w->bytes, sizeof(w->bytes) };

	memset(w, 0, sizeof(*w));
	w->rt.minor = 27;
	assert_int_equal(layout_lookup(27, 1, &w->rt.layout, NULL), 0);
	assert_int_equal(mem_array_open(&range, 1, &w->mem), 0);
	w->rt.chase = w->mem;
	w->g = (struct go_g){ .addr = G, .goid = 7, .state = GO_WAITING, .waiting = SUDOG };
	w->walk.g = &w->g;
	w->hint = (struct go_park_hint)GO_PARK_HINT_INIT;
	enqueue(w, SUDOG, CHANNEL);
}

static void world_close(struct world *w)
{
	go_park_waits_done(&w->waits);
	mem_close(w->mem);
}

static int find(struct world *w, enum go_park_kind kind)
{
	return go_park_find_waits(&w->rt, &w->walk, kind, &w->hint, &w->waits);
}

static void words_of_other_waits_are_nobodys_to_judge(void **state)
{
	(void)state;
	assert_int_equal(go_park_kind("chan receive"), GO_PARK_CHAN);
	assert_int_equal(go_park_kind("chan receive (nil chan)"), GO_PARK_FOREVER);
	assert_int_equal(go_park_kind("select (no cases)"), GO_PARK_FOREVER);
	assert_int_equal(go_park_kind("sync.WaitGroup.Wait"), GO_PARK_SEMA);
	assert_int_equal(go_park_kind("chan receive (durable)"), GO_PARK_OTHER);
	assert_int_equal(go_park_kind("select (synctest)"), GO_PARK_OTHER);
	assert_int_equal(go_park_kind("IO wait"), GO_PARK_OTHER);
	assert_int_equal(go_park_kind("wait of a release to come"), GO_PARK_OTHER);
	assert_int_equal(go_park_kind(NULL), GO_PARK_OTHER);
	assert_true(go_park_is_still("IO wait"));
	assert_false(go_park_is_still("GC assist marking"));
	assert_false(go_park_is_still(NULL));
}

static void a_park_is_another_once_the_goroutine_has_run(void **state)
{
	struct go_g g = { .goid = 7, .tracking_seq = 3, .stack_hi = 0x2000, .sp = 0x1f00 };
	uint64_t id = go_park_id(&g);

	(void)state;
	g.stack_hi += 0x1000;
	g.sp += 0x1000;
	assert_true(go_park_id(&g) == id);
	g.tracking_seq++;
	assert_false(go_park_id(&g) == id);
}

static void a_channel_is_found_by_its_sudog(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(find(&w, GO_PARK_CHAN), 0);
	assert_int_equal(w.waits.n, 1);
	assert_true(w.waits.objects[0] == CHANNEL);
	assert_true(w.waits.sudogs[0] == SUDOG);
	put(&w, SUDOG, w.rt.layout.sudog_g, OTHER, 8);
	assert_int_equal(find(&w, GO_PARK_CHAN), -EAGAIN);
	world_close(&w);
}

static void who_is_in_no_queue_any_more_is_being_woken(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, CHANNEL, w.rt.layout.hchan_recvq_first, 0, 8);
	assert_int_equal(find(&w, GO_PARK_CHAN), -EAGAIN);
	/* Behind another one. */
	put(&w, SUDOG, w.rt.layout.sudog_prev, SECOND, 8);
	assert_int_equal(find(&w, GO_PARK_CHAN), 0);
	put(&w, CHANNEL, w.rt.layout.hchan_closed, 1, 4);
	assert_int_equal(find(&w, GO_PARK_CHAN), -EAGAIN);
	world_close(&w);
}

static void a_timer_may_send(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, CHANNEL, w.rt.layout.hchan_timer, OTHER, 8);
	assert_int_equal(find(&w, GO_PARK_CHAN), -EAGAIN);
	world_close(&w);
}

static void a_select_waits_on_all_of_its_channels(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, SUDOG, w.rt.layout.sudog_waitlink, SECOND, 8);
	assert_int_equal(find(&w, GO_PARK_SELECT), -EAGAIN);
	enqueue(&w, SECOND, OTHER);
	assert_int_equal(find(&w, GO_PARK_SELECT), 0);
	assert_int_equal(w.waits.n, 2);
	/* A ring of them ends. */
	put(&w, SECOND, w.rt.layout.sudog_waitlink, SUDOG, 8);
	assert_int_equal(find(&w, GO_PARK_SELECT), -EAGAIN);
	w.g.waiting = 0;
	assert_int_equal(find(&w, GO_PARK_SELECT), 0);
	assert_int_equal(w.waits.n, 0);
	world_close(&w);
}

static void a_cond_that_has_signalled_is_alive(void **state)
{
	const struct go_layout *l;
	struct world w;

	(void)state;
	world_open(&w);
	l = &w.rt.layout;
	put(&w, SUDOG, l->sudog_c, 0, 8);
	put(&w, SUDOG, l->sudog_elem, LIST, 8);
	put(&w, SUDOG, l->sudog_ticket, 5, 4);
	put(&w, LIST, l->notify_wait, 6, 4);
	put(&w, LIST, l->notify_notify, 5, 4);
	assert_int_equal(find(&w, GO_PARK_COND), 0);
	assert_true(w.waits.objects[0] == LIST);
	put(&w, LIST, l->notify_notify, 6, 4);
	assert_int_equal(find(&w, GO_PARK_COND), -EAGAIN);
	world_close(&w);
}

static void a_semaphore_is_the_sudogs_element(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(find(&w, GO_PARK_SEMA), -EAGAIN);
	put(&w, SUDOG, w.rt.layout.sudog_c, 0, 8);
	put(&w, SUDOG, w.rt.layout.sudog_elem, OTHER + 4, 8);
	assert_int_equal(find(&w, GO_PARK_SEMA), 0);
	assert_true(w.waits.objects[0] == OTHER + 4);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_other_waits_are_nobodys_to_judge),
		cmocka_unit_test(a_park_is_another_once_the_goroutine_has_run),
		cmocka_unit_test(a_channel_is_found_by_its_sudog),
		cmocka_unit_test(who_is_in_no_queue_any_more_is_being_woken),
		cmocka_unit_test(a_timer_may_send),
		cmocka_unit_test(a_select_waits_on_all_of_its_channels),
		cmocka_unit_test(a_cond_that_has_signalled_is_alive),
		cmocka_unit_test(a_semaphore_is_the_sudogs_element),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
