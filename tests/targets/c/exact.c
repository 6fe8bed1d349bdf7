/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work whose outcome is known beforehand: threads that allocate, fill, add up and free, all from
 * fixed seeds. What disturbs them shows in the sum.
 *
 *	exact [THREADS]
 *
 * Commands on standard input:
 *	run ROUNDS	answers with the sum and with the calls of malloc() that it took
 *	keep		runs for good, in the background
 *	threads N	so many threads that come and go, one after another; answers with their sum
 *	fork ROUNDS	the same in a child, which answers
 *	child		forks a child that works until we end; answers with its pid
 *	leave		ends the main thread alone
 *	exec PATH	becomes that program, with standard input and output
 *	exit		ends
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS_MAX = 64, HELD = 64, BYTES_MAX = 4096 };

struct job {
	pthread_t thread;
	uint64_t seed, sum, calls;
	unsigned long rounds;
};

static int n_threads = 4;

static uint64_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

/* Of the bytes that it holds: what was written there must still be there. */
static uint64_t sum_of(const unsigned char *p, size_t n)
{
	uint64_t h = 14695981039346656037ull;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211ull;
	return h;
}

static void *work(void *arg)
{
	struct job *j = arg;
	unsigned char *held[HELD] = { NULL };
	size_t len[HELD] = { 0 };
	uint64_t state = j->seed;

	for (unsigned long i = 0; i < j->rounds; i++) {
		size_t at = next(&state) % HELD, n = 16 + next(&state) % (BYTES_MAX - 16);

		if (held[at])
			j->sum += sum_of(held[at], len[at]);
		free(held[at]);
		held[at] = malloc(n);
		if (!held[at])
			abort();
		j->calls++;
		len[at] = n;
		memset(held[at], (int)next(&state), n);
	}
	for (int i = 0; i < HELD; i++) {
		if (held[i])
			j->sum += sum_of(held[i], len[i]);
		free(held[i]);
	}
	return NULL;
}

static void answer(const char *text)
{
	printf("ANSWER %zu\n%s", strlen(text), text);
	fflush(stdout);
}

static void run(unsigned long rounds, int threads, int together)
{
	struct job jobs[THREADS_MAX] = { 0 };
	uint64_t sum = 0, calls = 0;
	char text[128];

	for (int i = 0; i < threads; i++) {
		struct job *j = &jobs[i % THREADS_MAX];

		*j = (struct job){ .seed = 1 + (uint64_t)i, .rounds = rounds };
		if (pthread_create(&j->thread, NULL, work, j) != 0)
			abort();
		if (together)
			continue;
		pthread_join(j->thread, NULL);
		sum = sum * 31 + j->sum;
		calls += j->calls;
	}
	for (int i = 0; together && i < threads; i++) {
		pthread_join(jobs[i].thread, NULL);
		sum = sum * 31 + jobs[i].sum;
		calls += jobs[i].calls;
	}
	snprintf(text, sizeof(text), "{\"sum\": \"%016llx\", \"calls\": %llu}",
		 (unsigned long long)sum, (unsigned long long)calls);
	answer(text);
}

static void *keep(void *arg)
{
	struct job j = { .seed = 1, .rounds = 1000 };

	for (;;)
		work(&j);
	return arg;
}

/* It goes with us, and otherwise goes on. */
static void child(void)
{
	char text[64];
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		keep(NULL);
	}
	snprintf(text, sizeof(text), "{\"pid\": %d}", pid);
	answer(text);
}

static void in_child(unsigned long rounds)
{
	pid_t pid = fork();

	if (pid == 0) {
		run(rounds, n_threads, 1);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	char line[4096];

	if (argc > 1)
		n_threads = atoi(argv[1]);
	if (n_threads < 1 || n_threads > THREADS_MAX)
		return 2;
	printf("READY {\"pid\": %d, \"threads\": %d}\n", getpid(), n_threads);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		char *arg = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (arg)
			*arg++ = '\0';
		if (strcmp(line, "run") == 0 && arg)
			run(strtoul(arg, NULL, 10), n_threads, 1);
		else if (strcmp(line, "keep") == 0)
			pthread_create(&(pthread_t){ 0 }, NULL, keep, NULL);
		else if (strcmp(line, "threads") == 0 && arg)
			run(10, atoi(arg), 0);
		else if (strcmp(line, "fork") == 0 && arg)
			in_child(strtoul(arg, NULL, 10));
		else if (strcmp(line, "child") == 0)
			child();
		else if (strcmp(line, "exec") == 0 && arg)
			execl(arg, arg, NULL);
		else if (strcmp(line, "leave") == 0)
			pthread_exit(NULL);
		else if (strcmp(line, "exit") == 0)
			return 0;
	}
	return 0;
}
