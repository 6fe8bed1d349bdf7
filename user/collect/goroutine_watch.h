/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The goroutine collector on one process, with names: which sites park how often and for how long,
 * who wakes them, and which go statements are at work.
 *
 * How long waits are is known of those alone that begin and end within one burst of the probes, so
 * of a target that is busy it is the short ones that are known.
 */
#pragma once

struct collector_ops;

extern const struct collector_ops goroutine_watch_collector;
