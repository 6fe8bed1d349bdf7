// SPDX-License-Identifier: Apache-2.0
#include "report/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/count.h"
#include "analysis/site.h"
#include "base/cleanup.h"
#include "report/line.h"
#include "report/utf8.h"

#define ELLIPSIS "\xe2\x80\xa6"

char *words_bytes(uint64_t n, char *buf)
{
	static const char units[] = "KMGTPE";
	uint64_t tenths = n / 1024 * 10 + n % 1024 * 10 / 1024;
	size_t unit = 0;

	if (n < 1024) {
		snprintf(buf, WORDS_NUMBER, "%" PRIu64 " B", n);
		return buf;
	}
	while (tenths >= 10240 && unit + 2 < sizeof(units)) {
		tenths /= 1024;
		unit++;
	}
	if (tenths < 1000)
		snprintf(buf, WORDS_NUMBER, "%" PRIu64 ".%" PRIu64 " %ciB", tenths / 10,
			 tenths % 10, units[unit]);
	else
		snprintf(buf, WORDS_NUMBER, "%" PRIu64 " %ciB", tenths / 10, units[unit]);
	return buf;
}

char *words_age(int64_t ns, char *buf)
{
	int64_t s = ns / 1000000000;

	if (ns < 0)
		snprintf(buf, WORDS_NUMBER, "-");
	else if (s < 60)
		snprintf(buf, WORDS_NUMBER, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(buf, WORDS_NUMBER, "%" PRId64 "m", s / 60);
	else if (s < 48 * 3600)
		snprintf(buf, WORDS_NUMBER, "%" PRId64 "h", s / 3600);
	else
		snprintf(buf, WORDS_NUMBER, "%" PRId64 "d", s / 86400);
	return buf;
}

char *words_uptime(double seconds, char *buf)
{
	uint64_t s = seconds > 0 && seconds < 1e15 ? (uint64_t)seconds : 0;

	if (s < 60)
		snprintf(buf, WORDS_NUMBER, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, WORDS_NUMBER, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, WORDS_NUMBER, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(buf, WORDS_NUMBER, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
	return buf;
}

char *words_clock(const struct timespec *t, char *buf)
{
	struct tm tm;

	if (!localtime_r(&t->tv_sec, &tm) || !strftime(buf, WORDS_NUMBER, "%H:%M:%S", &tm))
		snprintf(buf, WORDS_NUMBER, "--:--:--");
	return buf;
}

char *words_span(double seconds, char *buf)
{
	static const struct {
		double size;
		const char *name;
	} units[] = { { 1e-9, "ns" }, { 1e-6, "\xc2\xb5s" }, { 1e-3, "ms" }, { 1, "s" } };
	size_t u = 0;
	double n;

	if (!(seconds < 99.5))
		return words_uptime(seconds, buf);
	while (u + 1 < ARRAY_SIZE(units) && seconds >= units[u].size * 999.5)
		u++;
	n = seconds > 0 ? seconds / units[u].size : 0;
	snprintf(buf, WORDS_NUMBER, n < 9.95 && u ? "%.1f %s" : "%.0f %s", n, units[u].name);
	return buf;
}

char *words_per_s(double per_s, char *buf)
{
	char number[WORDS_NUMBER];

	if (!(per_s >= 9.95))
		snprintf(buf, WORDS_NUMBER, "%.1f/s", per_s > 0 ? per_s : 0);
	else
		snprintf(buf, WORDS_NUMBER, "%.28s/s",
			 words_count(per_s < 1e18 ? (uint64_t)(per_s + 0.5) : UINT64_MAX, number));
	return buf;
}

/* Past the last slash of the import path; type arguments and receivers have slashes too. */
static const char *without_directories(const char *function)
{
	size_t end = strcspn(function, "([");
	const char *start = function;

	for (size_t i = 0; i < end; i++)
		if (function[i] == '/')
			start = function + i + 1;
	return start;
}

/* The last `columns` columns of escaped text. */
static const char *tail(const char *s, unsigned int columns)
{
	uint32_t c;

	while (*s && text_columns(s) > columns)
		s += utf8_decode(s, strlen(s), &c);
	return s;
}

char *words_place(const struct frame *f, unsigned int columns, char *buf)
{
	char function[WORDS_CELL - 160], file[128], line[16] = "";
	size_t room, there;

	if (!f->function) {
		snprintf(buf, WORDS_CELL, "0x%" PRIx64, f->pc);
		return buf;
	}
	text_escape(f->function, function, sizeof(function));
	file[0] = '\0';
	if (f->file) {
		file[0] = ' ';
		text_escape(site_base_name(f->file), file + 1, sizeof(file) - 1);
		if (f->line)
			snprintf(line, sizeof(line), ":%" PRIu32, f->line);
	}
	there = text_columns(file) + strlen(line);
	room = columns > there ? columns - there : 0;
	if (text_columns(function) <= room)
		snprintf(buf, WORDS_CELL, "%s%s%s", function, file, line);
	else if (text_columns(without_directories(function)) <= room)
		snprintf(buf, WORDS_CELL, "%s%s%s", without_directories(function), file, line);
	else if (room > 12)
		snprintf(buf, WORDS_CELL, ELLIPSIS "%s%s%s", tail(function, (unsigned int)room - 1),
			 file, line);
	else	/* the file's name is what is too long: the reader of the line cuts it */
		snprintf(buf, WORDS_CELL, "%s%s%s", without_directories(function), file, line);
	return buf;
}

/* A bounded string that grows by printf; what no longer fits is dropped. */
struct text {
	char *at;
	size_t left;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->left)
		n = t->left ? (int)t->left - 1 : 0;
	t->at += n;
	t->left -= (size_t)n;
}

/* " 3 tx"; a queue that was not counted to its end says so by a plus. */
static void add_queue(struct text *t, int64_t n, bool more, const char *what)
{
	char number[WORDS_NUMBER];

	if (n > 0 || (n == 0 && more))
		add(t, ", %s%s %s", words_count((uint64_t)n, number), more ? "+" : "", what);
}

static void add_time_left(struct text *t, const char *what, int64_t left_ns)
{
	char age[WORDS_NUMBER];

	if (left_ns == TIME_UNKNOWN)
		add(t, "%s", what);
	else if (left_ns < 0)
		add(t, "%s overdue", what);
	else
		add(t, "%s %s left", what, words_age(left_ns, age));
}

static void add_chan(struct text *t, const struct wait_chan *c)
{
	char type[64];

	if (c->addr == 0) {
		add(t, "nil chan");
		return;
	}
	add(t, "chan %s %" PRIu64 "/%" PRIu64, c->type ? text_escape(c->type, type, sizeof(type)) : "?",
	    c->len, c->cap);
	if (c->closed)
		add(t, " closed");
	add_queue(t, c->senders, c->senders_more, "tx");
	add_queue(t, c->receivers, c->receivers_more, "rx");
	if (c->has_timer)
		add_time_left(t, ", timer", c->timer_left_ns);
}

static void add_select(struct text *t, const struct wait_object *w)
{
	const struct wait_chan *timer = NULL;

	add(t, "select %" PRIu32 " case%s", w->select.n_all, w->select.n_all == 1 ? "" : "s");
	for (uint32_t i = 0; i < w->select.n; i++) {
		const struct wait_chan *c = &w->select.cases[i];

		if (c->has_timer && (!timer || c->timer_left_ns < timer->timer_left_ns))
			timer = c;
	}
	if (timer)
		add_time_left(t, ", timer", timer->timer_left_ns);
}

static void add_fd(struct text *t, const struct wait_fd *f)
{
	char peer[128];

	add(t, "fd");
	if (f->fd >= 0)
		add(t, " %d", f->fd);
	if (f->peer || f->local)
		add(t, " %s%s", f->peer ? "" : "on ",
		    text_escape(f->peer ? f->peer : f->local, peer, sizeof(peer)));
	else if (f->proto)
		add(t, " %s", text_escape(f->proto, peer, sizeof(peer)));
	if (f->tcp_state)
		add(t, " %s", text_escape(f->tcp_state, peer, sizeof(peer)));
	/* A listener waits for whoever comes: that it has no deadline is no news. */
	if (!f->deadline_known || (f->tcp_state && strcmp(f->tcp_state, "LISTEN") == 0))
		return;
	if (f->has_deadline)
		add_time_left(t, ", deadline", f->deadline_left_ns);
	else
		add(t, ", no deadline");
}

static void add_sync(struct text *t, const struct wait_object *w)
{
	const struct wait_sync *s = &w->sync;

	add(t, "%s", wait_kind_name(w->kind));
	if (w->kind == WAIT_RWMUTEX)
		add(t, " for %s", s->for_read ? "reading" : "writing");
	if (w->kind == WAIT_MUTEX && s->state_known)
		add(t, s->locked ? " locked" : " not locked");
	if (w->kind == WAIT_WAITGROUP && s->counter >= 0)
		add(t, " count %" PRId64, s->counter);
	if (w->kind == WAIT_RWMUTEX && s->counter > 0)
		add(t, ", %" PRId64 " reading", s->counter);
	add_queue(t, s->waiters, false, "waiting");
}

char *words_wait(const struct wait_object *w, char *buf)
{
	struct text t = { .at = buf, .left = WORDS_CELL };

	buf[0] = '\0';
	if (w->kind == WAIT_NONE)
		return buf;
	if (!w->known) {
		add(&t, "%s ?", wait_kind_name(w->kind));
		return buf;
	}
	switch (w->kind) {
	case WAIT_CHAN:
		add_chan(&t, &w->chan);
		break;
	case WAIT_SELECT:
		add_select(&t, w);
		break;
	case WAIT_FD:
		add_fd(&t, &w->fd);
		break;
	case WAIT_TIMER:
		add_time_left(&t, "timer", w->timer.left_ns);
		break;
	default:
		add_sync(&t, w);
		break;
	}
	return buf;
}

const char *words_part(enum memory_part part)
{
	static const char *const words[MEMORY_PARTS] = {
		[MEMORY_GO_HEAP_LIVE] = "spans of the Go heap in use",
		[MEMORY_GO_HEAP_FREE] = "free in the Go heap, not given back",
		[MEMORY_GO_HEAP_LAZYFREE] = "given back by Go, not yet taken by the kernel",
		[MEMORY_GO_STACKS] = "stacks of goroutines",
		[MEMORY_GO_METADATA] = "the Go runtime's tables and bitmaps",
		[MEMORY_GO_OTHER] = "else of the Go runtime",
		[MEMORY_C_HEAP_USED] = "allocated by malloc",
		[MEMORY_C_HEAP_FREE] = "free in malloc's arenas",
		[MEMORY_C_MMAP] = "mapped by the program, or by malloc",
		[MEMORY_THREAD_STACKS] = "stacks of threads",
		[MEMORY_FILE_TEXT] = "programs, as on disk",
		[MEMORY_FILE_DATA] = "their data, other files",
		[MEMORY_SHARED] = "shared memory",
		[MEMORY_KERNEL_OTHER] = "the kernel's own mappings",
		[MEMORY_UNEXPLAINED] = "nobody claims it",
	};

	return words[part];
}
