// SPDX-License-Identifier: Apache-2.0
/*
 * Names of the input's choosing in every place where metrics take one, over some looks; what is
 * written must be whole to a strict reader, and no counter may go backwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/openmetrics.h"
#include "../../unit/report/metrics_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAMES = 16, NAME = 300, PROCESSES = 6, LOOKS = 4, TARGETS = 3, ROOM = 400 };

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

struct world {
	char names[NAMES][NAME];
	struct frame frames[NAMES];
	struct group groups[NAMES];
	struct site sites[NAMES];
	struct named_count words[NAMES];
	struct finding findings[NAMES];
	struct process_info infos[PROCESSES];
	struct snapshot snapshot;
	struct interval interval;
	struct node_process processes[PROCESSES], gone[PROCESSES];
};

/* NUL ends a name, and a length may make it longer than any label. */
static void read_names(struct world *w, struct input *in)
{
	for (int i = 0; i < NAMES; i++) {
		size_t n = take(in), repeat = 1 + take(in) % 8, at = 0;
		char piece[256];

		for (size_t k = 0; k < n; k++)
			piece[k] = (char)take(in);
		for (; repeat && at + n < NAME; repeat--, at += n)
			memcpy(w->names[i] + at, piece, n);
	}
}

static const char *name(struct world *w, struct input *in)
{
	uint8_t i = take(in) % (NAMES + 1);

	return i == NAMES ? NULL : w->names[i];
}

static const char *some_name(struct world *w, struct input *in)
{
	const char *s = name(w, in);

	return s ? s : "other";
}

static void make_goroutines(struct world *w, struct input *in)
{
	for (uint32_t i = 0; i < NAMES; i++) {
		w->frames[i] = (struct frame){ .function = name(w, in), .file = name(w, in),
					       .line = take(in) };
		w->groups[i] = (struct group){
			.wait_reason = name(w, in), .no_stack = name(w, in), .n_proven = take(in),
			.stack = { &w->frames[i], take(in) % 2 }, .oldest_wait_ns = take(in) - 1,
		};
		w->sites[i] = (struct site){ .id = take(in) % 8, .group = i, .count = take(in),
					     .grows = take(in) & 1, .window_s = take(in) };
		w->words[i] = (struct named_count){ some_name(w, in), take(in) };
		w->findings[i] = (struct finding){ .pattern = name(w, in), .site = name(w, in),
						   .verdict = take(in) % (VERDICT_PROVEN + 1) };
	}
	w->snapshot = (struct snapshot){
		.groups = w->groups, .n_groups = NAMES, .by_state = w->words,
		.n_by_state = NAMES / 2, .by_wait_reason = w->words, .n_by_wait_reason = NAMES,
	};
	w->interval = (struct interval){ .snapshot = &w->snapshot, .sites = w->sites,
					 .n_sites = take(in) % (NAMES + 1), .lost_events = 1 };
}

static void make_process(struct world *w, struct input *in, uint32_t i)
{
	w->infos[i] = (struct process_info){ .exe = name(w, in), .go_version = name(w, in),
					     .module = name(w, in), .build_id = name(w, in) };
	w->processes[i] = (struct node_process){
		.pid = take(in) % 8, .start_time = take(in) % 4, .name = name(w, in),
		.kind = take(in) % NODE_KINDS, .state = take(in) % (WATCH_FAILED + 1),
		.uptime_s = take(in) - 1, .began = take(in) & 1,
		.rss = { .known = take(in) & 1, .now = take(in), .grows = take(in) & 1 },
		.threads = { .known = take(in) & 1, .now = take(in) },
		.findings = w->findings, .n_findings = take(in) % (NAMES + 1),
		.container_id = name(w, in), .pod_uid = name(w, in), .unit = name(w, in),
		.not_read = name(w, in), .info = take(in) & 1 ? &w->infos[i] : NULL,
		.interval = take(in) & 1 ? &w->interval : NULL, .looked = true,
		.tally = { take(in), take(in), take(in) },
	};
}

static void check(const struct openmetrics_book *b, const char *machine, bool plain,
		  struct parsed_metrics *was)
{
	const struct openmetrics_options o = { .plain = plain, .series_max = ROOM };
	const struct node_self self = { .version = "9", .node = machine };
	struct parsed_metrics is;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out || openmetrics_node(b, &self, &o, out) < 0 || fclose(out))
		abort();
	if (!metrics_parse(text, len, plain, &is)) {
		fprintf(stderr, "%s\n", is.error);
		abort();
	}
	if (is.n > ROOM)
		abort();
	for (size_t i = 0; i < is.n; i++) {
		const struct parsed_series *old = metrics_find(was, is.all[i].name);

		/* A name that was given up begins anew, which is another series to its reader. */
		if (is.all[i].counter && old && old->value > is.all[i].value &&
		    strstr(is.all[i].name, "exe=\"other\""))
			abort();
	}
	metrics_done(was);
	*was = is;
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct world *w = calloc(1, sizeof(*w));
	struct openmetrics_book *b = openmetrics_book_new(TARGETS);
	struct parsed_metrics was[2] = { 0 };

	if (!w || !b)
		abort();
	read_names(w, &in);
	make_goroutines(w, &in);
	for (uint32_t look = 0; look < LOOKS; look++) {
		struct node_look l = { .number = look, .elapsed_s = 1000.0 * look,
				       .all = w->processes, .gone = w->gone };

		l.n_gone = look ? take(&in) % (PROCESSES + 1) : 0;
		memcpy(w->gone, w->processes, sizeof(w->gone));
		l.n = take(&in) % (PROCESSES + 1);
		for (uint32_t i = 0; i < l.n; i++)
			make_process(w, &in, i);
		if (openmetrics_book_add(b, &l) < 0)
			abort();
		for (int plain = 0; plain < 2; plain++)
			check(b, w->names[0], plain, &was[plain]);
	}
	metrics_done(&was[0]);
	metrics_done(&was[1]);
	openmetrics_book_free(b);
	free(w);
	return 0;
}
