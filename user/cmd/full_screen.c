// SPDX-License-Identifier: Apache-2.0
#include "cmd/full_screen.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/interrupt.h"
#include "cmd/terminal.h"
#include "report/canvas.h"
#include "report/view.h"

/* Last: it makes macros of such words as "columns" and "lines". */
#include <term.h>

/* A lone Esc is told from the start of a key's sequence by nothing following for so long. */
enum { ESCAPE_MS = 50, CTRL_L = 0x0c };

static SCREEN *screen;
/* An eventfd. It is never closed: a handler may be about to write. */
static int resize_fd = -1;

/* --- What a handler needs: written while no handler of ours is there --- */

static struct termios before;
static char restore[256];
static size_t restore_len;

/* Besides those of cmd/interrupt.c, which are read and no end by themselves. */
static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, SIGQUIT,
			     SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU, SIGXFSZ };
static struct sigaction old_actions[ARRAY_SIZE(fatal)];

/* Only calls that are safe in a handler (signal-safety(7)). */
static void put_back(void)
{
	if (write(STDOUT_FILENO, restore, restore_len) >= 0)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* SA_RESETHAND: then we die of it. */
static void on_fatal(int sig)
{
	put_back();
	raise(sig);
}

static void catch_fatal(void)
{
	const struct sigaction sa = { .sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		if (sigaction(fatal[i], NULL, &old_actions[i]) == 0 &&
		    old_actions[i].sa_handler != SIG_IGN)
			sigaction(fatal[i], &sa, NULL);
	interrupt_at_death(put_back);
}

static void release_fatal(void)
{
	interrupt_at_death(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		sigaction(fatal[i], &old_actions[i], NULL);
}

static int keep_byte(int c)
{
	if (restore_len < sizeof(restore))
		restore[restore_len++] = (char)c;
	return c;
}

/* The terminal's own way back: out of its other screen, keys and colours as before, a cursor. */
static void keep_restore(void)
{
	static const char *const names[] = { "sgr0", "op", "rmkx", "cnorm", "rmcup" };

	restore_len = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *code = tigetstr(names[i]);

		if (code && code != (const char *)-1)
			tputs(code, 1, keep_byte);
	}
}

/* --- Opening and closing --- */

bool full_screen_possible(int out_fd)
{
	pid_t front;

	if (!terminal_smart(out_fd) || out_fd != STDOUT_FILENO || !isatty(STDIN_FILENO))
		return false;
	/* A terminal that is not our session's has nobody in front. */
	front = tcgetpgrp(STDIN_FILENO);
	return front < 0 || front == getpgrp();
}

static void on_resize(int sig)
{
	const uint64_t one = 1;
	int err = errno;

	(void)sig;
	if (write(resize_fd, &one, sizeof(one)) < 0)
		errno = err;
}

/* Before ncurses sets its own, which it then leaves: that one tells nobody who sleeps. */
static int listen_for_resize(void)
{
	const struct sigaction sa = { .sa_handler = on_resize, .sa_flags = SA_RESTART };

	if (resize_fd < 0)
		resize_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (resize_fd < 0)
		return -errno;
	return sigaction(SIGWINCH, &sa, NULL) < 0 ? -errno : 0;
}

int full_screen_open(bool colour, bool *utf8)
{
	int r;

	setlocale(LC_CTYPE, "");
	*utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -ENOTTY;
	r = listen_for_resize();
	if (r < 0)
		return r;
	screen = newterm(NULL, stdout, stdin);
	if (!screen || !tigetstr("cup") || tigetstr("cup") == (char *)-1) {
		full_screen_close();
		return -ENOTTY;
	}
	keep_restore();
	catch_fatal();
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	if (colour)
		canvas_colours();
	/* The window's size is what counts, whatever the environment says. */
	full_screen_resize();
	return 0;
}

void full_screen_close(void)
{
	if (screen) {
		endwin();
		release_fatal();
		delscreen(screen);
		screen = NULL;
	}
	signal(SIGWINCH, SIG_DFL);
}

int full_screen_resize_fd(void)
{
	return resize_fd;
}

void full_screen_resize(void)
{
	struct winsize ws = { 0 };
	uint64_t n;

	while (read(resize_fd, &n, sizeof(n)) == sizeof(n))
		;
	if (screen && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row && ws.ws_col)
		resizeterm(ws.ws_row, ws.ws_col);
}

/* --- Keys --- */

static uint32_t view_key_of(wint_t key, bool function_key)
{
	static const struct {
		wint_t from;
		uint32_t to;
	} functions[] = {
		{ KEY_UP, VIEW_KEY_UP },	     { KEY_DOWN, VIEW_KEY_DOWN },
		{ KEY_PPAGE, VIEW_KEY_PAGE_UP },     { KEY_NPAGE, VIEW_KEY_PAGE_DOWN },
		{ KEY_HOME, VIEW_KEY_HOME },	     { KEY_END, VIEW_KEY_END },
		{ KEY_ENTER, VIEW_KEY_ENTER },	     { KEY_BACKSPACE, VIEW_KEY_ERASE },
		{ KEY_DC, VIEW_KEY_ERASE },
	};

	for (size_t i = 0; function_key && i < ARRAY_SIZE(functions); i++)
		if (functions[i].from == key)
			return functions[i].to;
	if (function_key)
		return VIEW_KEY_OTHER;
	switch (key) {
	case '\r':
	case '\n':
		return VIEW_KEY_ENTER;
	case 0x1b:
		return VIEW_KEY_ESCAPE;
	case 0x7f:
	case '\b':
		return VIEW_KEY_ERASE;
	default:
		return key < VIEW_KEY_UP ? (uint32_t)key : VIEW_KEY_OTHER;
	}
}

bool full_screen_key(uint32_t *key, bool *gone)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	wint_t typed;
	int r = wget_wch(stdscr, &typed);

	if (r == ERR) {
		/* A terminal that is no more stays readable for ever. */
		*gone = poll(&fd, 1, 0) > 0 && fd.revents & (POLLHUP | POLLERR | POLLNVAL);
		return false;
	}
	if (r != KEY_CODE_YES && typed == CTRL_L)
		clearok(curscr, TRUE);
	*key = view_key_of(typed, r == KEY_CODE_YES);
	return true;
}

WINDOW *full_screen_window(void)
{
	return stdscr;
}

void full_screen_refresh(void)
{
	wnoutrefresh(stdscr);
	doupdate();
}
