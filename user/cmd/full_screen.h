/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole terminal, by ncurses: its screen is put back as it was by full_screen_close(), and also
 * when a signal that nobody waits for ends the program meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Is there a person before a terminal that can be drawn on: at both ends, and we in front? */
bool full_screen_possible(int out_fd);

/*
 * -ENOTTY: the terminal's kind is not known here, or it cannot place its cursor; nothing was done.
 * colour: may be used. *utf8: what can be shown.
 */
int full_screen_open(bool colour, bool *utf8);
/* May be called twice, or without an open. */
void full_screen_close(void);

/* Readable when the terminal has another size. Ours. */
int full_screen_resize_fd(void);
/* Takes the new size. */
void full_screen_resize(void);

/* What was typed, as report/view.h has it. false: there is nothing more; *gone: nor will be. */
bool full_screen_key(uint32_t *key, bool *gone);

/* ncurses' WINDOW of all of it, and its way to the terminal. */
struct _win_st *full_screen_window(void);
void full_screen_refresh(void);
