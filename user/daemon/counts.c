// SPDX-License-Identifier: Apache-2.0
#include "daemon/counts.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/config.h"

void counts_init(struct counts *c)
{
	memset(c, 0, sizeof(*c));
	c->start_time_s = clock_now_s(CLOCK_REALTIME);
	if (gethostname(c->node, sizeof(c->node) - 1) < 0)
		c->node[0] = '\0';
}

/* Our own open descriptors, without the one that reads them; 0 unknown. */
static uint32_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	uint32_t n = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n - 1;
}

void counts_fill(const struct counts *c, const struct config *config, struct node_self *ret)
{
	*ret = (struct node_self){
		.version = LOITER_VERSION,
		.node = config->node ? config->node : c->node[0] ? c->node : NULL,
		.start_time_s = c->start_time_s,
		.interval_s = config->interval_s,
		.budget_percent = config->budget_percent,
		.memory_max_bytes = config->memory_max_bytes,
		.fds = count_fds(),
		.reloads = counted(&c->reloads),
		.reloads_failed = counted(&c->reloads_failed),
	};
}
