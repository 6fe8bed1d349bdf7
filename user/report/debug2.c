// SPDX-License-Identifier: Apache-2.0
/*
 * What runtime.Stack(all) prints, the goroutine profile with debug=2 (runtime/traceback.go:
 * goroutineheader, traceback1, printcreatedby1; Go 1.27). Arguments are not known: "(...)", which
 * Go itself prints for inlined frames. Values that the runtime hides by default are hidden here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/line.h"
#include "report/report.h"

enum { FRAMES_INNER = 50, FRAMES_OUTER = 50 };	/* tracebackInnerFrames, tracebackOuterFrames */

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* runtime.isExportedRuntime: runtime.Gosched, runtime.(*Func).Entry */
static bool is_exported_runtime(const char *name)
{
	const char *last = strrchr(name, '.');
	size_t receiver = last ? (size_t)(last - name) : 0;

	if (!last)
		return is_upper(name[0]);
	if (receiver >= 3 && name[0] == '(' && name[1] == '*' && name[receiver - 1] == ')')
		name += 2;
	return is_upper(last[1]) && (receiver == 0 || is_upper(name[0]));
}

/* runtime.showfuncinfo */
static bool is_shown(const char *function, bool first)
{
	if (!function)
		return true;
	/* Go 1.25: as context of user code; the older runtime.runfinq was hidden. */
	if (strcmp(function, "runtime.runFinalizers") == 0 ||
	    strcmp(function, "runtime.runCleanups") == 0)
		return true;
	if (strcmp(function, "runtime.gopanic") == 0 && !first)
		return true;
	if (!strchr(function, '.'))
		return false;
	return strncmp(function, "runtime.", 8) != 0 || is_exported_runtime(function + 8);
}

/* runtime.printFuncName: what stands between the first '[' and the last ']' is left out. */
static void print_name(const char *name, FILE *out)
{
	const char *open = strchr(name, '['), *close = strrchr(name, ']');
	char *head;

	if (strcmp(name, "runtime.gopanic") == 0)
		name = "panic";
	if (!open || !close || close < open) {
		text_print(name, out);
		return;
	}
	head = strndup(name, (size_t)(open - name));
	text_print(head ? head : "?", out);
	free(head);
	fputs("[...]", out);
	text_print(close + 1, out);
}

static void print_place(const struct frame *f, FILE *out)
{
	fputc('\t', out);
	text_print(f->file ? f->file : "?", out);
	fprintf(out, ":%" PRIu32, f->line);
	if (!f->inlined && f->entry && f->pc > f->entry)
		fprintf(out, " +0x%" PRIx64, f->pc - f->entry);
	fputc('\n', out);
}

static void print_frame(const struct frame *f, FILE *out)
{
	if (!f->function) {
		fprintf(out, "non-Go function at pc=%" PRIx64 "\n", f->pc);
		return;
	}
	print_name(f->function, out);
	fputs("(...)\n", out);
	print_place(f, out);
}

/* The first and the last of those that are shown, and how many were left out. Returns all. */
static uint32_t print_frames(const struct stack *s, bool all, FILE *out)
{
	uint32_t shown = 0, elided, at = 0;

	for (uint32_t i = 0; i < s->n; i++)
		shown += all || is_shown(s->frames[i].function, shown == 0);
	elided = shown > FRAMES_INNER + FRAMES_OUTER ? shown - FRAMES_INNER - FRAMES_OUTER : 0;
	for (uint32_t i = 0; i < s->n; i++) {
		if (!all && !is_shown(s->frames[i].function, at == 0))
			continue;
		if (elided && at == FRAMES_INNER)
			fprintf(out, "...%" PRIu32 " frames elided...\n", elided);
		if (at < FRAMES_INNER || at >= FRAMES_INNER + elided)
			print_frame(&s->frames[i], out);
		at++;
	}
	return shown;
}

/*
 * Go 1.26: the runtime's own detector gives leaked ones a state, of which it prints no minutes. Where
 * we have looked for them, ours have it too; a suspect is not one of them.
 */
static bool is_leaked(const struct snapshot *s, const struct goroutine *g)
{
	const char *pattern;

	return g->state == GO_LEAKED ||
	       (s->leaks && snapshot_verdict_of(s, g, &pattern) >= VERDICT_LIKELY);
}

static void print_header(const struct goroutine *g, bool leaked, FILE *out)
{
	int64_t minutes = 0;

	fprintf(out, "goroutine %" PRIu64 " [", g->id);
	if ((g->state == GO_WAITING || g->state == GO_LEAKED) && g->wait_reason && *g->wait_reason)
		text_print(g->wait_reason, out);
	else
		fputs(go_state_name(g->state), out);
	if (leaked)
		fputs(" (leaked)", out);
	else if (g->state == GO_WAITING || g->state == GO_SYSCALL)
		minutes = g->wait_ns / 60000000000;
	if (minutes >= 1)
		fprintf(out, ", %" PRId64 " minutes", minutes);
	fprintf(out, "%s]:\n", g->locked_to_thread ? ", locked to thread" : "");
}

/* Goroutine 1 was created by the runtime's start: not shown. */
static void print_created_by(const struct goroutine *g, const struct frame *by, FILE *out)
{
	if (!by->function || g->id == 1 || !is_shown(by->function, false))
		return;
	fputs("created by ", out);
	print_name(by->function, out);
	if (g->parent_id)
		fprintf(out, " in goroutine %" PRIu64, g->parent_id);
	fputc('\n', out);
	print_place(by, out);
}

static void print_goroutine(const struct snapshot *s, const struct goroutine *g, FILE *out)
{
	const struct group *of = &s->groups[g->group];

	print_header(g, is_leaked(s, g), out);
	if (of->stack.n == 0)
		fputs("\tgoroutine running on other thread; stack unavailable\n", out);
	else if (print_frames(&of->stack, false, out) == 0)
		print_frames(&of->stack, true, out);
	print_created_by(g, &of->created_by, out);
}

int report_debug2(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	bool first = true;

	(void)o;
	for (uint64_t i = 0; i < s->n_goroutines && !ferror(out); i++) {
		const struct goroutine *g = &s->goroutines[i];

		if (g->system || g->group >= s->n_groups)
			continue;
		if (!first)
			fputc('\n', out);
		first = false;
		print_goroutine(s, g, out);
	}
	return ferror(out) ? -EIO : 0;
}
