/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command and says on descriptor 3 what it took: wall ns, CPU ns, peak resident KiB, exit code.
 * A large parent would show in the peak: the kernel counts the memory from before the exec as well.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long long ns_of(struct timeval t)
{
	return t.tv_sec * 1000000000ll + t.tv_usec * 1000ll;
}

int main(int argc, char **argv)
{
	long long start = now_ns();
	struct rusage used;
	int status = -1;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = fork();
	if (pid == 0) {
		close(3);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		return 1;
	dprintf(3, "%lld %lld %ld %d\n", now_ns() - start,
		ns_of(used.ru_utime) + ns_of(used.ru_stime), used.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
