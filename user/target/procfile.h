/* SPDX-License-Identifier: Apache-2.0 */
/* Files below /proc/PID: reading one whole, and what stat and status say. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

/*
 * Reads `name` below dir_fd whole, NUL-terminated, malloc'ed; *len is without the NUL. -E2BIG
 * when it is longer than max bytes, -ENOMEM, else what open() or read() failed with.
 */
int procfile_read(int dir_fd, const char *name, size_t max, char **ret, size_t *len);
/* The same of an open file, from where it stands. */
int procfile_read_fd(int fd, size_t max, char **ret, size_t *len);
void procfile_free(char *text);
DEFINE_CLEANUP(char, procfile_free)

/* readlink without guessing a size: malloc'ed, NUL-terminated. Errors of readlinkat(). */
int procfile_readlink(int dir_fd, const char *name, char **ret);

enum { PROCFILE_PROTOCOL = 64 };

/*
 * What the kernel calls the protocol of the socket fd/N below dir_fd: at most PROCFILE_PROTOCOL bytes.
 * -ENODATA: nothing.
 */
int procfile_protocol(int dir_fd, int fd, char *ret);

/*
 * The numbers that name a directory's entries, ascending, malloc'ed: the caller frees.
 * Entries that are not numbers are skipped. Errors of open() and getdents().
 */
int procfile_numbers(int dir_fd, const char *name, pid_t **ret, size_t *n);

/* Of proc_pid_stat(5). */
struct procstat {
	char comm[64];
	char state;		/* 'R', 'S', 'Z', ... */
	uint32_t flags;		/* PF_* */
	uint32_t threads;
	uint64_t cpu_ticks;	/* user and system time of all its threads, the dead ones too */
	uint64_t start_ticks;	/* after boot */
	uint64_t rss_pages;
	uint64_t start_stack;	/* random at each exec; 0 when the kernel hides it from us */
};

/* PF_EXITING and PF_KTHREAD of include/linux/sched.h */
enum { PROCSTAT_EXITING = 0x4, PROCSTAT_KTHREAD = 0x00200000 };

/* -EBADMSG on what no kernel prints. */
int procstat_parse(const char *text, struct procstat *ret);
/* Reads and parses `stat` below dir_fd. */
int procstat_read(int dir_fd, struct procstat *ret);
