// SPDX-License-Identifier: Apache-2.0
#include "cmd/interrupt.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/exit.h"

/* Written only while the flag below is off: the handler may read it at any other time. */
static char remove_path[PATH_MAX];
static volatile sig_atomic_t remove_armed, erase_armed;

static void (*volatile at_death)(void);

/* Only calls that are safe in a handler (signal-safety(7)). */
static void on_signal(int sig)
{
	static const char erase[] = "\r\033[K";

	void (*last)(void) = at_death;

	if (last)
		last();
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

/* What handles those that are not ignored (nohup). Safe in a handler. */
static void handle_with(void (*handler)(int), int flags)
{
	const struct sigaction sa = { .sa_handler = handler, .sa_mask = signal_set(),
				      .sa_flags = flags };
	struct sigaction old;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
}

void interrupt_catch(void)
{
	handle_with(on_signal, (int)SA_RESETHAND);
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

void interrupt_at_death(void (*put_back)(void))
{
	at_death = put_back;
}

void interrupt_erase(int on)
{
	erase_armed = on;
}

/* An eventfd. It is never closed: a handler may be about to write. */
static int note_fd = -1;
static volatile sig_atomic_t noted;

static void on_first(int sig)
{
	const uint64_t one = 1;
	int err = errno;

	noted = sig;
	handle_with(on_signal, (int)SA_RESETHAND);
	/* A counter that starts at 0 has room. */
	if (write(note_fd, &one, sizeof(one)) < 0)
		_exit(EXIT_INTERRUPTED);
	errno = err;
}

int interrupt_note(void)
{
	if (note_fd < 0)
		note_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (note_fd < 0)
		return -errno;
	handle_with(on_first, SA_RESTART);
	return note_fd;
}

void interrupt_end(void)
{
	handle_with(on_signal, (int)SA_RESETHAND);
}

int interrupt_noted(void)
{
	return noted;
}
