// SPDX-License-Identifier: Apache-2.0
#include "daemon/cells.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/flight.h"

/* How much later than its deadline the foreman may say so, before it is not waited for. */
#define GRACE_NS 2000000000ull
#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

struct cells {
	struct foreman foreman;
	uint32_t max_waiting, places;
	struct cell_limits most;
	uint32_t max_prove_ms;
	int epoll, timer, wake;	/* wake: an eventfd */
	pthread_mutex_t lock;
	/* Under the lock; in the order in which they were asked. */
	struct flight *waiting;		/* have no cell */
	struct flight *flying;		/* have one, or an order for one */
	uint32_t n_waiting, n_flying;
	uint32_t used;			/* places: orders sent, less the cells that ended */
	uint64_t last_id, foremen;
	struct cells_counts counts;
	int dead;			/* -EPIPE: there is no foreman any more */
};

/* --- Lists --- */

static void append(struct flight **list, struct flight *f)
{
	while (*list)
		list = &(*list)->next;
	f->next = NULL;
	*list = f;
}

static struct flight *find(const struct cells *c, uint64_t id)
{
	for (struct flight *f = c->flying; f; f = f->next)
		if (f->id == id)
			return f;
	return NULL;
}

/* --- Opening --- */

static int watch(struct cells *c, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_descriptors(struct cells *c, struct diag *d)
{
	int r;

	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->epoll < 0 || c->timer < 0 || c->wake < 0)
		return diag_fail(d, -errno, "epoll, timerfd or eventfd: %m");
	r = watch(c, c->timer);
	if (r == 0)
		r = watch(c, c->wake);
	if (r == 0)
		r = watch(c, c->foreman.fd);
	return r < 0 ? diag_fail(d, r, "epoll_ctl: %s", strerror(-r)) : 0;
}

int cells_open(const struct cells_options *o, struct cells **ret, struct diag *d)
{
	struct cells *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->max_waiting = o->max_waiting ? o->max_waiting : CELLS_WAITING;
	c->places = o->foreman.max_cells ? o->foreman.max_cells : FOREMAN_CELLS;
	c->most = o->foreman.most;
	c->max_prove_ms = o->foreman.max_prove_ms;
	c->epoll = c->timer = c->wake = c->foreman.fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	r = foreman_start(&o->foreman, &c->foreman, d);
	if (r == 0)
		r = open_descriptors(c, d);
	if (r < 0) {
		cells_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

static void cancel(struct flight *list)
{
	for (struct flight *f = list, *next; f; f = next) {
		next = f->next;
		if (!f->finished)
			flight_fail(f, -ECANCELED, "the daemon is ending");
		flight_tell(f);
	}
}

void cells_close(struct cells *c)
{
	if (!c)
		return;
	foreman_stop(&c->foreman);
	cancel(c->flying);
	cancel(c->waiting);
	if (c->epoll >= 0)
		close(c->epoll);
	if (c->timer >= 0)
		close(c->timer);
	if (c->wake >= 0)
		close(c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int cells_poll_fd(const struct cells *c)
{
	return c->epoll;
}

/* --- Asking --- */

int cells_start(struct cells *c, const struct cell_request *q, cells_done *done, void *arg,
		struct diag *d)
{
	struct flight *f;
	uint64_t one = 1;
	ssize_t n;
	int r;

	if (q->prove_max_ms > c->max_prove_ms)
		return diag_fail(d, -EPERM, "processes may be stopped for %u ms at most, by the "
				 "configuration", c->max_prove_ms);
	f = flight_new(q, done, arg);
	if (!f)
		return -ENOMEM;
	f->request.limits = cell_limits_within(&q->limits, &c->most);
	f->answer.max = f->request.limits.answer_bytes;
	pthread_mutex_lock(&c->lock);
	r = c->dead;
	if (r == 0 && c->n_waiting >= c->max_waiting)
		r = -EBUSY;
	if (r == 0) {
		f->id = ++c->last_id;
		append(&c->waiting, f);
		c->n_waiting++;
	} else {
		c->counts.refused++;
	}
	pthread_mutex_unlock(&c->lock);
	if (r < 0) {
		flight_free(f);
		return diag_fail(d, r, r == -EBUSY ? "too many looks are waiting already"
						   : "nobody can start cells any more");
	}
	n = write(c->wake, &one, sizeof(one));
	(void)n;
	return 0;
}

/* An order for one: 0, or it is to be tried again (-EAGAIN), or what it failed with. */
static int send_order(struct cells *c, struct flight *f)
{
	struct foreman_order order = { .id = f->id, .request = f->request };
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : watch(c, ends[0]);
	if (r == 0)
		r = foreman_order(&c->foreman, &order, ends[1]);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	f->pipe = ends[0];
	f->foreman = c->foremen;
	f->patience_ns = clock_now_ns(CLOCK_MONOTONIC) +
			 f->request.limits.deadline_ms * NS_PER_MS + GRACE_NS;
	return 0;
}

/* Those that wait, as long as there are places. One that hangs keeps its own. */
static void send_orders(struct cells *c)
{
	while (c->waiting && c->used < c->places) {
		struct flight *f = c->waiting;
		int r = send_order(c, f);

		if (r == -EAGAIN)
			return;
		c->waiting = f->next;
		c->n_waiting--;
		append(&c->flying, f);
		c->n_flying++;
		c->used += r == 0;
		if (r < 0)
			flight_fail(f, r == -EPIPE ? -EIO : r, "no cell can be asked for: %s",
				    strerror(-r));
	}
}

/* --- What is told --- */

static void take_refusal(struct cells *c, struct flight *f, int code)
{
	if (code == -EDEADLK)
		flight_fail(f, code, "an earlier look at it hangs in the kernel, on memory or a "
			    "file that does not answer");
	else if (code == -EBUSY)
		flight_fail(f, code, "all places for looks are taken, %u by some that hang in the "
			    "kernel", c->counts.hanging);
	else if (code == -EPERM)
		flight_fail(f, code, "processes may not be stopped for so long");
	else
		flight_fail(f, -EIO, "no cell can be made: %s", strerror(-code));
}

/* A new foreman has no cells; it may find orders that the last one did not take. */
static void greet(struct cells *c)
{
	c->counts.foremen_lost += c->foremen > 0;
	c->foremen++;
	c->used = 0;
	for (const struct flight *f = c->flying; f; f = f->next)
		c->used += !f->started && !f->finished;
}

static void take_news(struct cells *c, const struct foreman_news *n)
{
	struct flight *f = find(c, n->id);

	c->counts.hanging = n->hanging;
	if (n->tells == FOREMAN_HELLO) {
		greet(c);
		return;
	}
	if ((n->tells == FOREMAN_ENDED || n->tells == FOREMAN_REFUSED) && c->used)
		c->used--;
	if (!f || f->finished)
		return;
	switch (n->tells) {
	case FOREMAN_STARTED:
		f->foreman = c->foremen;
		f->started = true;
		return;
	case FOREMAN_REFUSED:
		take_refusal(c, f, n->code);
		return;
	case FOREMAN_ENDED:
		f->ended = true;
		f->code = n->code;
		f->sig = n->sig;
		return;
	case FOREMAN_KILLED:
		flight_fail(f, -ETIMEDOUT, "a look at it took longer than %u ms",
			    f->request.limits.deadline_ms);
		return;
	}
}

static void hear_foreman(struct cells *c)
{
	struct foreman_news n;
	int r;

	while ((r = foreman_news(&c->foreman, &n)) == 1)
		take_news(c, &n);
	if (r == 0 || c->dead)
		return;
	c->dead = r;
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->foreman.fd, NULL);
	/* What is whole in its pipe is an answer all the same. */
	c->foremen++;
}

/* --- The turn --- */

static void settle(struct cells *c, uint64_t now)
{
	for (struct flight *f = c->flying; f; f = f->next) {
		if (!f->finished && !f->read_all && f->pipe >= 0) {
			flight_read(f);
			if (f->read_all)
				epoll_ctl(c->epoll, EPOLL_CTL_DEL, f->pipe, NULL);
		}
		if (flight_settle(f, c->foremen) || now < f->patience_ns)
			continue;
		flight_fail(f, -ETIMEDOUT, "a look at it took longer than %u ms, and nobody "
			    "ended it",
			    f->request.limits.deadline_ms);
	}
}

static void count(struct cells *c, const struct flight *f)
{
	if (!f->by_us)
		c->counts.run++;
	else if (f->err == -ETIMEDOUT)
		c->counts.killed++;
	else if (f->err == -EBUSY || f->err == -EDEADLK)
		c->counts.refused++;
	else
		c->counts.failed++;
}

/* Those that are finished, taken out. */
static struct flight *take_finished(struct cells *c)
{
	struct flight *finished = NULL;

	for (struct flight **at = &c->flying; *at;) {
		struct flight *f = *at;

		if (!f->finished) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		c->n_flying--;
		count(c, f);
		append(&finished, f);
	}
	return finished;
}

static void fail_waiting(struct cells *c)
{
	for (struct flight *f = c->waiting; f; f = f->next)
		flight_fail(f, -EIO, "nobody can start cells any more");
	while (c->waiting) {
		struct flight *f = c->waiting;

		c->waiting = f->next;
		append(&c->flying, f);
		c->n_flying++;
	}
	c->n_waiting = 0;
}

static void set_timer(const struct cells *c)
{
	struct itimerspec t = { 0 };
	uint64_t next = UINT64_MAX;

	for (const struct flight *f = c->flying; f; f = f->next)
		next = f->patience_ns < next ? f->patience_ns : next;
	/* Its box was full: there is no word when it is not. */
	if (c->waiting && !c->flying)
		next = clock_now_ns(CLOCK_MONOTONIC) + 10 * NS_PER_MS;
	if (next != UINT64_MAX) {
		t.it_value.tv_sec = (time_t)(next / NS_PER_S);
		t.it_value.tv_nsec = (long)(next % NS_PER_S);
	}
	timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void drain(int fd)
{
	uint64_t ignored;
	ssize_t n = read(fd, &ignored, sizeof(ignored));

	(void)n;
}

int cells_dispatch(struct cells *c)
{
	struct flight *finished;
	int r;

	pthread_mutex_lock(&c->lock);
	drain(c->wake);
	drain(c->timer);
	hear_foreman(c);
	settle(c, clock_now_ns(CLOCK_MONOTONIC));
	if (c->dead)
		fail_waiting(c);
	finished = take_finished(c);
	send_orders(c);
	set_timer(c);
	r = c->dead;
	pthread_mutex_unlock(&c->lock);
	while (finished) {
		struct flight *next = finished->next;

		flight_tell(finished);
		finished = next;
	}
	return r;
}

void cells_counts(struct cells *c, struct cells_counts *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->counts;
	ret->running = c->n_flying;
	ret->waiting = c->n_waiting;
	pthread_mutex_unlock(&c->lock);
}
