// SPDX-License-Identifier: Apache-2.0
#include "target/core_maps.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

static struct mapping piece(const struct core_segment *seg, const struct core_file *file,
			    uint64_t start, uint64_t end)
{
	struct mapping m = { .start = start, .end = end, .readable = true, .path = "" };

	if (seg) {
		m.readable = seg->flags & PF_R;
		m.writable = seg->flags & PF_W;
		m.executable = seg->flags & PF_X;
	}
	if (file) {
		m.offset = file->offset + (start - file->start);
		m.deleted = file->deleted;
		m.path = file->path;
	}
	return m;
}

int core_maps_join(const struct core_segment *segs, size_t n_segs, const struct core_file *files,
		   size_t n_files, struct maps **ret)
{
	CLEANUP(maps_free_p) struct maps *m = calloc(1, sizeof(*m));
	const struct core_segment *seg = segs, *segs_end = segs + n_segs;
	const struct core_file *file = files, *files_end = files + n_files;
	uint64_t at = 0;

	if (!m)
		return -ENOMEM;
	/* Each piece ends at an end or before a start of one of the two lists. */
	m->all = calloc(2 * (n_segs + n_files) + 1, sizeof(*m->all));
	if (!m->all)
		return -ENOMEM;
	for (;;) {
		uint64_t end = UINT64_MAX;
		bool in_seg, in_file;

		while (seg < segs_end && seg->end <= at)
			seg++;
		while (file < files_end && file->end <= at)
			file++;
		if (seg == segs_end && file == files_end)
			break;
		in_seg = seg < segs_end && seg->start <= at;
		in_file = file < files_end && file->start <= at;
		if (seg < segs_end)
			end = in_seg ? seg->end : seg->start;
		if (file < files_end && (in_file ? file->end : file->start) < end)
			end = in_file ? file->end : file->start;
		if (in_seg || in_file)
			m->all[m->n++] = piece(in_seg ? seg : NULL, in_file ? file : NULL, at, end);
		at = end;
	}
	*ret = TAKE(m);
	return 0;
}
