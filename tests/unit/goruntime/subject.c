// SPDX-License-Identifier: Apache-2.0
#include "subject.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/mem_live.h"
#include "target/threads.h"

static void die(const char *what, const struct diag *d)
{
	fprintf(stderr, "%s: %s\n", what, d->why);
	exit(1);
}

static uint64_t find_bias(const struct subject *s, const char *path)
{
	const struct elf_segment *segments;
	size_t n;

	segments = elf_image_segments(s->elf, &n);
	for (size_t i = 0; i < s->maps->n; i++)
		for (size_t k = 0; k < n; k++)
			if (strcmp(s->maps->all[i].path, path) == 0 &&
			    s->maps->all[i].offset == (segments[k].offset & ~0xfffull))
				return s->maps->all[i].start - (segments[k].vaddr & ~0xfffull);
	return 0;
}

void subject_open(struct subject *s, pid_t pid, const char *path)
{
	struct diag d = DIAG_INIT;
	struct go_runtime_source src;
	struct buildinfo build;

	if (process_open(pid, &s->p, &d) < 0 || maps_read(s->p, &s->maps, &d) < 0)
		die("process", &d);
	if (threads_list(s->p, &s->tids, &s->n_tids, &d) < 0 || mem_live_open(s->p, &s->live) < 0)
		die("threads", &d);
	if (elf_image_open(open(path, O_RDONLY | O_CLOEXEC), &s->elf, &d) < 0)
		die(path, &d);
	s->arena = arena_new();
	if (buildinfo_read(s->elf, s->arena, &build, &d) < 0)
		die("build information", &d);
	src = (struct go_runtime_source){
		.elf = s->elf,
		.bias = find_bias(s, path),
		.live = s->live,
		.build = &build,
		.tids = s->tids,
		.n_tids = s->n_tids,
	};
	if (go_runtime_open(&src, s->arena, &s->rt, &d) < 0)
		die("runtime", &d);
}

void subject_close(struct subject *s)
{
	go_runtime_close(s->rt);
	arena_free(s->arena);
	elf_image_close(s->elf);
	mem_close(s->live);
	free(s->tids);
	maps_free(s->maps);
	process_close(s->p);
}
