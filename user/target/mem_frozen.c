// SPDX-License-Identifier: Apache-2.0
#include "target/mem_frozen.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/self.h"
#include "target/frozen_state.h"
#include "target/process.h"
#include "target/sealed.h"

enum {
	PAGE = FROZEN_PAGE,
	PIECES = 1024,		/* UIO_MAXIOV: what one call takes */
	/* What a thread takes on at once: some 200 us, so that all end at about the same time. */
	PORTION = 1 << 20,
	HUGE_PAGE = 2 << 20,
	TOUCHED_SPARE = 8 << 20,
};

/* --- The plan --- */

static int by_start(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static uint64_t page_down(uint64_t addr)
{
	return addr & ~(uint64_t)(PAGE - 1);
}

static uint64_t page_up(uint64_t addr)
{
	return page_down(addr + PAGE - 1);
}

static void free_pieces(struct piece **p)
{
	free(*p);
}

static int make_plan(struct mem_frozen *f, const struct frozen_range *plan, size_t n)
{
	CLEANUP(free_pieces) struct piece *sorted = calloc(n ? n : 1, sizeof(*sorted));
	uint64_t end = 0;
	bool kept_one = false;
	size_t kept = 0;
	int r = sorted ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++)
		if (plan[i].start < plan[i].end && plan[i].end < 1ull << 48)
			sorted[kept++] = (struct piece){ page_down(plan[i].start),
							 page_up(plan[i].end), 0 };
	if (r == 0)
		qsort(sorted, kept, sizeof(*sorted), by_start);
	for (size_t i = 0; r == 0 && i < kept; i++) {
		uint64_t start = sorted[i].start > end ? sorted[i].start : end;

		if (start >= sorted[i].end)
			continue;
		/* Readers of many small things read over gaps as small as that. */
		if (kept_one && start == end + PAGE)
			start = end;
		kept_one = true;
		end = sorted[i].end;
		r = frozen_pieces_add(&f->plan, start, end, f->plan_bytes);
		f->plan_bytes += end - start;
	}
	return r;
}

/* --- Copying --- */

static bool stop_now(struct mem_frozen *f)
{
	uint64_t deadline = atomic_load_explicit(&f->deadline_ns, memory_order_relaxed);

	if (atomic_load_explicit(&f->err, memory_order_relaxed))
		return true;
	if (!deadline || clock_now_ns(CLOCK_MONOTONIC) < deadline)
		return false;
	atomic_store(&f->err, -ETIMEDOUT);
	return true;
}

/* Vectors for [at, end) of the buffer, from pieces[i] on: how many bytes they are. */
static size_t gather(const struct piece *all, size_t n, uint64_t at, uint64_t end,
		     struct iovec *remote, size_t *ret_n)
{
	size_t i = frozen_pieces_at(all, n, at), k = 0, bytes = 0;

	for (; i < n && k < PIECES && at < end; i++, k++) {
		uint64_t addr = all[i].start + (at - all[i].at);
		uint64_t len = all[i].end - addr;

		if (len > end - at)
			len = end - at;
		remote[k] = (struct iovec){ (void *)(uintptr_t)addr, len };
		bytes += len;
		at += len;
	}
	*ret_n = k;
	return bytes;
}

/* One call, or what stands for one: bytes, or negative errno. */
static ssize_t copy(const struct process *p, struct iovec *local, struct iovec *remote, size_t n)
{
	ssize_t got;

	if (sealed_by_descriptor(p))
		return sealed_copy(p->sealed, local->iov_base, remote, n);
	got = process_vm_readv(p->pid, local, 1, remote, n, 0);
	return got < 0 ? -errno : got;
}

/* 0 when all of [at, end) was tried. */
static void copy_portion(struct mem_frozen *f, const struct piece *all, size_t n, uint64_t at,
			 uint64_t end)
{
	struct iovec remote[PIECES];
	size_t cut = PORTION;

	while (at < end && !stop_now(f)) {
		uint64_t till = end - at > cut ? at + cut : end;
		size_t k, want = gather(all, n, at, till, remote, &k);
		struct iovec local = { f->buffer + at, want };
		ssize_t got = copy(f->p, &local, remote, k);

		if (got < 0 && got != -EFAULT) {
			atomic_store(&f->err, (int)got);
			return;
		}
		got = got < 0 ? 0 : (ssize_t)page_down((uint64_t)got);
		atomic_fetch_add_explicit(&f->copied, (uint64_t)got, memory_order_relaxed);
		at += (uint64_t)got;
		if ((size_t)got == want) {
			cut = PORTION;
			continue;
		}
		/*
		 * The first page of what is left is bad, or stands behind one that is: ask for it
		 * alone.
		 */
		if (want == PAGE) {
			atomic_fetch_or(&f->absent[at / PAGE / 64],
					1ull << (at / PAGE % 64));
			at += PAGE;
		}
		cut = PAGE;
	}
}

/* Portions of the plan until there are none. */
static void copy_plan(struct mem_frozen *f, uint64_t limit)
{
	for (;;) {
		uint64_t at = atomic_fetch_add(&f->next, PORTION);

		if (at >= limit || stop_now(f))
			return;
		copy_portion(f, f->plan.all, f->plan.n, at,
			     limit - at < PORTION ? limit : at + PORTION);
	}
}

/*
 * What was added since, until it is said that nothing more comes. The table of these may grow and
 * move, so a thread takes its part of it along.
 */
static void copy_more(struct mem_frozen *f)
{
	struct piece *own = malloc(PIECES * sizeof(*own));

	pthread_mutex_lock(&f->lock);
	while (own && !atomic_load(&f->err)) {
		uint64_t at = f->more_next, end = f->more_end;
		size_t first, n;

		if (at == end) {
			if (f->complete)
				break;
			pthread_cond_wait(&f->changed, &f->lock);
			continue;
		}
		end = end - at > PORTION ? at + PORTION : end;
		first = frozen_pieces_at(f->more.all, f->more.n, at);
		n = f->more.n - first < PIECES ? f->more.n - first : PIECES;
		memcpy(own, f->more.all + first, n * sizeof(*own));
		if (end > own[n - 1].at + (own[n - 1].end - own[n - 1].start))
			end = own[n - 1].at + (own[n - 1].end - own[n - 1].start);
		f->more_next = end;
		pthread_mutex_unlock(&f->lock);
		copy_portion(f, own, n, at, end);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	if (!own)
		atomic_store(&f->err, -ENOMEM);
	free(own);
}

static void *work(void *arg)
{
	struct mem_frozen *f = arg;
	unsigned int round = 0;

	self_hurry();
	pthread_mutex_lock(&f->lock);
	for (;;) {
		uint64_t limit;

		while (f->round == round && !f->over)
			pthread_cond_wait(&f->changed, &f->lock);
		if (f->over)
			break;
		round = f->round;
		limit = f->limit;
		pthread_mutex_unlock(&f->lock);
		copy_plan(f, limit);
		copy_more(f);
		pthread_mutex_lock(&f->lock);
		f->working--;
		pthread_cond_broadcast(&f->changed);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static void begin(struct mem_frozen *f, uint64_t limit, bool complete)
{
	pthread_mutex_lock(&f->lock);
	atomic_store(&f->next, 0);
	atomic_store(&f->copied, 0);
	atomic_store(&f->err, 0);
	atomic_store(&f->deadline_ns, 0);
	f->limit = limit;
	f->complete = complete;
	f->working = f->n_threads;
	f->round++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static int end(struct mem_frozen *f)
{
	copy_plan(f, f->limit);
	copy_more(f);
	pthread_mutex_lock(&f->lock);
	while (f->working)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
	return atomic_load(&f->err);
}

int mem_frozen_rehearse(struct mem_frozen *f, uint64_t bytes, uint64_t *ret_bytes, double *ret_s)
{
	double from = clock_now_s(CLOCK_MONOTONIC);
	int r;

	begin(f, bytes < f->plan_bytes ? bytes : f->plan_bytes, true);
	r = end(f);
	*ret_s = clock_now_s(CLOCK_MONOTONIC) - from;
	*ret_bytes = atomic_load(&f->copied);
	return r;
}

void mem_frozen_start(struct mem_frozen *f)
{
	/* A rehearsal may have met pages that were not there. */
	for (uint64_t i = 0; i <= f->room_bytes / PAGE / 64; i++)
		atomic_store(&f->absent[i], 0);
	begin(f, f->plan_bytes, false);
}

static int add_more(struct mem_frozen *f, uint64_t start, uint64_t end)
{
	int r;

	if (end - start > f->room_bytes - f->more_end)
		return -ENOSPC;
	pthread_mutex_lock(&f->lock);
	r = frozen_pieces_add(&f->more, start, end, f->more_end);
	if (r == 0)
		f->more_end += end - start;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	return r;
}

int mem_frozen_more(struct mem_frozen *f, uint64_t start, uint64_t end)
{
	const struct piece *p, *last = f->plan.all + f->plan.n;
	int r = 0;

	if (start >= end || end >= 1ull << 48)
		return 0;
	start = page_down(start);
	end = page_up(end);
	for (p = frozen_pieces_behind(&f->plan, start); r == 0 && start < end; p++) {
		uint64_t till = p < last && p->start < end ? p->start : end;

		if (start < till)
			r = add_more(f, start, till);
		if (p >= last || p->start >= end)
			break;
		start = p->end;
	}
	return r;
}

/* Both tables by start; what stands in two is kept once. */
static int make_index(struct mem_frozen *f)
{
	size_t n = f->plan.n + f->more.n, kept = 0;
	struct piece *all = calloc(n ? n : 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	if (f->plan.n)
		memcpy(all, f->plan.all, f->plan.n * sizeof(*all));
	if (f->more.n)
		memcpy(all + f->plan.n, f->more.all, f->more.n * sizeof(*all));
	qsort(all, n, sizeof(*all), by_start);
	for (size_t i = 0; i < n; i++) {
		uint64_t from = kept ? all[kept - 1].end : 0;
		struct piece p = all[i];

		if (p.end <= from)
			continue;
		if (p.start < from) {
			p.at += from - p.start;
			p.start = from;
		}
		all[kept++] = p;
	}
	f->index = (struct pieces){ all, kept, n };
	return 0;
}

int mem_frozen_finish(struct mem_frozen *f, uint64_t us)
{
	int r;

	atomic_store(&f->deadline_ns, clock_now_ns(CLOCK_MONOTONIC) + us * 1000);
	pthread_mutex_lock(&f->lock);
	f->complete = true;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	r = end(f);
	return r < 0 ? r : make_index(f);
}

uint64_t mem_frozen_copied(const struct mem_frozen *f)
{
	return atomic_load(&f->copied);
}

uint64_t mem_frozen_bytes(const struct mem_frozen *f)
{
	return f->plan_bytes;
}

/* --- Opening --- */

static unsigned int count_cpus(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < 1 ? 1 : (unsigned int)n;
}

/* The caller is one of them. Signals are for the threads that were there before. */
static void start_threads(struct mem_frozen *f)
{
	unsigned int cpus = count_cpus();
	unsigned int most = cpus < FROZEN_THREADS_MAX ? cpus : FROZEN_THREADS_MAX;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (f->n_threads + 1 < most &&
	       pthread_create(&f->threads[f->n_threads], NULL, work, f) == 0)
		f->n_threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int touch(struct mem_frozen *f, uint64_t from, uint64_t to)
{
	to = page_up(to) < f->mapped ? page_up(to) : f->mapped;
	/* Linux 5.14. Without it each page is written to. */
	if (from >= to || madvise(f->buffer + from, to - from, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno == ENOMEM)
		return -ENOMEM;
	for (size_t at = from; at < to; at += PAGE)
		((volatile uint8_t *)f->buffer)[at] = 0;
	return 0;
}

int mem_frozen_expect(struct mem_frozen *f, uint64_t spare)
{
	return touch(f, f->plan_bytes, f->plan_bytes + spare);
}

static int make_room(struct mem_frozen *f, uint64_t spare)
{
	int r;

	f->room_bytes = f->plan_bytes + page_up(spare);
	f->mapped = (size_t)(f->room_bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	f->buffer = mmap(NULL, f->mapped, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->buffer == MAP_FAILED) {
		f->buffer = NULL;
		return -ENOMEM;
	}
	madvise(f->buffer, f->mapped, MADV_HUGEPAGE);
	/* Of the spare room only what is always used. */
	r = touch(f, 0, f->plan_bytes + TOUCHED_SPARE);
	if (r < 0)
		return r;
	f->absent = calloc(f->room_bytes / PAGE / 64 + 1, 8);
	return f->absent ? 0 : -ENOMEM;
}

int mem_frozen_open(const struct process *p, const struct frozen_range *plan, size_t n,
		    uint64_t spare, uint64_t max_bytes, struct mem_frozen **ret, struct diag *d)
{
	CLEANUP(mem_frozen_close_p) struct mem_frozen *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->p = p;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	r = make_plan(f, plan, n);
	if (r == 0 && f->plan_bytes + spare > max_bytes)
		return diag_fail(d, -E2BIG, "a copy of what may hold pointers would take %llu MiB, "
				 "more than %llu MiB",
				 (unsigned long long)((f->plan_bytes + spare) >> 20),
				 (unsigned long long)(max_bytes >> 20));
	if (r == 0)
		r = make_room(f, spare);
	if (r < 0)
		return r;
	f->more_next = f->more_end = f->plan_bytes;
	start_threads(f);
	*ret = TAKE(f);
	return 0;
}

void mem_frozen_close(struct mem_frozen *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->over = true;
	/* Of a copy that was begun and given up. */
	f->complete = true;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	for (unsigned int i = 0; i < f->n_threads; i++)
		pthread_join(f->threads[i], NULL);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	if (f->buffer)
		munmap(f->buffer, f->mapped);
	free(f->absent);
	free(f->plan.all);
	free(f->more.all);
	free(f->index.all);
	free(f);
}
