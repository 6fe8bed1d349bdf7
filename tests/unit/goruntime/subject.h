/* SPDX-License-Identifier: Apache-2.0 */
/* The Go runtime of a live process, for the programs that the live tests run on one. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "goruntime/goruntime.h"
#include "target/maps.h"
#include "target/process.h"

struct subject {
	struct process *p;
	struct maps *maps;
	struct mem *live;
	struct elf_image *elf;
	struct arena *arena;
	struct go_runtime *rt;
	int32_t *tids;
	size_t n_tids;
};

/* path: the file that holds the runtime. Says why and exits when that fails. */
void subject_open(struct subject *s, pid_t pid, const char *path);
void subject_close(struct subject *s);
