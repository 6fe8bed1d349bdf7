// SPDX-License-Identifier: Apache-2.0
#include "model/goroutine.h"

#include "base/cleanup.h"

const char *go_state_name(enum go_state s)
{
	static const char *const names[] = {
		[GO_IDLE] = "idle",	  [GO_RUNNABLE] = "runnable",
		[GO_RUNNING] = "running", [GO_SYSCALL] = "syscall",
		[GO_WAITING] = "waiting", [GO_DEAD] = "dead",
		[GO_COPYSTACK] = "copystack", [GO_PREEMPTED] = "preempted",
		[GO_LEAKED] = "leaked",	  [GO_DEADEXTRA] = "waiting for cgo callback",
	};

	return (size_t)s < ARRAY_SIZE(names) && names[s] ? names[s] : "???";
}

const char *wait_kind_name(enum wait_kind k)
{
	static const char *const names[WAIT_KINDS] = {
		"none", "chan", "select", "mutex", "rwmutex",
		"waitgroup", "cond", "sema", "fd", "timer",
	};

	return (size_t)k < WAIT_KINDS ? names[k] : "none";
}

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {
		"unknown", "ok", "explained", "candidate", "suspect", "likely", "proven",
	};

	return (size_t)v < ARRAY_SIZE(names) ? names[v] : "unknown";
}
