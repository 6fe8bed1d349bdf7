/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed process (target/sealed.h) as an address space: by the descriptor of its memory, which
 * asks for no permission any more.
 *
 * Unlike process_vm_readv(), such a read keeps the process from mapping and unmapping while a page
 * is fetched, however long that takes (mm/memory.c, __access_remote_vm()). So pages of files are
 * read there only when the process has them; else they are read from the file, by us alone.
 */
#pragma once

#include "base/mem.h"

struct process;

/* `p` is sealed and outlives it. -ENOMEM. */
int mem_sealed_open(const struct process *p, struct mem **ret);
