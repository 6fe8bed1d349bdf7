// SPDX-License-Identifier: Apache-2.0
/*
 * Runs collectors of trace/ on a process and prints what they collect: for tests/live. Each command
 * on standard input is answered by "OK LENGTH" and so many bytes, of JSON.
 *
 *	trace_check PID memory [RING_BYTES [FAULT_SAMPLE_EVERY [PARTS]]]
 *	trace_check PID thread
 *	trace_check PID mallocs [SAMPLE_EVERY [SLOTS [no-session]]]
 *	trace_check PID heap
 *
 *	collect		what happened since the last one
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/subject.h"
#include "collect/trace_go.h"
#include "goruntime/goruntime.h"
#include "trace/target.h"
#include "trace_check.h"

static const struct checker *const checkers[] = { &memory_checker, &thread_checker,
						&mallocs_checker, &heap_checker };

static struct go_runtime *rt;

struct go_runtime *check_runtime(void)
{
	return rt;
}

/* A program that is not Go stays without. */
static void open_go(struct subject *s, struct arena *a, struct trace_target *t)
{
	if (subject_find_go(s, a, NULL) == 0 && subject_open_runtime(s, a, &rt, NULL) == 0)
		trace_go_describe(rt, &t->go);
}

static int fail(int r, const struct diag *d)
{
	fprintf(stderr, "trace_check: %s: %s (%s)\n", d->what, d->why, strerror(-r));
	/* Refused is not broken: the tests tell them apart. */
	return r == -EPERM || r == -EOPNOTSUPP ? 77 : 1;
}

static int answer(const struct checker *c, const char *command)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return -ENOMEM;
	r = c->answer(command, f);
	fclose(f);
	if (r == 0) {
		printf("OK %zu\n", len);
		fwrite(text, 1, len, stdout);
		fflush(stdout);
	}
	free(text);
	return r;
}

static int serve(const struct checker *c, struct diag *d)
{
	char line[256];

	puts("READY {}");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int r;

		line[strcspn(line, "\n")] = '\0';
		r = answer(c, line);
		if (r < 0)
			return diag_fail(d, r, "%s", line);
	}
	return 0;
}

int main(int argc, char **argv)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	CLEANUP(subject_close_p) struct subject *s = NULL;
	const struct checker *c = NULL;
	struct diag d = DIAG_INIT;
	struct trace_target t;
	int r;

	for (size_t i = 0; argc > 2 && i < ARRAY_SIZE(checkers); i++)
		if (strcmp(argv[2], checkers[i]->name) == 0)
			c = checkers[i];
	if (!c)
		return 2;
	r = a ? subject_open_process(atoi(argv[1]), &s, &d) : -ENOMEM;
	if (r == 0)
		r = trace_target_fill(s->process, &t, &d);
	if (r == 0)
		open_go(s, a, &t);
	if (r == 0)
		r = c->start(s->process, &t, argc - 3, argv + 3, &d);
	if (r == 0)
		r = serve(c, &d);
	c->stop();
	go_runtime_close(rt);
	return r < 0 ? fail(r, &d) : 0;
}

void print_go(FILE *f, const uint64_t *pcs, size_t n)
{
	fputs("\"go\": [", f);
	for (size_t i = 0; i < n; i++) {
		struct func fn;

		fprintf(f, "%s\"%s\"", i ? ", " : "",
			rt && pclntab_find(rt->tab, pcs[i] - (i != 0), &fn) == 0 ? fn.name : "?");
	}
	fputc(']', f);
}

void print_pcs(FILE *f, const uint64_t *pcs, size_t n)
{
	fputs("\"pcs\": [", f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%" PRIu64, i ? ", " : "", pcs[i]);
	fputc(']', f);
}
