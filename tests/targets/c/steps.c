/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does to its memory and with its threads what it is told on standard input, and answers with what
 * it did. Reads and writes without stdio, so that nothing else of its own comes in between.
 *
 *	memory		maps, moves, advises, unmaps, touches pages; answers calls and bytes by kind
 *	maps N		N times mmap and munmap of a page
 *	keep N		N times mmap of three pages; answers where
 *	grow		the first of them becomes four pages by mremap, then six; answers where
 *	drop N		unmaps them
 *	start N		makes N threads, which wait
 *	stop		lets them exit; answers when all have been joined
 *	brief N		N threads, one after the other, that exit at once
 *	fork		a child process that exits at once
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MIB = 1 << 20, THREADS_MAX = 1024, TOUCHED = 100 };

static pthread_t threads[THREADS_MAX];
static pid_t tids[THREADS_MAX];
static int n_threads;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all_run;

static void say(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(1, text, len);

		if (n <= 0)
			_exit(1);
		text += n;
		len -= (size_t)n;
	}
}

static void answer(const char *json)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "OK %zu\n", strlen(json));

	say(head, (size_t)n);
	say(json, strlen(json));
}

__attribute__((noinline)) void touch(volatile char *at, int pages)
{
	for (int i = 0; i < pages; i++)
		at[(size_t)i * PAGE] = 1;
}

static void memory(void)
{
	char buf[1024];
	char *a = mmap(NULL, 3 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *b = mmap(NULL, MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* Between the two, so that it can neither grow nor merge in place. */
	char *c = mmap(NULL, 5 * PAGE - 100, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t before = (uintptr_t)sbrk(0), top = before;

	touch(a, TOUCHED);
	madvise(a, 64 * PAGE, MADV_DONTNEED);
	madvise(a + 64 * PAGE, 16 * PAGE, MADV_FREE);
	madvise(a, PAGE, 12345);
	c = mremap(c, 5 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
	c = mremap(c, 9 * PAGE, 2 * PAGE, 0);
	munmap(a, 3 * MIB);
	munmap(b, MIB);
	munmap(c, 2 * PAGE);
	top = (uintptr_t)syscall(SYS_brk, before + 7 * PAGE);
	syscall(SYS_brk, before);
	snprintf(buf, sizeof(buf),
		 "{\"mmap\": [2, %d], \"mmap without access\": [1, %d], \"munmap\": [3, %d],"
		 " \"mremap, larger\": [1, %d], \"mremap, smaller\": [1, %d], \"brk, up\": [1, %d],"
		 " \"brk, down\": [1, %d], \"madvise(DONTNEED)\": [1, %d],"
		 " \"madvise(FREE)\": [1, %d], \"touched\": %d, \"touch\": %lu, \"failed\": 1,"
		 " \"brk_moved\": %lu}",
		 3 * MIB + 5 * PAGE, MIB, 4 * MIB + 2 * PAGE, 4 * PAGE, 7 * PAGE, 7 * PAGE,
		 7 * PAGE, 64 * PAGE, 16 * PAGE, TOUCHED, (unsigned long)(uintptr_t)touch,
		 (unsigned long)(top - before));
	answer(buf);
}

static void map_often(int n)
{
	for (int i = 0; i < n; i++)
		munmap(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		       PAGE);
	answer("{}");
}

static void *kept[64];
static size_t kept_bytes[64];

static void answer_addresses(void *const *all, int n)
{
	char buf[64 * 24] = "[";
	size_t len = 1;

	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s%lu", i ? ", " : "",
					(unsigned long)(uintptr_t)all[i]);
	snprintf(buf + len, sizeof(buf) - len, "]");
	answer(buf);
}

static void keep(int n)
{
	if (n < 1 || n > 64)
		_exit(2);
	for (int i = 0; i < n; i++) {
		kept_bytes[i] = 3 * PAGE;
		kept[i] = mmap(NULL, kept_bytes[i], PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	answer_addresses(kept, n);
}

static void grow(void)
{
	void *at[2];

	for (int i = 0; i < 2; i++) {
		size_t bytes = (size_t)(4 + 2 * i) * PAGE;

		at[i] = kept[0] = mremap(kept[0], kept_bytes[0], bytes, MREMAP_MAYMOVE);
		kept_bytes[0] = bytes;
	}
	answer_addresses(at, 2);
}

static void drop(int n)
{
	for (int i = 0; i < n; i++)
		munmap(kept[i], kept_bytes[i]);
	answer("{}");
}

static void *wait_at_gate(void *arg)
{
	tids[(intptr_t)arg] = gettid();
	pthread_barrier_wait(&all_run);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return NULL;
}

static void start(int n)
{
	static char buf[THREADS_MAX * 12];
	size_t len;

	if (n < 1 || n > THREADS_MAX)
		_exit(2);
	pthread_mutex_lock(&gate);
	pthread_barrier_init(&all_run, NULL, (unsigned int)n + 1);
	for (intptr_t i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, wait_at_gate, (void *)i))
			_exit(3);
	pthread_barrier_wait(&all_run);
	n_threads = n;
	len = (size_t)snprintf(buf, sizeof(buf), "[%d", tids[0]);
	for (int i = 1; i < n; i++)
		len += (size_t)snprintf(buf + len, sizeof(buf) - len, ", %d", tids[i]);
	snprintf(buf + len, sizeof(buf) - len, "]");
	answer(buf);
}

/* A joined thread has let go of its memory, but may still be on its last steps in the kernel. */
static void wait_for_end(pid_t tid)
{
	while (syscall(SYS_tgkill, getpid(), tid, 0) == 0)
		sched_yield();
}

static void stop(void)
{
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < n_threads; i++) {
		pthread_join(threads[i], NULL);
		wait_for_end(tids[i]);
	}
	pthread_barrier_destroy(&all_run);
	n_threads = 0;
	answer("{}");
}

static void *own_tid(void *arg)
{
	*(pid_t *)arg = gettid();
	return NULL;
}

static void brief(int n)
{
	for (int i = 0; i < n; i++) {
		pthread_t t;
		pid_t tid;

		if (pthread_create(&t, NULL, own_tid, &tid))
			_exit(3);
		pthread_join(t, NULL);
		wait_for_end(tid);
	}
	answer("{}");
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	answer("{}");
}

static void obey(const char *line)
{
	int n = 0;

	if (strcmp(line, "memory") == 0)
		memory();
	else if (sscanf(line, "maps %d", &n) == 1)
		map_often(n);
	else if (sscanf(line, "keep %d", &n) == 1)
		keep(n);
	else if (strcmp(line, "grow") == 0)
		grow();
	else if (sscanf(line, "drop %d", &n) == 1)
		drop(n);
	else if (sscanf(line, "start %d", &n) == 1)
		start(n);
	else if (strcmp(line, "stop") == 0)
		stop();
	else if (sscanf(line, "brief %d", &n) == 1)
		brief(n);
	else if (strcmp(line, "fork") == 0)
		fork_once();
	else
		_exit(2);
}

int main(void)
{
	char line[256];
	size_t len = 0;

	/* So that there is a heap, whose end a reader of the maps can see. */
	if (!malloc(1))
		return 1;
	/* A huge page would come as one fault. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	say("READY {}\n", 9);
	for (;;) {
		ssize_t n = read(0, line + len, 1);

		if (n <= 0)
			return 0;
		if (line[len] == '\n') {
			line[len] = '\0';
			obey(line);
			len = 0;
		} else if (++len == sizeof(line)) {
			return 2;
		}
	}
}
