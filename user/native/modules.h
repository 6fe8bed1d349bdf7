/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a process runs code of, opened when a stack first touches them and kept: which
 * one a pc lies in, how to unwind there, what the function is called. Files are opened by what is
 * mapped (map_files, exe, root), never by a path as we see it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/mem.h"
#include "image/cfi.h"
#include "image/functions.h"
#include "image/lines.h"

struct module;
struct modules;
struct process;

/* The process must outlive it. -ESRCH, -EPERM, -ENOMEM. */
int modules_open(const struct process *p, struct modules **ret, struct diag *d);
void modules_close(struct modules *m);
DEFINE_CLEANUP(struct modules, modules_close)

/* Reads the mappings again: after a dlopen(), and before each look. What is open stays. */
int modules_refresh(struct modules *m, struct diag *d);

/* The module that has code at pc; NULL when it is in no file that we may read. */
struct module *modules_find(struct modules *m, uint64_t pc);
/* True when pc lies in memory that may run, file or not. */
bool modules_executable(const struct modules *m, uint64_t pc);
/* End of the mapping that holds addr when it may be read and written (a stack); 0 when not. */
uint64_t modules_stack_end(const struct modules *m, uint64_t addr);

/* What to add to an address of the file. */
uint64_t module_bias(const struct module *m);
/* The last component of its path, as the kernel prints it. */
const char *module_name(const struct module *m);
/* NULL when the file has none, or it cannot be read. */
struct cfi *module_cfi(struct module *m);
struct functions *module_functions(struct module *m);
struct lines *module_lines(struct module *m);
