/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon says, on standard error: a line an event, of name=value pairs. Where the journal
 * reads it, the line begins with its priority, and time and level are left to the journal.
 *
 *	<4>event=reload-refused msg="/etc/loiter/loiter.conf:7: no such key" reloads_failed=1
 *	time=2026-11-22T14:09:21.123Z level=warning event=... msg=...
 *
 * An event that comes too often is said LOG_BURST times in LOG_WINDOW_S, then counted: the next
 * line of its kind says how many were left out. A reader that does not read loses lines, and holds
 * up nobody. Any thread may call; a child process must not.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

enum log_level { SAY_DEBUG, SAY_INFO, SAY_NOTICE, SAY_WARNING, SAY_ERROR, SAY_LEVELS };
/* "debug", "info", "notice", "warning", "error" */
const char *log_level_name(enum log_level l);

enum { LOG_BURST = 10, LOG_WINDOW_S = 30 };

/* Whatever is below this level is left out. Once more when it changes. */
void log_open(enum log_level from);

/* A line in the making. Values are escaped; what does not fit is cut. */
struct log_line {
	enum log_level level;
	const char *event;
	size_t len;
	char text[2048];
};

/* event: a literal, of small letters and dashes; msg: a sentence for people, without a stop. */
void log_begin(struct log_line *l, enum log_level level, const char *event, const char *msg, ...)
	__attribute__((format(printf, 4, 5)));
/* NULL and empty ones are left out. */
void log_text(struct log_line *l, const char *name, const char *value);
void log_number(struct log_line *l, const char *name, int64_t value);
void log_real(struct log_line *l, const char *name, double value);
/* Says it, or counts it. */
void log_end(struct log_line *l);

/* A line without further pairs. */
void log_say(enum log_level level, const char *event, const char *msg, ...)
	__attribute__((format(printf, 3, 4)));
/* The sentence of a failure, as `loiter: WHAT: WHY; TRY` has it; and its errno. */
void log_failure(enum log_level level, const char *event, int err, const struct diag *d);

/* Says of what was left out lately, and is not going on, how often it was. Now and then. */
void log_catch_up(void);
/* Lines that never came out: left out as too many, or nobody read. */
uint64_t log_lost(void);
