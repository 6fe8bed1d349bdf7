// SPDX-License-Identifier: Apache-2.0
/* A saved snapshot of anybody's, compared with itself and with the one before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/diff.h"
#include "collect/saved.h"
#include "report/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_numbers(const struct saved_numbers *n)
{
	for (uint32_t i = 1; i < n->n; i++)
		if (strcmp(n->all[i - 1].name, n->all[i].name) >= 0)
			abort();
}

/* What was accepted must hang together. */
static void check(const struct saved *s)
{
	for (uint32_t i = 1; i < s->n_groups; i++)
		if (s->groups[i - 1].id >= s->groups[i].id)
			abort();
	for (uint64_t i = 1; i < s->n_goroutines; i++)
		if (s->goroutines[i - 1].id >= s->goroutines[i].id)
			abort();
	check_numbers(&s->parts);
	check_numbers(&s->go);
	check_numbers(&s->retained_by);
}

static void report(const struct diff *d);

static void compare(const struct saved *x, const struct saved *y)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct diff diff;

	if (!a || diff_compare(x, y, a, &diff, &d) < 0)
		return;
	for (uint32_t i = 0; i < diff.n_groups; i++) {
		const struct diff_group *g = &diff.groups[i];

		if (!g->before && !g->after)
			abort();
		if (g->stayed > diff.stayed)
			abort();
	}
	for (uint32_t i = 0; i < diff.n_findings; i++)
		if (!diff.findings[i].summary || !diff.findings[i].pattern ||
		    (diff.findings[i].group != FINDING_NO_GROUP &&
		     diff.findings[i].group >= diff.n_sites))
			abort();
	report(&diff);
}

/* Both forms: nothing of the file reaches a terminal as it is, and JSON can be read again. */
static void report(const struct diff *d)
{
	const struct report_options o = { .width = 80, .top = 20, .version = "0" };
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out || report_diff_text(d, out, &o) < 0 || fflush(out) != 0)
		abort();
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n')
			abort();
	rewind(out);
	if (report_diff_json(d, out, &o) < 0 || fclose(out) != 0)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct saved *last;
	static int fd = -1;
	struct saved *s = NULL;
	struct diag d = DIAG_INIT;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (saved_read_fd(fd, "fuzz.json", &s, &d) < 0) {
		if (!d.why[0])
			abort();
		return 0;
	}
	check(s);
	compare(s, s);
	if (last) {
		compare(last, s);
		compare(s, last);
	}
	saved_free(last);
	last = s;
	return 0;
}
