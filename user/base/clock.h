/* SPDX-License-Identifier: Apache-2.0 */
/* Times as numbers. */
#pragma once

#include <stdint.h>
#include <time.h>

/* 0 when there is no such clock: the process that it is of has gone. */
static inline uint64_t clock_now_ns(clockid_t id)
{
	struct timespec t = { 0 };

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline double clock_now_s(clockid_t id)
{
	return (double)clock_now_ns(id) / 1e9;
}

static inline double clock_between_s(struct timespec from, struct timespec to)
{
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Since a time of CLOCK_MONOTONIC. */
static inline double clock_since_s(struct timespec start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return clock_between_s(start, now);
}
