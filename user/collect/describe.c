// SPDX-License-Identifier: Apache-2.0
#include "collect/describe.h"

#include "analysis/site.h"
#include "base/clock.h"

void describe_binary(struct subject *subject, struct process_info *p, struct arena *a)
{
	p->go_version = subject->build.go_version;
	p->module = subject->build.module ? subject->build.module : subject->build.path;
	p->cgo = subject->build.cgo;
	p->cgo_known = subject->build.cgo_known;
	p->stripped = elf_image_stripped(subject->elf);
	p->build_id = elf_image_build_id(subject->elf, a);
	if (!subject->go_in_exe)
		p->module_file = subject->go_file;
}

int64_t describe_nanotime(const struct process_facts *f)
{
	return (int64_t)clock_now_ns(CLOCK_MONOTONIC) + f->monotonic_offset_ns;
}

int describe_process(struct subject *subject, struct process_info *p, struct arena *a,
		     struct process_facts *facts)
{
	int r = process_facts_read(subject->process, a, facts);

	if (r < 0)
		return r;
	p->pid = subject->process->pid;
	p->start_time = subject->process->start_ticks;
	p->exe = facts->exe;
	p->name = facts->exe ? site_base_name(facts->exe)
			     : arena_strdup(a, subject->process->comm);
	p->uptime_s = facts->uptime_s;
	p->rss_bytes = facts->rss_bytes;
	p->threads = facts->threads;
	p->cgroup = facts->cgroup;
	p->container_id = facts->container_id;
	p->unit = facts->unit;
	return 0;
}
