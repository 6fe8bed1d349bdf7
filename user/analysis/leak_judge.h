/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the set of leaked goroutines to verdicts, patterns and findings. Pure: whoever gathered the
 * groups has counted in each one how many of it are in the set.
 */
#pragma once

#include "model/snapshot.h"

/*
 * No lock is held for so long in a program that is well: whoever waits for it that long is suspect,
 * leaked or not. Other waits may be as long as they like.
 */
#define LEAK_LOCK_S 600

/* Do its goroutines wait for a lock, one that is known, in vain or for as long as that? */
bool leak_is_stuck_lock(const struct group *g);

/*
 * After verdict_judge(): raises the verdicts of groups, and of snapshot.goroutines, that have leaked
 * ones, names the pattern, and adds a finding for each site; and the same for locks that are stuck.
 * Groups and findings are sorted again; indices of groups follow. Does nothing when snapshot.leaks is
 * NULL. 0 or -ENOMEM.
 */
int leak_judge(struct snapshot *s);
