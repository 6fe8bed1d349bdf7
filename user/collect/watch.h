/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process over time. It is opened once; each look after the first reads only what moved
 * since, and is joined with those before it into an interval.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "model/interval.h"

struct watch;

struct tracing_args;

/*
 * Errors of snapshot_process(), but for a process that is not Go: its threads and memory are
 * watched. args (borrowed): what watch_trace() loads; NULL: nothing.
 */
int watch_open(pid_t pid, struct tracing_args *args, struct watch **ret, struct diag *d);
void watch_close(struct watch *w);
DEFINE_CLEANUP(struct watch, watch_close)

/* Readable once the process has exited; the watch's own. */
int watch_pidfd(const struct watch *w);

/*
 * Of the CPU time of loiter's threads of bursts, the part that goes into this process: 1 unless it
 * watches others.
 */
void watch_set_share(struct watch *w, double share);

/*
 * Takes a look. How the target fares is no error: it stands in the interval's state, and after
 * WATCH_EXITED or WATCH_EXECED there is nothing more to look at. *ret is the watch's, until the
 * next call. -ENOMEM.
 */
int watch_look(struct watch *w, const struct interval **ret);

/* growth_focus() of its goroutines. */
void watch_focus(struct watch *w);

/* It waits for long: what can be had again is given back. */
void watch_rest(struct watch *w);

/*
 * Where the number of its goroutine structs stands in its memory, and how many of them were in
 * use at the last look: for a glance without a look. False: it is not Go, or was not looked at.
 */
bool watch_glance(const struct watch *w, uint64_t *ret_addr, uint64_t *ret_in_use);

/*
 * Reads where its memory is, once, after the first look, so that the closing report can say what of it
 * grew. Where that is dear it is left out. -ENOMEM.
 */
int watch_account(struct watch *w);

/*
 * Loads what is to be traced, once: after the first look that saw the process run, when that is
 * out; before that, and later, it does nothing. It takes a while, and is no part of a look but
 * overhead.setup_ms of those to come. What cannot be had is no error: each later interval says
 * so. -ENOMEM; -ECANCELED when args->stop() said so: then nothing is traced.
 */
int watch_trace(struct watch *w);

/*
 * The closing snapshot: a whole one, taken now, or the last look's where the process is gone;
 * judged, with what was seen to grow. The watch's, until it is closed. -ENODATA when no look was
 * ever had; -ENOMEM.
 */
int watch_finish(struct watch *w, const struct snapshot **ret, struct diag *d);

/* What is known of the process from the start: pid, name, Go version, ... */
const struct process_info *watch_process(const struct watch *w);
