// SPDX-License-Identifier: Apache-2.0
#include "cmd/snapshot.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/exit.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/terminal.h"
#include "collect/snapshot.h"
#include "model/heap_profile.h"
#include "model/leaks.h"
#include "report/report.h"

/* Groups that a screen holds; whoever pipes the text gets all of them. */
enum { TOP_ON_TERMINAL = 20 };

bool snapshot_matches(const struct snapshot *s, enum verdict least)
{
	if (least == VERDICT_UNKNOWN)
		return false;
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (s->groups[i].verdict >= least)
			return true;
	for (uint32_t i = 0; i < s->n_findings; i++)
		if (s->findings[i].verdict >= least)
			return true;
	return false;
}

static bool memory_asked(const struct snapshot_args *a)
{
	return a->memory == LEDGER_ALWAYS || a->memory == LEDGER_LAZYFREE;
}

/* Does the form, with --memory, hold nothing but the heap profile? */
static bool heap_alone(const struct snapshot_args *a)
{
	return a->format->write_memory && memory_asked(a);
}

/* The text has it where it is asked for: it is the longer answer. */
static bool wants_heap_profile(const struct snapshot_args *a)
{
	if (strcmp(a->format->name, "json") == 0)
		return a->memory != LEDGER_NEVER;
	return memory_asked(a) && (heap_alone(a) || strcmp(a->format->name, "text") == 0);
}

/* Forms that have no place for it do without, unless it was asked for. */
static enum ledger_wish memory_wish(const struct snapshot_args *a)
{
	bool shown = strcmp(a->format->name, "text") == 0 || strcmp(a->format->name, "json") == 0;

	if (heap_alone(a) || (a->memory == LEDGER_IF_CHEAP && !shown))
		return LEDGER_NEVER;
	return a->memory;
}

/*
 * A gate that waves through what nobody looked at is none; what only a stop can prove, or the wait
 * itself, needs no passes.
 */
static enum leaks_wish leaks_wish(const struct snapshot_args *a)
{
	bool gate = a->fail_on == VERDICT_LIKELY || a->fail_on == VERDICT_SUSPECT;

	if (a->leaks != LEAKS_IF_CHEAP || heap_alone(a))
		return a->leaks == LEAKS_ALWAYS && !heap_alone(a) ? LEAKS_ALWAYS : LEAKS_NEVER;
	if (gate || a->format->needs_leaks)
		return LEAKS_ALWAYS;
	return a->format->shows_leaks ? LEAKS_IF_CHEAP : LEAKS_NEVER;
}

static int take(const struct snapshot_args *a, struct snapshot **ret, struct diag *d)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;
	struct progress progress;
	const struct snapshot_options o = {
		.memory = memory_wish(a),
		.leaks = {
			.wish = leaks_wish(a),
			.prove = a->prove_s > 0 && !heap_alone(a),
			.max_pause_ms = a->prove_s * 1e3,
		},
		.goroutines = a->goroutines || a->format->needs_goroutines,
		.heap_profile = wants_heap_profile(a),
		.progress = progress_update,
		.progress_arg = &progress,
	};
	int r;

	progress_start(&progress, "goroutines");
	r = a->core ? snapshot_core(a->core, &o, &s, d) : snapshot_process(a->pid, &o, &s, d);
	progress_end(&progress);
	if (r == -ENODATA && !a->core)
		diag_hint(d, r, "--memory shows where its memory is");
	if (r < 0)
		return a->core ? diag_what(d, r, "%s", a->core) : diag_what(d, r, "pid %d", a->pid);
	*ret = TAKE(s);
	return 0;
}

/* A form that holds nothing but the heap profile, when there is nothing to put into it. */
static int check_profile(const struct snapshot *s, const struct snapshot_args *a, struct diag *d)
{
	const struct heap_profile *h = s->heap_profile;

	if (h && (h->state == HEAP_PROFILE_READ || h->n_classes))
		return 0;
	diag_fail(d, -EOPNOTSUPP, "%s", h && h->why ? h->why : "it has no heap profile");
	if (a->core)
		return diag_what(d, -EOPNOTSUPP, "%s", a->core);
	return diag_what(d, -EOPNOTSUPP, "pid %d", a->pid);
}

/*
 * Does the question rest on leaks that could not be searched for? An empty profile, or a gate that
 * lets pass, would say that there are none. What else may be the matter is an answer as well.
 */
static bool lacks_leaks(const struct snapshot *s, const struct snapshot_args *a)
{
	const struct leak_set *l = s->leaks;

	if (a->format->needs_leaks)
		return !l || !l->passes;
	if (!l || snapshot_matches(s, a->fail_on))
		return false;
	if (a->fail_on == VERDICT_PROVEN)
		return a->prove_s > 0 && l->why_not;
	return a->fail_on == VERDICT_LIKELY && !l->passes;
}

static int check_leaks(const struct snapshot *s, const struct snapshot_args *a, struct diag *d)
{
	const char *why = s->leaks ? s->leaks->why_not : NULL;

	if (!lacks_leaks(s, a))
		return 0;
	diag_fail(d, -EOPNOTSUPP, "%s", why ? why : "it was not searched for leaks");
	if (a->core)
		return diag_what(d, -EOPNOTSUPP, "%s", a->core);
	return diag_what(d, -EOPNOTSUPP, "pid %d", a->pid);
}

static int snapshot_one(const struct snapshot_args *a, const struct report_options *form,
			struct output *out, bool *ret_matched, struct diag *d)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;
	int r;

	r = take(a, &s, d);
	if (r == 0)
		r = check_leaks(s, a, d);
	if (r < 0)
		return r;
	if (heap_alone(a)) {
		r = check_profile(s, a, d);
		if (r < 0)
			return r;
		r = a->format->write_memory(s, out->file, form);
	} else {
		r = a->format->write(s, out->file, form);
	}
	/* A failed write has its reason in `out`, where output_finish() finds it. */
	if (r < 0 && !out->err)
		return r;
	*ret_matched = snapshot_matches(s, a->fail_on);
	return 0;
}

static int answer(const struct snapshot_args *a, bool *ret_matched, struct diag *d)
{
	struct report_options form = { .list = a->goroutines, .version = LOITER_VERSION };
	struct output out;
	int r;

	r = output_open(&out, a->output, d);
	if (r < 0)
		return r;
	form.colour = terminal_colour(out.fd);
	form.width = terminal_width(out.fd);
	form.top = isatty(out.fd) ? TOP_ON_TERMINAL : 0;
	r = a->all ? snapshot_all(a, &form, &out, ret_matched, d)
		   : snapshot_one(a, &form, &out, ret_matched, d);
	if (r < 0) {
		output_done(&out);
		return r;
	}
	return output_finish(&out, d);
}

static int run(int argc, char **argv)
{
	struct snapshot_args args;
	struct diag d = DIAG_INIT;
	bool matched = false;
	int r;

	r = snapshot_args_parse(argc, argv, &args, &d);
	if (r < 0)
		return exit_fail(r, &d);
	if (args.help) {
		options_help(&snapshot_options_set, stdout);
		return help_finish();
	}
	r = answer(&args, &matched, &d);
	if (r < 0)
		return exit_fail(r, &d);
	return matched ? EXIT_MATCHED : EXIT_DONE;
}

const struct command snapshot_command = {
	.name = "snapshot",
	.summary = "every goroutine of a Go process: what it waits for, and who started it",
	.options = &snapshot_options_set,
	.run = run,
};
