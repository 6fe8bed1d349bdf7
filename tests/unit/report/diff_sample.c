// SPDX-License-Identifier: Apache-2.0
#include "diff_sample.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect/saved.h"
#include "model/memory.h"
#include "report/diff.h"

/* Through the writer and the reader, as a user's file goes. */
static int save(const struct snapshot *s, const char *name, const struct report_options *o,
		struct saved **ret)
{
	int fd = memfd_create("sample", MFD_CLOEXEC), r;
	FILE *f = fdopen(fd, "w+");
	struct diag d = DIAG_INIT;

	if (!f)
		return -errno;
	r = report_json(s, f, o);
	if (r == 0 && (fflush(f) != 0 || lseek(fd, 0, SEEK_SET) < 0))
		r = -EIO;
	if (r == 0)
		r = saved_read_fd(fd, name, ret, &d);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", name, d.why);
	fclose(f);
	return r;
}

static void grow(struct snapshot *s)
{
	s->time.tv_sec += 600;
	s->process.uptime_s += 600;
	s->process.rss_bytes += s->process.rss_bytes / 3;
	s->process.threads += 12;
	s->total *= 2;
	for (uint32_t i = 0; i < s->n_groups; i++) {
		s->groups[i].count = i % 3 == 2 ? s->groups[i].count / 2 : s->groups[i].count * 3;
		if (s->groups[i].n_proven)
			s->groups[i].n_proven = s->groups[i].count;
	}
	if (s->memory && s->memory->part[MEMORY_C_HEAP_USED] != MEMORY_UNKNOWN) {
		s->memory->part[MEMORY_C_HEAP_USED] += 200u << 20;
		s->memory->rss_bytes += 200u << 20;
	}
	if (s->n_groups > 1)
		s->groups[s->n_groups - 1].id++;
}

int write_diff_sample(struct snapshot *s, FILE *out, const struct report_options *o, bool json)
{
	CLEANUP(saved_free_p) struct saved *before = NULL;
	CLEANUP(saved_free_p) struct saved *after = NULL;
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct diff x;
	int r;

	if (!a)
		return -ENOMEM;
	r = save(s, "before\x1b[1m.json", o, &before);
	grow(s);
	if (r == 0)
		r = save(s, "after\xff.json", o, &after);
	if (r == 0)
		r = diff_compare(before, after, a, &x, &d);
	if (r == 0)
		r = (json ? report_diff_json : report_diff_text)(&x, out, o);
	return r;
}
