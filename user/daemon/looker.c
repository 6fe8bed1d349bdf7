// SPDX-License-Identifier: Apache-2.0
#include "daemon/looker.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "collect/node.h"
#include "daemon/bodies.h"
#include "daemon/cell_desk.h"
#include "daemon/config.h"
#include "daemon/counts.h"
#include "daemon/log.h"
#include "daemon/services.h"
#include "model/examined.h"

/* A look that failed is tried again after so long, then twice that, up to the interval. */
#define RETRY_S 1.0
/* Of the cap on memory: from here on what is free goes back to the system after each look. */
#define TRIM_SHARE 0.75
/* All that is known is forgotten once in so many looks at most. */
#define SHED_LOOKS 10

struct looker {
	struct config *config;	/* of the look that runs; its thread's alone */
	struct services *services;
	struct counts *counts;
	struct node *node;	/* NULL: to be opened. Changed with the lock held */
	struct config *opened;	/* that it was opened with, and borrows strings of */
	int news;		/* eventfd */
	uint64_t shed_at;	/* number of the look at which all was forgotten last; 0 never */
	double retry_s, patience_s;
	struct {
		struct diag state, discovery, locks;
	} told;			/* of what does not work; an empty reason: nothing */
	/* CLOCK_MONOTONIC: by then it is heard of again. */
	_Atomic double promise_s;
	pthread_t thread;
	bool started;
	/* Below: by the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct config *next;	/* for the next look; NULL: the same */
	bool stop, ended;
	struct looker_news last;
};

/* --- Opening --- */

/* To be heard of again after so long; no word is broken for being a little late. */
static void promise(struct looker *l, double after_s)
{
	atomic_store(&l->promise_s, clock_now_s(CLOCK_MONOTONIC) + after_s + l->patience_s);
}

static struct node_args node_args_of(const struct looker *l, const struct config *c)
{
	return (struct node_args){
		.cgroup = c->cgroup,
		.interval_s = c->interval_s,
		.budget_percent = c->budget_percent,
		.futex = c->trace_locks,
		.scheduled = true,
		.discover = c->discover,
		.memory_max_bytes = c->memory_max_bytes,
		.state_dir = c->state_dir,
		.examine = c->examine ? cell_desk_examine : NULL,
		.examine_arg = services_desk(l->services),
	};
}

static bool same_args(struct node_args a, struct node_args b)
{
	return a.interval_s == b.interval_s && a.budget_percent == b.budget_percent &&
	       a.futex == b.futex && a.discover == b.discover && a.examine == b.examine &&
	       a.memory_max_bytes == b.memory_max_bytes &&
	       config_same_text(a.cgroup, b.cgroup) && config_same_text(a.state_dir, b.state_dir);
}

static void swap_node(struct looker *l, struct node *node)
{
	pthread_mutex_lock(&l->lock);
	l->node = node;
	pthread_mutex_unlock(&l->lock);
}

/* What is kept of others' processes is nobody else's. Without it, the node says so by itself. */
static void make_state_dir(const char *path)
{
	if (path && mkdir(path, 0700) < 0 && errno != EEXIST)
		log_say(SAY_WARNING, "state-file", "%s cannot be made: %s", path, strerror(errno));
}

static int open_node(struct looker *l, struct diag *d)
{
	const struct node_args args = node_args_of(l, l->config);
	struct node *node = NULL;
	int r;

	make_state_dir(l->config->state_dir);
	r = node_open(&args, &node, d);

	if (r < 0)
		return r;
	swap_node(l, node);
	l->opened = config_hold(l->config);
	return 0;
}

static void close_node(struct looker *l)
{
	struct node *node = l->node;

	/* Answers that come from now on are nobody's. */
	swap_node(l, NULL);
	node_close(node);
	config_free(TAKE(l->opened));
}

int looker_open(struct config *c, struct services *s, struct counts *counts, double patience_s,
		struct looker **ret, struct diag *d)
{
	CLEANUP(looker_close_p) struct looker *l = calloc(1, sizeof(*l));
	pthread_condattr_t attr;
	int r;

	if (!l)
		return -ENOMEM;
	l->news = -1;
	l->config = config_hold(c);
	l->services = s;
	l->counts = counts;
	l->retry_s = RETRY_S;
	l->patience_s = patience_s;
	promise(l, 0);
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &attr);
	pthread_condattr_destroy(&attr);
	l->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->news < 0)
		return -errno;
	r = open_node(l, d);
	if (r < 0)
		return r;
	*ret = TAKE(l);
	return 0;
}

void looker_close(struct looker *l)
{
	if (!l)
		return;
	close_node(l);
	config_free(l->config);
	config_free(l->next);
	if (l->news >= 0)
		close(l->news);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* --- One look --- */

/*
 * What a node knows grows with it, and a cap is a promise to the machine: where giving back what is
 * free does not help, everything is forgotten. That costs the baselines, so it is not done often.
 */
static int keep_to_cap(struct looker *l, uint32_t number, struct diag *d)
{
	uint64_t cap = l->config->memory_max_bytes, rss = self_rss_bytes();
	struct log_line line;

	if ((double)rss < TRIM_SHARE * (double)cap)
		return 0;
	malloc_trim(0);
	rss = self_rss_bytes();
	if (rss <= cap || (l->shed_at && counted(&l->counts->looks) < l->shed_at + SHED_LOOKS))
		return 0;
	log_begin(&line, SAY_WARNING, "memory-cap",
		  "more memory in use than allowed: what was known of the processes is forgotten");
	log_number(&line, "rss_bytes", (int64_t)rss);
	log_number(&line, "memory_max_bytes", (int64_t)cap);
	log_number(&line, "look", number);
	log_end(&line);
	l->shed_at = counted(&l->counts->looks);
	count(&l->counts->memory_shed);
	close_node(l);
	malloc_trim(0);
	return open_node(l, d);
}

static void tell(struct looker *l, const struct node_look *look)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&l->lock);
	if (look) {
		l->last.processes = look->n;
		l->last.go = look->n_go;
		l->last.worse = look->n_worse;
		l->last.stuck = look->stuck;
	}
	l->last.looks = counted(&l->counts->looks);
	l->last.failed = counted(&l->counts->looks_failed);
	pthread_mutex_unlock(&l->lock);
	/* A counter that nobody reads is full one day, and no less readable for that. */
	if (write(l->news, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_say(SAY_WARNING, "internal", "eventfd: %s", strerror(errno));
}

/* Says of what does not work but is not needed, once until it is something else. */
static void say_trouble(struct diag *told, const char *event, const struct diag *d)
{
	static const struct diag none;

	d = d ? d : &none;
	if (strcmp(told->why, d->why) == 0)
		return;
	*told = *d;
	if (*d->why)
		log_say(SAY_WARNING, event, "%s%s%s", d->what, *d->what ? ": " : "", d->why);
	else
		log_say(SAY_NOTICE, event, "it works again");
}

static void say_troubles(struct looker *l, const struct node_look *look)
{
	struct diag locks = DIAG_INIT;
	bool refused = look->futex.asked && !look->futex.on;

	if (refused)
		diag_fail(&locks, 0, "%s", look->futex.refused ? look->futex.refused : "refused");
	say_trouble(&l->told.state, "state-file", node_state_trouble(l->node));
	say_trouble(&l->told.discovery, "discovery",
		    node_discovery_trouble(l->node));
	say_trouble(&l->told.locks, "trace-locks", refused ? &locks : NULL);
}

/* What others want of a look, while it is there. */
static void hand_out(struct looker *l, const struct node_look *look)
{
	struct diag d = DIAG_INIT;
	struct node_self self;
	int r = services_add(l->services, look);

	counts_fill(l->counts, l->config, &self);
	node_tell(l->node, &self);
	services_count(l->services, &self);
	if (r == 0)
		r = bodies_publish(services_bodies(l->services), l->config, look, &self, &d);
	if (r < 0)
		log_failure(SAY_ERROR, "render-failed", r, &d);
	services_send(l->services, l->config->otlp_interval_s, look, &self);
}

static int look_once(struct looker *l, double *ret_next_s, struct diag *d)
{
	const struct node_look *look;
	int r = 0;

	if (!l->node)
		r = open_node(l, d);
	if (r == 0)
		r = node_look(l->node, &look, d);
	if (r < 0)
		return r;
	count(&l->counts->looks);
	*ret_next_s = look->next_s;
	hand_out(l, look);
	say_troubles(l, look);
	tell(l, look);
	return keep_to_cap(l, look->number, d);
}

/* When the next one is due. */
static double look(struct looker *l)
{
	struct diag d = DIAG_INIT;
	double next_s = l->config->interval_s;
	int r = look_once(l, &next_s, &d);

	if (r == 0) {
		l->retry_s = RETRY_S;
		return next_s;
	}
	count(&l->counts->looks_failed);
	log_failure(SAY_ERROR, "look-failed", r, &d);
	tell(l, NULL);
	next_s = l->retry_s < l->config->interval_s ? l->retry_s : l->config->interval_s;
	l->retry_s *= 2;
	return next_s;
}

/* --- The thread --- */

/* What it was opened with may say where. */
static void save(struct looker *l)
{
	struct diag d = DIAG_INIT;
	int r = l->node && l->opened->state_dir ? node_save(l->node, &d) : 0;

	if (r < 0)
		log_failure(SAY_WARNING, "state-file", r, &d);
}

/*
 * A node keeps to what it was opened with. Where that changes it is opened anew; what the state
 * file knows is known then.
 */
static void change_to(struct looker *l, struct config *next)
{
	if (l->node && !same_args(node_args_of(l, l->opened), node_args_of(l, next))) {
		save(l);
		close_node(l);
		log_say(SAY_NOTICE, "looks-anew", "the processes are looked at from the beginning");
	}
	config_free(l->config);
	l->config = next;
}

/* True: it is time for the next look. */
static bool await(struct looker *l, double due_s)
{
	struct timespec due = { .tv_sec = (time_t)due_s,
				.tv_nsec = (long)((due_s - (double)(time_t)due_s) * 1e9) };
	struct config *next;
	bool stop;
	int r = 0;

	pthread_mutex_lock(&l->lock);
	while (!l->stop && !l->next && r == 0)
		r = pthread_cond_timedwait(&l->changed, &l->lock, &due);
	next = TAKE(l->next);
	stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	if (next)
		change_to(l, next);
	return !stop;
}

static void *run(void *arg)
{
	struct looker *l = arg;
	double began, next_s;

	do {
		began = clock_now_s(CLOCK_MONOTONIC);
		promise(l, 0);
		next_s = look(l);
		promise(l, next_s);
	} while (await(l, began + next_s));
	save(l);
	pthread_mutex_lock(&l->lock);
	l->ended = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int looker_start(struct looker *l)
{
	int r;

	promise(l, 0);
	r = pthread_create(&l->thread, NULL, run, l);
	if (r == 0)
		pthread_setname_np(l->thread, "look");
	l->started = r == 0;
	return -r;
}

void looker_apply(struct looker *l, struct config *c)
{
	pthread_mutex_lock(&l->lock);
	config_free(l->next);
	l->next = config_hold(c);
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

bool looker_stop(struct looker *l, double wait_s)
{
	double until_s = clock_now_s(CLOCK_MONOTONIC) + wait_s;
	struct timespec until = { .tv_sec = (time_t)until_s + 1 };
	bool ended;
	int r = 0;

	if (!l->started)
		return true;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->changed);
	while (!l->ended && r == 0)
		r = pthread_cond_timedwait(&l->changed, &l->lock, &until);
	ended = l->ended;
	pthread_mutex_unlock(&l->lock);
	if (ended)
		pthread_join(l->thread, NULL);
	return ended;
}

void looker_examined(void *arg, int pid, uint64_t start_time, struct examined *e)
{
	struct looker *l = arg;

	pthread_mutex_lock(&l->lock);
	if (l->node)
		node_examined(l->node, pid, start_time, e);
	else
		examined_free(e);
	pthread_mutex_unlock(&l->lock);
}

int looker_fd(const struct looker *l)
{
	return l->news;
}

void looker_news(struct looker *l, struct looker_news *ret)
{
	uint64_t n;

	/* Emptied first: what comes after that wakes up whoever waits once more. */
	while (read(l->news, &n, sizeof(n)) == sizeof(n))
		;
	pthread_mutex_lock(&l->lock);
	*ret = l->last;
	pthread_mutex_unlock(&l->lock);
}

bool looker_alive(const struct looker *l)
{
	return clock_now_s(CLOCK_MONOTONIC) <= atomic_load(&l->promise_s);
}
