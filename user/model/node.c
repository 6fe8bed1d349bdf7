// SPDX-License-Identifier: Apache-2.0
#include "model/node.h"

bool node_process_grows(const struct node_process *p)
{
	return p->rss.grows || p->threads.grows || p->goroutines.grows;
}

const char *node_kind_name(enum node_kind k)
{
	static const char *const names[NODE_KINDS] = {
		[NODE_UNKNOWN] = "?", [NODE_C] = "c", [NODE_GO] = "go", [NODE_CGO] = "cgo",
	};

	return k < NODE_KINDS ? names[k] : "?";
}
