// SPDX-License-Identifier: Apache-2.0
/*
 * Writes what the daemon serves of a made-up node: `write_page node|processes|targets SAMPLE`, or
 * `write_page process|slot SAMPLE` of a made-up snapshot, with or without its sparklines.
 */
#include <stdio.h>
#include <string.h>

#include "node_samples.h"
#include "report/page.h"
#include "report/processes_json.h"
#include "samples.h"

static int write_node(const char *what, const struct node_sample *s)
{
	const struct page_options page = { .version = "0.0.0", .node = s->self.node };
	const struct processes_options o = { .version = "0.0.0", .node = s->self.node,
					     .address = "10.0.0.7:9646" };

	if (strcmp(what, "node") == 0)
		return page_node(&s->look, &s->self, &page, stdout);
	if (strcmp(what, "processes") == 0)
		return processes_json(&s->look, &s->self, &o, stdout);
	return targets_json(&s->look, &o, stdout);
}

static int write_process(const char *what, const struct snapshot *s)
{
	struct page_options o = { .version = "0.0.0", .node = "node-17" };
	struct node_sample node = node_sample_named("typical");
	int r;

	/* The second of these is shop-api, as the snapshots are of. */
	if (strcmp(what, "process") == 0)
		o.process = &node.look.all[1];
	r = page_process(s, &o, stdout);
	snapshot_free(node.owner);
	return r;
}

int main(int argc, char **argv)
{
	bool process = argc == 3 &&
		       (strcmp(argv[1], "process") == 0 || strcmp(argv[1], "slot") == 0);
	struct snapshot *owner = process ? sample_named(argv[2]) : NULL;
	struct node_sample node = { 0 };
	int r;

	if (argc == 3 && !process) {
		node = node_sample_named(argv[2]);
		owner = node.owner;
	}
	if (!owner) {
		fprintf(stderr, "usage: write_page node|processes|targets|process|slot SAMPLE\n");
		return 2;
	}
	r = process ? write_process(argv[1], owner) : write_node(argv[1], &node);
	snapshot_free(owner);
	return r < 0 || fflush(stdout) ? 1 : 0;
}
