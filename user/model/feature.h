/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine or a target allows, a row for each thing, as `loiter doctor` shows it. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

enum feature_state {
	FEATURE_OK,
	FEATURE_LESS,		/* loiter goes on without it, and does or knows less */
	FEATURE_NO,		/* what depends on it is refused */
	FEATURE_UNKNOWN,	/* could not be tried */
};

/* "ok", "less", "no", "unknown". */
const char *feature_state_name(enum feature_state state);

struct feature {
	const char *name;	/* "uprobe_multi" */
	enum feature_state state;
	int err;		/* 0, or the negative errno that loiter's exit code is made of */
	const char *detail;	/* may hold bytes of a target */
	const char *fix;	/* how to get it; NULL: nothing to fix, or no way */
};

enum { FEATURES_MAX = 48 };

struct features {
	struct feature all[FEATURES_MAX];
	size_t n;
	int err;		/* -ENOMEM once a row could not be added */
};

/* Adds a row; strings that are not literals must be of the arena, detail is put there. */
void features_add(struct features *f, struct arena *a, const char *name, enum feature_state state,
		  int err, const char *fix, const char *detail, ...)
	__attribute__((format(printf, 7, 8)));

/* The first row with an err; NULL: none. */
const struct feature *features_first_error(const struct features *f);
