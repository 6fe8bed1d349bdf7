// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/log_rate.h"
#include "report/line.h"

/* A line is written at once, and so is whole or not at all (pipe(7)). */
_Static_assert(sizeof(((struct log_line *)0)->text) <= PIPE_BUF, "a line fits a pipe");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_rate rate = { .burst = LOG_BURST, .window_s = LOG_WINDOW_S };
static enum log_level lowest = SAY_INFO;
static bool to_journal;
static uint64_t lost;

static const struct {
	const char *name;
	int priority;		/* of syslog(3) */
} levels[SAY_LEVELS] = {
	[SAY_DEBUG] = { "debug", 7 },
	[SAY_INFO] = { "info", 6 },
	[SAY_NOTICE] = { "notice", 5 },
	[SAY_WARNING] = { "warning", 4 },
	[SAY_ERROR] = { "error", 3 },
};

const char *log_level_name(enum log_level l)
{
	return levels[l].name;
}

/*
 * $JOURNAL_STREAM names the device and inode that the journal has given us: is it what we write to?
 */
static bool is_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	uint64_t dev, ino;
	struct stat st;

	return named && sscanf(named, "%" SCNu64 ":%" SCNu64, &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_open(enum log_level from)
{
	pthread_mutex_lock(&lock);
	lowest = from;
	to_journal = is_journal();
	pthread_mutex_unlock(&lock);
}

/* --- Making a line --- */

/* All of it, or nothing; room is left for the newline. */
static bool put(struct log_line *l, const char *text)
{
	size_t n = strlen(text);

	if (n >= sizeof(l->text) - 1 - l->len)
		return false;
	memcpy(l->text + l->len, text, n + 1);
	l->len += n;
	return true;
}

/* Quotes and backslashes are the form's own; what a terminal would act upon is the target's. */
static void put_value(struct log_line *l, const char *value)
{
	size_t left = strlen(value);
	char shown[TEXT_CHAR + 1];
	unsigned int columns;
	bool fits = true;

	/* The closing quote has its place before anything else: what is cut is still a pair. */
	while (left && fits && l->len + TEXT_CHAR + 4 < sizeof(l->text)) {
		size_t n = text_char(value, left, shown + 1, &columns);

		shown[0] = '\\';
		fits = put(l, *value == '"' || *value == '\\' ? shown : shown + 1);
		value += n;
		left -= n;
	}
	put(l, "\"");
}

static void put_name(struct log_line *l, const char *name)
{
	put(l, l->len ? " " : "");
	put(l, name);
	put(l, "=");
}

void log_text(struct log_line *l, const char *name, const char *value)
{
	/* A pair that has no room for its name has none at all. */
	if (!value || !*value || l->len + strlen(name) + TEXT_CHAR + 8 > sizeof(l->text))
		return;
	put_name(l, name);
	put(l, "\"");
	put_value(l, value);
}

static void put_number(struct log_line *l, const char *name, const char *digits)
{
	if (l->len + strlen(name) + strlen(digits) + 4 > sizeof(l->text))
		return;
	put_name(l, name);
	put(l, digits);
}

void log_number(struct log_line *l, const char *name, int64_t value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%" PRId64, value);
	put_number(l, name, digits);
}

void log_real(struct log_line *l, const char *name, double value)
{
	char digits[32];

	if (!isfinite(value))
		return;
	snprintf(digits, sizeof(digits), "%.6g", value);
	put_number(l, name, digits);
}

void log_begin(struct log_line *l, enum log_level level, const char *event, const char *msg, ...)
{
	char sentence[1024];
	va_list args;

	*l = (struct log_line){ .level = level, .event = event };
	put_name(l, "event");
	put(l, event);
	va_start(args, msg);
	vsnprintf(sentence, sizeof(sentence), msg, args);
	va_end(args);
	log_text(l, "msg", sentence);
}

/* --- Saying it --- */

/* What the journal knows by itself is not said to it. */
static size_t make_head(enum log_level level, char *head, size_t size)
{
	struct timespec now;
	struct tm tm;
	char when[32];

	if (to_journal)
		return (size_t)snprintf(head, size, "<%d>", levels[level].priority);
	clock_gettime(CLOCK_REALTIME, &now);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
	return (size_t)snprintf(head, size, "time=%s.%03ldZ level=%s ", when, now.tv_nsec / 1000000,
				levels[level].name);
}

/* With the lock held. Standard error is others' too: its being non-blocking is not ours to set. */
static void write_line(const struct log_line *l)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[sizeof(l->text) + 128];
	size_t n = make_head(l->level, line, 128);

	memcpy(line + n, l->text, l->len);
	n += l->len;
	line[n++] = '\n';
	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT) ||
	    write(STDERR_FILENO, line, n) != (ssize_t)n)
		lost++;
}

void log_end(struct log_line *l)
{
	double now = clock_now_s(CLOCK_MONOTONIC);
	uint64_t left_out;

	pthread_mutex_lock(&lock);
	if (l->level < lowest) {
		/* Nobody wants it. */
	} else if (!log_rate_allows(&rate, l->event, now, &left_out)) {
		lost++;
	} else {
		if (left_out)
			log_number(l, "left_out", (int64_t)left_out);
		write_line(l);
	}
	pthread_mutex_unlock(&lock);
}

void log_say(enum log_level level, const char *event, const char *msg, ...)
{
	char sentence[1024];
	struct log_line l;
	va_list args;

	va_start(args, msg);
	vsnprintf(sentence, sizeof(sentence), msg, args);
	va_end(args);
	log_begin(&l, level, event, "%s", sentence);
	log_end(&l);
}

void log_failure(enum log_level level, const char *event, int err, const struct diag *d)
{
	const char *why = *d->why ? d->why : strerror(-err);
	struct log_line l;

	log_begin(&l, level, event, "%s%s%s%s%s", d->what, *d->what ? ": " : "", why,
		  *d->hint ? "; " : "", d->hint);
	log_number(&l, "errno", -err);
	log_end(&l);
}

void log_catch_up(void)
{
	double now = clock_now_s(CLOCK_MONOTONIC);
	const char *event;
	uint64_t n;

	pthread_mutex_lock(&lock);
	while ((event = log_rate_overdue(&rate, now, &n))) {
		struct log_line l;

		log_begin(&l, SAY_NOTICE, event, "more of these were left out");
		log_number(&l, "left_out", (int64_t)n);
		write_line(&l);
	}
	pthread_mutex_unlock(&lock);
}

uint64_t log_lost(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = lost;
	pthread_mutex_unlock(&lock);
	return n;
}
