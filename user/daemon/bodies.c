// SPDX-License-Identifier: Apache-2.0
#include "daemon/bodies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/board.h"
#include "daemon/config.h"
#include "daemon/http.h"
#include "report/openmetrics.h"
#include "report/page.h"
#include "report/processes_json.h"

/* All that a form may want to know. */
struct source {
	const struct bodies *bodies;
	const struct config *config;
	const struct node_look *look;
	const struct node_self *self;
};

struct form {
	const char *name;	/* the path that it is asked for by */
	const char *type;
	int (*write)(const struct source *s, FILE *out);
};

static int write_metrics(const struct source *s, FILE *out)
{
	const struct openmetrics_options o = { .series_max = (uint32_t)s->config->series_max };

	return openmetrics_node(s->bodies->book, s->self, &o, out);
}

static int write_plain_metrics(const struct source *s, FILE *out)
{
	const struct openmetrics_options o = { .plain = true,
					       .series_max = (uint32_t)s->config->series_max };

	return openmetrics_node(s->bodies->book, s->self, &o, out);
}

static struct processes_options processes_options(const struct source *s)
{
	return (struct processes_options){
		.version = s->self->version,
		.node = s->self->node,
		.address = s->bodies->address,
		.tls = s->bodies->tls,
	};
}

static int write_targets(const struct source *s, FILE *out)
{
	const struct processes_options o = processes_options(s);

	return targets_json(s->look, &o, out);
}

static int write_processes(const struct source *s, FILE *out)
{
	const struct processes_options o = processes_options(s);

	return processes_json(s->look, s->self, &o, out);
}

static int write_page(const struct source *s, FILE *out)
{
	const struct page_options o = { .version = s->self->version, .node = s->self->node };

	return page_node(s->look, s->self, &o, out);
}

static const char json_type[] = "application/json";

static const struct form forms[] = {
	{ HTTP_BODY_METRICS, OPENMETRICS_TYPE, write_metrics },
	{ HTTP_BODY_METRICS_TEXT, OPENMETRICS_PLAIN_TYPE, write_plain_metrics },
	{ HTTP_BODY_TARGETS, json_type, write_targets },
	{ HTTP_BODY_PROCESSES, json_type, write_processes },
	{ HTTP_BODY_PAGE, "text/html; charset=utf-8", write_page },
};

static int publish(const struct source *s, const struct form *f)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);
	int r;

	if (!out)
		return -ENOMEM;
	r = f->write(s, out);
	if (r == 0 && ferror(out))
		r = -ENOMEM;
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r == 0)
		return board_publish(s->bodies->board, f->name, f->type, bytes, len);
	free(bytes);
	return r;
}

int bodies_publish(const struct bodies *b, const struct config *c, const struct node_look *look,
		   const struct node_self *self, struct diag *d)
{
	const struct source s = { .bodies = b, .config = c, .look = look, .self = self };
	int first = 0;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		int r = publish(&s, &forms[i]);

		if (r < 0 && first == 0)
			first = diag_what(d, r, "%s", forms[i].name);
	}
	return first;
}
