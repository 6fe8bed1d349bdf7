/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell writes to its pipe: a head, and the bytes that were asked for or the reason why there
 * are none. Whoever reads it takes it for what a hostile process may have written.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct cell_answer_head {
	uint32_t magic;
	int32_t err;		/* 0 or a negative errno */
	uint64_t len;		/* of what follows: the answer, or a struct diag */
};

/* Waits until all of it is taken. 0; -EPIPE and the other errors of write(). */
int cell_answer_write(int fd, const void *bytes, size_t len);
int cell_answer_fail(int fd, int err, const struct diag *d);

/* The bytes of an answer, growing as they come. */
struct cell_answer {
	char *bytes;		/* owned */
	size_t len, room;
	uint64_t max;		/* of the answer itself */
};

void cell_answer_init(struct cell_answer *a, uint64_t max);
void cell_answer_done(struct cell_answer *a);

/*
 * Takes what there is to be read from a descriptor that does not block: 1 more may come, 0 the end.
 * -E2BIG longer than it may be, -EBADMSG no head of ours, -ENOMEM.
 */
int cell_answer_read(struct cell_answer *a, int fd);

/*
 * 0: *ret is the answer, of malloc(), the caller's. The cell's own error, with its sentence in d,
 * which has no bytes of control then. -ENODATA it is not whole; -EBADMSG.
 */
int cell_answer_take(struct cell_answer *a, char **ret, size_t *len, struct diag *d);
