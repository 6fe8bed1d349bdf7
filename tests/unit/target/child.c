// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void nothing(void *arg)
{
	(void)arg;
}

pid_t child_start(void (*run)(void *arg), void *arg)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready) < 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		(run ? run : nothing)(arg);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		abort();
	close(ready[0]);
	return pid;
}

void child_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

pid_t child_zombie(void)
{
	pid_t pid = fork();
	siginfo_t info;

	if (pid < 0)
		abort();
	if (pid == 0)
		_exit(0);
	/* WNOWAIT: it has exited when this returns, and is still there. */
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0)
		abort();
	return pid;
}

int child_judge(int (*body)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		abort();
	if (pid == 0)
		_exit(body(arg));
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
