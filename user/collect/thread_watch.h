/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of one process that come and go: exact counts of births and exits, how long those
 * lived that did both, and the stacks that threads were made from, in C by call frame information.
 * Which Go call a thread is stuck in is said by the goroutines: they know, the births do not.
 */
#pragma once

struct collector_ops;

extern const struct collector_ops thread_watch_collector;
