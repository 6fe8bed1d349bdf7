// SPDX-License-Identifier: Apache-2.0
#include "cmd/interrupt.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/exit.h"

/* Written only while the flag below is off: the handler may read it at any other time. */
static char remove_path[PATH_MAX];
static volatile sig_atomic_t remove_armed, erase_armed;

/* Only calls that are safe in a handler (signal-safety(7)). */
static void on_signal(int sig)
{
	static const char erase[] = "\r\033[K";

	if (remove_armed)
		unlink(remove_path);
	if (erase_armed && write(STDERR_FILENO, erase, sizeof(erase) - 1) < 0)
		_exit(EXIT_INTERRUPTED);
	if (sig == SIGINT)
		_exit(EXIT_INTERRUPTED);
	/* SA_RESETHAND has put the default back: die of it, and the parent sees what it sent. */
	raise(sig);
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static sigset_t signal_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	return set;
}

void interrupt_hold(void)
{
	const sigset_t set = signal_set();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

void interrupt_release(void)
{
	const sigset_t set = signal_set();

	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void interrupt_catch(void)
{
	const struct sigaction sa = { .sa_handler = on_signal, .sa_mask = signal_set(),
				      .sa_flags = (int)SA_RESETHAND };
	struct sigaction old;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	/* Nobody is left to read: end quietly, also below a parent that ignored it. */
	signal(SIGPIPE, SIG_DFL);
}

void interrupt_remove(const char *path)
{
	remove_armed = 0;
	if (!path || strlen(path) >= sizeof(remove_path))
		return;
	memcpy(remove_path, path, strlen(path) + 1);
	remove_armed = 1;
}

void interrupt_erase(int on)
{
	erase_armed = on;
}
