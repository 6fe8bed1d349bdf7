// SPDX-License-Identifier: Apache-2.0
#include "daemon/single_flight.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

enum { CELLS = 64 };

/* Cells that answer when the test says so; of process 1 at once, and of process 2 none begins. */
struct fake {
	pthread_mutex_t lock;
	unsigned int starts;
	bool stop;
	cell_done *done[CELLS];
	void *done_arg[CELLS];
};

static int fake_start(void *arg, const struct ask *ask, cell_done *done, void *done_arg,
		      struct diag *d)
{
	struct fake *f = arg;

	pthread_mutex_lock(&f->lock);
	f->done[f->starts % CELLS] = done;
	f->done_arg[f->starts++ % CELLS] = done_arg;
	pthread_mutex_unlock(&f->lock);
	if (ask->pid == 1)
		done(done_arg, 0, NULL, strdup("at once"), 7);
	return ask->pid == 2 ? diag_fail(d, -ESRCH, "gone") : 0;
}

static void fake_land(struct fake *f, unsigned int i, const char *bytes)
{
	f->done[i](f->done_arg[i], 0, NULL, strdup(bytes), strlen(bytes));
}

struct client {
	struct flight_waiter waiter;
	struct landing *landing;
	unsigned int told;
};

static void client_told(struct flight_waiter *w, struct landing *l)
{
	struct client *c = (struct client *)w;

	c->landing = l;
	__atomic_add_fetch(&c->told, 1, __ATOMIC_RELEASE);
}

static struct client new_client(void)
{
	return (struct client){ .waiter = { .told = client_told } };
}

static struct fake fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct single_flight *open_with(uint32_t flights, uint64_t bytes)
{
	const struct cell_port port = { .arg = &fake, .start = fake_start };
	const struct single_flight_limits limits = { .flights = flights, .bytes = bytes };

	fake.starts = 0;
	return single_flight_new(&port, &limits);
}

static const struct ask heap_of_9 = { .what = ASK_HEAP, .pid = 9, .start_time = 1 };
static const struct ask text_of_9 = { .what = ASK_HEAP, .pid = 9, .start_time = 1, .debug = 1 };
static const struct ask heap_of_1 = { .what = ASK_HEAP, .pid = 1, .start_time = 1 };
static const struct ask heap_of_2 = { .what = ASK_HEAP, .pid = 2, .start_time = 1 };

static void equal_asks_share_one_start_and_one_landing(void **state)
{
	CLEANUP(single_flight_free_p) struct single_flight *s = open_with(4, 100);
	struct client c[3] = { new_client(), new_client(), new_client() };
	struct client other = new_client();

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(single_flight_join(s, &heap_of_9, &c[i].waiter, NULL), 0);
	assert_int_equal(single_flight_join(s, &text_of_9, &other.waiter, NULL), 0);
	assert_int_equal(fake.starts, 2);
	fake_land(&fake, 0, "profile");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(c[i].told, 1);
		assert_ptr_equal(c[i].landing, c[0].landing);
		assert_memory_equal(c[i].landing->bytes, "profile", 7);
	}
	for (int i = 0; i < 3; i++)
		landing_free(c[i].landing);
	assert_int_equal(other.told, 0);
	fake_land(&fake, 1, "text");
	assert_memory_equal(other.landing->bytes, "text", 4);
	landing_free(other.landing);
}

static void an_ask_after_the_landing_is_a_new_one(void **state)
{
	CLEANUP(single_flight_free_p) struct single_flight *s = open_with(4, 100);
	struct client c = new_client();

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		c = new_client();
		assert_int_equal(single_flight_join(s, &heap_of_1, &c.waiter, NULL), 0);
		assert_int_equal(c.told, 1);
		assert_int_equal(fake.starts, i + 1);
		assert_string_equal(c.landing->bytes, "at once");
		landing_free(c.landing);
	}
}

static void a_start_that_is_refused_lands(void **state)
{
	CLEANUP(single_flight_free_p) struct single_flight *s = open_with(4, 100);
	struct client c = new_client();

	(void)state;
	assert_int_equal(single_flight_join(s, &heap_of_2, &c.waiter, NULL), 0);
	assert_int_equal(c.told, 1);
	assert_int_equal(c.landing->err, -ESRCH);
	assert_string_equal(c.landing->diag.why, "gone");
	assert_null(c.landing->bytes);
	landing_free(c.landing);
}

static void too_many_flights_or_bytes_are_refused(void **state)
{
	CLEANUP(single_flight_free_p) struct single_flight *s = open_with(1, 3);
	struct client c = new_client(), joins = new_client(), late = new_client();
	struct diag d = DIAG_INIT;

	(void)state;
	assert_int_equal(single_flight_join(s, &heap_of_9, &c.waiter, &d), 0);
	assert_int_equal(single_flight_join(s, &text_of_9, &late.waiter, &d), -EBUSY);
	/* Who wants the same does not count. */
	assert_int_equal(single_flight_join(s, &heap_of_9, &joins.waiter, &d), 0);
	fake_land(&fake, 0, "four");
	assert_int_equal(single_flight_join(s, &heap_of_9, &late.waiter, &d), -EBUSY);
	landing_free(c.landing);
	assert_int_equal(single_flight_join(s, &heap_of_9, &late.waiter, &d), -EBUSY);
	landing_free(joins.landing);
	assert_int_equal(single_flight_join(s, &heap_of_9, &late.waiter, &d), 0);
	fake_land(&fake, 1, "");
	assert_int_equal(late.told, 1);
	landing_free(late.landing);
}

static void who_leaves_is_not_told(void **state)
{
	CLEANUP(single_flight_free_p) struct single_flight *s = open_with(4, 100);
	struct client c[3] = { new_client(), new_client(), new_client() };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(single_flight_join(s, &heap_of_9, &c[i].waiter, NULL), 0);
	assert_true(single_flight_leave(s, &c[1].waiter));
	assert_false(single_flight_leave(s, &c[1].waiter));
	fake_land(&fake, 0, "x");
	assert_int_equal(c[0].told + c[2].told, 2);
	assert_int_equal(c[1].told, 0);
	assert_false(single_flight_leave(s, &c[0].waiter));
	landing_free(c[0].landing);
	landing_free(c[2].landing);
}

static void an_end_tells_all_and_outlives_the_server(void **state)
{
	struct single_flight *s = open_with(4, 100);
	struct client c = new_client(), late = new_client();
	struct landing *kept;

	(void)state;
	assert_int_equal(single_flight_join(s, &heap_of_9, &c.waiter, NULL), 0);
	single_flight_shut(s);
	assert_int_equal(c.told, 1);
	assert_int_equal(c.landing->err, -ESHUTDOWN);
	assert_int_equal(single_flight_join(s, &heap_of_9, &late.waiter, NULL), -ESHUTDOWN);
	kept = c.landing;
	single_flight_free(s);
	/* The cell ends after all. */
	fake_land(&fake, 0, "nobody wants this");
	assert_int_equal(c.told, 1);
	landing_free(kept);
}

enum { CROWD = 8, ROUNDS = 400 };

static void *keep_landing(void *arg)
{
	struct fake *f = arg;
	unsigned int landed = 0;

	for (;;) {
		cell_done *done = NULL;
		void *done_arg = NULL;
		bool stop;

		pthread_mutex_lock(&f->lock);
		stop = f->stop;
		if (landed < f->starts) {
			done = f->done[landed % CELLS];
			done_arg = f->done_arg[landed++ % CELLS];
		}
		pthread_mutex_unlock(&f->lock);
		if (done)
			done(done_arg, 0, NULL, strdup("x"), 1);
		else if (stop)
			return NULL;
	}
}

static void *keep_asking(void *arg)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct ask ask = heap_of_9;
		struct client c = new_client();

		ask.debug = i % 2;
		if (single_flight_join(arg, &ask, &c.waiter, NULL) < 0)
			return (void *)"refused";
		if (i % 5 == 0 && single_flight_leave(arg, &c.waiter))
			continue;
		while (!__atomic_load_n(&c.told, __ATOMIC_ACQUIRE))
			sched_yield();
		if (c.landing->err || c.landing->len != 1)
			return (void *)"wrong";
		landing_free(c.landing);
	}
	return NULL;
}

static void many_threads_are_each_told_once(void **state)
{
	CLEANUP(single_flight_free_p) struct single_flight *s = open_with(CELLS / 2, 1 << 20);
	pthread_t clients[CROWD], cells;
	void *wrong;

	(void)state;
	assert_int_equal(pthread_create(&cells, NULL, keep_landing, &fake), 0);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(pthread_create(&clients[i], NULL, keep_asking, s), 0);
	for (int i = 0; i < CROWD; i++) {
		pthread_join(clients[i], &wrong);
		assert_null(wrong);
	}
	pthread_mutex_lock(&fake.lock);
	fake.stop = true;
	pthread_mutex_unlock(&fake.lock);
	pthread_join(cells, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_asks_share_one_start_and_one_landing),
		cmocka_unit_test(an_ask_after_the_landing_is_a_new_one),
		cmocka_unit_test(a_start_that_is_refused_lands),
		cmocka_unit_test(too_many_flights_or_bytes_are_refused),
		cmocka_unit_test(who_leaves_is_not_told),
		cmocka_unit_test(an_end_tells_all_and_outlives_the_server),
		cmocka_unit_test(many_threads_are_each_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
