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
	size_t i = 0, k = 0;
	uint64_t at = 0;

	if (!m)
		return -ENOMEM;
	/* Each piece ends at an end or before a start of one of the two lists. */
	m->all = calloc(2 * (n_segs + n_files) + 1, sizeof(*m->all));
	if (!m->all)
		return -ENOMEM;
	for (;;) {
		const struct core_segment *seg;
		const struct core_file *file;
		uint64_t end = UINT64_MAX;

		while (i < n_segs && segs[i].end <= at)
			i++;
		while (k < n_files && files[k].end <= at)
			k++;
		if (i == n_segs && k == n_files)
			break;
		seg = i < n_segs && segs[i].start <= at ? &segs[i] : NULL;
		file = k < n_files && files[k].start <= at ? &files[k] : NULL;
		if (i < n_segs)
			end = seg ? seg->end : segs[i].start;
		if (k < n_files && (file ? file->end : files[k].start) < end)
			end = file ? file->end : files[k].start;
		if (seg || file)
			m->all[m->n++] = piece(seg, file, at, end);
		at = end;
	}
	*ret = TAKE(m);
	return 0;
}
