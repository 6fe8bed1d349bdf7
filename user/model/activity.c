// SPDX-License-Identifier: Apache-2.0
#include "model/activity.h"

const char *collector_name(enum collector c)
{
	static const char *const names[] = {
		[COLLECTOR_GOROUTINES] = "goroutines",
		[COLLECTOR_FUTEX] = "futex",
		[COLLECTOR_MEMORY] = "memory",
		[COLLECTOR_THREADS] = "threads",
		[COLLECTOR_ONCPU] = "oncpu",
	};

	return c < COLLECTORS ? names[c] : "???";
}
