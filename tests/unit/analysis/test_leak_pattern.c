// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include "analysis/leak_pattern.h"
#include "base/cleanup.h"

static struct wait_object chan(enum chan_dir dir, uint64_t cap, uint64_t len, int64_t senders)
{
	return (struct wait_object){
		.kind = WAIT_CHAN, .known = true,
		.chan = { .addr = 0xc000010000, .type = "error", .dir = dir, .cap = cap, .len = len,
			  .senders = senders, .receivers = dir == CHAN_RECV },
	};
}

static struct wait_object of_kind(enum wait_kind kind)
{
	return (struct wait_object){ .kind = kind, .known = true, .sync = { .addr = 0xc000010000 } };
}

static void expect(const char *reason, struct wait_object o, const struct leak_clues *c,
		   const char *pattern)
{
	assert_string_equal(leak_pattern_find(reason, &o, c)->name, pattern);
}

static void a_send_is_told_by_its_channel(void **state)
{
	(void)state;
	expect("chan send", chan(CHAN_SEND, 0, 0, 1), NULL, "orphan-send");
	expect("chan send", chan(CHAN_SEND, 0, 0, 3), NULL, "ncast");
	expect("chan send", chan(CHAN_SEND, 4, 4, 1), NULL, "buffer-full");
	/* Several at a full buffer: what is wrong is the buffer that nobody empties. */
	expect("chan send", chan(CHAN_SEND, 4, 4, 3), NULL, "buffer-full");
}

static void a_receive_is_told_by_the_code_around_it(void **state)
{
	const struct leak_clues range = { .in_loop = true, .asks_closed = true };
	const struct leak_clues range_of_own = { .in_loop = true, .asks_closed = true,
						 .serves = true };
	const struct leak_clues worker = { .in_loop = true, .serves = true };

	(void)state;
	expect("chan receive", chan(CHAN_RECV, 0, 0, 0), &range, "range-unclosed");
	expect("chan receive", chan(CHAN_RECV, 0, 0, 0), &range_of_own, "range-unclosed");
	expect("chan receive", chan(CHAN_RECV, 8, 0, 0), &worker, "orphan-worker");
	/* The look-alikes: once, in whatever way, and a loop over a channel that it was given. */
	expect("chan receive", chan(CHAN_RECV, 0, 0, 0), NULL, "orphan-recv");
	expect("chan receive", chan(CHAN_RECV, 0, 0, 0), &(struct leak_clues){ 0 }, "orphan-recv");
	expect("chan receive", chan(CHAN_RECV, 0, 0, 0),
	       &(struct leak_clues){ .asks_closed = true }, "orphan-recv");
	expect("chan receive", chan(CHAN_RECV, 0, 0, 0), &(struct leak_clues){ .serves = true },
	       "orphan-recv");
	expect("chan receive", chan(CHAN_RECV, 0, 0, 0), &(struct leak_clues){ .in_loop = true },
	       "orphan-recv");
	/* What it sends to is somebody else's. */
	expect("chan send", chan(CHAN_SEND, 0, 0, 1), &range_of_own, "orphan-send");
}

static void a_select_is_a_workers_only_when_it_receives_alone(void **state)
{
	const struct leak_clues serves = { .serves = true, .in_loop = true };
	const struct leak_clues once = { .serves = true };
	const struct wait_chan recvs[] = {
		{ .addr = 1, .dir = CHAN_RECV }, { .addr = 2, .dir = CHAN_RECV },
	}, mixed[] = {
		{ .addr = 1, .dir = CHAN_RECV }, { .addr = 2, .dir = CHAN_SEND },
	};
	struct wait_object o = { .kind = WAIT_SELECT, .known = true,
				 .select = { .n = 2, .n_all = 2, .cases = recvs } };

	(void)state;
	expect("select", o, NULL, "select-orphan");
	expect("select", o, &serves, "orphan-worker");
	expect("select", o, &once, "select-orphan");
	o.select.cases = mixed;
	expect("select", o, &serves, "select-orphan");
	/* Not all of them were read. */
	o.select.cases = recvs;
	o.select.n_all = 65;
	expect("select", o, &serves, "select-orphan");
}

static void what_waits_on_sync_has_a_pattern_each(void **state)
{
	(void)state;
	expect("sync.Mutex.Lock", of_kind(WAIT_MUTEX), NULL, "mutex-never-unlocked");
	expect("sync.RWMutex.RLock", of_kind(WAIT_RWMUTEX), NULL, "mutex-never-unlocked");
	expect("semacquire", of_kind(WAIT_WAITGROUP), NULL, "waitgroup-never-done");
	expect("sync.Cond.Wait", of_kind(WAIT_COND), NULL, "cond-never-signalled");
}

static void without_an_object_the_wait_reason_tells(void **state)
{
	static const struct {
		const char *reason, *pattern;
	} all[] = {
		{ "chan send", "orphan-send" },		{ "chan receive", "orphan-recv" },
		{ "select", "select-orphan" },		{ "sync.Mutex.Lock", "mutex-never-unlocked" },
		{ "sync.RWMutex.Lock", "mutex-never-unlocked" },
		{ "sync.WaitGroup.Wait", "waitgroup-never-done" },
		{ "sync.Cond.Wait", "cond-never-signalled" },
		{ "semacquire", "orphan-wait" },	{ NULL, "orphan-wait" },
	};
	const struct wait_object none = { .kind = WAIT_NONE };
	const struct wait_object torn = { .kind = WAIT_CHAN, .known = false };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		expect(all[i].reason, none, NULL, all[i].pattern);
	expect("chan send", torn, NULL, "orphan-send");
	expect("chan receive", torn, NULL, "orphan-recv");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_send_is_told_by_its_channel),
		cmocka_unit_test(a_receive_is_told_by_the_code_around_it),
		cmocka_unit_test(a_select_is_a_workers_only_when_it_receives_alone),
		cmocka_unit_test(what_waits_on_sync_has_a_pattern_each),
		cmocka_unit_test(without_an_object_the_wait_reason_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
