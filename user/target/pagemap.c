// SPDX-License-Identifier: Apache-2.0
#include "target/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/limits.h"
#include "target/process.h"

/* include/uapi/linux/fs.h, Linux 6.7: PAGEMAP_SCAN; the headers of Debian 12 lack it. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)

enum {
	SCAN_FILE = 1 << 2,
	SCAN_PRESENT = 1 << 3,
	SCAN_PFNZERO = 1 << 5,
	SCAN_HUGE = 1 << 6,
};

/* Documentation/admin-guide/mm/pagemap.rst. */
#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_FILE (1ull << 61)
#define ENTRY_EXCLUSIVE (1ull << 56)
#define ENTRY_PFN ((1ull << 55) - 1)

enum {
	PAGE_BYTES = 4096,	/* amd64 has no other */
	WINDOW_PAGES = 1024,
};

#define WINDOW ((uint64_t)WINDOW_PAGES * PAGE_BYTES)
/* How much of a hole one question passes over, as long as that is quick. */
#define WINDOW_MAX (64ull << 30)
#define QUICK_NS 100000
#define PAUSE_AFTER_NS 500000

struct pagemap {
	const struct process *process;
	int fd;
	bool scan;
	uint64_t window;	/* bytes that the next question is about */
	uint64_t entries_left;	/* without scan: address space that may still be asked for */
	uint64_t zero_pfn;	/* 0: not for us to see */
	uint64_t held_ns;	/* since the last pause */
	union {
		struct scan_region regions[WINDOW_PAGES];
		uint64_t entries[WINDOW_PAGES];
	};
};

/* --- Opening --- */

/* The frame of the page of zeroes, from a page of our own; 0: frames are hidden from us. */
static uint64_t find_zero_pfn(void)
{
	volatile char *page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if ((void *)page != MAP_FAILED && fd >= 0) {
		(void)page[0];
		if (pread(fd, &entry, sizeof(entry),
			  (off_t)((uintptr_t)page / PAGE_BYTES * sizeof(entry))) != sizeof(entry))
			entry = 0;
	}
	if ((void *)page != MAP_FAILED)
		munmap((void *)page, PAGE_BYTES);
	if (fd >= 0)
		close(fd);
	return entry & ENTRY_PRESENT ? entry & ENTRY_PFN : 0;
}

static bool has_scan(int fd)
{
	struct scan_arg arg = {
		.size = sizeof(arg),
		.end = PAGE_BYTES,
		.category_mask = SCAN_PRESENT,
		.return_mask = SCAN_PRESENT | SCAN_FILE | SCAN_PFNZERO | SCAN_HUGE,
	};

	/* Without a vector it would only count; the first page is never mapped by anyone. */
	return ioctl(fd, SCAN_IOCTL, &arg) >= 0;
}

static int open_with(const struct process *p, bool scan, struct pagemap **ret, struct diag *d)
{
	CLEANUP(pagemap_close_p) struct pagemap *pm = calloc(1, sizeof(*pm));

	if (!pm)
		return -ENOMEM;
	pm->process = p;
	pm->fd = process_open_file(p, "pagemap");
	if (pm->fd == -ENOENT && process_check(p, NULL) != -ESRCH)
		return diag_fail(d, -EOPNOTSUPP, "this kernel has no pagemap");
	if (pm->fd == -EPERM || pm->fd == -EACCES)
		return diag_fail(d, -EPERM, "its pagemap may not be read");
	if (pm->fd < 0)
		return pm->fd == -ENOENT ? -ESRCH : pm->fd;
	pm->scan = scan && has_scan(pm->fd);
	pm->window = WINDOW;
	pm->entries_left = LIMIT_PAGEMAP_BYTES;
	if (!pm->scan)
		pm->zero_pfn = find_zero_pfn();
	*ret = TAKE(pm);
	return 0;
}

int pagemap_open(const struct process *p, struct pagemap **ret, struct diag *d)
{
	return open_with(p, true, ret, d);
}

int pagemap_open_entries(const struct process *p, struct pagemap **ret, struct diag *d)
{
	return open_with(p, false, ret, d);
}

void pagemap_close(struct pagemap *pm)
{
	if (!pm)
		return;
	if (pm->fd >= 0)
		close(pm->fd);
	free(pm);
}

bool pagemap_tells_huge(const struct pagemap *pm)
{
	return pm->scan;
}

/* --- PAGEMAP_SCAN --- */

/*
 * The kernel's page of zeroes is told, but for the huge one: a huge page of no file that others
 * have too may be that.
 */
static bool is_shared_huge(const struct pagemap *pm, uint64_t addr)
{
	uint64_t entry;

	if (pread(pm->fd, &entry, sizeof(entry), (off_t)(addr / PAGE_BYTES * sizeof(entry))) !=
	    sizeof(entry))
		return false;
	return (entry & ENTRY_PRESENT) && !(entry & (ENTRY_FILE | ENTRY_EXCLUSIVE));
}

/* Huge pages one by one, as each may be of zeroes. */
static int visit_huge(const struct pagemap *pm, const struct scan_region *region,
		      int (*visit)(void *arg, const struct page_run *run), void *arg)
{
	static const uint64_t huge = 2u << 20;

	for (uint64_t at = region->start, next; at < region->end; at = next) {
		struct page_run run;
		int r;

		next = (at | (huge - 1)) + 1;
		if (next > region->end)
			next = region->end;
		run = (struct page_run){ at, next, PAGE_ANON, true };
		if (is_shared_huge(pm, at))
			run.kind = PAGE_DOUBTFUL;
		r = visit(arg, &run);
		if (r < 0)
			return r;
	}
	return 0;
}

static int visit_region(const struct pagemap *pm, const struct scan_region *region,
			int (*visit)(void *arg, const struct page_run *run), void *arg)
{
	bool huge = region->categories & SCAN_HUGE;
	struct page_run run = { .start = region->start, .end = region->end, .huge = huge };

	if (region->categories & SCAN_PFNZERO)
		run.kind = PAGE_ZERO;
	else if (region->categories & SCAN_FILE)
		run.kind = PAGE_FILE;
	else if (huge)
		return visit_huge(pm, region, visit, arg);
	return visit(arg, &run);
}

/*
 * The lock that is held while the kernel walks goes to whoever asks first, and a reader that comes
 * back at once may be that for 4 ms, though a writer waits (RWSEM_WAIT_TIMEOUT, kernel/locking/
 * rwsem.c): now and then it must be given a chance.
 */
static void took(struct pagemap *pm, uint64_t ns)
{
	static const struct timespec pause = { .tv_nsec = 20000 };

	pm->held_ns += ns;
	if (pm->held_ns < PAUSE_AFTER_NS)
		return;
	nanosleep(&pause, NULL);
	pm->held_ns = 0;
}

/* One question, about [start, end) or less: what it was about in the end goes to *next. */
static int ask(struct pagemap *pm, uint64_t start, uint64_t end, uint64_t *next)
{
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = start,
		.end = end,
		.vec = (uint64_t)(uintptr_t)pm->regions,
		.vec_len = WINDOW_PAGES,
		.max_pages = WINDOW_PAGES,
		.category_mask = SCAN_PRESENT,
		.return_mask = SCAN_PRESENT | SCAN_FILE | SCAN_PFNZERO | SCAN_HUGE,
	};
	uint64_t before = clock_now_ns(CLOCK_MONOTONIC), ns;
	int n = ioctl(pm->fd, SCAN_IOCTL, &arg);

	if (n < 0)
		return -errno;
	ns = clock_now_ns(CLOCK_MONOTONIC) - before;
	took(pm, ns);
	/* Found pages end a question; page tables without any would not: so holes are felt for. */
	if (n > 0 || ns > QUICK_NS)
		pm->window = WINDOW;
	else if (pm->window < WINDOW_MAX)
		pm->window *= 2;
	*next = arg.walk_end > start && arg.walk_end <= end ? arg.walk_end : end;
	return n;
}

static int scan(struct pagemap *pm, uint64_t start, uint64_t end,
		int (*visit)(void *arg, const struct page_run *run), void *arg)
{
	while (start < end) {
		uint64_t next = end, most = end - start < pm->window ? end - start : pm->window;
		int n = ask(pm, start, start + most, &next);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		for (int i = 0; i < n; i++) {
			int r = visit_region(pm, &pm->regions[i], visit, arg);

			if (r < 0)
				return r;
		}
		start = next;
	}
	return 0;
}

/* --- Entries --- */

static bool to_run(const struct pagemap *pm, uint64_t entry, uint64_t addr, struct page_run *ret)
{
	uint64_t pfn = entry & ENTRY_PFN;

	if (!(entry & ENTRY_PRESENT))
		return false;
	*ret = (struct page_run){ .start = addr, .end = addr + PAGE_BYTES };
	if (entry & ENTRY_FILE)
		ret->kind = PAGE_FILE;
	else if (pfn && pfn == pm->zero_pfn)
		ret->kind = PAGE_ZERO;
	/* Linux 4.2: bit 56. A huge page of zeroes has a frame that is not known. */
	else if (!(entry & ENTRY_EXCLUSIVE))
		ret->kind = PAGE_DOUBTFUL;
	else
		ret->kind = PAGE_ANON;
	return true;
}

static int visit_entries(const struct pagemap *pm, uint64_t start, size_t n,
			 int (*visit)(void *arg, const struct page_run *run), void *arg)
{
	struct page_run run = { 0 };
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		struct page_run next = { 0 };

		if (!to_run(pm, pm->entries[i], start + i * PAGE_BYTES, &next))
			continue;
		if (run.end == next.start && run.kind == next.kind) {
			run.end = next.end;
			continue;
		}
		if (run.end)
			r = visit(arg, &run);
		run = next;
	}
	return r >= 0 && run.end ? visit(arg, &run) : r;
}

static int read_entries(struct pagemap *pm, uint64_t start, uint64_t end,
			int (*visit)(void *arg, const struct page_run *run), void *arg,
			struct diag *d)
{
	/* One that is too much leaves the rest to the others. */
	if (end > start && end - start > pm->entries_left)
		return -E2BIG;
	while (start < end) {
		uint64_t most = end - start < WINDOW ? end - start : WINDOW;
		uint64_t before = clock_now_ns(CLOCK_MONOTONIC);
		ssize_t n;
		int r;

		n = pread(pm->fd, pm->entries, most / PAGE_BYTES * sizeof(pm->entries[0]),
			  (off_t)(start / PAGE_BYTES * sizeof(pm->entries[0])));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		took(pm, clock_now_ns(CLOCK_MONOTONIC) - before);
		/* Of memory that is gone, or no pagemap at all. */
		if (n < (ssize_t)sizeof(pm->entries[0]))
			return process_check(pm->process, NULL) < 0
				       ? -ESRCH
				       : diag_fail(d, -EPERM, "its pagemap has no entries");
		most = (size_t)n / sizeof(pm->entries[0]) * PAGE_BYTES;
		r = visit_entries(pm, start, most / PAGE_BYTES, visit, arg);
		if (r < 0)
			return r;
		pm->entries_left -= most;
		start += most;
	}
	return 0;
}

int pagemap_scan(struct pagemap *pm, uint64_t start, uint64_t end,
		 int (*visit)(void *arg, const struct page_run *run), void *arg, struct diag *d)
{
	start -= start % PAGE_BYTES;
	end -= end % PAGE_BYTES;
	/* [vsyscall] is no process's own: nobody may ask for it. */
	if (start >= 1ull << 63)
		return 0;
	pm->window = WINDOW;
	return pm->scan ? scan(pm, start, end, visit, arg)
			: read_entries(pm, start, end, visit, arg, d);
}
