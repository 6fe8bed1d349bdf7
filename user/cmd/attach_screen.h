/* SPDX-License-Identifier: Apache-2.0 */
/* The live face of `loiter attach` and `loiter top`: targets, keys and the screen, put together. */
#pragma once

#include "cmd/attach.h"
#include "model/node.h"

struct attach_screen;

/* -ENOTTY: lines are all that this terminal can show. -ENOMEM. */
int attach_screen_open(const struct attach_args *args, bool colour, struct attach_screen **ret);
/* The terminal is as it was before. Accepts NULL. */
void attach_screen_close(struct attach_screen *s);

/* One line for the person there, until the next one. */
void attach_screen_note(struct attach_screen *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Draws what is known of the targets, or of the node's processes, now: after each look, for both
 * must be there until the next one. -ENOMEM.
 */
int attach_screen_targets(struct attach_screen *s, const struct attach_targets *targets);
int attach_screen_node(struct attach_screen *s, const struct node_look *look);

/* Takes what was typed, and draws when that changed anything. *quit: it is enough. -ENOMEM. */
int attach_screen_keys(struct attach_screen *s, bool *quit);
/* Draws the same in a window of another size. -ENOMEM. */
int attach_screen_resize(struct attach_screen *s);
