/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc/PID/cgroup tells about who runs a process: cgroup path, container, systemd unit. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

struct process_facts;

/*
 * Fills cgroup, container_id, pod_uid and unit out of the file's text (cgroups(7): v1, v2 and both).
 * 0; -ENOMEM. What is not there stays NULL.
 */
int cgroup_parse(const char *text, size_t len, struct arena *a, struct process_facts *ret);
