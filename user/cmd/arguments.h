/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments that more than one command takes: parse functions for option rows (cmd/options.h). */
#pragma once

#include <sys/types.h>

#include "base/diag.h"

/* "4242" and nothing else, 1 to INT_MAX. -EINVAL with the sentence. */
int argument_pid(const char *text, pid_t *ret, struct diag *d);

/* An enum verdict: proven, likely or suspect. */
int argument_verdict(const char *arg, void *field, struct diag *d);

/* A double of seconds: "90", "90s", "500ms", "5m", "2h", "1d"; more than 0. */
int argument_duration(const char *arg, void *field, struct diag *d);

/* A double: "1", "0.5", "2%"; more than 0 and at most 100. */
int argument_percent(const char *arg, void *field, struct diag *d);
