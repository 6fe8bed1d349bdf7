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

/* What a signal that ends us calls, safe in a handler; NULL: nothing. */
void interrupt_at_death(void (*put_back)(void));

/* A progress line stands on stderr and must be erased; or no longer. */
void interrupt_erase(int on);

/*
 * From now on the first signal is no end but noted; the second one, also of another kind, ends us
 * at once, whatever we are at. Returns a descriptor that is readable when one is noted, for as long
 * as we live; or negative errno. interrupt_end() makes the first one an end again.
 */
int interrupt_note(void);
void interrupt_end(void);

/* The signal that was noted; 0 none. */
int interrupt_noted(void);
