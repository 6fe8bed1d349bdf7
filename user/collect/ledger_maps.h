/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each mapping of a process is in the books of its memory, by its line in maps: the part that
 * its pages are of where no heap and no stack claims them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/ledger.h"
#include "base/arena.h"
#include "target/maps.h"
#include "target/mounts.h"

struct process;

/* What is known of a process when its mappings are sorted. */
struct ledger_view {
	const struct maps *maps;
	const struct mounts *mounts;
	const struct ledger_layer *go;	/* NULL: no Go, or its heap is not known */
	const struct ledger_layer *c;	/* NULL: not known */
	bool go_unread;			/* there is Go, and what it mapped is not known */
	bool go_partly;			/* some claims are missing in the layer */
	bool native;			/* there is a C library */
};

struct ledger_book {
	struct ledger_mapping *mappings;	/* of the same index as the maps */
	size_t n;
	struct ledger_file *files;
	uint32_t n_files;
};

/* In the arena. -ENOMEM. Pure: paths are the maps' own. */
int ledger_maps_sort(const struct ledger_view *v, struct arena *a, struct ledger_book *ret);

/*
 * The .bss of each file that runs, which is memory of no file as far as maps knows: claims,
 * ascending; its mapping gets the file's index in the book. Files that may not be read are passed
 * over. -ENOMEM.
 */
int ledger_maps_bss(const struct process *p, const struct maps *maps, struct ledger_book *book,
		    struct arena *a, struct ledger_claim **ret, size_t *n);

/* Memory that nothing but its own mapping tells of: private, of no file. */
bool ledger_maps_is_plain(const struct mapping *m);
/* Does some claim have a byte of [start, end)? */
bool ledger_layer_touches(const struct ledger_layer *layer, uint64_t start, uint64_t end);
