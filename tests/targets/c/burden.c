// SPDX-License-Identifier: Apache-2.0
/*
 * A burden for a program that it is preloaded into, as no machine of a test's can be made to be:
 *
 *	BURDEN_STALL=PATH	its thread "look" opens no file for as long as PATH exists
 *	BURDEN_MIB=N		so much memory more is in use
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((constructor)) static void load(void)
{
	const char *mib = getenv("BURDEN_MIB");
	size_t n = mib ? strtoul(mib, NULL, 10) << 20 : 0;
	char *p;

	if (!n)
		return;
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED)
		memset(p, 1, n);
}

static void stall(void)
{
	const char *path = getenv("BURDEN_STALL");
	char name[17] = "";

	prctl(PR_GET_NAME, name);
	while (path && strcmp(name, "look") == 0 && access(path, F_OK) == 0)
		usleep(10000);
}

int openat64(int dir, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(args, mode_t);
	va_end(args);
	stall();
	return (int)syscall(SYS_openat, dir, name, flags, mode);
}

int openat(int dir, const char *name, int flags, ...) __attribute__((alias("openat64")));
