/* SPDX-License-Identifier: Apache-2.0 */
/* The book of otlp.h from inside. */
#pragma once

#include "model/node.h"
#include "report/openmetrics_name.h"
#include "report/otlp.h"

#define HASH_FUNCTION(key, len, hash) ((hash) = otlp_hash((key), (len)))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Looks without a finding, after which it has ended. */
enum { OTLP_ABSENT = 3 };

/* A hash of strings that come from targets, with a seed of this run's. */
struct otlp_key {
	uint64_t low, high;
};

struct otlp_statement {
	enum verdict verdict;	/* VERDICT_UNKNOWN: nothing was stated */
	uint64_t count;
	int64_t bytes;
	bool ended;
};

/* A finding of one process. */
struct otlp_told {
	UT_hash_handle hh;
	struct otlp_key key;
	uint64_t start_time;
	int pid;
	struct otlp_statement now, told, sent;	/* sent: with `ticket`, and not settled yet */
	uint64_t ticket;	/* 0: none is on its way */
	uint32_t seen;		/* the last look that had it */
	bool gone;		/* its process is */
	/* Of this look; both NULL: it is not in it. */
	const struct finding *finding;
	const struct node_process *process;
	/* As they were when it was last sent, for the record of its end; of malloc(). */
	char *pattern, *site, *summary;
	struct target_name *name;	/* of whom it is */
};

struct otlp_book {
	uint32_t look;		/* counted from 1; 0: none yet */
	struct otlp_told *told;
	uint32_t n_told;
	uint64_t left_out;
	uint64_t tickets;	/* the last one given */
};

/* For uthash. */
unsigned int otlp_hash(const void *key, size_t len);

/* Takes down what the look's findings are. -ENOMEM. */
int otlp_told_look(struct otlp_book *b, const struct node_look *n);
/* Has it changed so much since it was told that it is to be told again, and is none on its way? */
bool otlp_told_pending(const struct otlp_told *t);
/* What is pending is on its way with the ticket. -ENOMEM: it is not. */
int otlp_told_send(struct otlp_told *t, uint64_t ticket);
