/* SPDX-License-Identifier: Apache-2.0 */
/* Processes to look at: forked from the test, told to do something, then kept until killed. */
#pragma once

#include <sys/types.h>

/*
 * Forks a child that calls run(arg) and then waits; returns when run() is done. The child dies
 * with the test. run() may fork no further.
 */
pid_t child_start(void (*run)(void *arg), void *arg);
/* Kills and reaps. */
void child_stop(pid_t pid);
/* A child that has exited and is not reaped; child_stop() reaps it. */
pid_t child_zombie(void);
/* What status the child that runs body(arg), the test's judgement, exits with. */
int child_judge(int (*body)(void *arg), void *arg);
