/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon was told: loiter.conf(5), and over it the options of the command line. A row of
 * config_keys is all that there is of a key: reading, checking, `--dump-options` and the check of
 * the man page use the same one. A configuration is whole and checked, or there is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "daemon/address.h"
#include "daemon/log.h"

enum {
	CONFIG_KEYS = 48,		/* room for so many */
	CONFIG_BYTES = 64 * 1024,	/* of a file, at most */
	CONFIG_LINE = 4096,		/* bytes of a line, at most */
};

/* Words with blanks between them. */
struct config_words {
	const char *const *all;
	size_t n;
};

/* Strings are the configuration's. NULL: not told, and there is no default. */
struct config {
	struct arena *arena;
	unsigned int holders;
	/* [daemon] */
	double interval_s;		/* between two looks at a process */
	double budget_percent;		/* of one core, for all of it */
	uint64_t memory_max_bytes;	/* of the daemon itself */
	const char *cgroup;		/* NULL: all of the machine */
	const char *node;		/* NULL: the name that the machine has */
	bool trace_locks;		/* long waits, of all processes */
	bool discover;			/* processes by BPF, not by reading /proc alone */
	bool examine;			/* look more closely at what grows */
	const char *state_dir;		/* NULL: nothing is kept */
	enum log_level log_level;
	/* [http] */
	struct address listen;
	const char *token_file;
	const char *tls_certificate, *tls_key, *tls_client_ca;
	struct config_words hosts;	/* names in Host that are ours too */
	uint64_t connections_max;
	double prove_max_s;		/* a process may be stopped so long on request; 0: never */
	/* [cells] */
	uint64_t cells_max;		/* at one time */
	double cell_deadline_s;
	uint64_t cell_memory_bytes;
	/* [metrics] */
	uint64_t targets_max;		/* that are told apart by name */
	uint64_t series_max;		/* in one answer */
	/* [otlp] */
	const char *otlp_url;		/* NULL: nothing is sent */
	double otlp_interval_s;
	const char *otlp_headers_file;	/* lines of "Name: value" */
	const char *otlp_ca_file;
	/* Each key as it was written, or its default; NULL: neither. By the place of its row. */
	const char *text[CONFIG_KEYS];
	/* Where it was written, to be named when it does not fit with others; NULL: nowhere. */
	const char *from[CONFIG_KEYS];
};

/* One more who frees it: a reload takes it from nobody. Returns c. Any thread may call. */
struct config *config_hold(struct config *c);
/* The last one does so in fact. Accepts NULL. */
void config_free(struct config *c);
DEFINE_CLEANUP(struct config, config_free)

struct config_key {
	const char *section, *name;
	size_t offset;		/* of its field */
	/* Sets *field; strings are copied to the arena. -EINVAL with the reason, -ENOMEM. */
	int (*parse)(const struct config_key *k, struct arena *a, const char *value, void *field,
		     struct diag *d);
	const char *fallback;	/* the default, as it would be written; NULL: there is none */
	double min, max;	/* of a number: in bytes, seconds, or what it counts */
	bool at_start;		/* a new value counts after the next start alone */
};

extern const struct config_key config_keys[];	/* ends with a NULL name */

/* A value from elsewhere that goes over the file's. */
struct config_setting {
	const char *section, *name, *value;
	const char *from;	/* who says so: "--interval" */
};

/*
 * Reads a file, then the settings, then checks how all of it fits together. A file that does not
 * exist is as an empty one, unless it `must_exist`. -EINVAL with one sentence that names file and
 * line (diag.what), -ENOMEM.
 */
int config_read(const char *path, bool must_exist, const struct config_setting *over, size_t n_over,
		struct config **ret, struct diag *d);

/* The same of bytes that are at hand; path is for the sentence. */
int config_parse(const char *text, size_t len, const char *path, const struct config_setting *over,
		 size_t n_over, struct config **ret, struct diag *d);

/* As it was written, or its default; NULL: neither. There must be such a key. */
const char *config_text_of(const struct config *c, const char *section, const char *name);

/* Both are NULL, or say the same. */
bool config_same_text(const char *a, const char *b);

/* A line a key, tab-separated: "key", section, name, default or "", "start" or "reload". */
void config_dump(FILE *out);
