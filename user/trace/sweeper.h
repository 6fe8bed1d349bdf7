/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process beside us that takes off the breakpoints which a loiter that is killed may leave.
 *
 * All probes end with the descriptor that owns them, also by kill -9. But the kernel gives up on
 * putting a breakpoint on or off in the middle when the thread that does so is being killed
 * (kernel/events/uprobes.c: "failed to unregister, leaking uprobe", seen on Linux 6.18), and each
 * later pass there costs a trap, for as long as the target lives. It takes them off when somebody
 * else puts probes on and off at the same places of the same file; that is what this does.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Forks it, once and early: nothing of ours that is open or mapped by then may matter to anybody.
 * Without it, or where it cannot be had, the next two do nothing.
 */
void sweeper_start(void);

/* To be called before probes go to these places, each time: what it knows it is not told again. */
void sweeper_note(int fd, const uint64_t *offsets, size_t n);
void sweeper_note_path(const char *path, const uint64_t *offsets, size_t n);

/* All probes are off: it goes, and nothing is left to do. */
void sweeper_end(void);
