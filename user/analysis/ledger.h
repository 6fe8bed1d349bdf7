/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of a process's resident memory: mappings, their resident pages, and who claims which
 * bytes of them, joined in one pass by address into parts that sum to RSS. Pure.
 *
 * A resident byte belongs to the first layer that claims it, else to what its mapping says. Claims
 * are to the byte, pages are the kernel's: what is claimed and not resident is in no part.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/memory.h"

struct ledger_claim {
	uint64_t start, end;
	uint8_t part;		/* enum memory_part */
};

/* Claims of one kind of owner, ascending, not overlapping: what does not ascend is passed over. */
struct ledger_layer {
	const void *claims;
	size_t n;
	void (*at)(const void *claims, size_t i, struct ledger_claim *ret);
	size_t next;		/* of those that may still matter; 0 to begin with */
};

/* For claims that are an array of struct ledger_claim. */
void ledger_claim_at(const void *claims, size_t i, struct ledger_claim *ret);

/* Of no file. */
#define LEDGER_NO_FILE UINT32_MAX

/* What the pages of a mapping are that nobody claims. */
struct ledger_mapping {
	uint64_t start, end;
	uint8_t own;		/* enum memory_part of those that are the process's own */
	uint8_t of_file;	/* and of those that are a file's */
	/*
	 * Part of own pages in a stretch that no layer claims a byte of and that is at least
	 * `gap_bytes` long, residency or not; 0: they are no different.
	 */
	uint8_t gap;
	uint64_t gap_bytes;
	/*
	 * Of no file, and private. The kernel's entries call the huge page of zeroes one of a file
	 * (pagemap_pmd_range, fs/proc/task_mmu.c): in such a mapping there is no other.
	 */
	bool plain;
	bool doubtful;		/* a device's: such pages may not be in RSS */
	bool apart;		/* hugetlbfs: never in RSS */
	uint32_t file;		/* index of files, or LEDGER_NO_FILE */
};

/* A file that is mapped, and what of it is resident. */
struct ledger_file {
	struct memory_file of;	/* the path to begin with */
	uint64_t doubt;		/* of data, and not counted there yet */
};

#define LEDGER_LAYERS_MAX 4

struct ledger {
	struct ledger_layer layers[LEDGER_LAYERS_MAX];
	uint32_t n_layers;
	struct ledger_file *files;
	uint32_t n_files;
	bool tells_huge;	/* runs say which pages are huge */
	/* Inside: */
	const struct ledger_mapping *mapping;
	uint64_t sure[MEMORY_PARTS], doubt[MEMORY_PARTS];
	uint64_t hugetlb_bytes, huge_bytes, zero_bytes;
};

/* The mappings, ascending; then each one's resident pages, ascending, by ledger_pages(). */
void ledger_begin(struct ledger *l, const struct ledger_mapping *m);
void ledger_pages(struct ledger *l, const struct page_run *run);

/*
 * The sum: rss_before and rss_after are what the kernel said before the first page and after the
 * last one. Sets rss_bytes, part, files and what is beside RSS in *ret. Pages that the kernel may
 * not count are taken in as far as RSS has room for them; what it counts and nobody has seen is
 * unexplained. -ENOMEM.
 */
int ledger_end(struct ledger *l, uint64_t rss_before, uint64_t rss_after, struct arena *a,
	       struct memory_ledger *ret);

/* Without pages there are the kernel's own sums; what they do not tell is unexplained. */
void ledger_without_pages(uint64_t rss_file, uint64_t rss_shared, uint64_t rss_before,
			  uint64_t rss_after, struct memory_ledger *ret);
