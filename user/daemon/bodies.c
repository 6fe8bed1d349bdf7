// SPDX-License-Identifier: Apache-2.0
#include "daemon/bodies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/board.h"
#include "daemon/config.h"
#include "report/node.h"

struct form {
	const char *name;	/* the path that it is asked for by */
	const char *type;
	int (*write)(const struct config *c, const struct node_look *look,
		     const struct node_self *self, FILE *out);
};

static int write_node(const struct config *c, const struct node_look *look,
		      const struct node_self *self, FILE *out)
{
	const struct report_options o = { .version = self->version };

	(void)c;
	return node_json(look, out, &o);
}

static const struct form forms[] = {
	{ "/api/v1/node", "application/json; charset=utf-8", write_node },
};

static int publish(struct board *b, const struct form *f, const struct config *c,
		   const struct node_look *look, const struct node_self *self)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);
	int r;

	if (!out)
		return -ENOMEM;
	r = f->write(c, look, self, out);
	if (r == 0 && ferror(out))
		r = -ENOMEM;
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r == 0)
		return board_publish(b, f->name, f->type, bytes, len);
	free(bytes);
	return r;
}

int bodies_publish(struct board *b, const struct config *c, const struct node_look *look,
		   const struct node_self *self, struct diag *d)
{
	int first = 0;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		int r = publish(b, &forms[i], c, look, self);

		if (r < 0 && first == 0)
			first = diag_what(d, r, "%s", forms[i].name);
	}
	return first;
}
