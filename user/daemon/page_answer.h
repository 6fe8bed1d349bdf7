/* SPDX-License-Identifier: Apache-2.0 */
/* A process's page as a cell has made it, and what only the looks at the node know of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct past;

/* Puts another page in place of *bytes, of malloc(); where memory is short, it stays as it is. */
void page_answer_fill(struct past *past, int pid, uint64_t start_time, char **bytes, size_t *len);
