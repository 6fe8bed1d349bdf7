// SPDX-License-Identifier: Apache-2.0
#include "cmd/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_MIN = 20, WIDTH_MAX = 1000,
       HEIGHT_DEFAULT = 24, HEIGHT_MIN = 5 };

static unsigned int clamp_width(unsigned long n)
{
	if (n < WIDTH_MIN)
		return WIDTH_MIN;
	return n > WIDTH_MAX ? WIDTH_MAX : (unsigned int)n;
}

unsigned int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize ws = { 0 };
	unsigned long n;
	char *end;

	if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return clamp_width(ws.ws_col);
	if (!columns || *columns < '0' || *columns > '9')
		return WIDTH_DEFAULT;
	n = strtoul(columns, &end, 10);
	return *end || n == 0 ? WIDTH_DEFAULT : clamp_width(n);
}

unsigned int terminal_height(int fd)
{
	struct winsize ws = { 0 };

	if (ioctl(fd, TIOCGWINSZ, &ws) < 0 || ws.ws_row == 0)
		return HEIGHT_DEFAULT;
	return ws.ws_row < HEIGHT_MIN ? HEIGHT_MIN : ws.ws_row > WIDTH_MAX ? WIDTH_MAX : ws.ws_row;
}

bool terminal_smart(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_colour(int fd)
{
	const char *no = getenv("NO_COLOR");

	return terminal_smart(fd) && !(no && *no);
}
