/* SPDX-License-Identifier: Apache-2.0 */
/* goroutines.timers of the JSON. */
#pragma once

#include "model/timers.h"
#include "report/json_value.h"

/* Adds it to the goroutines object; t NULL: they are not known, and nothing is added. */
void json_timers(struct jvalue *goroutines, const struct timer_look *t);
