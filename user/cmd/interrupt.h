/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and its like: exit 130 at once, leaving neither a temporary file nor a progress line. */
#pragma once

/* Once, at the start. A signal that is ignored (nohup) stays ignored. */
void interrupt_catch(void);

/* The file to remove when a signal ends us; NULL: none. The name is copied; too long is ignored. */
void interrupt_remove(const char *path);

/* Puts signals off, and lets them in again: around making a file and naming it above. */
void interrupt_hold(void);
void interrupt_release(void);

/* A progress line stands on stderr and must be erased; or no longer. */
void interrupt_erase(int on);
