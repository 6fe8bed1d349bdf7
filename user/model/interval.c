// SPDX-License-Identifier: Apache-2.0
#include "model/interval.h"

const char *watch_state_name(enum watch_state s)
{
	static const char *const names[] = {
		[WATCH_RUNNING] = "running", [WATCH_STOPPED] = "stopped",
		[WATCH_EXITED] = "exited",   [WATCH_EXECED] = "exec",
		[WATCH_FAILED] = "failed",
	};

	return (unsigned int)s <= WATCH_FAILED ? names[s] : "???";
}
