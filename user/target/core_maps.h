/* SPDX-License-Identifier: Apache-2.0 */
/* Joins a core's segments with its list of files. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/core_notes.h"
#include "target/maps.h"

/* One PT_LOAD. */
struct core_segment {
	uint64_t start, end;	/* addresses, [start, end) */
	uint64_t offset, filesz;	/* in the core; filesz < end - start: partly dumped */
	uint32_t flags;		/* PF_* */
};

/*
 * Mappings out of both lists, each ascending and without overlaps: split wherever either begins or
 * ends. Paths are borrowed from the files. -ENOMEM.
 */
int core_maps_join(const struct core_segment *segs, size_t n_segs, const struct core_file *files,
		   size_t n_files, struct maps **ret);
