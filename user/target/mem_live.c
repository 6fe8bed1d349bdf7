// SPDX-License-Identifier: Apache-2.0
#include "target/mem_live.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "target/process.h"

enum {
	PIECES = 1024,			/* UIO_MAXIOV: what one call takes */
	/* The kernel cuts a call's bytes at MAX_RW_COUNT, just under 2 GiB; we stay well below. */
	CALL_BYTES = 256 * 1024 * 1024,
};

struct mem_live {
	struct mem mem;
	const struct process *process;
};

/* Of one call: one thread makes one at a time, and there may be a handle for each of a thousand. */
static _Thread_local struct iovec local[PIECES], remote[PIECES];

/* A pid is only a number: after an exit it may name somebody else. The pidfd never does. */
static bool target_gone(const struct mem_live *m)
{
	struct pollfd p = { .fd = m->process->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* One call for n pieces: bytes copied, or negative errno with -EFAULT for "the first is bad". */
static ssize_t copy(struct mem_live *m, size_t n)
{
	ssize_t got = process_vm_readv(m->process->pid, local, n, remote, n, 0);

	return got < 0 ? -errno : got;
}

static bool stops_all(ssize_t err)
{
	return err < 0 && err != -EFAULT;
}

/* Pieces from `first` on that one call takes: at most `window`, and at least one. */
static size_t gather(const struct mem_req *reqs, size_t n, size_t window)
{
	size_t bytes = 0, k = 0;

	while (k < n && k < window && (k == 0 || bytes + reqs[k].len <= CALL_BYTES)) {
		local[k] = (struct iovec){ reqs[k].buf, reqs[k].len };
		remote[k] = (struct iovec){ (void *)(uintptr_t)reqs[k].addr, reqs[k].len };
		bytes += reqs[k++].len;
	}
	return k;
}

/* How many of the k pieces the `got` bytes fill; the one after the last of these is bad. */
static size_t filled(struct mem_req *reqs, size_t k, size_t got)
{
	size_t i;

	for (i = 0; i < k && reqs[i].len <= got; i++) {
		reqs[i].err = 0;
		got -= reqs[i].len;
	}
	return i;
}

static int live_read(struct mem *mem, uint64_t addr, void *buf, size_t len);

static int live_read_many(struct mem *mem, struct mem_req *reqs, size_t n)
{
	struct mem_live *m = (struct mem_live *)mem;
	size_t window = PIECES, done = 0;

	while (done < n) {
		size_t k = gather(reqs + done, n - done, window), good;
		ssize_t got;

		if (k == 1 && reqs[done].len > CALL_BYTES) {
			got = live_read(mem, reqs[done].addr, reqs[done].buf, reqs[done].len);
			if (stops_all(got))
				return (int)got;
			reqs[done++].err = (int)got;
			continue;
		}
		got = copy(m, k);
		if (stops_all(got))
			return (int)got;
		good = filled(reqs + done, k, got < 0 ? 0 : (size_t)got);
		done += good;
		if (good == k) {
			window = window < PIECES / 2 ? window * 2 : PIECES;
			continue;
		}
		/*
		 * The kernel takes in all the vectors of a call before it meets the bad one, so a
		 * run of bad pieces would cost its square: ask for fewer until things go well.
		 */
		reqs[done++].err = -EFAULT;
		window = window > 1 ? window / 2 : 1;
	}
	return target_gone(m) ? -ESRCH : 0;
}

static int live_read(struct mem *mem, uint64_t addr, void *buf, size_t len)
{
	struct mem_live *m = (struct mem_live *)mem;

	for (size_t at = 0; at < len;) {
		size_t want = len - at < CALL_BYTES ? len - at : CALL_BYTES;
		ssize_t got;

		local[0] = (struct iovec){ (char *)buf + at, want };
		remote[0] = (struct iovec){ (void *)(uintptr_t)(addr + at), want };
		got = copy(m, 1);
		if (got < 0)
			return (int)got;
		if ((size_t)got < want)
			return -EFAULT;
		at += want;
	}
	/*
	 * No look at the pidfd here: pointers are chased by the hundred thousand. An exit shows in
	 * the next batch, and whoever took the snapshot checks the identity at its end.
	 */
	return 0;
}

static int live_clone(struct mem *mem, struct mem **ret)
{
	return mem_live_open(((struct mem_live *)mem)->process, ret);
}

static void live_close(struct mem *mem)
{
	free(mem);
}

static const struct mem_ops live_ops = {
	.read = live_read,
	.read_many = live_read_many,
	.clone = live_clone,
	.close = live_close,
};

int mem_live_open(const struct process *p, struct mem **ret)
{
	struct mem_live *m = malloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->mem.ops = &live_ops;
	m->process = p;
	*ret = &m->mem;
	return 0;
}

int mem_live_peek(pid_t pid, uint64_t addr, void *buf, size_t len)
{
	struct iovec to = { buf, len }, from = { (void *)(uintptr_t)addr, len };
	ssize_t got = process_vm_readv(pid, &to, 1, &from, 1, 0);

	if (got < 0)
		return -errno;
	return (size_t)got == len ? 0 : -EFAULT;
}
