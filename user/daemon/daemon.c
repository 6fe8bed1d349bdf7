// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/cell_desk.h"
#include "daemon/counts.h"
#include "daemon/log.h"
#include "daemon/looker.h"
#include "daemon/notify.h"
#include "daemon/privilege.h"
#include "daemon/services.h"

/* Where nobody watches over us, a look may take so long. */
#define PATIENCE_S 120.0
/* Without a look for so long, and twice the interval, health is bad. */
#define STALE_S 300.0
/* A look that runs when we are to end is waited for so long. */
#define STOP_S 5.0
/* How often what was left out of the log is told, at the latest. */
#define CATCH_UP_S 60.0

struct daemon {
	const struct daemon_args *args;
	const char *path;
	struct config *config;	/* the newest */
	struct notify notify;
	struct counts counts;
	struct services *services;
	struct looker *looker;
	int signals;
	bool ready, stop;
	bool silent;		/* the look thread has broken its word, and that was said */
	double feed_s, catch_up_s;	/* CLOCK_MONOTONIC: when these are due */
};

/* --- Reload --- */

/* What has changed, a line a key; whatever counts from a start alone is said to. */
static void say_changes(const struct config *old, const struct config *new)
{
	for (const struct config_key *k = config_keys; k->name; k++) {
		size_t at = (size_t)(k - config_keys);
		struct log_line l;

		if (config_same_text(old->text[at], new->text[at]))
			continue;
		log_begin(&l, k->at_start ? SAY_WARNING : SAY_INFO, "config-changed",
			  "it counts from %s on", k->at_start ? "the next start" : "now");
		log_text(&l, "section", k->section);
		log_text(&l, "key", k->name);
		log_text(&l, "old", old->text[at]);
		log_text(&l, "new", new->text[at]);
		log_end(&l);
	}
}

static int read_config(struct daemon *dm, struct config **ret, struct diag *d)
{
	return config_read(dm->path, dm->args->config, dm->args->over, dm->args->n_over, ret, d);
}

static void refuse(const struct daemon *dm, int r, const struct diag *d)
{
	struct log_line l;

	log_begin(&l, SAY_ERROR, "reload-refused", "%s%s%s; the old configuration stays", d->what,
		  *d->what ? ": " : "", *d->why ? d->why : strerror(-r));
	log_text(&l, "try", d->hint);
	log_text(&l, "file", dm->path);
	log_end(&l);
}

/* Tokens and the like, which no key of the file tells of. */
static void reload_services(struct daemon *dm)
{
	struct diag d = DIAG_INIT;
	int r = services_reload(dm->services, &d);

	if (r == 0)
		return;
	count(&dm->counts.reloads_failed);
	refuse(dm, r, &d);
}

static void reload(struct daemon *dm)
{
	struct config *new = NULL;
	struct diag d = DIAG_INIT;
	int r;

	notify_reloading(&dm->notify);
	r = read_config(dm, &new, &d);
	if (r < 0) {
		count(&dm->counts.reloads_failed);
		refuse(dm, r, &d);
	} else {
		count(&dm->counts.reloads);
		say_changes(dm->config, new);
		log_open(new->log_level);
		looker_apply(dm->looker, new);
		config_free(dm->config);
		dm->config = new;
		reload_services(dm);
		log_say(SAY_NOTICE, "reloaded", "%s was read again", dm->path);
	}
	notify_ready(&dm->notify);
}

/* --- What wakes us up --- */

static void take_signal(struct daemon *dm)
{
	struct signalfd_siginfo s;

	while (read(dm->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGHUP) {
			reload(dm);
			continue;
		}
		log_say(SAY_NOTICE, "stopping", "%s from process %u", strsignal((int)s.ssi_signo),
			s.ssi_pid);
		dm->stop = true;
	}
}

/* Whoever started us waits for the first look: what is asked for has an answer from then on. */
static void take_news(struct daemon *dm)
{
	struct looker_news n;

	looker_news(dm->looker, &n);
	if (n.looks && !dm->ready) {
		dm->ready = true;
		notify_ready(&dm->notify);
		log_say(SAY_NOTICE, "ready", "%u processes, %u of them Go", n.processes, n.go);
	}
	notify_status(&dm->notify, "%u processes, %u of them Go; %u grow or have findings; "
		      "%u stuck", n.processes, n.go, n.worse, n.stuck);
}

/*
 * The watchdog is fed on proof: the look thread has said by when it would be heard of again, and
 * has kept that. A daemon that only serves what it saw an hour ago is better started anew.
 */
static void feed(struct daemon *dm)
{
	bool alive = looker_alive(dm->looker);

	if (alive)
		notify_watchdog(&dm->notify);
	if (!alive && !dm->silent)
		log_say(SAY_ERROR, "look-stuck", "a look does not come to its end: the watchdog "
			"is not fed any more");
	if (alive && dm->silent)
		log_say(SAY_NOTICE, "look-goes-on", "the look came to its end after all");
	dm->silent = !alive;
}

/* How long a silence is too long: that is for whoever has set up the watchdog. */
static double patience_s(const struct daemon *dm)
{
	return dm->notify.watchdog_s > 0 ? dm->notify.watchdog_s : PATIENCE_S;
}

static void do_what_is_due(struct daemon *dm, double now_s)
{
	if (now_s >= dm->feed_s) {
		feed(dm);
		dm->feed_s = now_s + patience_s(dm) / 2;
	}
	if (now_s >= dm->catch_up_s) {
		log_catch_up();
		dm->catch_up_s = now_s + CATCH_UP_S;
	}
}

static int serve(struct daemon *dm, struct diag *d)
{
	struct pollfd fds[] = {
		{ .fd = dm->signals, .events = POLLIN },
		{ .fd = looker_fd(dm->looker), .events = POLLIN },
		{ .fd = cell_desk_fd(services_desk(dm->services)), .events = POLLIN },
	};
	int r = 0;

	while (!dm->stop && r == 0) {
		double now_s = clock_now_s(CLOCK_MONOTONIC), left_s;

		do_what_is_due(dm, now_s);
		left_s = fmin(dm->feed_s, dm->catch_up_s) - now_s;
		if (poll(fds, ARRAY_SIZE(fds), (int)ceil(left_s * 1000)) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			take_signal(dm);
		if (fds[1].revents && !dm->stop)
			take_news(dm);
		if (fds[2].revents)
			r = cell_desk_dispatch(services_desk(dm->services));
	}
	return r < 0 ? diag_fail(d, r, "there is nobody any more who could start cells") : 0;
}

/* --- Beginning and end --- */

/* The signals are read, by one thread; also those that whoever started us ignores. */
static int open_signals(struct daemon *dm)
{
	static const int all[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		signal(all[i], SIG_DFL);
		sigaddset(&set, all[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	dm->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return dm->signals < 0 ? -errno : 0;
}

/* Each process takes some descriptors, each connection one; the soft limit is for select(2). */
static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

/*
 * The order is that of privileges: cells are forked while everything may be done; what is not used
 * is given up while there is one thread, and what none of the threads calls when all is open.
 */
static int open_services(struct daemon *dm, struct diag *d)
{
	double stale_s = fmax(2 * dm->config->interval_s, STALE_S) + patience_s(dm);
	char missing[256];
	int r = services_new(dm->config, &dm->services, d);

	if (r == 0)
		r = privilege_keep_for(PRIVILEGE_DAEMON, d);
	if (r < 0)
		return r;
	privilege_missing(PRIVILEGE_DAEMON, missing, sizeof(missing));
	if (*missing)
		log_say(SAY_WARNING, "capabilities", "not all can be seen without%s", missing);
	return services_open(dm->services, dm->config, stale_s, d);
}

static int open_looker(struct daemon *dm, struct diag *d)
{
	int r = looker_open(dm->config, dm->services, &dm->counts, patience_s(dm), &dm->looker, d);

	if (r < 0)
		return r;
	cell_desk_tell(services_desk(dm->services), looker_examined, dm->looker);
	r = privilege_filter_daemon(d);
	return r < 0 ? r : looker_start(dm->looker);
}

static int open_parts(struct daemon *dm, struct diag *d)
{
	int r = read_config(dm, &dm->config, d);

	if (r < 0)
		return r;
	log_open(dm->config->log_level);
	counts_init(&dm->counts);
	r = notify_open(&dm->notify, d);
	if (r == 0)
		r = open_signals(dm);
	if (r < 0)
		return r;
	raise_limit();
	/*
	 * Many threads, and none that is in a hurry: an arena each would cost more than it gives.
	 */
	mallopt(M_ARENA_MAX, 2);
	r = open_services(dm, d);
	return r < 0 ? r : open_looker(dm, d);
}

/* False: a look does not come to its end, and everything that it may touch has to stay. */
static bool close_parts(struct daemon *dm)
{
	if (dm->services)
		services_shut(dm->services);
	if (dm->looker && !looker_stop(dm->looker, STOP_S))
		return false;
	/* Cells first: what they are asked for is told to the looker at last. */
	services_free(TAKE(dm->services));
	looker_close(TAKE(dm->looker));
	config_free(TAKE(dm->config));
	if (dm->signals >= 0)
		close(dm->signals);
	notify_close(&dm->notify);
	return true;
}

int daemon_run(const struct daemon_args *args, struct diag *d)
{
	/* A look that does not end keeps what it uses: not of our stack. */
	static struct daemon dm;
	int r;

	dm = (struct daemon){ .args = args, .notify.fd = -1, .signals = -1,
			      .path = args->config ? args->config : DAEMON_CONFIG };
	r = open_parts(&dm, d);
	if (r == 0)
		r = serve(&dm, d);
	notify_stopping(&dm.notify);
	if (!close_parts(&dm))
		log_say(SAY_WARNING, "look-left", "a look has not come to its end: it ends "
			"with us");
	return r;
}
