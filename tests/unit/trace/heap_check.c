// SPDX-License-Identifier: Apache-2.0
/*
 * heap, commands:
 *	burst MS	one of so long; answers {}
 *	look MS		sites with their stacks; of age after so long
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/collector.h"
#include "collect/heap_watch.h"
#include "native/modules.h"
#include "trace_check.h"

static struct heap_watch *watch;
static struct modules *modules;

static int start(const struct process *p, const struct trace_target *t, int argc, char **argv,
		 struct diag *d)
{
	(void)argc;
	(void)argv;
	struct collector_source src = { .process = p, .target = t, .rt = check_runtime() };
	int r = modules_open(p, &modules, d);

	src.modules = modules;
	return r < 0 ? r : heap_watch_open(&src, &watch, d);
}

static void print_stack(FILE *f, const char *name, const struct stack *s)
{
	fprintf(f, "\"%s\": [", name);
	for (uint32_t i = 0; i < s->n; i++)
		fprintf(f, "%s\"%s\"", i ? ", " : "",
			s->frames[i].function ? s->frames[i].function : "?");
	fprintf(f, "], \"%s_line\": \"%s:%u\"", name, s->n && s->frames[0].file ? s->frames[0].file : "",
		s->n ? s->frames[0].line : 0);
}

static int look(uint64_t age_ms, FILE *f)
{
	const struct c_heap *h;
	struct diag d = DIAG_INIT;
	int r = modules_refresh(modules, &d);

	if (r == 0)
		r = heap_watch_look(watch, age_ms * 1000000, &h, &d);
	if (r < 0)
		return r;
	fprintf(f, "{\"bursts\": %u, \"lost\": %" PRIu64 ", \"sites\": [", h->bursts, h->lost);
	for (size_t i = 0; i < h->n_sites; i++) {
		const struct c_heap_site *s = &h->sites[i];

		fprintf(f,
			"%s{\"candidate\": %s, \"survivors\": %" PRIu64 ", \"gone\": %" PRIu64
			", \"aged\": %" PRIu64 ", \"share\": %f, ",
			i ? ", " : "", s->candidate ? "true" : "false", s->survivors, s->gone, s->aged,
			s->share);
		print_stack(f, "c", &s->c);
		fputs(", ", f);
		print_stack(f, "go", &s->go);
		fputc('}', f);
	}
	fputs("]}", f);
	return 0;
}

static int answer(const char *command, FILE *f)
{
	struct diag d = DIAG_INIT;
	int r;

	if (strncmp(command, "look ", 5) == 0)
		return look((uint64_t)atoi(command + 5), f);
	if (strncmp(command, "burst ", 6) != 0)
		return -EINVAL;
	r = heap_watch_arm(watch, &d);
	if (r < 0)
		return r;
	usleep((useconds_t)atoi(command + 6) * 1000);
	heap_watch_disarm(watch);
	fputs("{}", f);
	return 0;
}

static void stop(void)
{
	heap_watch_close(watch);
	modules_close(modules);
}

const struct checker heap_checker = { "heap", start, answer, stop };
