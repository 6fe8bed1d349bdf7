/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything of a process that takes a privilege to open or to ask for, opened and asked for ahead:
 * so that whoever parses what it says can have given up every capability before. What anybody may
 * read (stat, status, task, net) is still opened when it is needed.
 *
 * A descriptor keeps to the memory that the process had when it was opened: after an exec nothing
 * of the new program is read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/diag.h"

struct mapping;
struct maps;
struct process;
struct sealed;

/*
 * `traced`: its memory is still read with the right to trace it, for it is to be stopped.
 *
 * Fills p->sealed; the functions of process.h, maps.h, pagemap.h, smaps.h and sockets.h use it from
 * then on. Opening a file of a stalled file system waits, as any open does. What cannot be opened
 * fails later, when somebody asks for it. -ESRCH, -EPERM its memory may not be read, -ENOMEM.
 */
int process_seal(struct process *p, bool traced, struct diag *d);
/* Accepts NULL. */
void sealed_free(struct sealed *s);

/* Of what process_seal() opened: "maps", "smaps", "pagemap", "mem", "exe". -ENOENT another name. */
int sealed_open(const struct sealed *s, const char *name);
/* The file behind a mapping; -ENOENT: not opened, -EINVAL: not a regular file. */
int sealed_open_mapped(const struct sealed *s, const struct mapping *m);
/*
 * Copies pieces of memory one after the other, as process_vm_readv() does, where that may not be
 * asked any more: bytes before the first page that is not there. 0 when there are none; -ESRCH.
 */
ssize_t sealed_copy(const struct sealed *s, void *buf, const struct iovec *pieces, size_t n);
/* True: memory is to be read by its descriptor. */
bool sealed_by_descriptor(const struct process *p);

/* The descriptor of memory, borrowed; and of the file of a mapping, -1 when there is none. */
int sealed_mem_fd(const struct sealed *s);
int sealed_file_fd(const struct sealed *s, uint64_t dev, uint64_t ino);
/* The mappings at that time, borrowed. */
const struct maps *sealed_maps(const struct sealed *s);
/* The memory that was opened is nobody's any more: an exit or an exec. */
bool sealed_memory_gone(const struct sealed *s);

/* As they were then. The text of the link /proc/PID/fd/N, malloc'ed; -ENOENT no such descriptor. */
int sealed_link(const struct sealed *s, int fd, char **ret);
/* As procfile_protocol(). */
int sealed_protocol(const struct sealed *s, int fd, char *ret);
/* The text of task/TID/syscall, malloc'ed; -ESRCH no such thread then. */
int sealed_syscall(const struct sealed *s, pid_t tid, char **ret);
