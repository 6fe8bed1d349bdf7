// SPDX-License-Identifier: Apache-2.0
#include "target/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/maps.h"
#include "target/mounts.h"
#include "target/process.h"
#include "target/rss.h"
#include "target/smaps.h"

enum { PAGE = 4096 };
#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* What the child has, at addresses of its parent's choosing. */
static char *const at_written = (char *)0x10000000000;
static char *const at_read = (char *)0x10100000000;
static char *const at_file = (char *)0x10200000000;
static char *const at_shared = (char *)0x10300000000;
static char *const at_hole = (char *)0x20000000000;	/* 1 TiB, a page in the middle */
static char *const at_huge = (char *)0x10400000000;
static char *const at_lazy = (char *)0x10500000000;
static char *const at_guarded = (char *)0x10600000000;

#define HOLE (1ull << 40)
#define MAP(at, bytes, prot, flags, fd) \
	mmap(at, bytes, prot, MAP_FIXED_NOREPLACE | (flags), fd, 0)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void map_all(void *arg)
{
	volatile char *p = at_read;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	long page = 0;

	(void)arg;
	must(MAP(at_written, MIB, RW, ANON, -1) == at_written);
	for (int i = 0; i < 256; i += 2)	/* every second page */
		at_written[i * PAGE] = 1;
	must(MAP(at_read, MIB, RW, ANON, -1) == at_read);
	for (int i = 0; i < 10; i++)
		page += p[i * PAGE];
	must(MAP(at_file, 4 * PAGE, RW, MAP_PRIVATE, fd) == at_file);
	at_file[0] = (char)page;		/* a copy of its own; the others are the file's */
	p = at_file;
	for (int i = 1; i < 4; i++)
		page += p[i * PAGE];
	must(MAP(at_shared, MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1) == at_shared);
	memset(at_shared, 1, 20 * PAGE);
	must(MAP(at_hole, HOLE, RW, ANON, -1) == at_hole);
	at_hole[HOLE / 2] = 1;
	must(MAP(at_huge, 8 * MIB, RW, ANON, -1) == at_huge);
	madvise(at_huge, 8 * MIB, MADV_HUGEPAGE);
	memset(at_huge, 1, 4 * MIB);
	page += ((volatile char *)at_huge)[6 * MIB];	/* a huge page of zeroes, or a small one */
	must(MAP(at_lazy, MIB, RW, ANON, -1) == at_lazy);
	memset(at_lazy, 1, MIB);
	madvise(at_lazy, MIB / 2, MADV_FREE);
	must(MAP(at_guarded, 3 * PAGE, RW, ANON, -1) == at_guarded);
	memset(at_guarded, 1, 3 * PAGE);
	madvise(at_guarded + PAGE, PAGE, 102 /* MADV_GUARD_INSTALL, Linux 6.13 */);
	close(fd);
}

struct seen {
	uint64_t bytes[PAGE_DOUBTFUL + 1], huge, last;
};

static int add(void *arg, const struct page_run *run)
{
	struct seen *s = arg;

	assert_true(run->start >= s->last && run->end > run->start);
	s->last = run->end;
	s->bytes[run->kind] += run->end - run->start;
	if (run->huge)
		s->huge += run->end - run->start;
	return 0;
}

static struct seen look(struct pagemap *pm, const char *at, uint64_t bytes)
{
	struct seen s = { .last = (uintptr_t)at };

	assert_int_equal(pagemap_scan(pm, (uintptr_t)at, (uintptr_t)at + bytes, add, &s, NULL), 0);
	assert_true(s.last <= (uintptr_t)at + bytes);
	return s;
}

static bool has_guards(void)
{
	char *p = mmap(NULL, PAGE, RW, ANON, -1, 0);
	bool has = madvise(p, PAGE, 102) == 0;

	munmap(p, PAGE);
	return has;
}

/* What both ways of asking must say alike. */
static void check_kinds(struct pagemap *pm)
{
	struct seen s = look(pm, at_written, MIB);

	assert_int_equal(s.bytes[PAGE_ANON], 128 * PAGE);
	s = look(pm, at_read, MIB);
	assert_int_equal(s.bytes[PAGE_ZERO] + s.bytes[PAGE_DOUBTFUL], 10 * PAGE);
	assert_int_equal(s.bytes[PAGE_ANON], 0);
	s = look(pm, at_file, 4 * PAGE);
	assert_int_equal(s.bytes[PAGE_ANON], PAGE);
	assert_int_equal(s.bytes[PAGE_FILE], 3 * PAGE);
	s = look(pm, at_shared, MIB);
	assert_int_equal(s.bytes[PAGE_FILE], 20 * PAGE);
	s = look(pm, at_guarded, 3 * PAGE);
	assert_int_equal(s.bytes[PAGE_ANON], has_guards() ? 2 * PAGE : 3 * PAGE);
}

struct target {
	pid_t pid;
	struct process *process;
};

static int start(void **state)
{
	struct target *t = calloc(1, sizeof(*t));

	t->pid = child_start(map_all, NULL);
	assert_int_equal(process_open(t->pid, &t->process, NULL), 0);
	*state = t;
	return 0;
}

static int stop(void **state)
{
	struct target *t = *state;

	process_close(t->process);
	child_stop(t->pid);
	free(t);
	return 0;
}

static void both_ways_tell_the_kinds_of_pages(void **state)
{
	struct target *t = *state;
	CLEANUP(pagemap_close_p) struct pagemap *scan = NULL, *entries = NULL;

	assert_int_equal(pagemap_open(t->process, &scan, NULL), 0);
	assert_int_equal(pagemap_open_entries(t->process, &entries, NULL), 0);
	assert_false(pagemap_tells_huge(entries));
	check_kinds(scan);
	check_kinds(entries);
}

static void a_hole_of_a_terabyte_is_passed_over(void **state)
{
	struct target *t = *state;
	CLEANUP(pagemap_close_p) struct pagemap *pm = NULL, *entries = NULL;
	struct seen s = { 0 };

	assert_int_equal(pagemap_open(t->process, &pm, NULL), 0);
	if (pagemap_tells_huge(pm))
		assert_int_equal(look(pm, at_hole, HOLE).bytes[PAGE_ANON], PAGE);
	/* Entry by entry that would be 2 GiB to read. */
	assert_int_equal(pagemap_open_entries(t->process, &entries, NULL), 0);
	assert_int_equal(pagemap_scan(entries, (uintptr_t)at_hole, (uintptr_t)at_hole + HOLE, add,
				      &s, NULL),
			 -E2BIG);
	/* What is not too much can still be asked for. */
	assert_int_equal(look(entries, at_written, MIB).bytes[PAGE_ANON], 128 * PAGE);
}

static void huge_pages_are_told_and_zeroes_among_them_are_doubted(void **state)
{
	struct target *t = *state;
	CLEANUP(pagemap_close_p) struct pagemap *pm = NULL;
	struct seen s;

	assert_int_equal(pagemap_open(t->process, &pm, NULL), 0);
	s = look(pm, at_huge, 8 * MIB);
	assert_int_equal(s.bytes[PAGE_ANON], 4 * MIB);
	/* Linux before 6.18 does not tell the huge page of zeroes, so it is doubted. */
	assert_true(s.bytes[PAGE_ZERO] == PAGE ||
		    s.bytes[PAGE_ZERO] + s.bytes[PAGE_DOUBTFUL] == 2 * MIB);
	if (!s.huge)
		skip();		/* transparent huge pages are off, or none was free */
	assert_true(s.huge <= 6 * MIB && s.huge % (2 * MIB) == 0);
}

/* All of a process, and what the kernel says of it. */
static void pages_sum_to_rss(void **state)
{
	struct target *t = *state;
	CLEANUP(pagemap_close_p) struct pagemap *pm = NULL;
	CLEANUP(maps_free_p) struct maps *maps = NULL;
	struct rss rss;
	struct seen s = { 0 };

	assert_int_equal(pagemap_open(t->process, &pm, NULL), 0);
	if (!pagemap_tells_huge(pm))
		skip();
	assert_int_equal(maps_read(t->process, &maps, NULL), 0);
	for (size_t i = 0; i < maps->n; i++)
		assert_int_equal(pagemap_scan(pm, maps->all[i].start, maps->all[i].end, add, &s,
					      NULL), 0);
	assert_int_equal(rss_read(t->process, &rss), 0);
	assert_true(s.bytes[PAGE_ANON] <= rss.anon);
	assert_true(s.bytes[PAGE_ANON] + s.bytes[PAGE_DOUBTFUL] >= rss.anon);
	assert_int_equal(s.bytes[PAGE_FILE], rss.file + rss.shared);
	assert_int_equal(rss.total, rss.anon + rss.file + rss.shared);
}

static void smaps_tell_what_the_kernel_may_take(void **state)
{
	struct target *t = *state;
	uint64_t bytes = 0;

	assert_int_equal(smaps_lazyfree(t->process, &bytes), 0);
	/* Those that madvise() has not passed on yet, a batch at most, are missing. */
	assert_true(bytes <= MIB / 2 && bytes > MIB / 4);
}

static void a_process_that_ends_is_gone(void **state)
{
	CLEANUP(pagemap_close_p) struct pagemap *pm = NULL, *entries = NULL, *late = NULL;
	CLEANUP(process_close_p) struct process *p = NULL;
	pid_t pid = child_start(map_all, NULL);
	struct seen s = { 0 };
	struct rss rss;
	uint64_t bytes;

	(void)state;
	assert_int_equal(process_open(pid, &p, NULL), 0);
	assert_int_equal(pagemap_open(p, &pm, NULL), 0);
	assert_int_equal(pagemap_open_entries(p, &entries, NULL), 0);
	child_stop(pid);
	assert_int_equal(pagemap_scan(pm, (uintptr_t)at_written, (uintptr_t)at_written + MIB, add,
				      &s, NULL), -ESRCH);
	assert_int_equal(pagemap_scan(entries, (uintptr_t)at_written,
				      (uintptr_t)at_written + MIB, add, &s, NULL), -ESRCH);
	assert_int_equal(s.bytes[PAGE_ANON], 0);
	assert_int_equal(pagemap_open(p, &late, NULL), -ESRCH);
	assert_int_equal(rss_read(p, &rss), -ESRCH);
	assert_int_equal(smaps_lazyfree(p, &bytes), -ESRCH);
}

static void the_top_of_address_space_is_nobodys(void **state)
{
	struct target *t = *state;
	CLEANUP(pagemap_close_p) struct pagemap *pm = NULL;
	struct seen s = { 0 };

	assert_int_equal(pagemap_open(t->process, &pm, NULL), 0);
	assert_int_equal(pagemap_scan(pm, 0xffffffffff600000, 0xffffffffff601000, add, &s, NULL),
			 0);
	assert_int_equal(s.last, 0);
}

/* --- Texts --- */

static void sums_of_rss_are_read_or_refused(void **state)
{
	struct rss rss;

	(void)state;
	assert_int_equal(rss_parse("Name:\tx\nVmRSS:\t 6 kB\nRssAnon:\t 1 kB\nRssFile:\t 2 kB\n"
				   "RssShmem:\t 3 kB\nVmSwap:\t 4 kB\n", &rss), 0);
	assert_int_equal(rss.total, 6 << 10);
	assert_int_equal(rss.shared, 3 << 10);
	assert_int_equal(rss.swap, 4 << 10);
	assert_int_equal(rss_parse("Name:\tx\nRssAnon:\t 1 kB\n", &rss), -EBADMSG);
	assert_int_equal(rss_parse("\nRssAnon: -1 kB\nRssFile: 0 kB\nRssShmem: 0 kB\nVmSwap: 0 kB",
				   &rss), -EBADMSG);
}

static void smaps_may_come_in_pieces(void **state)
{
	static const char text[] =
		"1000-2000 rw-p 00000000 00:00 0 /a path LazyFree: 99 kB\n"
		"Size:  4 kB\nLazyFree:             12 kB\nVmFlags: rd\n"
		"LazyFree: 3 kB\nLazyFree: x kB\nLazyFree: 5";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct smaps_sum s = { .n = 0 };

		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t left = sizeof(text) - 1 - at;

			smaps_add(&s, text + at, left < piece ? left : piece);
		}
		assert_int_equal(s.lazyfree, 15 << 10);
		assert_int_equal(s.lines, 2);
	}
}

static void mounts_tell_which_files_are_memory(void **state)
{
	CLEANUP(mounts_free_p) struct mounts *m = NULL;

	(void)state;
	assert_int_equal(mounts_parse("36 35 98:1 / / rw master:1 - ext4 /dev/root rw\n"
				      "37 36 0:22 / /dev/shm rw - tmpfs tmpfs rw\nnonsense\n"
				      "38 36 0:23 / /huge rw shared:2 - hugetlbfs none rw\n"
				      "x y z - tmpfs tmpfs rw", &m), 0);
	assert_int_equal(mounts_kind(m, 0x6201), MOUNT_FILES);
	assert_int_equal(mounts_kind(m, 22), MOUNT_MEMORY);
	assert_int_equal(mounts_kind(m, 23), MOUNT_HUGE_PAGES);
	assert_int_equal(m->n, 2);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_ways_tell_the_kinds_of_pages),
		CASE(a_hole_of_a_terabyte_is_passed_over),
		CASE(huge_pages_are_told_and_zeroes_among_them_are_doubted),
		CASE(pages_sum_to_rss),
		CASE(smaps_tell_what_the_kernel_may_take),
		CASE(the_top_of_address_space_is_nobodys),
		cmocka_unit_test(a_process_that_ends_is_gone),
		cmocka_unit_test(sums_of_rss_are_read_or_refused),
		cmocka_unit_test(smaps_may_come_in_pieces),
		cmocka_unit_test(mounts_tell_which_files_are_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
