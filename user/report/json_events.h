/* SPDX-License-Identifier: Apache-2.0 */
/* What the collectors saw in one interval, in the words of loiter.interval/1. */
#pragma once

#include "model/interval.h"
#include "report/json_value.h"

/*
 * Puts "events" (empty when nothing is traced), and "collectors" and "findings" where there is any
 * tracing at all.
 */
void json_activity(struct jvalue *j, const struct interval *i);
